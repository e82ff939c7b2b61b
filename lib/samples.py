"""Images of a generator during training, stored by a Keras callback; fixed codes; grey levels."""

import keras
import numpy as np
from keras import ops

EPOCHS_SHOWN = 5
FIXED_CODES = 6


def to_grey(pictures) -> np.ndarray:
    """Convert images in [-1, 1], (..., h, w, 1), an array or a tensor, to uint8 (..., h, w)."""
    grey = (ops.convert_to_numpy(pictures)[..., 0] + 1) * 127.5
    return np.clip(grey.round(), 0, 255).astype("uint8")


def fixed_codes(latent_dim, seed):
    """Return six codes from N(0, I), (6, latent_dim), for images of a generator."""
    return keras.random.normal((FIXED_CODES, latent_dim), seed=seed)


class Samples(keras.callbacks.Callback):
    """A callback that stores `samples(x)` of the detector at five epochs, first and last included.

    A method with two stages passes it to both of its fits: each fit is a stage. `pictures` (k, m,
    h, w) uint8 has one row for each of `titles`, at most as many images as films x (m, h, w, 1); it
    is empty if no stage generates images.
    """

    # Keras returns JAX's state to the model before `on_epoch_end`, but not at the end of a batch:
    # only there are the weights up to date on both backends.

    def __init__(self, x):
        super().__init__()
        self.x = x
        self.stage = 0
        self.shown = set()  # epochs, counted from 1
        self.titles, self.rows = [], []

    @property
    def pictures(self):
        """The stored images, (k, m, h, w) uint8."""
        return np.array(self.rows, "uint8")

    def on_train_begin(self, logs=None):
        """Begin a stage."""
        self.stage += 1
        epochs = self.params["epochs"]
        self.shown = set(np.linspace(1, epochs, EPOCHS_SHOWN).round().astype(int))

    def on_epoch_end(self, epoch, logs=None):
        """Store generated images at the selected epochs, if the detector has any."""
        if epoch + 1 in self.shown:
            images = self.model.samples(self.x)
            if images is not None:
                self.rows.append(to_grey(images)[: len(self.x)])
                self.titles.append(f"stage {self.stage}, epoch {epoch + 1}")
