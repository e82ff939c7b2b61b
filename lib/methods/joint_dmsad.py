"""Joint DMSAD: Joint DMSVDD with some labels.

A. Spahr's X-ray code ([arXiv 2102.09895](https://arxiv.org/abs/2102.09895)): the objective of
`lib.methods.joint_dmsvdd` with the compactness of `lib.methods.dmsad`. With d the squared distance
to the nearest surviving centre and f one of its `SPHERE_LOSSES`:

    reconstruction = mean of (x - r)^2 over films that are not labelled abnormal
    compactness    = mean over films of f(d), eta (f(d) + 1e-6) or eta / (f(d) + 1e-6)
                     for an unknown, a known normal and a known abnormal label
    loss = w s_r reconstruction + (1 - w) s_c compactness,   s = 1 / its value before training
    score = d - R_k^2 (`beyond`), d (`distance`) or mean (x - r)^2 (`reconstruction`)

Removing spheres makes d larger: the scales are measured again after `rebalancing_epochs`.

Published AUROC on MURA with 5 % known normals and 5 % known anomalies (one seed each): `beyond`
.690 square_root, .681 linear, .726 sigmoid (per body part .61 for hands, .68 for the shoulder to
.86 for the humerus), reconstruction .535, .536, .539. Of 100 spheres, 2 or 3 remained (74 % of the
test films are abnormal).

**Differs from the code**

| what | code | here |
| --- | --- | --- |
| 1. | | differences 1, 2, 3 and 6 of `lib.methods.joint_deep_svdd`, 2 to 5 of `lib.methods.dmsad` |
| 2. scales | on all films, known anomalies included | on films that are not labelled abnormal |
| 3. mean of the residual | the residuals of films that do not contribute are included as zero | over the films that contribute |

**Known defects** of the reference code: its training confuses known normals with known anomalies,
so that the latter are reconstructed and the former are not; the epochs before it are right.
`as_published=True` restores this.
"""  # noqa: E501

from keras import ops

from lib.methods.dmsad import DMSAD
from lib.methods.joint_dmsvdd import JointDMSVDD


class JointDMSAD(DMSAD, JointDMSVDD):
    """DMSAD and an autoencoder (equations above); further keywords are those of both.

    - `pretraining_epochs`: epochs of the reconstruction alone; None: as many as `epochs`
    - `rebalancing_epochs`: epochs after which the scales are measured again; 0: never
    - `score_name`: beyond, distance or reconstruction
    - `as_published`: known anomalies are reconstructed and known normals are not (see above)
    """

    def __init__(
        self,
        *,
        pretraining_epochs=30,
        rebalancing_epochs=3,
        score_name="beyond",
        as_published=False,
        **options,
    ):
        options |= {"pretraining_epochs": pretraining_epochs, "score_name": score_name}
        super().__init__(**options)
        self.rebalancing_epochs, self.as_published = rebalancing_epochs, as_published

    def pretrain(self, x, y=None, validation_data=None, **options):
        """Train both networks on films not labelled abnormal, also as published."""
        return super(DMSAD, self).pretrain(x, y, validation_data, **options)

    def after_epoch(self, normal, epoch):
        """Remove spheres and set radii, then balance once more; return the curves of DMSAD."""
        seen = super().after_epoch(normal, epoch)
        if epoch == self.rebalancing_epochs:
            self.balance(normal)
        return seen

    def mean_residual(self, residual, y=None):
        """Return the mean over the films (n,) that are reconstructed, all of them if y is None."""
        if y is None:
            return ops.mean(residual)
        left_out = 0 if self.as_published else 1
        counts = ops.cast(ops.not_equal(y, left_out), residual.dtype)  # NaN differs from both
        return ops.sum(counts * residual) / ops.maximum(ops.sum(counts), 1)
