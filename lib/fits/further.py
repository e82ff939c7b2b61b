"""A second stage of training: from the weights of an earlier one, on the films of the data set.

Separate from lib.fits.train, which all fits reach: a change here concerns no other fit.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from lib import files
from lib.datasets.training import training_set
from lib.fits.train import build, validation_set
from lib.grid import Fit
from lib.params import Parameters
from lib.preprocessing.network_input import to_float

BEFORE = "phantoms_"  # precedes the losses of the earlier stage in the history


def train_further(
    fit: Fit,
    parameters: Parameters,
    body: dict,
    index: pd.DataFrame,
    films: np.ndarray,
    size: int,
    folder: Path,
) -> dict:
    """Train a fit that starts with the weights in `folder`; replace them and complete the history.

    Arguments and result are those of `lib.fits.train.train`. The detector is built again, so that
    optimizers, schedules and lengths are those of a fit on these films alone. What a method does
    before training, such as pre-training, is done in both stages. No images are generated.
    """
    training = training_set(index, parameters.labels, fit.seed, parameters.contamination)
    watched = validation_set(index, parameters.labels)
    detector = build(fit, parameters, body, size, len(training))
    detector.load_weights(folder / files.WEIGHTS)
    history = detector.fit(
        *_films_and_labels(films, training),
        validation_data=_films_and_labels(films, watched),
        verbose=1 if sys.stdout.isatty() else 0,
    )
    before = pd.read_csv(folder / files.HISTORY, index_col="epoch").add_prefix(BEFORE)
    both = pd.concat([before, pd.DataFrame(history.history)], ignore_index=True)
    both.to_csv(folder / files.HISTORY, index_label="epoch")
    detector.save_weights(folder / files.WEIGHTS)
    (folder / files.DRAWN).unlink(missing_ok=True)  # images generated in the earlier stage
    known = int(training["y"].notna().sum())
    return {
        "setting": parameters.setting,
        "score_name": detector.score_name,
        "films": {"training": len(training), "with known label": known},
        "image_size": size,
    }


def _films_and_labels(films: np.ndarray, table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    return to_float(films[table["row"].to_numpy()]), table["y"].to_numpy("float32")
