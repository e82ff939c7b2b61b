"""Deep SAD: Deep SVDD with some labels, which repels known anomalies from the centre.

Ruff et al., ICLR 2020 ([arXiv 1906.02694](https://arxiv.org/abs/1906.02694)), equations 7 and 8.
With z = phi(x), d = ||z - c||^2, n films of unknown label, m of known label, t = +1 for a known
normal and -1 for a known anomaly:

    loss = (1 / (n + m)) [sum over unknown of d + eta sum over known of (d + 1e-6)^t],   score = d

Centre, networks without bias, pre-training and training are Deep SVDD's (`deep_svdd.py`). Both c
and the autoencoder use the films that are not labelled abnormal. Without any known label the
loss is Deep SVDD's: a comparison with the same fit with `labels: none` gives the value of the
labels.

Published AUROC on MURA with 5 % known normals and 5 % known anomalies: .752, without labels .499
(Spahr's X-ray code, where 74 % and 78 % of the test films, respectively, are abnormal).

The loss is `lib.losses.semi_supervised`, the score that of Deep SVDD (`deep_svdd.py`). `unit`
is 1 here; methods derived from this one count d in a unit of their own.

The gradient with respect to d is 1 for normal films and 1/d^2 for known anomalies, in any unit of
d. While normal films lie at d of 10 or 100, known anomalies have no influence; they contribute once
d has fallen to about 1. A short training therefore needs a larger learning rate than the published
1e-4; otherwise labels have no effect.

**Differs from the paper**

| what | paper | Deep-SAD-PyTorch | here |
| --- | --- | --- | --- |
| 1. as Deep SVDD | | | its differences 1-5, 7 and 8; the boundary is always hard, as in the paper |
| 2. weight decay | | 5e-4 in the pre-training of MNIST | 0 in pre-training, 5e-7 in training |
| 3. batches | | drawn from all films | drawn from all films: with 5 % known anomalies, a batch of 32 contains one or two |

**Known defects** of the reference code: its pre-training is silently a no-op (see `deep_svdd.py`).
Its centre is the mean over all training films, including known anomalies, and is computed in
inference mode; after a pre-training without effect batch norm has not seen a film, and the centre
is far off all films. With `pretraining_epochs=0, batches_before_center=0` it is so here, too.
"""  # noqa: E501

from typing import ClassVar

from keras import ops

from lib import losses
from lib.methods.deep_svdd import DeepSVDD


class DeepSAD(DeepSVDD):
    """Deep SVDD with labels (equation above); further keywords are DeepSVDD's.

    - `eta`: weight of a film of known label relative to one of unknown label
    """

    uses_labels: ClassVar = True

    def __init__(self, *, eta=1.0, **options):
        super().__init__(**options)
        if self.boundary != "hard":
            raise ValueError(
                f"The boundary of {type(self).__name__} is hard, not {self.boundary!r}."
            )
        if eta < 0:
            raise ValueError(f"eta of {type(self).__name__} must be at least 0, not {eta}.")
        self.eta = eta

    def compactness(self, z, y=None):
        """Return the loss above of embeddings (n, latent_dim) and labels y (n,), NaN if unknown."""
        d, unit = self.squared_distance(z), self.unit()
        return ops.mean(d) if y is None else unit * losses.semi_supervised(d / unit, y, self.eta)

    def unit(self):
        """Return the distance at which attraction of normals equals repulsion of anomalies."""
        return 1.0
