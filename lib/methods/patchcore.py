"""PatchCore: the distance of each cell to the nearest cell of normal films.

Roth et al., CVPR 2022 ([arXiv 2106.08265](https://arxiv.org/abs/2106.08265)). With p_ij the mean of
the features of a cell and its eight neighbours (equation 2), and a memory of p of normal films,
thinned to a coreset (algorithm 1):

    coreset  repeat: add the p whose distance to the coreset is largest
    d_ij = min over m in memory of ||p_ij - m||                                      (equation 6)
    map = d,   mean = mean of d,   maximum = w d_ij at its largest                   (equation 7)
    w = 1 - exp ||p - m*|| / sum over the `neighbours` nearest m of exp ||p - m||

A cell is the paper's patch, m* the m nearest to p. With `same_place` the memory of a cell are the
cells at the same place of normal films, as in PaDiM (`lib.methods.padim`): films of one body are
roughly aligned, and a rib is not normal everywhere. Without, the memory is one for all cells, as in
the paper.

**Differs from the paper**

| what | paper | here |
| --- | --- | --- |
| 1. backbone | Wide ResNet-50-2, two levels | EfficientNet-Lite0, three levels, each divided by the root of its total variance |
| 2. cells | 28 x 28 | 14 x 14, earlier levels averaged |
| 3. coreset | 1 % to 25 % of the cells, chosen in 128 random dimensions | `memory` cells per place, or in all as many as there are places times `memory`; all dimensions |
| 4. candidates | all cells | with one memory for all places at most `candidates` cells, drawn at random |
| 5. score of a film | the re-weighted maximum | the mean; the maximum is a further score |
| 6. w | neighbours of m*; exponents of plain distances; the authors' code has no w | neighbours of p; distances divided by the root of the number of channels, as other implementations do |
| 7. map | smoothed by a Gaussian of 4 pixels | enlarged bilinearly |
"""  # noqa: E501

from typing import ClassVar

import numpy as np
from keras import layers, ops

from lib.backbones import LEVELS
from lib.feature_statistics import FeatureStatistics

FAR = 1e3  # a coordinate of places in the memory that hold no cell


class PatchCore(FeatureStatistics):
    """Distances to a coreset of normal cells (equations above).

    - `same_place`: whether a cell is compared with cells at its own place only
    - `memory`: cells of the coreset per place
    - `neighbours`: nearest cells that re-weight the maximum
    - `candidates`: most cells from which a memory of all places is chosen
    """

    reads: ClassVar = "grid"
    scores: ClassVar = ("mean", "top_tenth", "maximum")

    def __init__(self, *, same_place=True, memory=50, neighbours=3, candidates=20_000, **common):
        super().__init__(**common)
        self.same_place, self.memory = same_place, memory
        self.neighbours, self.candidates = neighbours, candidates
        side, _, channels = self.shape
        places, cells = (side * side, memory) if same_place else (1, side * side * memory)
        self.scale = self.fixed_weight("scale", channels)
        self.cells = self.fixed_weight("cells", places, cells, channels)

    def estimate(self, normal):
        """Set the memory from features (n, h', w', 176)."""
        totals = [level.var(axis=(0, 1, 2)).sum() for level in _levels(normal)]
        channels = [level.shape[-1] for level in _levels(normal)]
        self.scale.assign(np.repeat(1 / np.sqrt(np.maximum(totals, 1e-12)), channels))
        patches = self.batchwise(self.patches, normal)  # (n, places, channels)
        places, size, channels = self.cells.shape
        memory = np.full((places, size, channels), FAR, "float32")
        random = np.random.default_rng(self.seed)
        for place in range(places):
            cells = patches[:, place] if self.same_place else patches.reshape(-1, channels)
            if len(cells) > self.candidates:
                cells = cells[random.permutation(len(cells))[: self.candidates]]
            chosen = cells[coreset(cells, size)]
            memory[place, : len(chosen)] = chosen
        self.cells.assign(memory)

    def patches(self, x):
        """Return p of each cell, (n, h' w', 176)."""
        means = layers.AveragePooling2D(3, strides=1, padding="same")(x * self.scale)
        side, _, channels = self.shape
        return ops.reshape(means, (-1, side * side, channels))

    def examine(self, x):
        """Return d, enlarged, as the map; means of d, of its largest tenth, the maximum."""
        side = self.shape[0]
        p = self.patches(x)
        squared = _squared_distances(p, self.cells)  # (n, places, cells of the memory)
        near = ops.top_k(-squared, self.neighbours)[1]
        # Products of 32 bits make some 1e-3 of a distance of 0, as of black cells: these are exact.
        nearest = -ops.top_k(-_squared_differences(p, self.cells, near), self.neighbours)[0]
        distances = ops.sqrt(ops.maximum(nearest, 1e-12))  # of each cell, ascending
        cells = ops.reshape(distances[..., 0], (-1, side, side))
        return self.of_cells(cells) | {"maximum": self.reweighted_maximum(distances)}

    def reweighted_maximum(self, distances):
        """Return w d of the cell with the largest d, (n,), from (n, places, neighbours)."""
        place = ops.argmax(distances[..., 0], axis=1)
        largest = ops.take_along_axis(distances, place[:, None, None], axis=1)[:, 0]
        share = ops.softmax(largest / self.shape[-1] ** 0.5, axis=-1)[:, 0]
        return (1 - share) * largest[:, 0]


def coreset(cells, size):
    """Return the rows of `size` cells (all, if fewer) that cover cells (n, d) greedily.

    The first is the one nearest to their mean; each further one is the farthest from those chosen
    (arXiv 2106.08265, algorithm 1; Gonzalez 1985), so that the largest distance of a cell to its
    nearest chosen one is at most twice the least possible.
    """
    from_mean = cells - cells.mean(axis=0)
    norms = np.square(from_mean).sum(axis=1)
    chosen = [int(norms.argmin())]
    distance = np.full(len(cells), np.inf)
    while len(chosen) < min(size, len(cells)):
        last = chosen[-1]
        # Products tell, up to rounding, which cells the last one may be nearest to: soon only few.
        about = norms + norms[last] - 2 * (from_mean @ from_mean[last])
        near = np.flatnonzero(about < distance + 1e-4 * (norms + norms[last]))
        exact = np.square(cells[near] - cells[last]).sum(axis=1)
        distance[near] = np.minimum(distance[near], exact)
        chosen.append(int(distance.argmax()))
    return np.array(chosen)


def _levels(x):
    """Return the channels of each level of grid features (n, h', w', 176)."""
    ends = np.cumsum(LEVELS[1:4])[:-1]
    return np.split(x, ends, axis=-1)


def _squared_distances(p, memory):
    """Return (n, places, m), squared distances of p (n, places, d) to memory (places | 1, m, d)."""
    if memory.shape[0] == 1:
        products = ops.matmul(p, ops.transpose(memory[0]))
    else:
        products = ops.einsum("npd,pmd->npm", p, memory)
    return (
        ops.sum(ops.square(p), axis=-1)[..., None]
        + ops.sum(ops.square(memory), axis=-1)[None]
        - 2 * products
    )


def _squared_differences(p, memory, near):
    """Return squared distances of p to the cells `near` of the memory, both (n, places, k)."""
    places, size, channels = memory.shape
    first = ops.reshape(size * ops.arange(places, dtype=near.dtype), (places, 1))
    cells = ops.take(ops.reshape(memory, (-1, channels)), near + first, axis=0)
    return ops.sum(ops.square(p[:, :, None] - cells), axis=-1)
