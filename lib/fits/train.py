"""From a fit to weights and history: its method is trained on its training films."""

import math
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from lib import files, methods
from lib.batches import evenly
from lib.datasets.training import training_set
from lib.detector import Detector
from lib.errors import BadData
from lib.grid import Fit
from lib.params import Labels, Parameters
from lib.preprocessing.network_input import Films, augmentation_for, to_float
from lib.samples import Samples

BEFORE = "phantoms_"  # precedes the losses of an earlier stage in the history
FILMS_WITH_SAMPLES = 6  # validation normals for images generated during training


def train(
    fit: Fit,
    parameters: Parameters,
    body: dict,
    index: pd.DataFrame,
    films: np.ndarray,
    size: int,
    folder: Path,
    further: bool = False,
) -> dict:
    """Train a fit and write its weights, history and generated images into `folder`.

    `body` contains the arguments of `augmentation_for`; films are uint8 (n, h, w), or their
    features, row-aligned with the index; `size` is the side of the study's films, and of maps, in
    pixels. The losses of validation films are monitored. Returns entries of the record: number of
    training films and of known labels, the setting, the score's name, `size`.

    `further`: training starts with the weights that `folder` has, of an earlier stage on phantoms,
    and takes the place of its files; the history has both stages. Optimizers, schedules, lengths,
    and what a method does before training, are those of a fit on these films alone.
    """
    training = training_set(index, parameters.labels, fit.seed, parameters.contamination)
    detector = build(fit, parameters, body, size, len(training))
    if further:
        detector.load_weights(folder / files.WEIGHTS)
    samples = Samples(_films_for_samples(films, index))
    history = detector.fit(
        *_films_and_labels(films, training),
        validation_data=_films_and_labels(films, validation_set(index, parameters.labels)),
        callbacks=[samples],
        verbose=1 if sys.stdout.isatty() else 0,
    )
    epochs = pd.DataFrame(history.history)
    if further:
        earlier = pd.read_csv(folder / files.HISTORY, index_col="epoch").add_prefix(BEFORE)
        epochs = pd.concat([earlier, epochs], ignore_index=True)
    epochs.to_csv(folder / files.HISTORY, index_label="epoch")
    detector.save_weights(folder / files.WEIGHTS)
    if samples.titles:
        titles = np.array(samples.titles)
        np.savez_compressed(folder / files.DRAWN, samples=samples.pictures, sample_titles=titles)
    known = int(training["y"].notna().sum())
    return {
        "setting": parameters.setting,
        "score_name": detector.score_name,
        "films": {"training": len(training), "with known label": known},
        "image_size": size,
    }


def build(fit: Fit, parameters: Parameters, body: dict, size: int, training_films: int) -> Detector:
    """Return the untrained detector of a fit for films of `size` pixels per side.

    With `augment` it is trained on random variants of its films, including mirrored ones, and
    scores films together with their mirror images, unless `mirrored` is given.
    """
    keras.config.set_dtype_policy("float32" if parameters.features else parameters.precision)
    keras.utils.set_random_seed(fit.seed)
    augmentation = augmentation_of(parameters, body)
    keywords: dict[str, Any] = {"mirrored": bool(parameters.augment), **parameters.keywords}
    keywords |= epochs_of(parameters, training_films)
    method = methods.find(parameters.method)
    detector = method(image_size=size, augmentation=augmentation, seed=fit.seed, **keywords)
    detector.xla, detector.full_batches = parameters.jit_compile, parameters.full_batches
    return detector


def augmentation_of(parameters: Parameters, body: dict):
    """Return the augmentation of the body, with the changes in `augment`; None without it.

    `augment` is true, false, or as {brightness: 0.2}. Raises BadData for another change.
    """
    changes = parameters.augment if isinstance(parameters.augment, dict) else {}
    if unknown := sorted(changes.keys() - {"brightness"}):
        raise BadData(f"`augment` in params/ has an unknown key {unknown[0]!r}: use brightness.")
    return augmentation_for(**body, **changes) if parameters.augment else None


def epochs_of(parameters: Parameters, films: int) -> dict[str, int]:
    """Return the training lengths that are given in updates, in epochs over `films` films.

    A length in updates has the same cost on every data set. Raises BadData for updates without a
    batch size.
    """
    if not parameters.updates:
        return {}
    if "batch_size" not in parameters.keywords:
        name = next(iter(parameters.updates)).replace("epochs", "updates")
        raise BadData(f"{name} in params/ also needs a batch_size.")
    steps = math.ceil(films / parameters.keywords["batch_size"])
    return {name: math.ceil(number / steps) for name, number in parameters.updates.items()}


def validation_set(index: pd.DataFrame, labels: Labels) -> pd.DataFrame:
    """Return rows and labels of the validation films to monitor: normals if without labels."""
    allowed = index["split"].eq("validation") & (index["label"].eq(0) | (labels != "none"))
    rows = np.flatnonzero(allowed)
    known = index["label"].to_numpy(float)[rows]
    return pd.DataFrame({"row": rows, "y": known if labels != "none" else np.nan})


def _films_and_labels(films, table: pd.DataFrame) -> tuple[Films, np.ndarray]:
    return Films(films, table["row"].to_numpy()), table["y"].to_numpy("float32")


def _films_for_samples(films, index) -> np.ndarray:
    """Return validation normals, for a stage that generates images from films, not from codes."""
    rows = validation_set(index, "none")["row"].to_numpy()
    return to_float(films[rows[evenly(len(rows), FILMS_WITH_SAMPLES)]])
