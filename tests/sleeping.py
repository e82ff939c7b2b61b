"""A method that sleeps in place of training: what remains of the time of a fit is the study's own.

Not a method of the study: `tests.thousands` copies this file into the small study that it runs.
"""

import time

import keras
import numpy as np

from lib.detector import Detector


class Sleeping(Detector):
    """Sleep, and score films by their mean grey.

    - `seconds`: how long
    """

    def __init__(self, *, seconds=1.0, epochs=0, **common):
        super().__init__(epochs=epochs, **common)
        self.seconds = seconds
        self.add_weight(shape=(1,), name="weight", initializer="zeros", trainable=False)

    def fit(self, x, y=None, validation_data=None, **options):
        """Sleep; the history is empty."""
        time.sleep(self.seconds)
        history = keras.callbacks.History()
        history.history = {}
        return history

    def predict(self, x, batch_size=None, maps=True, **options):
        """Return the score of films x, (n,)."""
        return {"score": np.asarray(x).mean(axis=(1, 2, 3))}
