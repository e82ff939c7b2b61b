"""Phantom chests as arrays, ready for a network: for a first fit, and for training on phantoms."""

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import pandas as pd

from lib import processes
from lib.films import read_film, read_mask
from lib.films.workers import on_one_core
from lib.phantoms.cohorts import Film, Twins, rsna
from lib.phantoms.drawing import draw_twins
from lib.preprocessing import arrays
from lib.preprocessing.film import Prepared, warp_mask
from lib.preprocessing.network_input import to_float

NAME = "phantom chests"  # as a data set
FOLDS = 5  # every fifth pair of patients is in validation


class Films(NamedTuple):
    """Films with what is known of them."""

    x: np.ndarray  # float32 (n, size, size, 1) in [-1, 1]
    y: np.ndarray  # (n,) 1 abnormal, 0 normal
    lesions: np.ndarray  # uint8 0/1 (n, size, size)


def chests(films: int = 300, size: int = 64, seed: int = 0) -> tuple[Films, Films]:
    """Draw chest films; return two thirds of the patients' for training and the others' to test.

    `size` is in pixels. Same seed, same films: the first ones of the study's data set `rsna`.
    """
    pairs = rsna(films, seed)  # of patients that differ in nothing but a lesion
    prepared = [_with_lesions(pair, seed, size) for pair in pairs]
    n_training = len(pairs) * 2 // 3
    return _films(prepared[:n_training]), _films(prepared[n_training:])


def index_of_chests(films: int, seed: int) -> pd.DataFrame:
    """Return what is known of the films of `write_chests`, one row per film, in their order.

    The columns are those of an index that select training films. Twins are in the same split.
    """
    rows = [
        {
            "image_id": Path(film.path).stem,
            "dataset": NAME,
            "patient_id": str(film.patient),
            "body_part": "chest",
            "label": float(bool(film.findings)),
            "split": "validation" if pair.number % FOLDS == FOLDS - 1 else "train",
        }
        for pair in rsna(films, seed)
        for film in pair.films
    ]
    return pd.DataFrame(rows)


def write_chests(
    path: Path, films: int, seed: int, settings: dict, workers: int | None = None
) -> None:
    """Draw chest films on all cores, prepare them by `settings`, and write one array.

    `settings` are those of `lib.preprocessing.arrays.settings`. The array is uint8
    (n, size, size), row-aligned with `index_of_chests`; it is written whole or not at all.
    """
    pairs, size = rsna(films, seed), settings["size"]
    task = partial(_pictures, seed=seed, settings=settings)
    drawn = processes.each(task, pairs, NAME, "pair", workers=workers, chunk=8, start=on_one_core)
    with arrays.new_array(path, (2 * len(pairs), size, size)) as array:
        for pictures in drawn:
            array.write(pictures.tobytes())


def _pictures(pair: Twins, seed: int, settings: dict) -> np.ndarray:
    """Return the pictures of a pair, uint8 (2, size, size)."""
    with TemporaryDirectory() as folder:
        draw_twins(pair, Path(folder), seed)
        return np.array([_prepared(Path(folder), film, settings).image for film in pair.films])


def _with_lesions(pair: Twins, seed: int, size: int) -> list[tuple[np.ndarray, bool, np.ndarray]]:
    """Return of each film the picture (size, size), whether it is abnormal, and the lesion."""
    with TemporaryDirectory() as folder:
        draw_twins(pair, Path(folder), seed)
        return [_with_lesion(Path(folder), film, size) for film in pair.films]


def _with_lesion(folder: Path, film: Film, size: int) -> tuple[np.ndarray, bool, np.ndarray]:
    prepared = _prepared(folder, film, {"size": size, "body": "chest"})
    lesion = np.zeros_like(prepared.body)
    if film.findings:
        mask = read_mask((folder / "masks" / film.path).with_suffix(".png"))
        lesion = warp_mask(mask, prepared.matrix, size)
    return prepared.image, bool(film.findings), lesion


def _prepared(folder: Path, film: Film, settings: dict) -> Prepared:
    return arrays.prepared(film.path, read_film(folder / film.path), settings)


def _films(pairs: list) -> Films:
    pictures, abnormal, lesions = zip(*(film for pair in pairs for film in pair), strict=True)
    return Films(to_float(np.array(pictures)), np.array(abnormal, "float32"), np.array(lesions))
