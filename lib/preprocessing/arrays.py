"""Prepare films by the settings of a data set, and write arrays whose rows are their pictures."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from inspect import signature
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
import pandas as pd

from lib import files, params, processes
from lib.datasets.entries import load_entry
from lib.errors import BadData
from lib.films import UnreadableFilm, read_reduced
from lib.films.workers import on_one_core
from lib.preprocessing.film import Prepared, enough, prepare, prepare_each


def settings(dataset: str, change: dict | None = None, entry: dict | None = None) -> dict:
    """Return the arguments of `prepare` for a data set: `images:` of the profile and its entry.

    The entry overrides the profile, and `change` overrides both. Raises BadData for a setting that
    `prepare` does not have.
    """
    entry = entry or load_entry(dataset)
    values = params.profile()["images"] | entry.get("images", {}) | {"body": entry["body"]}
    values |= change or {}
    if unknown := sorted(values.keys() - signature(prepare).parameters.keys()):
        raise BadData(
            f"params/: `images` of {dataset} has an unknown setting {unknown[0]!r}: remove it."
        )
    return values


def write_films(
    index: pd.DataFrame, data: Path, path: Path, settings: dict, workers: int | None = None
) -> None:
    """Prepare the films of an index on all cores, or with `workers` processes; write one array.

    The array is uint8 (n, size, size), row-aligned with the index. Memory use does not grow with n;
    no incomplete file is left. Raises UnreadableFilm, naming the film.
    """
    task = partial(_prepared_image, settings=settings)
    films = [str(data / place) for place in index["path"]]
    title = f"films of {path.stem}"
    images = processes.each(task, films, title, "film", workers=workers, chunk=8, start=on_one_core)
    with new_array(path, (len(index), settings["size"], settings["size"])) as array:
        for image in images:
            array.write(image.tobytes())


def prepared(path: str, grey: np.ndarray, settings: dict) -> Prepared:
    """Prepare the grey levels (h, w) of a film. Raises UnreadableFilm, naming the film."""
    return prepared_each(path, grey, [settings])[0]


def prepared_each(path: str, grey: np.ndarray, settings: Sequence[dict]) -> list[Prepared]:
    """Prepare a film as `prepared` does, by each of several settings (`prepare_each`)."""
    try:
        return prepare_each(grey, settings)
    except (ValueError, cv2.error) as reason:
        raise UnreadableFilm(f"{path}: {reason}") from None


@contextmanager
def new_array(path: Path, shape: tuple[int, ...], dtype: type = np.uint8) -> Iterator[BinaryIO]:
    """Yield a new .npy file of an array for writing rows; it is published when complete.

    A memory map is not used, since a full disk would kill the process without an error.
    """
    descr = np.lib.format.dtype_to_descr(np.dtype(dtype))
    header = {"descr": descr, "fortran_order": False, "shape": shape}
    with files.whole_file(path) as unfinished, unfinished.open("wb") as array:
        np.lib.format.write_array_header_1_0(array, header)
        yield array


def _prepared_image(path: str, settings: dict) -> np.ndarray:
    """Return the picture (size, size) of a film."""
    try:
        film = read_reduced(path, enough(settings["size"]))
    except UnreadableFilm as reason:
        raise UnreadableFilm(f"{path}: {reason}") from None
    return prepared(path, film.grey, settings).image
