"""FastFlow: the likelihood of features under a normalising flow on their grid.

Yu et al., FastFlow, 2021 ([arXiv 2111.07677](https://arxiv.org/abs/2111.07677)). A flow maps the
features x of a film to z of the same shape by invertible steps. Each permutes the channels and
changes one half of them by factors and offsets that a small network computes from the other half
(RealNVP, Dinh et al., [arXiv 1605.08803](https://arxiv.org/abs/1605.08803), equations 4 and 5):

    a, b = halves of the permuted channels,   [s, t] = subnet(a)
    s <- clamp tanh(s / clamp)
    step: [a, b] -> [a, b exp(s) + t],   inverse: [a, b] -> [a, (b - t) exp(-s)]
    log |det d step| = sum of s

With z normally distributed, the change of variables gives the likelihood. As s belongs to a channel
of a cell, the sum parts into cells; in nats per dimension, with C channels:

    map_ij = (1/C) sum over channels of (z^2 / 2 - s of all steps) + log(2 pi) / 2
    loss = mean of the map over cells and films

**Differs from the paper**

| what | paper | unofficial code (gathierry/FastFlow) | here |
| --- | --- | --- | --- |
| 1. backbone | Vision transformers, ResNet-18, Wide ResNet-50 | the same | EfficientNet-Lite0 |
| 2. flows | of ResNets one per level, maps added | the same | one, three levels together, 14 x 14 cells |
| 3. features | | a trained layer norm | mean 0 and deviation 1 per channel |
| 4. kernels | 3 and 1 in turn, or 3 | the same | 3 and 1 in turn |
| 5. permutation | of channels, fixed | the same | the same, for every `seed` |
| 6. scale | | clamp tanh(0.1 s), and a trained scale for each channel | clamp tanh(s / clamp) |
| 7. place | known from zeros beyond the border | the same | also an offset of the hidden units for each cell, if `located` |
| 8. noise | none | none | added to the features in training |
| 9. map | | minus the mean over levels of exp(-mean z^2 / 2), without s | negative log-likelihood |
| 10. score of a film | maximum of the map | | mean; the maximum is a further score |

The noise bounds the likelihood: with a few hundred films some combinations of 176 channels hardly
vary, and without noise the flow would enlarge these without limit and judge films by them, as a
covariance matrix of too few films would (compare epsilon in `lib.methods.padim`).
"""  # noqa: E501

import math
from typing import ClassVar

import keras
import numpy as np
from keras import layers, ops

from lib.grid_detector import GridDetector


class FeatureFlow(GridDetector):
    """A normalising flow of the grid of features (equations above).

    - `steps`: number of steps; the first, third, ... have kernels of 3 cells, the others of 1
    - `width`: hidden filters of each subnet
    - `clamp`: largest |s| of a step
    - `noise`: deviation of the noise in training, in deviations of a feature
    - `located`: whether subnets have an offset for each place
    """

    players: ClassVar = {"loss": ("flow",)}

    def __init__(self, *, steps=8, width=32, clamp=2.0, noise=0.2, located=True, **common):
        super().__init__(**common)
        self.steps, self.width, self.clamp = steps, width, clamp
        self.noise, self.located = noise, located
        self.random = keras.random.SeedGenerator(self.seed)
        channels = self.shape[-1]
        # Not drawn with the seed: weights files hold no permutations, and any seed may read one.
        draw = np.random.default_rng(0)
        self.couplings = [
            _Coupling(draw.permutation(channels), width, (3, 1)[step % 2], clamp, located)
            for step in range(steps)
        ]
        x = keras.Input(self.shape)
        z, total = x, 0.0
        for coupling in self.couplings:
            z, s = coupling(z)
            total = total + s
        self.flow = keras.Model(x, [z, total], name="flow")

    def inverse(self, z):
        """Return the standardised features whose image under the flow is z (n, h', w', 176)."""
        for coupling in reversed(self.couplings):
            z = coupling.inverse(z)
        return z

    def surprise(self, x):
        """Return -log p / C of each cell of standardised features x, (n, h', w')."""
        z, s = self.flow(x)
        energy = ops.sum(ops.square(z), axis=-1) / 2 - s
        return energy / self.shape[-1] + math.log(2 * math.pi) / 2

    def compute_losses(self, x, y=None, training=False):
        """Return the mean surprise, in training that of features with noise."""
        x = self.standardised(x)
        if training and self.noise:
            x = x + self.noise * keras.random.normal(ops.shape(x), seed=self.random)
        return {"loss": ops.mean(self.surprise(x))}

    def abnormality(self, x):
        """Return the surprise of each cell, (n, h', w')."""
        return self.surprise(self.standardised(x))


class _Coupling(layers.Layer):
    """One step: x (n, h, w, c) -> the next x, and the sum over channels of s, (n, h, w)."""

    def __init__(self, permutation, width, kernel, clamp, located):
        super().__init__()
        self.order, self.back = permutation, np.argsort(permutation)
        self.fixed = len(permutation) // 2  # channels of a
        self.width, self.clamp, self.located = width, clamp, located
        changed = len(permutation) - self.fixed
        self.first = layers.Conv2D(width, kernel, padding="same")
        # Zero: the flow is the identity at first.
        zeros = {"kernel_initializer": "zeros"}
        self.second = layers.Conv2D(2 * changed, kernel, padding="same", **zeros)

    def build(self, shape):
        """Create the weights."""
        _, height, width, _ = shape
        self.first.build((None, height, width, self.fixed))
        self.second.build((None, height, width, self.width))
        if self.located:
            self.place = self.add_weight(
                shape=(height, width, self.width), initializer="zeros", name="place"
            )

    def subnet(self, a):
        """Return [s, t], each (n, h, w, channels of b)."""
        hidden = self.first(a)
        if self.located:
            hidden = hidden + self.place
        s, t = ops.split(self.second(ops.relu(hidden)), 2, axis=-1)
        return self.clamp * ops.tanh(s / self.clamp), t

    def call(self, x):
        """Permute, and change b."""
        x = ops.take(x, self.order, axis=-1)
        a, b = x[..., : self.fixed], x[..., self.fixed :]
        s, t = self.subnet(a)
        return ops.concatenate([a, b * ops.exp(s) + t], axis=-1), ops.sum(s, axis=-1)

    def inverse(self, x):
        """Return the x that `call` takes to this one."""
        a, b = x[..., : self.fixed], x[..., self.fixed :]
        s, t = self.subnet(a)
        x = ops.concatenate([a, (b - t) * ops.exp(-s)], axis=-1)
        return ops.take(x, self.back, axis=-1)
