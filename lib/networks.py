"""Networks as functions that return functional Keras models.

Films are (n, s, s, 1); the shapes in comments are for s = 64 and the default widths. The size s
must halve without remainder down to 4-7 pixels: 32, 64, 96, 128, 224, 256, ...
"""

import keras
from keras import layers


def encoder(image_size=64, latent_dim=4, width=16, bias=True):
    """Films -> (n, latent_dim): strided convolutions down to 4-7 pixels, then one linear layer.

    Without `bias` nothing learns an offset, neither a convolution nor batch norm, so that weights
    of zero cannot map every film to one chosen point (Deep SVDD, proposition 2).
    """
    film = keras.Input((image_size, image_size, 1))
    x = film
    # (n, 32, 32, 16) (n, 16, 16, 32) (n, 8, 8, 64) (n, 4, 4, 64)
    for filters in _filters(image_size, width):
        x = _conv(x, filters, kernel=4, strides=2)
        x = _batch_norm(x, center=bias, scale=bias)
        x = layers.LeakyReLU(0.1)(x)
    x = layers.Flatten()(x)  # (n, 1024)
    return keras.Model(film, layers.Dense(latent_dim, use_bias=bias)(x), name="encoder")


def decoder(image_size=64, latent_dim=4, width=16):
    """(n, latent_dim) -> films in (-1, 1): the encoder mirrored."""
    filters = _filters(image_size, width)[::-1]
    smallest = image_size >> len(filters)
    latent = keras.Input((latent_dim,))
    x = layers.Dense(smallest**2 * filters[0], use_bias=False)(latent)  # (n, 1024)
    x = layers.Reshape((smallest, smallest, filters[0]))(x)  # (n, 4, 4, 64)
    # (n, 8, 8, 64) (n, 16, 16, 32) (n, 32, 32, 16) (n, 64, 64, 1)
    for count in filters[1:]:
        x = layers.ReLU()(_batch_norm(x))
        x = layers.Conv2DTranspose(count, 4, strides=2, padding="same", use_bias=False)(x)
    x = layers.ReLU()(_batch_norm(x))
    x = layers.Conv2DTranspose(1, 4, strides=2, padding="same", activation="tanh")(x)
    return keras.Model(latent, x, name="decoder")


def discriminator(image_size=64, width=16, batch_norm=False):
    """Films -> [logit (n, 1), features (n, 4, 4, 4 width)]: strided convolutions, one linear layer.

    Without `batch_norm` it may be a critic, whose gradient penalty looks at each film alone.
    """
    film = keras.Input((image_size, image_size, 1))
    x = film
    # (n, 32, 32, 16) (n, 16, 16, 32) (n, 8, 8, 64) (n, 4, 4, 64)
    for level, filters in enumerate(_filters(image_size, width)):
        x = layers.Conv2D(filters, 4, strides=2, padding="same")(x)
        if batch_norm and level > 0:
            x = _batch_norm(x)
        x = layers.LeakyReLU(0.2)(x)
    logit = layers.Dense(1)(layers.Flatten()(x))
    return keras.Model(film, [logit, x], name="discriminator")


def unet(image_size=64, width=16):
    """Films -> logits (n, s, s, 1): a U-Net (arXiv 1505.04597) down to 4-7 pixels."""
    film = keras.Input((image_size, image_size, 1))
    x, passed = _two_convolutions(film, width), []  # (n, 64, 64, 16)
    # (n, 32, 32, 32) (n, 16, 16, 64) (n, 8, 8, 64) (n, 4, 4, 64)
    for count in _filters(image_size, width):
        passed.append(x)
        x = _two_convolutions(layers.MaxPooling2D()(x), min(2 * count, 4 * width))
    for skip in reversed(passed):
        x = layers.UpSampling2D(interpolation="bilinear")(x)
        x = _two_convolutions(layers.Concatenate()([x, skip]), skip.shape[-1])
    return keras.Model(film, layers.Conv2D(1, 1)(x), name="unet")


def _two_convolutions(x, filters):
    for _ in range(2):
        x = layers.ReLU()(_batch_norm(_conv(x, filters, kernel=3)))
    return x


def resnet(image_size=64, width=16, blocks=(2, 2, 2, 2)):
    """Films -> feature maps (n, s/16, s/16, 8 width): a residual network of basic blocks.

    He et al. 2015 (arXiv 1512.03385), figure 5 left; ResNet-18 is width 64, blocks (2, 2, 2, 2).
    The stem is one 3x3 convolution of stride 2 without pooling, which leaves a film four times as
    many cells.
    """
    film = keras.Input((image_size, image_size, 1))
    x = layers.ReLU()(_batch_norm(_conv(film, width, kernel=3, strides=2)))  # (n, 32, 32, 16)
    # (n, 32, 32, 16) (n, 16, 16, 32) (n, 8, 8, 64) (n, 4, 4, 128)
    for stage, count in enumerate(blocks):
        for block in range(count):
            strides = 2 if stage > 0 and block == 0 else 1
            x = _residual_block(x, width * 2**stage, strides)
    return keras.Model(film, x, name="resnet")


def _residual_block(x, filters, strides):
    shortcut = x
    if strides > 1:
        shortcut = _batch_norm(_conv(x, filters, kernel=1, strides=strides))
    x = layers.ReLU()(_batch_norm(_conv(x, filters, kernel=3, strides=strides)))
    x = _batch_norm(_conv(x, filters, kernel=3))
    return layers.ReLU()(layers.Add()([x, shortcut]))


def _conv(x, filters, kernel, strides=1):
    return layers.Conv2D(filters, kernel, strides=strides, padding="same", use_bias=False)(x)


def _batch_norm(x, **options):
    # Keras's momentum of 0.99 needs hundreds of steps to forget its start; a quick run has fewer.
    return layers.BatchNormalization(momentum=0.9, **options)(x)


def _filters(image_size, width):
    """Filters of each halving down to 4-7 pixels: width, 2 width, then 4 width."""
    halvings = 0
    while image_size >> halvings > 7:
        halvings += 1
    if halvings == 0 or image_size % 2**halvings:
        raise ValueError(
            f"Images of {image_size} pixels do not halve down to 4-7 pixels; "
            "choose 32, 64, 96, 128, 224, 256 or another such size."
        )
    return [width * min(2**level, 4) for level in range(halvings)]
