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
from tqdm import tqdm

from lib import processes
from lib.films import NotAFilm, UnreadableFilm
from lib.films.colours import read_with_colours
from lib.films.workers import on_one_core
from lib.preprocessing import enough, prepare_each

TOGETHER = 32  # films in a batch: read by one worker, and scored at once
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
    film, coloured = read_with_colours(path, enough(*(one["size"] for one in settings)))
    try:
        prepared = prepare_each(film.grey, settings)
    except (ValueError, cv2.error):
        raise UnreadableFilm("cannot be prepared") from None
    matrices = [one.matrix @ film.matrix for one in prepared]
    return Film(path, film.shape, [one.image for one in prepared], matrices, coloured)


def batches(
    paths: list[Path], settings: list[dict], title: str = "films"
) -> Iterator[list[Film | Refused]]:
    """Yield the films of `paths` in order, TOGETHER at a time, with a progress bar of a title.

    Workers read ahead of the detector by a few batches only, so that memory does not grow with the
    number of films. A few films are read by this process alone.
    """
    groups = [paths[start : start + TOGETHER] for start in range(0, len(paths), TOGETHER)]
    task = partial(_attempt_all, settings=settings)
    with tqdm(total=len(paths), desc=title, unit="film") as bar:
        for batch in _in_order(task, groups):
            yield batch
            bar.update(len(batch))


def _in_order(task, groups: list[list[Path]]) -> Iterator[list[Film | Refused]]:
    workers = min(processes.CORES, TOGETHER * len(groups) // FEW)
    if workers <= 1:
        yield from map(task, groups)
        return
    with processes.pool(workers, on_one_core) as executor:
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
