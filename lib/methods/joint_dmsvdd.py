"""Joint DMSVDD: many small hyperspheres for films that are reconstructed at the same time.

A. Spahr's X-ray code ([arXiv 2102.09895](https://arxiv.org/abs/2102.09895)): the spheres of
`lib.methods.dmsvdd` in the objective of `lib.methods.joint_deep_svdd`. With z = E(x), r = D(z),
surviving centres c_k, k the nearest one and d = ||z - c_k||^2:

    reconstruction = mean (x - r)^2
    compactness    = mean_k R_k^2 + (1/nu) mean max(0, d - R_k^2)      (soft; hard: mean d)
    loss = w s_r reconstruction + (1 - w) s_c compactness,   s = 1 / its value before training
    score = d - R_k^2 (`beyond`; hard: d, `distance`), or mean (x - r)^2 (`reconstruction`)

First E and D are trained for some epochs on the reconstruction alone; then k-means places the
centres and the scales are measured, with R_k = 0. Spheres are removed and radii set after each
epoch past the warm-up.

The code has a trainer and a script of it (soft boundary, nu = 0.01, w = 0.6, 100 spheres, 5 epochs
of warm-up), but no result.

**Differs from the code**

| what | code | here |
| --- | --- | --- |
| 1. | | differences 1, 2, 3 and 6 of `lib.methods.joint_deep_svdd`, 3 to 6 of `lib.methods.dmsvdd` |

**Known defects** of the reference code: those listed in `lib.methods.dmsvdd`.
"""  # noqa: E501

from typing import ClassVar

from keras import ops

from lib import losses
from lib.methods.dmsvdd import DMSVDD
from lib.methods.joint_deep_svdd import JointDeepSVDD


class JointDMSVDD(DMSVDD, JointDeepSVDD):
    """DMSVDD and an autoencoder (equations above); further keywords are those of both.

    - `nu`: share of its films outside a soft boundary, and number of films that a sphere needs to
      be kept, as a share of the largest sphere's
    - `boundary`: hard or soft
    """

    scores: ClassVar = (*DMSVDD.scores, "reconstruction")  # type: ignore[assignment]

    def __init__(self, *, nu=0.01, boundary="soft", **options):
        super().__init__(nu=nu, boundary=boundary, subspace=None, as_published=False, **options)

    def start(self, normal):
        """Place the centres, then measure the scales."""
        super().start(normal)
        self.balance(normal)

    def examine(self, x):
        """Return all scores, and the squared residual as the map."""
        z = self.encoder(x, training=False)
        residual = losses.squared_residual(x, self.decoder(z, training=False))
        scores = self.scores_of(z)
        return {**scores, "reconstruction": ops.mean(residual, axis=(1, 2)), "map": residual}
