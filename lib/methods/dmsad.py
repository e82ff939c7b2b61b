"""DMSAD: many small hyperspheres for normal films, which repel known anomalies.

Spahr et al., ISBI 2021 ([arXiv 2102.09895](https://arxiv.org/abs/2102.09895)): the spheres of Deep
multi-sphere SVDD (`lib.methods.dmsvdd`) with the labels of Deep SAD
([arXiv 1906.02694](https://arxiv.org/abs/1906.02694), equation 7). With z = phi(x), d = ||z -
c_k||^2 to the nearest surviving centre c_k, and f one of `SPHERE_LOSSES`:

    loss = mean over films of   f(d)                   label unknown, treated as normal
                                eta (f(d) + 1e-6)      known normal
                                eta / (f(d) + 1e-6)    known abnormal
    quadratic: f = d = ||z - c_k||^2,   linear: f = ||z - c_k||,   square_root: f = ||z - c_k||^1/2
    sigmoid: d, eta d and -eta log(1 - exp(-d)), the cross-entropy of p(normal) = exp(-d)
    score = d, or d - R_k^2 (`score_name: beyond`)

phi is first trained as the encoder of an autoencoder; the centres are those of k-means on films not
labelled abnormal. After each epoch a sphere with fewer than gamma max n of these films is
removed, and R_k^2 is the (1 - gamma) quantile of d: gamma is nu of DMSVDD.

Published AUROC on MURA with 5 % known normals and 5 % known anomalies, seven body parts: .752 with
the quadratic loss (mean of 4 seeds; Deep SAD's one sphere .752). Of 100 spheres, 1 to 3 remained.
The earlier version, trained with the autoencoder, is `lib.methods.joint_dmsad`.

**Differs from the published code**

| what | published code | here |
| --- | --- | --- |
| 1. embedding | 128 dimensions after a head of two layers with offsets, which allows the collapse that Deep SVDD warns of | 32 (`latent_dim`) |
| 2. losses except quadratic | overwritten | inferred from the names of the runs, a comment and the logged losses |
| 3. counting films | during the epoch, from embeddings in training mode | after it, from embeddings in inference mode |
| 4. radii | set once, at the end | set after each epoch |
| 5. `beyond` | distance - R_k | d - R_k^2 |
| 6. | | differences 3, 4, 5 and 7 of `lib.methods.deep_svdd` |

**Known defects** of the reference code: the autoencoder is pre-trained on all films, including
known anomalies (the lines that leave them out are commented out). Here it is trained on films that
are not labelled abnormal; `as_published=True` restores all films.
"""  # noqa: E501

from typing import ClassVar

import numpy as np
from keras import ops

from lib import losses
from lib.methods.dmsvdd import DMSVDD

# f(d) = d to this power
SPHERE_LOSSES = {"quadratic": 1, "linear": 1 / 2, "square_root": 1 / 4, "sigmoid": None}


class DMSAD(DMSVDD):
    """Many hyperspheres and labels (equations above); further keywords are DMSVDD's, except `nu`.

    - `eta`: weight of a film of known label relative to one of unknown label
    - `gamma`: number of films that a sphere needs to be kept, as a share of the largest sphere's,
      and share of its films outside R_k
    - `warm_up_epochs`: epochs before spheres are removed
    - `sphere_loss`: f, one of SPHERE_LOSSES
    - `as_published`: the autoencoder is trained on known anomalies as well (see above)
    """

    uses_labels: ClassVar = True

    def __init__(
        self,
        *,
        eta=1.0,
        gamma=0.05,
        warm_up_epochs=0,
        sphere_loss="quadratic",
        as_published=False,
        **options,
    ):
        if sphere_loss not in SPHERE_LOSSES:
            raise ValueError(
                f"{type(self).__name__} has the sphere losses {', '.join(SPHERE_LOSSES)}, "
                f"not sphere_loss={sphere_loss!r}."
            )
        super().__init__(nu=gamma, warm_up_epochs=warm_up_epochs, boundary="hard", **options)
        self.eta, self.gamma, self.sphere_loss = eta, gamma, sphere_loss
        self.as_published = as_published

    def pretrain(self, x, y=None, validation_data=None, **options):
        """Train an autoencoder and adopt its encoder; return its losses by epoch."""
        return super().pretrain(x, None if self.as_published else y, validation_data, **options)

    def compactness(self, z, y=None):
        """Return the loss of embeddings (n, latent_dim) with labels y (n,), NaN if unknown."""
        d = self.squared_distance(z)
        y = ops.full_like(d, np.nan) if y is None else y
        if self.sphere_loss == "sigmoid":
            return losses.radial_cross_entropy(d, y, self.eta)
        f = (d + 1e-12) ** SPHERE_LOSSES[self.sphere_loss]  # the square root has no gradient at 0
        return losses.semi_supervised(f, y, self.eta)
