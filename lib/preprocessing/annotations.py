"""Draw the annotated lesions of films, boxes or mask files, on their pictures."""

from collections.abc import Iterator
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd

from lib import processes
from lib.films import UnreadableFilm, read_mask
from lib.films.workers import on_one_core
from lib.preprocessing.film import warp_mask


class Annotated(NamedTuple):
    """A film with lesions."""

    path: Path
    annotations: pd.DataFrame  #: mask below the data folder, or x, y, width, height in film pixels
    shape: tuple[int, int]  #: height and width of the film
    matrix: np.ndarray  #: (3, 3), from pixels of the film to those of its picture


def lesions_of_films(
    index: pd.DataFrame,
    annotations: pd.DataFrame,
    matrices: np.ndarray,
    size: int,
    data: Path,
    title: str,
) -> Iterator[np.ndarray]:
    """Yield the lesions of each film of an index, uint8 0/1 (size, size), drawn on all cores.

    matrices: (n, 3, 3), as of `prepare`. Raises UnreadableFilm, naming the film with its mask.
    """
    of_film = dict(iter(annotations.groupby("image_id")))
    places = np.flatnonzero(index["image_id"].isin(of_film.keys())).tolist()
    rows = index.iloc[places].itertuples()
    films = [
        Annotated(data / row.path, of_film[row.image_id], (row.height, row.width), matrix)
        for row, matrix in zip(rows, matrices[places], strict=True)
    ]
    task = partial(_lesions, size=size, data=data)
    drawn = processes.each(task, films, title, "film", chunk=64, start=on_one_core)
    none, written = np.zeros((size, size), np.uint8), 0
    for lesions, place in zip(drawn, places, strict=True):
        yield from repeat(none, place - written)
        yield lesions
        written = place + 1
    yield from repeat(none, len(index) - written)


def draw_lesions(annotations: pd.DataFrame, shape: tuple[int, int], data: Path) -> np.ndarray:
    """Return the lesions of one film, uint8 0/1 (h, w): mask files of `data`, and filled boxes.

    Raises ValueError if a mask file cannot be read or does not have the size of the film.
    """
    lesions = np.zeros(shape, np.uint8)
    for row in annotations.itertuples():
        if row.mask:
            lesions |= _read_mask(data / row.mask, shape)
        else:
            left, top = max(0, round(row.x)), max(0, round(row.y))
            lesions[top : round(row.y + row.height), left : round(row.x + row.width)] = 1
    return lesions


def _lesions(film: Annotated, size: int, data: Path) -> np.ndarray:
    """Return the lesions of one film on its picture, uint8 0/1 (size, size)."""
    try:
        return warp_mask(draw_lesions(film.annotations, film.shape, data), film.matrix, size)
    except (ValueError, cv2.error) as reason:
        raise UnreadableFilm(f"{film.path}: {reason}") from None


def _read_mask(path: Path, shape: tuple[int, int]) -> np.ndarray:
    try:
        mask = read_mask(path)
    except UnreadableFilm as reason:
        raise ValueError(f"its mask {path}: {reason}") from None
    if mask.shape != shape:
        raise ValueError(f"its mask {path} has {mask.shape} pixels, the film {shape}")
    return mask
