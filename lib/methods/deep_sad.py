"""Deep SAD: Deep SVDD that is told some labels, and pushes known anomalies away from the centre.

Ruff et al., ICLR 2020 ([arXiv 1906.02694](https://arxiv.org/abs/1906.02694)), equations 7 and 8.
With z = phi(x), d = ||z - c||^2, n films of unknown label, m of known label, t = +1 for a known
normal and -1 for a known anomaly:

    loss = (1 / (n + m)) [sum over unknown of d + eta sum over known of (d + 1e-6)^t],   score = d

Centre, networks without bias, pre-training and training are Deep SVDD's (`deep_svdd.py`). Both c
and the autoencoder come from films that are not known to be abnormal. Without any known label the
loss is Deep SVDD's: its twin with `labels: none` says what the labels are worth.

Published AUROC on MURA with 5 % known normals and 5 % known anomalies: .752, without labels .499
(Spahr's X-ray code, where 74 % and 78 % of the test films are abnormal).

A known anomaly is pushed by 1/d^2 and normal films are drawn by 1, whatever the unit of d. While
normal films lie at d of 10 or 100, known anomalies move nobody; they count once d has come down to
about 1. So a short training needs a larger learning rate than the published 1e-4, or labels have
no effect at all.

**Differs from the paper**

| what | paper | Deep-SAD-PyTorch | here |
| --- | --- | --- | --- |
| 1. as Deep SVDD | | | its differences 1-5 and 7; the boundary is always hard, as in the paper |
| 2. weight decay | | 5e-4 in the pre-training of MNIST | 0 in pre-training, 5e-7 in training |
| 3. batches | | from all films alike | from all films alike: one of 32 films holds one or two known anomalies where 5 % are known |

**Known defects** of the reference code: its pre-training is silently a no-op (see `deep_svdd.py`), and
the known anomalies of a training set are among the films that its centre is the mean of.
"""  # noqa: E501

from typing import ClassVar

from keras import ops

from lib import losses
from lib.methods.deep_svdd import DeepSVDD


class DeepSAD(DeepSVDD):
    """Deep SVDD with labels (equation above); further keywords are DeepSVDD's.

    - `eta`: what a film of known label weighs compared with one of unknown label
    """

    uses_labels: ClassVar = True

    def __init__(self, *, eta=1.0, **options):
        super().__init__(**options)
        if self.boundary != "hard":
            raise ValueError(
                f"The boundary of {type(self).__name__} is hard, not {self.boundary!r}."
            )
        if eta < 0:
            raise ValueError(f"eta of {type(self).__name__} is a weight from 0 on, not {eta}.")
        self.eta = eta

    def compactness(self, z, y=None):
        """The loss above of embeddings (n, latent_dim) and labels y (n,), NaN where unknown."""
        d, unit = self.squared_distance(z), self.unit()
        return ops.mean(d) if y is None else unit * losses.semi_supervised(d / unit, y, self.eta)

    def unit(self):
        """The distance at which the pull on normal films and the push on anomalies are equal."""
        return 1.0
