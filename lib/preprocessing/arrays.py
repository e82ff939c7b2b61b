"""Write the films of a data set as three arrays whose rows are aligned with its index."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from inspect import signature
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
import pandas as pd

from lib import ROOT, files, params, processes
from lib.datasets.entries import load_entry
from lib.datasets.table import ODD_NAMES, load_index
from lib.errors import BadData
from lib.films import UnreadableFilm, read_film, read_mask
from lib.preprocessing.film import prepare, warp_mask

BOX = ("x", "y", "width", "height")  #: columns of an annotation, empty where there is a mask file


def write_arrays(dataset: str) -> None:
    """Prepare a data set's films and write build/images/<dataset>[.body|.lesions].npy.

    Arguments of `prepare` are given under `images:` in params/<profile>.yaml; the data set's entry
    in params/datasets.yaml overrides them. Raises UnreadableFilm, naming the film, and BadData.
    """
    index = load_index(files.index(dataset))
    annotations = pd.read_csv(
        files.annotations(dataset),
        dtype={"image_id": str, "mask": str},
        keep_default_na=False,
        na_values={column: [""] for column in BOX},
        encoding_errors=ODD_NAMES,
    )
    target = files.images(dataset).with_suffix("")
    write_films(index, annotations, ROOT / "data", target, settings(dataset))


def settings(dataset: str, change: dict | None = None, entry: dict | None = None) -> dict:
    """Return the arguments of `prepare` for a data set: `images:` of the profile and its entry.

    The entry overrides the profile, and `change` overrides both. Raises BadData for a setting that
    `prepare` does not have.
    """
    entry = entry or load_entry(dataset)
    chosen = params.profile()["images"] | entry.get("images", {}) | {"body": entry["body"]}
    chosen |= change or {}
    if unknown := sorted(chosen.keys() - signature(prepare).parameters.keys()):
        raise BadData(
            f"params/: `images` of {dataset} has an unknown setting {unknown[0]!r}: remove it."
        )
    return chosen


def write_films(
    index: pd.DataFrame,
    annotations: pd.DataFrame,
    data: Path,
    target: Path,
    settings: dict,
    workers: int | None = None,
) -> None:
    """Prepare the films of an index on all cores, or with `workers` processes; write three arrays.

    <target>.npy, <target>.body.npy and <target>.lesions.npy are uint8 (n, size, size). Memory use
    does not grow with n; no incomplete file is left.
    """
    lesions = dict(iter(annotations.groupby("image_id")))
    films = ((data / row.path, lesions.get(row.image_id)) for row in index.itertuples())
    shape = (len(index), settings["size"], settings["size"])
    names = [f"{target.name}{suffix}.npy" for suffix in ("", ".body", ".lesions")]
    with ExitStack() as stack:
        arrays = [stack.enter_context(_new_array(target.parent / name, shape)) for name in names]
        task = partial(_prepare_one, data=data, settings=settings)
        title, alone = f"films of {target.name}", partial(cv2.setNumThreads, 1)
        prepared = processes.each(task, films, title, "film", workers=workers, chunk=8, start=alone)
        _fill(arrays, prepared)


def _fill(arrays: list[BinaryIO], rows: Iterable[tuple[np.ndarray, ...]]) -> None:
    """Write rows, each with one picture per array, one after the other."""
    for pictures in rows:
        for array, picture in zip(arrays, pictures, strict=True):
            array.write(np.asarray(picture, np.uint8).tobytes())


@contextmanager
def _new_array(path: Path, shape: tuple[int, ...]) -> Iterator[BinaryIO]:
    """Yield a new .npy file of a uint8 array for writing rows; it is published when complete.

    A memory map is not used, since a full disk would kill the process without an error.
    """
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    with files.whole_file(path) as unfinished, unfinished.open("wb") as array:
        np.lib.format.write_array_header_1_0(array, header)
        yield array


def _prepare_one(film: tuple[Path, pd.DataFrame | None], data: Path, settings: dict):
    """Return image, body and lesions, each (size, size), of one film (path, annotations)."""
    path, annotations = film
    try:
        grey = read_film(path)
        prepared = prepare(grey, **settings)
        lesions = np.zeros_like(prepared.body)
        if annotations is not None:
            drawn = draw_lesions(annotations, grey.shape, data)
            lesions = warp_mask(drawn, prepared.matrix, settings["size"])
    except (UnreadableFilm, ValueError, cv2.error) as reason:
        raise UnreadableFilm(f"{path}: {reason}") from None
    return prepared.image, prepared.body, lesions


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


def _read_mask(path: Path, shape: tuple[int, int]) -> np.ndarray:
    try:
        mask = read_mask(path)
    except UnreadableFilm as reason:
        raise ValueError(f"its mask {path}: {reason}") from None
    if mask.shape != shape:
        raise ValueError(f"its mask {path} has {mask.shape} pixels, the film {shape}")
    return mask
