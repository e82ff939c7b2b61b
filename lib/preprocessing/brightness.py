"""Change the brightness of pictures at random, in a Keras layer."""

import keras
from keras import ops


class RandomBrightness(keras.layers.Layer):
    """A layer that multiplies the grey levels of each picture (n, h, w, c) at random in training.

    Pictures are in [-1, 1], and levels are counted from black, -1. The factor of a picture is drawn
    between 1 - `reach` and 1 + `reach`; what becomes brighter than white, 1, is white. Keras's
    layer of this name adds a number instead, so that black would not remain black.
    """

    def __init__(self, reach, seed=0):
        super().__init__(name="random_brightness")
        self.reach = reach
        self.random = keras.random.SeedGenerator(seed)

    def call(self, x, training=False):
        """Return pictures of the same shape, or x itself outside training."""
        if not training:
            return x
        each = (ops.shape(x)[0], 1, 1, 1)
        factor = keras.random.uniform(each, 1 - self.reach, 1 + self.reach, seed=self.random)
        return ops.minimum(factor * (x + 1) - 1, 1)
