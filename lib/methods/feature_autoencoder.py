"""FAE: an autoencoder of features, whose residual is their structural dissimilarity.

Meissen et al., Unsupervised anomaly localization with structural feature-autoencoders, 2022
([arXiv 2208.10992](https://arxiv.org/abs/2208.10992)). With f the features of a film on a grid and
f' = decoder(encoder(f)) their reconstruction:

    map = mean over channels of 1 - SSIM(f, f'),   loss = mean of the map over cells and films

SSIM (Wang et al. 2004, equation 13) compares mean, contrast and structure within a window around
each cell:

    SSIM(f, f') = (2 mu mu' + c1) (2 cov + c2) / ((mu^2 + mu'^2 + c1) (sigma^2 + sigma'^2 + c2))
    c1 = (0.01 L)^2, c2 = (0.03 L)^2, L = `value_range`

c1 and c2 decide from which size on a difference counts: with features of deviation 1 and L = 10,
means below 0.1 and contrasts below 0.3 are treated as equal.

**Differs from the paper**

| what | paper | reference code (FeliMe/feature-autoencoder) | here |
| --- | --- | --- | --- |
| 1. backbone | ResNet-18, three levels | the same | EfficientNet-Lite0, three levels |
| 2. cells | the larger levels' | a quarter of the film's side, smaller levels enlarged | 14 x 14, larger levels averaged |
| 3. features | as they are | as they are, not negative | mean 0 and deviation 1 per channel |
| 4. window | | 11 cells, deviation 1.5, zeros beyond the border | `window` cells, deviation `window` / 5, reflected |
| 5. L | | 1 | `value_range` |
| 6. networks | convolutional | four halvings, 400 to 600 filters, kernels of 5 and 6 cells | halvings down to 4 cells or fewer, `width` filters, then `latent_dim` per cell |
| 7. score of a film | | mean of the map's largest tenth inside the body | mean; the others are further scores |
| 8. updates | | 10,000 of 64 films, Adam at 0.0002 | see params |
"""  # noqa: E501

from typing import ClassVar

import keras
from keras import layers, ops

from lib import losses
from lib.grid_detector import GridDetector


class FeatureAutoencoder(GridDetector):
    """An autoencoder of the grid of features (equations above).

    - `width`: filters of the convolutions
    - `latent_dim`: channels of the code, which has a 4 x 4 grid for films of 224 pixels
    - `dropout`: share of the feature maps set to zero in training, after each convolution
    - `window`: cells per side of SSIM's window, odd
    - `value_range`: L of SSIM, in deviations of a feature
    """

    players: ClassVar = {"loss": ("encoder", "decoder")}

    def __init__(
        self, *, width=128, latent_dim=32, dropout=0.1, window=3, value_range=10.0, **common
    ):
        super().__init__(**common)
        self.width, self.latent_dim, self.dropout = width, latent_dim, dropout
        self.window, self.value_range = window, value_range
        side, _, channels = self.shape
        self.encoder = _encoder(side, channels, width, latent_dim, dropout)
        self.decoder = _decoder(side, channels, width, latent_dim, dropout)

    def dissimilarity(self, x, training=False):
        """Return the mean over channels of 1 - SSIM of each cell of features x, (n, h', w')."""
        f = self.standardised(x)
        reconstruction = self.decoder(self.encoder(f, training=training), training=training)
        return 1 - losses.ssim(f, reconstruction, self.window, self.window / 5, self.value_range)

    def compute_losses(self, x, y=None, training=False):
        """Return the mean of the map as the loss."""
        return {"loss": ops.mean(self.dissimilarity(x, training))}

    def abnormality(self, x):
        """Return the dissimilarity of each cell, (n, h', w')."""
        return self.dissimilarity(x)


def sides(side):
    """Return the cells per side of a grid and of its halvings down to 4 or fewer: 14, 7, 4."""
    halvings = [side]
    while halvings[-1] > 4 or len(halvings) == 1:
        halvings.append(-(-halvings[-1] // 2))  # rounded up, as strides with padding do
    return halvings


def _encoder(side, channels, width, latent_dim, dropout):
    """Build features (n, 14, 14, 176) -> code (n, 4, 4, latent_dim)."""
    features = keras.Input((side, side, channels))
    x = features
    for _ in sides(side)[1:]:  # (n, 7, 7, 128) (n, 4, 4, 128)
        x = layers.Conv2D(width, 3, strides=2, padding="same", use_bias=False)(x)
        x = _activated(x, dropout)
    return keras.Model(features, layers.Conv2D(latent_dim, 1)(x), name="encoder")


def _decoder(side, channels, width, latent_dim, dropout):
    """Build code (n, 4, 4, latent_dim) -> features (n, 14, 14, 176): the mirrored encoder."""
    *larger, smallest = sides(side)
    code = keras.Input((smallest, smallest, latent_dim))
    x = code
    for size in reversed(larger):  # (n, 7, 7, 128) (n, 14, 14, 128)
        x = layers.Conv2DTranspose(width, 4, strides=2, padding="same", use_bias=False)(x)
        surplus = x.shape[1] - size  # one cell, where an odd number was halved
        x = _activated(layers.Cropping2D(((0, surplus), (0, surplus)))(x), dropout)
    return keras.Model(code, layers.Conv2D(channels, 1)(x), name="decoder")


def _activated(x, dropout):
    # Keras's momentum of 0.99 needs hundreds of steps to adapt; a quick run has fewer.
    x = layers.LeakyReLU(0.1)(layers.BatchNormalization(momentum=0.9)(x))
    return layers.SpatialDropout2D(dropout)(x)
