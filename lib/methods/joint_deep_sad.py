"""Joint Deep SAD: Joint Deep SVDD with some labels.

A. Spahr's X-ray code. Networks, scales, subspace and scores are those of `joint_deep_svdd.py`; the
compactness is the loss of `deep_sad.py` ([arXiv 1906.02694](https://arxiv.org/abs/1906.02694));
known abnormal films are not reconstructed:

    reconstruction = mean of (x - r)^2 over films that are not labelled abnormal
    compactness    = u / (n + m) [sum over unknown of e
                     + eta sum over known of (e + 1e-6)^t],   e = d / u
    loss = w s_r reconstruction + (1 - w) s_c compactness,   u = max(1, 1 / s_c)

Published AUROC on MURA with 5 % known normals and 5 % known anomalies: embedding .744 +- .003 (and
per body part .62 for hands, .69 for fingers to .82 for the humerus), reconstruction .544; with the
subspace .537 +- .054 (74 % of the test films are abnormal).

**Differs from the code**

| what | code | here |
| --- | --- | --- |
| 1. | | the differences listed in `joint_deep_svdd.py` and `deep_sad.py` |
| 2. mean of the residual | the residuals of known anomalies are included as zero, which makes the loss 5 % smaller with 5 % known anomalies | over the films that contribute |
| 3. unit u of distances | 1 | the mean distance of normal films before training, if above 1 (below) |

The codes of an autoencoder lie at d of 4 to 10, where 1/d has hardly any gradient: with u = 1, the
AUROC with 5 % of labels was at chance level (.52 on NIH ChestX-ray14, mean of three seeds; now
.72). Outside the subspace d is about .2, and labels have an effect without this unit.

**Known defects** of the reference code: the multi-sphere variant of this method interchanges its
labels, so that known anomalies are reconstructed and known normals are not.
"""  # noqa: E501

from keras import ops

from lib.methods.deep_sad import DeepSAD
from lib.methods.joint_deep_svdd import JointDeepSVDD


class JointDeepSAD(DeepSAD, JointDeepSVDD):
    """Joint Deep SVDD with DeepSAD's `eta` and a hard boundary; keywords are JointDeepSVDD's."""

    def unit(self):
        """Return u, the mean distance of normal films before training, at least 1."""
        return ops.maximum(1 / self.scales[1], 1)

    def mean_residual(self, residual, y=None):
        """Return the mean over the films (n,) that are not labelled abnormal."""
        if y is None:
            return ops.mean(residual)
        counts = ops.cast(ops.not_equal(y, 1), residual.dtype)  # NaN also differs from 1
        return ops.sum(counts * residual) / ops.maximum(ops.sum(counts), 1)
