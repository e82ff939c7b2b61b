"""A layer that standardises the channels of features of a frozen backbone."""

import numpy as np
from keras import layers

LEAST_DEVIATION = 1e-3  # of a channel that does not vary


class Standardisation(layers.Layer):
    """Return (x - mean) / deviation of each channel; both are weights without gradient.

    Keras's Normalization keeps them as constants of functions compiled before `adapt`.
    """

    def build(self, shape):
        """Add mean 0 and deviation 1 of each channel."""
        fixed = {"shape": (shape[-1],), "trainable": False}
        self.mean = self.add_weight(name="mean", initializer="zeros", **fixed)
        self.deviation = self.add_weight(name="deviation", initializer="ones", **fixed)

    def adapt(self, x):
        """Set both from features (n, channels)."""
        self.mean.assign(np.mean(x, axis=0, dtype=float))
        self.deviation.assign(np.maximum(np.std(x, axis=0, dtype=float), LEAST_DEVIATION))

    def call(self, x):
        """Return standardised features (..., channels)."""
        return (x - self.mean) / self.deviation
