"""RD4AD: a student restores the levels of a teacher from a compact embedding of them.

Deng and Li, Anomaly detection via reverse distillation from one-class embedding, CVPR 2022
([arXiv 2201.10703](https://arxiv.org/abs/2201.10703)). The teacher is the frozen backbone, f^k the
features of its level k. A trainable bottleneck embeds all levels in fewer numbers, and the student
restores f^k from this embedding, the deepest level first. What the embedding of normal films does
not need is lost in it, and the student restores an abnormal cell as a normal one:

    M^k = 1 - f^k . s^k / (|f^k| |s^k|)    of each cell, with s^k of the student     (equation 1)
    loss = sum over k of the mean of M^k over cells and films                        (equation 2)
    map = sum over k of M^k, enlarged                                                (equation 3)

**Differs from the paper and its code (hq-deng/RD4AD)**

| what | paper | reference code | here |
| --- | --- | --- | --- |
| 1. backbone | Wide ResNet-50 and ResNets | Wide ResNet-50, 256 px | EfficientNet-Lite0, 224 px |
| 2. cells | of each level its own: 64, 32 and 16 per side | the same | 14 x 14 for all levels, larger ones averaged |
| 3. features | as they are | as they are, not negative | mean 0 and deviation 1 per channel: the angle is that of deviations from the mean |
| 4. embedding | 8 x 8 cells, by a residual block | 8 x 8 x 2048 | half of the cells per side, `latent_dim` channels |
| 5. student | the teacher's network, mirrored | the same | one convolution per level, `width` filters |
| 6. dropout | none | none | of the embedding's channels, since films are few |
| 7. loss | cosine of each cell | one cosine of all cells of a level together | cosine of each cell |
| 8. map | enlarged bilinearly, Gaussian of 4 pixels | the same | enlarged bilinearly |
| 9. score of a film | maximum of the map | the same | mean; the maximum is a further score |
| 10. training | 200 epochs of 16 films, Adam at 0.005, beta_1 = 0.5 | the same | see params; Adam at 0.001, beta_1 = 0.9 |

**Known defect** of the reference code: it has no validation films and evaluates the test films
every tenth epoch.
"""  # noqa: E501

from typing import ClassVar

import keras
import numpy as np
from keras import layers, ops

from lib.backbones import LEVELS
from lib.grid_detector import GridDetector

CHANNELS = LEVELS[1:4]  # of the levels in the grid


class ReverseDistillation(GridDetector):
    """A student that restores the backbone's levels (equations above).

    - `width`: filters of the convolutions of bottleneck and student
    - `latent_dim`: channels of the embedding, which has a 7 x 7 grid for films of 224 pixels
    - `dropout`: share of the channels of the embedding set to zero in training
    """

    players: ClassVar = {"loss": ("bottleneck", "student")}

    def __init__(self, *, width=64, latent_dim=32, dropout=0.1, **common):
        super().__init__(**common)
        self.width, self.latent_dim, self.dropout = width, latent_dim, dropout
        self.bottleneck = _bottleneck(self.shape, width, latent_dim, dropout)
        self.student = _student(self.shape[0], self.bottleneck.output.shape[1:], width)

    def level_maps(self, x, training=False):
        """Return M^k of features x for each level, [(n, h', w')]."""
        f = self.standardised(x)
        embedding = self.bottleneck(f, training=training)
        restored = self.student(embedding, training=training)
        teacher = ops.split(f, np.cumsum(CHANNELS)[:-1].tolist(), axis=-1)
        return [1 - cosine(*pair) for pair in zip(teacher, restored, strict=True)]

    def compute_losses(self, x, y=None, training=False):
        """Return the sum over levels of the mean of M^k."""
        return {"loss": sum(ops.mean(level) for level in self.level_maps(x, training))}

    def abnormality(self, x):
        """Return the sum over levels of M^k, (n, h', w')."""
        return sum(self.level_maps(x))


def cosine(a, b):
    """Return the cosine of the angle between the channels of a and b (..., c), (...)."""
    lengths = ops.sum(ops.square(a), axis=-1) * ops.sum(ops.square(b), axis=-1)
    # The square root has no gradient at 0.
    return ops.sum(a * b, axis=-1) / ops.sqrt(lengths + 1e-12)


def _bottleneck(shape, width, latent_dim, dropout):
    """Build features of all levels (n, 14, 14, 176) -> embedding (n, 7, 7, latent_dim)."""
    features = keras.Input(shape)
    x = _activated(layers.Conv2D(width, 1, use_bias=False)(features))
    x = layers.Conv2D(2 * width, 3, strides=2, padding="same", use_bias=False)(x)
    x = layers.Conv2D(latent_dim, 1, use_bias=False)(_activated(x))
    x = layers.SpatialDropout2D(dropout)(_activated(x))
    return keras.Model(features, x, name="bottleneck")


def _student(side, shape, width):
    """Build embedding (n, 7, 7, latent_dim) -> its levels, [(n, 14, 14, 24), (.., 40), (.., 112)].

    The deepest level is restored first, the earlier ones from it by one more convolution each.
    """
    embedding = keras.Input(shape)
    x = layers.Conv2DTranspose(2 * width, 4, strides=2, padding="same", use_bias=False)(embedding)
    surplus = x.shape[1] - side  # one cell, where an odd number was halved
    x = layers.Cropping2D(((0, surplus), (0, surplus)))(x)
    levels = []
    for channels in reversed(CHANNELS):
        x = _activated(x)
        levels.insert(0, layers.Conv2D(channels, 1)(x))
        if len(levels) < len(CHANNELS):
            x = layers.Conv2D(width, 3, padding="same", use_bias=False)(x)
    return keras.Model(embedding, levels, name="student")


def _activated(x):
    # Keras's momentum of 0.99 needs hundreds of steps to adapt; a quick run has fewer.
    return layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
