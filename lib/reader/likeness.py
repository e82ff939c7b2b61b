"""Which data set's detector reads films where none is named: the one that finds fewest unlike.

A detector of chests calls an elbow unlike its films, and its score means nothing. Some of the films
are therefore shown to the gate of each data set on which a detector without labels is trained.
"""

from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

import numpy as np

from lib.errors import BadData
from lib.films import UnreadableFilm
from lib.preprocessing import arrays
from lib.reader.choice import candidates
from lib.reader.film import Film, load
from lib.reader.gate import LIMIT, Gate

MOST = 8  # films that are tried
TRIES = 64  # most files that are opened for them: a folder may hold many that are no films


def likest(paths: list[Path]) -> tuple[str, str]:
    """Return a data set, and in a sentence why it was chosen, "" where there was no choice.

    Of data sets that find equally many films unlike it is the first of `candidates`, of which there
    has to be one. Imports TensorFlow.
    """
    names = candidates()
    settings = [arrays.settings(name) for name in names]
    films = _some(paths, settings) if len(names) > 1 else []
    unlike: dict[str, int] = {}
    for place, name in enumerate(names if films else []):
        with suppress(BadData):  # it has too few films to tell
            unlike[name] = _unlike(Gate(name), films, place)
    if len(unlike) < 2:
        return [*unlike, *names][0], ""
    chosen = min(unlike, key=lambda name: unlike[name])  # the first of equals
    bodies = {name: one["body"] for name, one in zip(names, settings, strict=True)}
    counts = ", ".join(f"{name} ({bodies[name]}): {number}" for name, number in unlike.items())
    another = next(name for name in unlike if name != chosen)
    fits_none = min(unlike.values()) == len(films)
    so = "None fits; the first of them is taken: a" if fits_none else "So a"
    return chosen, (
        f"No detector was named. Films tried: {len(films)}; unlike the films of {counts}. {so} "
        f"detector of {chosen} ({bodies[chosen]}) reads; DETECTOR={another} names one of {another}."
    )


def _some(paths: list[Path], settings: list[dict]) -> list[Film]:
    """Return some of the films, drawn at random with seed 0, prepared by each of the settings."""
    drawn = np.random.default_rng(0).permutation(len(paths))[:TRIES]
    return list(islice(_read([paths[number] for number in drawn], settings), MOST))


def _read(paths: list[Path], settings: list[dict]) -> Iterator[Film]:
    for path in paths:
        with suppress(UnreadableFilm):
            yield load(path, settings)


def _unlike(gate: Gate, films: list[Film], place: int) -> int:
    unlikeness = gate.unlikeness(np.stack([film.images[place] for film in films]))
    return int(np.sum([film.coloured for film in films] | (unlikeness > LIMIT)))
