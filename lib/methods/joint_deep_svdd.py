"""Joint Deep SVDD: an encoder trained for reconstruction and compactness at the same time.

A. Spahr's X-ray code (Self-Taught Semi-Supervised Anomaly Detection on Upper Limb X-rays,
[arXiv 2102.09895](https://arxiv.org/abs/2102.09895), compares with it). With z = E(x), r = D(z) and
d the squared distance of z:

    reconstruction = mean (x - r)^2
    compactness    = mean d (hard) or R^2 + (1/nu) mean max(0, d - R^2) (soft)
    loss = w s_r reconstruction + (1 - w) s_c compactness,   s = 1 / its value before training
    embedding score = d (hard) or d - R^2 (soft),   reconstruction score = mean (x - r)^2

so that both parts start at 1. First E and D are trained for some epochs on the reconstruction
alone; then centre and scales are measured. The purpose: E cannot map all films to one point as long
as D has to reconstruct them.

The distance is d = ||z - c||^2 or, with a `subspace` of the normal films, the part of z outside it.
With normal embeddings Z (n x m), their mean c, and P = V V' on their first k principal axes V
(centred and truncated singular value decomposition):

    d = ||(z - c) (I - P)||^2,   k given, or the smallest with a given share of the variance

Published AUROC on MURA without labels: embedding .488, reconstruction .541; with the subspace .480
and .542 (78 % of the test films are abnormal).

**Differs from the code**

| what | code | here |
| --- | --- | --- |
| 1. z | a head of two convolutions with batch norm leads from the input map of D to 512 numbers | a vector without batch norm, both the input of D and the embedding |
| 2. networks | ResNet-18 and its mirror at 512 px | a ResNet whose maps are averaged, and a decoder of four to six transposed convolutions |
| 3. optimizer | weight decay 1e-6; learning rate reduced at 40 and at 80 of 100 epochs | weight decay 5e-7, decoupled; learning rate divided by ten at two thirds of the epochs |
| 4. w | 0.6 in the logged run, 0.3 in a newer script | 0.6 |
| 5. scales | on all films, networks in training mode | on films that are not labelled abnormal, networks in inference mode |
| 6. residual | masked | over all pixels, also in the loss |

**Known defects** of the reference code: the soft boundary crashes with the subspace; here it works.
The projector there is P = S (S'S + 0.001 I)^-1 S' of up to 10,000 uncentred embeddings S', far more
than their dimensions. P is then nearly the identity, d is a rounding error, and its scale is very
large (published scores start at 43 to 940). `as_published=True` restores that projector, as I - P =
0.001 (S S' + 0.001 I)^-1, the same matrix without loss of digits.
"""  # noqa: E501

from typing import ClassVar

import numpy as np
from keras import ops

from lib import losses, networks
from lib.methods.deep_svdd import DeepSVDD

RIDGE, MOST_FILMS = 1e-3, 10_000  # of the projector as published


class JointDeepSVDD(DeepSVDD):
    """An encoder trained for reconstruction and compactness (equations above).

    Further keywords are DeepSVDD's.

    - `subspace`: None, its rank k (an integer), or its share of the variance
    - `reconstruction_weight`: w
    - `as_published`: the projector of the reference code (see above)
    - `nu`: share of the training films outside a soft boundary
    - `warm_up_epochs`: epochs before R of a soft boundary is set
    - `pretraining_epochs`: epochs of the reconstruction alone; None: as many as `epochs`
    """

    players: ClassVar = {"loss": ("encoder", "decoder")}
    terms: ClassVar = ("reconstruction", "compactness")
    scores: ClassVar = ("embedding", "reconstruction")

    def __init__(
        self,
        *,
        subspace=None,
        reconstruction_weight=0.6,
        as_published=False,
        nu=0.05,
        warm_up_epochs=3,
        pretraining_epochs=5,
        **options,
    ):
        options |= {"warm_up_epochs": warm_up_epochs, "pretraining_epochs": pretraining_epochs}
        super().__init__(nu=nu, **options)
        if not 0 <= reconstruction_weight <= 1:
            raise ValueError(f"reconstruction_weight is from 0 to 1, not {reconstruction_weight}.")
        self.subspace, self.as_published = subspace, as_published
        self._check_subspace()
        self.reconstruction_weight = reconstruction_weight  # w
        self.decoder = networks.decoder(self.image_size, self.latent_dim, self.width)
        size = self.latent_dim
        self.complement = self.add_weight(  # I - P
            shape=(size, size), initializer="identity", trainable=False, name="complement"
        )
        self.scales = self.add_weight(  # s_r and s_c
            shape=(2,), initializer="ones", trainable=False, name="scales"
        )

    def _check_subspace(self):
        subspace = self.subspace
        if subspace is None:
            if self.as_published:
                raise ValueError("as_published concerns the projector: give a subspace with it.")
        elif not (
            0 < subspace < 1
            if isinstance(subspace, float)
            else type(subspace) is int and 1 <= subspace < self.latent_dim  # True is not a rank
        ):
            raise ValueError(
                "The subspace is None, a rank from 1 to latent_dim - 1 or a share of the variance "
                f"between 0 and 1, not {subspace!r}."
            )

    def start(self, normal):
        """Place the centre or subspace, then measure the scales."""
        if self.subspace is None:
            self.place_center(normal)
        else:
            self.place_subspace(normal)
        self.balance(normal)

    def place_subspace(self, normal):
        """Set c and I - P from the embedding of normal films (n, h, w, 1)."""
        z = self.embed(normal).astype(float)
        identity = np.eye(self.latent_dim)
        if self.as_published:
            z = z[:MOST_FILMS]
            center, complement = 0 * z[0], RIDGE * np.linalg.inv(z.T @ z + RIDGE * identity)
        else:
            center = z.mean(axis=0)
            complement = identity - projector(z - center, self.subspace)
        self.center.assign(center)
        self.complement.assign(complement)

    def balance(self, normal):
        """Set the scales so that both parts of the loss are 1 on these films."""
        compactness = float(self.compactness(self.embed(normal)))
        residual = self.batchwise(
            lambda x: ops.mean(losses.squared_residual(x, self.reconstruction(x)), axis=(1, 2)),
            normal,
        )
        self.scales.assign([1 / residual.mean(), 1 / compactness])

    def squared_distance(self, z):
        """Return d = ||(z - c) (I - P)||^2, (n,); P is 0 without a subspace."""
        return ops.sum(ops.square(ops.matmul(z - self.center, self.complement)), axis=1)

    def reconstruction(self, x):
        """Return D(E(x)), (n, h, w, 1)."""
        return self.decoder(self.encoder(x, training=False), training=False)

    def compute_losses(self, x, y=None, training=False):
        """Return the loss above and its two parts before scale and weight."""
        z = self.encoder(x, training=training)
        residual = losses.squared_residual(x, self.decoder(z, training=training))
        reconstruction = self.mean_residual(ops.mean(residual, axis=(1, 2)), y)
        compactness = self.compactness(z, y)
        parts = ops.stack([reconstruction, compactness]) * self.scales
        w = self.reconstruction_weight
        return {
            "loss": w * parts[0] + (1 - w) * parts[1],
            "reconstruction": reconstruction,
            "compactness": compactness,
        }

    def mean_residual(self, residual, y=None):
        """Return the mean of the films' residuals (n,); labels are not used."""
        return ops.mean(residual)

    def examine(self, x):
        """Return both scores, and the squared residual as the map."""
        z = self.encoder(x, training=False)
        residual = losses.squared_residual(x, self.decoder(z, training=False))
        return {
            "map": residual,
            "embedding": self.squared_distance(z) - self.squared_radius,
            "reconstruction": ops.mean(residual, axis=(1, 2)),
        }


def projector(z, subspace):
    """Return P (m, m) on the first principal axes of centred embeddings z (n, m).

    `subspace` is its rank, or its least share of the variance; then the rank is at most m - 1, as
    otherwise nothing would lie outside.
    """
    variance, axes = np.linalg.eigh(z.T @ z)  # in ascending order
    variance, axes = variance[::-1], axes[:, ::-1]
    if isinstance(subspace, float):
        held = np.cumsum(variance) / variance.sum()
        subspace = min(int(np.searchsorted(held, subspace)) + 1, len(variance) - 1)
    return axes[:, :subspace] @ axes[:, :subspace].T
