"""DROCC-LF: DROCC with some known anomalies and a distance weighted by the classifier's saliency.

Goyal et al., ICML 2020 ([arXiv 2002.12718](https://arxiv.org/abs/2002.12718)), algorithm 2 and
proposition 1: as DROCC, but the length of h is a Mahalanobis distance with a weight for each of the
d pixels, and known anomalies contribute to the loss. With f the logit, x a normal film, a a known
anomaly, sigma the sigmoid:

    w_i = d |df(x)/dx_i| / sum_j |df(x)/dx_j|                       saliency, of mean 1
    ||h||_w^2 = sum_i w_i h_i^2
    project   h_i <- h_i / (1 + tau w_i),  tau such that r <= ||h||_w <= gamma r    (proposition 1)
    loss = mean over films x and a of cross-entropy(label, sigma(f)) + mu mean -log sigma(f(x + h))

The nearest point of the shell has this form, and ||h||_w decreases as tau increases from -1 / max
w: tau is 0 for h inside the shell and is otherwise found by bisection. Films of unknown label are
treated as normal; without known anomalies, only the distance distinguishes the method from DROCC.
Published AUROC on MURA (Spahr, 5 % known normals and 5 % known anomalies): .515 with two seeds;
Deep SAD in the same code: .752.

**Differs from the paper**

| what | authors' code | here |
| --- | --- | --- |
| 1. tau | the best of 40 random numbers that reach the shell, or 0 if none does | by bisection, so that h is on the shell |
| 2. saliency | with the batch's statistics of batch norm | once per batch, at the films, with the running averages |
| 3. radius on images | 16 on MNIST, 0.57 per pixel scaled to unit variance | that of DROCC, 0.144 per pixel |
| 4. projection | after every fifth step | after each |
| 5. | | the rest as in DROCC (see there) |

**Known defects** of reference code: Spahr's code passes saliency and perturbation to the projection
in the wrong order, and its saliency has the sum 1, not d, while r = sqrt(d) / 2 is unchanged. Then
tau almost never reaches the shell, so that h is returned unchanged; and as only the first step of
the ascent has an effect (see DROCC), points are films with Gaussian noise of standard deviation 1,
plus or minus 0.1 in each pixel. `as_published=True` restores these points.
"""  # noqa: E501

from typing import ClassVar

from keras import ops

from lib.engine import input_gradient
from lib.methods.drocc import DROCC

BISECTIONS = 26
FURTHEST = 6.0  # 1 + tau max w is sought between 10^-6 and 10^6


class DROCCLF(DROCC):
    """DROCC with known anomalies; keywords are DROCC's, `radius` as a Mahalanobis distance."""

    uses_labels: ClassVar = True

    def projection(self, x):
        """Return the function that moves perturbations (n, h, w, 1) into the shell of films x."""
        if self.as_published:
            return lambda h: h
        weights = self.saliency(x)
        return lambda h: into_shell(h, weights, self.radius, self.gamma * self.radius)

    def saliency(self, x):
        """Return w, (n, h, w, 1): the weight of each pixel, 1 on average."""
        size = ops.abs(input_gradient(self.logit, x))
        return size / (ops.mean(size, axis=(1, 2, 3), keepdims=True) + 1e-12)


def into_shell(h, weights, inner, outer):
    """Return the points nearest to h (n, h, w, 1) with inner <= sqrt(sum weights h^2) <= outer."""
    largest = ops.max(weights, axis=(1, 2, 3), keepdims=True)
    share = weights / (largest + 1e-12)

    def moved(exponent):  # 10^exponent = 1 + tau max w
        return h / (1 - share + 10.0**exponent * share)

    def distance(h):
        return ops.sqrt(ops.sum(weights * ops.square(h), axis=(1, 2, 3), keepdims=True))

    wanted = ops.clip(distance(h), inner, outer)
    border = FURTHEST * ops.ones_like(largest)

    low, high = -border, border
    for _ in range(BISECTIONS):  # unrolled, as XLA has no gradient of TensorFlow's loops
        middle = (low + high) / 2
        too_far = distance(moved(middle)) > wanted
        low, high = ops.where(too_far, middle, low), ops.where(too_far, high, middle)
    return moved((low + high) / 2)
