"""What a generator draws while it learns, kept by a Keras callback; its codes; grey levels."""

import keras
import numpy as np
from keras import ops

EPOCHS_SHOWN = 5
FIXED_CODES = 6


def to_grey(pictures) -> np.ndarray:
    """Pictures in [-1, 1] of shape (..., h, w, 1), an array or a tensor, as uint8 (..., h, w)."""
    grey = (ops.convert_to_numpy(pictures)[..., 0] + 1) * 127.5
    return np.clip(grey.round(), 0, 255).astype("uint8")


def fixed_codes(latent_dim, seed):
    """The six codes from N(0, I), (6, latent_dim), from which a generator shows what it learnt."""
    return keras.random.normal((FIXED_CODES, latent_dim), seed=seed)


class Samples(keras.callbacks.Callback):
    """Keeps `samples(x)` of the detector that is fitted, at five epochs from the first to the last.

    A method of two stages passes it to both of its fits: each fit is a stage. `pictures` (k, m, h,
    w) uint8 has one row for each of `titles`, at most as many pictures as films x (m, h, w, 1); it
    is empty where no stage draws anything.
    """

    # Keras hands JAX's state back to the model before `on_epoch_end`, and not before a batch ends:
    # only there are the weights those of that moment on either backend.

    def __init__(self, x):
        super().__init__()
        self.x = x
        self.stage = 0
        self.shown = set()  # epochs, counted from 1
        self.titles, self.rows = [], []

    @property
    def pictures(self):
        """(k, m, h, w) uint8."""
        return np.array(self.rows, "uint8")

    def on_train_begin(self, logs=None):
        """Another stage."""
        self.stage += 1
        epochs = self.params["epochs"]
        self.shown = set(np.linspace(1, epochs, EPOCHS_SHOWN).round().astype(int))

    def on_epoch_end(self, epoch, logs=None):
        """Let the generator draw, where it is asked to and can."""
        if epoch + 1 in self.shown:
            drawn = self.model.samples(self.x)
            if drawn is not None:
                self.rows.append(to_grey(drawn)[: len(self.x)])
                self.titles.append(f"stage {self.stage}, epoch {epoch + 1}")
