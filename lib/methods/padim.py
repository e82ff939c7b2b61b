"""PaDiM: a normal distribution of features at each place of the film.

Defard et al., ICPR workshops 2020 ([arXiv 2011.08785](https://arxiv.org/abs/2011.08785)). With
x_ij the features of cell (i, j), a random selection of the channels of four levels, mu_ij and
Sigma_ij mean and covariance over the N normal films:

    Sigma_ij = 1 / (N - 1) sum (x_ij - mu_ij)(x_ij - mu_ij)^T + epsilon I           (equation 1)
    M(x_ij) = sqrt((x_ij - mu_ij)^T Sigma_ij^-1 (x_ij - mu_ij))                     (equation 2)
    map = M, score = mean of its cells

PaDiM compares each place with the same place of other films: it needs films that are aligned.

**Differs from the paper**

| what | paper | here |
| --- | --- | --- |
| 1. backbone | ResNet-18 or Wide ResNet-50-2, 224 px | EfficientNet-Lite0, 224 px |
| 2. levels | the first three stages of a ResNet | four, those of 56, 28, 14 and 7 px of 224 |
| 3. cells | 56 x 56, deeper levels enlarged by copying | 7 x 7, earlier levels averaged |
| 4. channels | 100 of 448 (ResNet-18), 550 of 1792 | 150 of 496 |
| 5. score of a film | maximum of the map | mean of the map; the maximum is a further score |
| 6. map | smoothed by a Gaussian of 4 pixels | enlarged bilinearly |
"""

from typing import ClassVar

import numpy as np
from keras import ops

from lib.feature_statistics import FeatureStatistics


class PaDiM(FeatureStatistics):
    """A normal distribution at each place of the grid (equations above).

    - `channels`: number of channels, selected at random with `seed`; None: all
    - `epsilon`: added to each variance, in squared units of the features
    """

    reads: ClassVar = "coarse"
    scores: ClassVar = ("mean", "top_tenth", "maximum")

    def __init__(self, *, channels=150, epsilon=0.01, **common):
        super().__init__(**common)
        side, _, every = self.shape
        self.channels = min(channels or every, every)
        self.epsilon = epsilon
        draw = np.random.default_rng(self.seed)
        self.selected = self.add_weight(  # kept with the statistics, which are of these channels
            shape=(self.channels,), dtype="int32", name="selected", trainable=False
        )
        self.selected.assign(np.sort(draw.permutation(every)[: self.channels]))
        self.mean = self.fixed_weight("mean", side * side, self.channels)  # mu
        self.whitening = self.fixed_weight(  # W with Sigma^-1 = W^T W
            "whitening", side * side, self.channels, self.channels
        )

    def estimate(self, normal):
        """Set mean and covariance of each place from features (n, h', w', 496)."""
        x = normal.reshape(len(normal), -1, normal.shape[-1])
        x = x[..., ops.convert_to_numpy(self.selected)].astype(float)
        mean = x.mean(axis=0)
        self.mean.assign(mean)
        centred = (x - mean).transpose(1, 2, 0)  # (places, channels, n)
        covariance = centred @ centred.transpose(0, 2, 1) / (len(x) - 1)
        covariance += self.epsilon * np.eye(self.channels)  # Sigma
        self.whitening.assign(np.linalg.inv(np.linalg.cholesky(covariance)))

    def distances(self, x):
        """Return M of each cell, (n, h', w')."""
        side, _, every = self.shape
        cells = ops.take(ops.reshape(x, (-1, side * side, every)), self.selected, axis=-1)
        whitened = ops.einsum("npc,pkc->npk", cells - self.mean, self.whitening)
        squared = ops.sum(ops.square(whitened), axis=-1)
        return ops.reshape(ops.sqrt(squared + 1e-12), (-1, side, side))

    def examine(self, x):
        """Return M, enlarged, as the map; means of its cells, of its largest tenth, its maximum."""
        return self.of_cells(self.distances(x))
