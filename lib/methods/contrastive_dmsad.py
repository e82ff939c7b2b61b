"""Contrastive DMSAD: contrastive pre-training of the encoder, then DMSAD's spheres.

Spahr et al., ISBI 2021 ([arXiv 2102.09895](https://arxiv.org/abs/2102.09895)): DMSAD
(`lib.methods.dmsad`) after SimCLR ([arXiv 2002.05709](https://arxiv.org/abs/2002.05709)) instead of
the autoencoder. Each film is seen in two random views v, h = phi(v) is its embedding and z = g(h)
its projection by a head g, which is discarded afterwards:

    p(j | i) = softmax over all other views j of the batch of cos(z_i, z_j) / tau
    loss     = mean over views i and their partners j of -log p(j | i)
    simclr:      the partner is the other view of the film      (2002.05709, equation 1: NT-Xent)
    supervised:  of a known anomaly, the views of all others, too       (2004.11362, equation 2)

A view is mirrored, rotated by up to 45 degrees, scaled, cropped, changed in brightness and
contrast, and blurred. phi becomes invariant to the differences between two views of a film.

Published AUROC on MURA with 5 % known normals and 5 % known anomalies: .780 with simclr, .776 with
supervised, .752 with an autoencoder (means of 4 seeds), the best results of that code. Of 100
spheres, 1 or 2 remained.

**Differs from the published code**

| what | published code | here |
| --- | --- | --- |
| 1. embedding | 512 dimensions; spheres in 128, after a new head of two layers | 32 (`latent_dim`), also for the spheres |
| 2. crop of a view | 40-100 % of the area at a ratio of 4:5 to 5:4, around any position | 63-100 % of height and of width independently, around a position up to 18 % off the centre |
| 3. brightness and contrast | both in 80 % of the views, by a factor of 0.6 to 1.4 | in 100 %, by up to 20 % of the range and by up to 40 % |
| 4. blur | a Gaussian of up to 1/256 of the side | in half of the views, a Gaussian of up to 1/64 of the side |
| 5. views | masked, and rescaled to the full grey range | neither |
| 6. batches | 24 | as in the second stage (`batch_size`); the last incomplete batch is used |
| 7. Adam | learning rate divided by ten after 70 and 90 of 100 epochs; weight decay 1e-6 | constant `pretraining_learning_rate` |
| 8. | | the differences listed in `lib.methods.dmsad` |

In the reference code, as here, the contrastive stage uses all training films, including known
anomalies.
"""  # noqa: E501

import math
from typing import ClassVar

import keras
from keras import layers, ops

from lib import losses
from lib.detector import Stage
from lib.methods.dmsad import DMSAD
from lib.preprocessing.network_input import BACKGROUND, augmentation


class ContrastiveDMSAD(DMSAD):
    """DMSAD after a contrastive first stage (equations above); further keywords are DMSAD's.

    - `contrast`: simclr or supervised
    - `temperature`: tau
    - `projection`: units of the layers of the head g
    - `pretraining_learning_rate`: Adam's in the first stage
    """

    def __init__(
        self,
        *,
        contrast="simclr",
        temperature=0.5,
        projection=(256, 128),
        pretraining_learning_rate=1e-3,
        **options,
    ):
        if contrast not in ("simclr", "supervised"):
            raise ValueError(
                f"The contrast of ContrastiveDMSAD is simclr or supervised, not {contrast!r}."
            )
        super().__init__(**options)
        self.contrast, self.temperature = contrast, float(temperature)
        self.projection, self.pretraining_learning_rate = projection, pretraining_learning_rate

    def pretrain(self, x, y=None, validation_data=None, **options):
        """Train phi contrastively on all films; return {`pretraining_loss`: values by epoch}."""
        return _Contrast(self).train(x, y, validation_data, **options)


class _Contrast(Stage):
    """The first stage: trains the encoder of a ContrastiveDMSAD, and a head."""

    players: ClassVar = {"loss": ("encoder", "head")}
    uses_labels: ClassVar = True
    shared: ClassVar = ("image_size", "batch_size", "seed")  # type: ignore[assignment]

    def __init__(self, parent):
        rate = parent.pretraining_learning_rate
        super().__init__(parent, epochs=parent.pretraining_epochs, learning_rate=rate)
        self.encoder = parent.encoder
        self.supervised, self.temperature = parent.contrast == "supervised", parent.temperature
        *hidden, last = parent.projection
        steps = [layers.Dense(units, activation="relu") for units in hidden]
        self.head = keras.Sequential([*steps, layers.Dense(last, dtype="float32")], name="head")
        self.head.build((None, parent.latent_dim))
        self.view = random_view(self.image_size, self.seed)

    def compute_losses(self, x, y=None, training=False):
        """Return the contrastive loss of views; in training, `_augment` has drawn them."""
        views = x if training else self._augment(x)
        z = self.head(self.encoder(views, training=training), training=training)
        return {"loss": losses.contrastive(z, self.partners(y), self.temperature)}

    def partners(self, y):
        """Return (2n, 2n), 1 where two views are partners; y (n,) are labels of films."""
        alike = ops.eye(ops.shape(y)[0])
        if self.supervised:
            abnormal = ops.cast(y == 1, alike.dtype)
            alike = ops.maximum(alike, abnormal[:, None] * abnormal)
        return ops.tile(alike, (2, 2))

    def _augment(self, x):
        """Return two views of each film, (2n, h, w, 1); like augmentation, outside XLA."""
        return self.view(ops.concatenate([x, x]), training=True)


def random_view(image_size, seed):
    """Return Keras layers that draw a view of films (n, h, w, 1) in [-1, 1] if training=True."""
    outside = {"fill_mode": "constant", "fill_value": BACKGROUND}
    black_and_white = {"value_range": (-1.0, 1.0)}
    sigma = image_size / 64  # of the blur, in pixels
    steps = [
        keras.Input((image_size, image_size, 1)),
        augmentation("horizontal", rotation_degrees=45, zoom=0.2, shift=0.18, seed=seed),
        layers.RandomZoom((-0.37, 0.0), (-0.37, 0.0), **outside, seed=seed + 4),
        layers.RandomContrast(0.4, **black_and_white, seed=seed + 5),
        layers.RandomBrightness(0.2, **black_and_white, seed=seed + 6),
        layers.RandomGaussianBlur(
            (0.5, 0.5),
            2 * math.ceil(2 * sigma) + 1,
            (0.1 * sigma, sigma),
            seed=seed + 7,
            **black_and_white,
        ),
    ]
    return keras.Sequential(steps)
