"""What methods share that are trained by gradient on the grid of features (`lib.feature_detector`).

The networks see features with mean 0 and deviation 1 per channel, over all cells of the normal
training films: the channels of a backbone differ in size by a factor of ten and more, and a loss
over raw features would be that of a few. A channel that hardly varies is not enlarged without
limit: its deviation counts as at least `LEAST` of the mean deviation.
"""

from typing import ClassVar

import numpy as np
from keras import ops

from lib.feature_detector import FeatureDetector

LEAST = 0.05


class GridDetector(FeatureDetector):
    """A method on standardised grid features that measures how abnormal each cell is.

    It defines `abnormality(x)` -> (n, h', w'), of features as they are, in place of `examine`.
    """

    reads: ClassVar = "grid"
    scores: ClassVar = ("mean", "top_tenth", "maximum")

    def __init__(self, **common):
        super().__init__(**common)
        statistic = {"shape": self.shape[-1:], "trainable": False}
        self.mean = self.add_weight(name="mean", initializer="zeros", **statistic)
        self.deviation = self.add_weight(name="deviation", initializer="ones", **statistic)

    def before_training(self, x, y=None, validation_data=None, **options):
        """Set mean and deviation of each channel from the films not labelled abnormal."""
        cells = self.normal_features(x, y).reshape(-1, self.shape[-1])
        deviation = cells.std(axis=0, dtype=float)
        self.mean.assign(cells.mean(axis=0, dtype=float))
        self.deviation.assign(np.maximum(deviation, LEAST * deviation.mean() + 1e-6))
        return {}

    def standardised(self, x):
        """Return (x - mean) / deviation per channel, float32."""
        return (ops.cast(x, "float32") - self.mean) / self.deviation

    def abnormality(self, x):
        """Return how abnormal each cell of features x is, (n, h', w')."""
        raise NotImplementedError(f"{self.title} has no abnormality.")

    def examine(self, x):
        """Return abnormality, enlarged, as the map; its mean, of its largest tenth, its maximum."""
        return self.of_cells(self.abnormality(x))
