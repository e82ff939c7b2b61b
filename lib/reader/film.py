"""Read films from files and prepare them as detectors see them, in parallel over the cores.

A film goes to a detector as a small picture, with the matrix that leads back from there.
"""

from collections import deque
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image
from tqdm import tqdm

from lib import processes
from lib.films import NotAFilm, UnreadableFilm, read_film
from lib.films.kinds import DICOM, kind_of
from lib.preprocessing import prepare

TOGETHER = 32  # films in a batch: read by one worker, and scored at once
COLOURED = 8  # mean deviation of the difference of two colours, in grey levels: beyond, no film
FEW = 100  # films that this process reads in the time in which a worker starts


class Film(NamedTuple):
    """A film that was read, prepared by each of several settings."""

    path: Path
    shape: tuple[int, int]  # height and width in pixels
    images: list[np.ndarray]  # uint8 (size, size)
    matrices: list[np.ndarray]  # float64 (3, 3), from pixels (x, y) of the film to the image's
    coloured: bool  # whether it is a picture in colours, as photographs are


class Refused(NamedTuple):
    """A file that was not read."""

    path: Path
    reason: str
    is_film: bool  # whether it looks like a film, and not like a report or a viewer


def load(path: Path, settings: list[dict]) -> Film:
    """Read a film and prepare it by each of the settings. Raises UnreadableFilm."""
    grey = read_film(path)
    try:
        prepared = [prepare(grey, **one) for one in settings]
    except (ValueError, cv2.error):
        raise UnreadableFilm("cannot be prepared") from None
    images, matrices = [one.image for one in prepared], [one.matrix for one in prepared]
    return Film(path, grey.shape, images, matrices, is_coloured(path))


def is_coloured(path: Path) -> bool:
    """Return whether the colours of a picture vary as those of photographs do.

    A film is grey, also where it is stored with three channels; the tint of a scan and small marks
    in a colour vary less. The colours of DICOM are not looked at.
    """
    if kind_of(path) == DICOM:
        return False
    with Image.open(path) as picture:
        if picture.mode in ("1", "L", "LA", "LAB", "I", "F") or picture.mode.startswith("I;16"):
            return False
        red, green, blue = np.moveaxis(np.asarray(picture.convert("RGB"), np.float32), 2, 0)
    apart = np.stack([red - green, blue - green])
    deviation = np.abs(apart - apart.mean(axis=(1, 2), keepdims=True)).mean(axis=(1, 2))
    return bool(deviation.max() > COLOURED)


def batches(paths: list[Path], settings: list[dict]) -> Iterator[list[Film | Refused]]:
    """Yield the films of `paths` in order, TOGETHER at a time, with a progress bar.

    Workers read ahead of the detector by a few batches only, so that memory does not grow with the
    number of films. A few films are read by this process alone.
    """
    groups = [paths[start : start + TOGETHER] for start in range(0, len(paths), TOGETHER)]
    task = partial(_attempt_all, settings=settings)
    with tqdm(total=len(paths), desc="films", unit="film") as bar:
        for batch in _in_order(task, groups):
            yield batch
            bar.update(len(batch))


def _in_order(task, groups: list[list[Path]]) -> Iterator[list[Film | Refused]]:
    workers = min(processes.CORES, TOGETHER * len(groups) // FEW)
    if workers <= 1:
        yield from map(task, groups)
        return
    with processes.pool(workers, partial(cv2.setNumThreads, 1)) as executor:
        waiting: deque = deque()
        for group in groups:
            waiting.append(executor.submit(task, group))
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _attempt_all(paths: list[Path], settings: list[dict]) -> list[Film | Refused]:
    return [_attempt(path, settings) for path in paths]


def _attempt(path: Path, settings: list[dict]) -> Film | Refused:
    try:
        return load(path, settings)
    except UnreadableFilm as reason:
        return Refused(path, str(reason), not isinstance(reason, NotAFilm))
