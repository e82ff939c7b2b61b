"""Phantom chests as arrays, ready for a network: films for a first fit, without the graph."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np

from lib.films import read_film, read_mask
from lib.phantoms.cohorts import Film, rsna
from lib.phantoms.drawing import draw_twins
from lib.preprocessing.film import prepare, warp_mask
from lib.preprocessing.network_input import to_float


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
    prepared = []
    with TemporaryDirectory() as folder:
        for pair in pairs:
            draw_twins(pair, Path(folder), seed)
            prepared.append([_prepared(Path(folder), film, size) for film in pair.films])
    n_training = len(pairs) * 2 // 3
    return _films(prepared[:n_training]), _films(prepared[n_training:])


def _prepared(folder: Path, film: Film, size: int) -> tuple[np.ndarray, bool, np.ndarray]:
    """Return the picture (size, size), whether it is abnormal, and the lesion (size, size)."""
    prepared = prepare(read_film(folder / film.path), size, body="chest")
    lesion = np.zeros_like(prepared.body)
    if film.findings:
        mask = read_mask((folder / "masks" / film.path).with_suffix(".png"))
        lesion = warp_mask(mask, prepared.matrix, size)
    return prepared.image, bool(film.findings), lesion


def _films(pairs: list) -> Films:
    pictures, abnormal, lesions = zip(*(film for pair in pairs for film in pair), strict=True)
    return Films(to_float(np.array(pictures)), np.array(abnormal, "float32"), np.array(lesions))
