"""Feature distance: how far a film lies from normal ones in the eyes of a pretrained network.

Rippel et al., ICPR 2020 ([arXiv 2005.14140](https://arxiv.org/abs/2005.14140)), and Bergman et al.,
2020 ([arXiv 2002.10445](https://arxiv.org/abs/2002.10445), DN2). With f_l the mean of the maps of
level l of the backbone, m_l and S_l mean and shrunk covariance of f_l over normal films:

    M_l = (f_l - m_l)^T S_l^-1 (f_l - m_l)           (2005.14140, equation 2, squared)
    mahalanobis = sum over `levels` of log M_l
    neighbours  = mean distance of f to the `neighbours` nearest normal films    (2002.10445, section 3)

S_l is the Ledoit-Wolf estimate (2005.14140, section III). For neighbours f joins all levels, each
divided by the root of its total variance, so that every level has the same say. Both are also given
per level: `level_3` is M_3, `neighbours_3` the mean distance of f_3.

The logarithm makes levels comparable: under a normal distribution M_l is chi-squared with as many
degrees of freedom as there are channels, 16 to 320, and a plain sum would be ruled by the last.
The three deepest levels are summed: the first two describe edges and grain more than anatomy.

**Differs from the papers**

| what | papers | here |
| --- | --- | --- |
| 1. backbone | EfficientNet-B4 (2005.14140), ResNet-101 (2002.10445) | EfficientNet-Lite0 |
| 2. levels | nine, their M_l summed (2005.14140); the last alone (2002.10445) | the logarithms of the last three of five summed; all five |
| 3. neighbours | 2, among all normal films | the same, among at most `memory` of them |
| 4. films | photographs of textures and objects | radiographs, three equal channels |
"""  # noqa: E501

from typing import ClassVar

import numpy as np
from keras import ops
from sklearn.covariance import LedoitWolf

from lib.backbones import LEVELS
from lib.feature_statistics import FeatureStatistics

FAR = 1e3  # a coordinate of rows of the memory that hold no film


class FeatureDistance(FeatureStatistics):
    """Mahalanobis and nearest-neighbour distances of pooled features (equations above).

    - `levels`: numbers, 1 to 5, of the levels that the Mahalanobis distance sums
    - `neighbours`: number of nearest normal films
    - `memory`: most normal films among which neighbours are sought
    """

    reads: ClassVar = "pooled"
    scores: ClassVar = (
        "mahalanobis",
        "neighbours",
        *(f"level_{number}" for number in range(1, len(LEVELS) + 1)),
        *(f"neighbours_{number}" for number in range(1, len(LEVELS) + 1)),
    )

    def __init__(self, *, levels=(3, 4, 5), neighbours=2, memory=1000, **common):
        super().__init__(**common)
        if not set(levels) or not set(levels) <= set(range(1, len(LEVELS) + 1)):
            raise ValueError(f"{self.title} has levels 1 to {len(LEVELS)}, not levels={levels!r}.")
        self.levels, self.neighbours, self.memory = tuple(levels), neighbours, memory
        self.mean = self.fixed_weight("mean", sum(LEVELS))  # m
        self.whitening = [  # W with S^-1 = W W^T
            self.fixed_weight(f"whitening_{number}", channels, channels)
            for number, channels in enumerate(LEVELS, start=1)
        ]
        self.scale = self.fixed_weight("scale", sum(LEVELS))
        self.normal = self.fixed_weight("normal", memory, sum(LEVELS))

    def estimate(self, normal):
        """Set means, covariances and memory from pooled features (n, 512)."""
        self.mean.assign(normal.mean(axis=0))
        scales = []
        for whitening, level in zip(self.whitening, self.parts(normal), strict=True):
            covariance = LedoitWolf().fit(level.astype(float)).covariance_
            variances, axes = np.linalg.eigh(covariance)
            whitening.assign(axes / np.sqrt(np.maximum(variances, 1e-12)))
            scales.append(np.full(level.shape[1], 1 / np.sqrt(max(np.trace(covariance), 1e-12))))
        scale = np.concatenate(scales)
        self.scale.assign(scale)
        rows = np.full((self.memory, len(scale)), FAR, "float32")
        some = np.random.default_rng(self.seed).permutation(len(normal))[: self.memory]
        rows[: len(some)] = normal[some] * scale
        self.normal.assign(rows)

    def parts(self, x):
        """Return the part (n, channels) of each level of pooled features (n, 512)."""
        ends = np.cumsum(LEVELS)
        return [x[:, end - channels : end] for end, channels in zip(ends, LEVELS, strict=True)]

    def examine(self, x):
        """Return both distances, together and of each level."""
        centred = self.parts(x - self.mean)
        squared = [
            ops.sum(ops.square(ops.matmul(level, whitening)), axis=1)  # M_l
            for level, whitening in zip(centred, self.whitening, strict=True)
        ]
        scaled = x * self.scale
        near_by_level = map(self.nearest, self.parts(scaled), self.parts(self.normal))
        return {
            "mahalanobis": sum(ops.log(squared[number - 1] + 1e-12) for number in self.levels),
            "neighbours": self.nearest(scaled, self.normal),
            **{f"level_{number}": m for number, m in enumerate(squared, start=1)},
            **{f"neighbours_{number}": d for number, d in enumerate(near_by_level, start=1)},
        }

    def nearest(self, x, normal):
        """Return the mean distance (n,) of rows of x (n, d) to their nearest of `normal` (m, d)."""
        return ops.mean(-ops.top_k(-_distances(x, normal), self.neighbours)[0], axis=1)

    def embed(self, x):
        """Return the pooled features of films, (n, 512), each level with a total variance of 1."""
        return self.features(x) * ops.convert_to_numpy(self.scale)


def _distances(a, b):
    """Return Euclidean distances between rows of a (n, d) and of b (m, d), (n, m)."""
    squared = (
        ops.sum(ops.square(a), axis=1)[:, None]
        + ops.sum(ops.square(b), axis=1)[None, :]
        - 2 * ops.matmul(a, ops.transpose(b))
    )
    return ops.sqrt(ops.maximum(squared, 1e-12))
