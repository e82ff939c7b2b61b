"""Functions that build networks as functional Keras models.

Films are (n, s, s, 1); shapes in comments are for s = 64 and the default widths. The size s must be
divisible by two down to 4-7 pixels: 32, 64, 96, 128, 224, 256, ...
"""

import math

import keras
from keras import layers, ops


def functional(inputs, outputs, name=None):
    """Build a functional model; its outputs are float32, also if its layers compute in less.

    The policy of Keras at the time of building applies (`keras.config.set_dtype_policy`): with
    mixed_bfloat16, losses and scores are computed from float32 outputs all the same.
    """
    if keras.config.dtype_policy().compute_dtype != "float32":
        outputs = keras.tree.map_structure(layers.Activation("linear", dtype="float32"), outputs)
    return keras.Model(inputs, outputs, name=name)


def encoder(image_size=64, latent_dim=4, width=16):
    """Build films -> (n, latent_dim): strided convolutions down to 4-7 pixels, one linear layer."""
    film = keras.Input((image_size, image_size, 1))
    x = film
    # (n, 32, 32, 16) (n, 16, 16, 32) (n, 8, 8, 64) (n, 4, 4, 64)
    for filters in _filters(image_size, width):
        x = _conv(x, filters, kernel=4, strides=2)
        x = layers.LeakyReLU(0.1)(_batch_norm(x))
    x = layers.Flatten()(x)  # (n, 1024)
    return functional(film, layers.Dense(latent_dim)(x), name="encoder")


def decoder(image_size=64, latent_dim=4, width=16, log_variance=False):
    """Build (n, latent_dim) -> films in (-1, 1): the mirrored encoder.

    With `log_variance` -> [films, log-variance of each pixel (n, s, s, 1)], the latter unbounded.
    """
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
    film = layers.Conv2DTranspose(1, 4, strides=2, padding="same", activation="tanh")(x)
    if log_variance:
        log_variances = layers.Conv2DTranspose(1, 4, strides=2, padding="same")(x)
        return functional(latent, [film, log_variances], name="decoder")
    return functional(latent, film, name="decoder")


def discriminator(image_size=64, width=16, batch_norm=False, dropout=0.0):
    """Build films -> [logit (n, 1), features (n, 4, 4, 4 width)]: strided convolutions.

    The logit is a linear layer on the features. Without `batch_norm` it can be a critic, whose
    gradient penalty is per film. `dropout` is the share of feature maps set to zero in training.
    """
    film = keras.Input((image_size, image_size, 1))
    x = film
    # (n, 32, 32, 16) (n, 16, 16, 32) (n, 8, 8, 64) (n, 4, 4, 64)
    for level, filters in enumerate(_filters(image_size, width)):
        x = layers.Conv2D(filters, 4, strides=2, padding="same")(x)
        if batch_norm and level > 0:
            x = _batch_norm(x)
        x = layers.LeakyReLU(0.2)(x)
        if dropout:
            x = layers.SpatialDropout2D(dropout)(x)
    logit = layers.Dense(1)(layers.Flatten()(x))
    return functional(film, [logit, x], name="discriminator")


def joint_discriminator(image_size=64, latent_dim=4, width=16):
    """Build [film, z] -> [logit (n, 1), features (n, 16 width)]: does the code match the film?

    The discriminator of a BiGAN (arXiv 1605.09782): convolutions for the film, a dense layer for
    the code, one for both. Each pair is classified independently.
    """
    film, z = keras.Input((image_size, image_size, 1)), keras.Input((latent_dim,))
    x = film
    # (n, 32, 32, 16) (n, 16, 16, 32) (n, 8, 8, 64) (n, 4, 4, 64)
    for filters in _filters(image_size, width):
        x = layers.Conv2D(filters, 4, strides=2, padding="same")(x)
        x = layers.LeakyReLU(0.2)(x)
    code = layers.LeakyReLU(0.2)(layers.Dense(8 * width)(z))  # (n, 128)
    pair = layers.Concatenate()([layers.Flatten()(x), code])
    features = layers.Dense(16 * width)(layers.Dropout(0.2)(pair))  # (n, 256)
    features = layers.LeakyReLU(0.2)(features)
    logit = layers.Dense(1)(layers.Dropout(0.2)(features))
    return functional([film, z], [logit, features], name="joint_discriminator")


def unet(image_size=64, width=16):
    """Build films -> logits (n, s, s, 1): a U-Net (arXiv 1505.04597) down to 4-7 pixels.

    Its finest maps have half the size of the film, a quarter of the cost; logits are enlarged.
    """
    film = keras.Input((image_size, image_size, 1))
    x = layers.ReLU()(_batch_norm(_conv(film, width, kernel=4, strides=2)))
    x, skips = _two_convolutions(x, width, "level_0"), []  # (n, 32, 32, 16)
    # (n, 16, 16, 32) (n, 8, 8, 64) (n, 4, 4, 64)
    for level, filters in enumerate(_filters(image_size, width)[1:], 1):
        skips.append(x)
        x = _two_convolutions(layers.MaxPooling2D()(x), filters, f"level_{level}")
    for skip in reversed(skips):
        x = layers.UpSampling2D(interpolation="bilinear")(x)
        x = _two_convolutions(layers.Concatenate()([x, skip]), skip.shape[-1])
    # Even odds in every pixel: an unlucky random start would cost half of a short training.
    x = layers.Conv2D(1, 1, kernel_initializer="zeros")(x)
    logit = layers.UpSampling2D(interpolation="bilinear")(x)
    return functional(film, logit)  # without a name, as an ensemble has several


def pooled_levels(unet):
    """Build films -> (n, 352): mean and maximum of each map of a U-Net's encoder, per level."""
    levels = [layer.output for layer in unet.layers if layer.name.startswith("level_")]
    poolings = layers.GlobalAveragePooling2D(), layers.GlobalMaxPooling2D()
    features = [pooling(level) for level in levels for pooling in poolings]
    return functional(unet.input, layers.Concatenate()(features))


def linear_head(features, latent_dim):
    """Build (n, features) -> (n, latent_dim): standardisation, one linear layer, no offset."""
    inputs = keras.Input((features,))
    x = _batch_norm(inputs, center=False, scale=False)
    return functional(inputs, layers.Dense(latent_dim, use_bias=False)(x), name="head")


def _two_convolutions(x, filters, name=None):
    for layer_name in (None, name):
        x = layers.ReLU(name=layer_name)(_batch_norm(_conv(x, filters, kernel=3)))
    return x


def denoiser(image_size=64, width=16, attention=(16, 8)):
    """Build [film + noise, t (n,)] -> noise (n, s, s, 1): a small U-Net of DDPM (arXiv 2006.11239).

    Maps with a number of pixels per side in `attention` have self-attention. At full size there is
    one convolution each way, since a block there would cost as much as the rest of the network.
    """
    film, t = keras.Input((image_size, image_size, 1)), keras.Input(())
    time = layers.Dense(4 * width, activation="silu")(_waves(t, 4 * width))
    x = layers.Conv2D(width // 2, 3, padding="same")(film)  # (n, 64, 64, 8)
    skips = []
    # (n, 32, 32, 16) (n, 16, 16, 32) (n, 8, 8, 64)
    for filters in _filters(image_size, width)[:-1]:
        skips.append(x)
        x = layers.Conv2D(filters, 4, strides=2, padding="same")(x)
        x = _timed_block(x, time, filters, attention)
    x = _timed_block(x, time, filters, attention)
    for skip in reversed(skips[1:]):
        x = layers.Concatenate()([layers.UpSampling2D()(x), skip])
        x = _timed_block(x, time, skip.shape[-1], attention)
    x = layers.Conv2DTranspose(width // 2, 4, strides=2, padding="same")(x)
    x = layers.Activation("silu")(layers.Concatenate()([x, skips[0]]))
    noise = layers.Conv2D(1, 3, padding="same", kernel_initializer="zeros")(x)
    return functional([film, t], noise, name="denoiser")


def _waves(t, count):
    """Return sines and cosines of t (n,), (n, count); the slowest has a period of 62,800 steps."""
    frequency = ops.exp(-math.log(1e4) * ops.arange(count // 2, dtype="float32") / (count // 2))
    angle = t[:, None] * frequency
    return ops.concatenate([ops.sin(angle), ops.cos(angle)], axis=1)


def _timed_block(x, time, filters, attention):
    shortcut = x if x.shape[-1] == filters else layers.Conv2D(filters, 1)(x)
    x = layers.Conv2D(filters, 3, padding="same")(_normalised(x))
    x = layers.Add()([x, layers.Reshape((1, 1, filters))(layers.Dense(filters)(time))])
    x = layers.Add()([shortcut, layers.Conv2D(filters, 3, padding="same")(_normalised(x))])
    if x.shape[1] not in attention:
        return x
    cells = layers.Reshape((-1, filters))(layers.GroupNormalization(8)(x))
    attended = layers.MultiHeadAttention(2, filters // 2)(cells, cells)
    return layers.Add()([x, layers.Reshape(x.shape[1:])(attended)])


def _normalised(x):
    return layers.Activation("silu")(layers.GroupNormalization(8)(x))


def resnet(image_size=64, width=16, blocks=(2, 2, 2, 2), **norm):
    """Build films -> feature maps (n, s/16, s/16, 8 width): a residual network of basic blocks.

    He et al. 2015 (arXiv 1512.03385), figure 5 left; ResNet-18 is width 64, blocks (2, 2, 2, 2).
    The stem is one 3x3 convolution of stride 2 without pooling, which gives four times as many
    cells per film. `norm` are options of batch norm.
    """
    film = keras.Input((image_size, image_size, 1))
    x = layers.ReLU()(_batch_norm(_conv(film, width, kernel=3, strides=2), **norm))
    # (n, 32, 32, 16), then (n, 32, 32, 16) (n, 16, 16, 32) (n, 8, 8, 64) (n, 4, 4, 128)
    for stage, count in enumerate(blocks):
        for block in range(count):
            strides = 2 if stage > 0 and block == 0 else 1
            x = _residual_block(x, width * 2**stage, strides, **norm)
    return functional(film, x, name="resnet")


def residual_encoder(image_size=64, latent_dim=32, width=16, blocks=(2, 2, 2, 2)):
    """Build films -> (n, latent_dim): a ResNet, the mean of each of its maps, one linear layer.

    No layer has a learned offset (convolutions, batch norm, linear layer), so that weights of zero
    cannot map every film to one chosen point (Deep SVDD, proposition 2).
    """
    backbone = resnet(image_size, width, blocks, center=False, scale=False)
    x = layers.GlobalAveragePooling2D()(backbone.output)  # (n, 128)
    x = layers.Dense(latent_dim, use_bias=False)(x)
    return functional(backbone.input, x, name="encoder")


def code_discriminator(latent_dim=4, width=64):
    """Build (n, latent_dim) -> logit (n, 1): dense layers of width, width / 2, width / 4 units.

    Without batch norm, so that each code is classified independently.
    """
    code = keras.Input((latent_dim,))
    x = code
    for units in (width, width // 2, width // 4):
        x = layers.LeakyReLU(0.1)(layers.Dense(units)(x))
    return functional(code, layers.Dense(1)(x), name="code_discriminator")


def _residual_block(x, filters, strides, **norm):
    shortcut = x
    if strides > 1:
        shortcut = _batch_norm(_conv(x, filters, kernel=1, strides=strides), **norm)
    x = layers.ReLU()(_batch_norm(_conv(x, filters, kernel=3, strides=strides), **norm))
    x = _batch_norm(_conv(x, filters, kernel=3), **norm)
    return layers.ReLU()(layers.Add()([x, shortcut]))


def _conv(x, filters, kernel, strides=1):
    return layers.Conv2D(filters, kernel, strides=strides, padding="same", use_bias=False)(x)


def _batch_norm(x, **options):
    # Keras's momentum of 0.99 needs hundreds of steps to adapt; a quick run has fewer.
    return layers.BatchNormalization(momentum=0.9, **options)(x)


def _filters(image_size, width):
    """Return the filters of each halving down to 4-7 pixels: width, 2 width, then 4 width."""
    halvings = 0
    while image_size >> halvings > 7:
        halvings += 1
    if halvings == 0 or image_size % 2**halvings:
        raise ValueError(
            f"Images of {image_size} pixels do not halve down to 4-7 pixels; "
            "choose 32, 64, 96, 128, 224, 256 or another such size."
        )
    return [width * min(2**level, 4) for level in range(halvings)]
