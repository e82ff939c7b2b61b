"""Rotate, zoom and shift pictures at random, in a Keras layer with one resampling."""

import math

import keras
from keras import ops


class RandomAffine(keras.layers.Layer):
    """A layer that rotates, zooms and shifts each picture (n, s, s, c) at random in training.

    `turn` is in degrees, `zoom` and `shift` are shares of the side, all in both directions;
    `fill_value` fills pixels from outside the picture. A chain of Keras's three layers would
    resample, and thus blur, each picture three times, and take three times as long.
    """

    def __init__(self, turn, zoom, shift, fill_value=0.0, seed=0):
        super().__init__(name="random_affine")
        self.turn, self.zoom, self.shift, self.fill_value = turn, zoom, shift, fill_value
        self.random = keras.random.SeedGenerator(seed)

    def call(self, x, training=False):
        """Return pictures of the same shape, or x itself outside training."""
        if not training:
            return x
        n, side = ops.shape(x)[0], x.shape[1]
        angle = self._uniform(n, math.radians(self.turn))
        scale = 1 + self._uniform(n, self.zoom)
        right, down = (self._uniform(n, self.shift * side) for _ in range(2))
        # Pixel (column, row) is sampled at (a column - b row + c, b column + a row + d): rotation
        # and zoom about the centre of the picture, then a shift.
        a, b, center = scale * ops.cos(angle), scale * ops.sin(angle), (side - 1) / 2
        c, d = center * (1 - a + b) - right, center * (1 - b - a) - down
        zero = ops.zeros_like(a)
        transforms = ops.stack([a, -b, c, b, a, d, zero, zero], axis=1)
        return ops.image.affine_transform(
            x, transforms, fill_mode="constant", fill_value=self.fill_value
        )

    def _uniform(self, n, limit):
        return keras.random.uniform((n,), -limit, limit, seed=self.random)
