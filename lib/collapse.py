"""Collapse, a training without result: its detection and its error."""

import keras
import numpy as np
from keras import ops


class Collapsed(RuntimeError):
    """A training without result; the message gives the evidence."""


def check_values(values, name):
    """Raise Collapsed if any of the values (n,) is not finite."""
    count = int((~np.isfinite(values)).sum())
    if count:
        raise Collapsed(f"{name}: {count} of {len(values)} values are not finite.")


def check_scores(scores, name="score"):
    """Raise Collapsed if scores (n,) cannot rank films: not finite, constant or nearly equal."""
    scores = np.asarray(scores, dtype=float)
    check_values(scores, name)
    if len(scores) < 2:
        return
    if np.ptp(scores) <= 1e-6 * np.abs(scores).max():
        raise Collapsed(f"{name}: the {len(scores)} values are constant ({scores[0]:.6g}).")
    distinct = len(np.unique(scores))
    if distinct < max(2, len(scores) / 10):
        raise Collapsed(f"{name}: only {distinct} distinct values for {len(scores)} films.")


def check_samples(images, name):
    """Raise Collapsed if generated images (m, h, w, 1) are equal for all codes or films."""
    if len(images) < 2:
        return
    deviation = float(ops.max(ops.std(images, axis=0)))
    if not deviation > 1e-3:
        raise Collapsed(
            f"{name}: all generated images are equal (largest standard deviation of a pixel "
            f"{deviation:.2g})."
        )


class StopWhenNotFinite(keras.callbacks.Callback):
    """A callback that raises Collapsed after the first epoch in which a loss is not finite."""

    def on_epoch_end(self, epoch, logs=None):
        """Check each logged value."""
        for name, value in (logs or {}).items():
            if not np.isfinite(value):
                raise Collapsed(
                    f"{type(self.model).__name__}: {name} became {value} in epoch {epoch + 1}."
                )
