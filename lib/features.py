"""What a backbone sees in the films of a data set: `python -m lib.features NAME`.

In build/features/<data set>/, row-aligned with its index:

- `films.npy`: films prepared at 224 pixels per side, uint8 (n, 224, 224)
- `<weights>/pooled.npy`, `<weights>/grid.npy`, `<weights>/coarse.npy`: float16 (n, 512),
  (n, 14, 14, 176) and (n, 7, 7, 496) (`lib.backbones.describer`); weights are `imagenet` or
  `random-<seed>`
- the same of films of another size in folders that name it (`grid.Features.folder`)

Only features that a fit of params/ reads are computed. Nothing that changes in a method computes
them again.
"""

import sys
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np

from lib import ROOT, ablations, accidents, files, processes
from lib.backbones import describer, shape_of
from lib.datasets.entries import load_entry
from lib.datasets.table import load_index
from lib.errors import BadData
from lib.films import UnreadableFilm, read_reduced
from lib.films.workers import on_one_core
from lib.grid import Features
from lib.preprocessing import arrays
from lib.preprocessing.film import enough
from lib.preprocessing.network_input import to_float

FILMS_AT_ONCE = 32


def wanted(dataset: str) -> list[Features]:
    """Return the features that fits on a data set read, and the films that these describe."""
    read = {fit.features for fit in ablations.every_fit(dataset) if fit.features}
    return sorted(read | {Features("films", one.size) for one in read})


def write_features(
    dataset: str, root: Path = ROOT, features: Sequence[Features] | None = None
) -> None:
    """Write the arrays above, on all cores, or on a GPU by this process alone.

    `features` are those that fits read (`wanted`) unless given. No array is held in memory, and no
    incomplete one is left. Raises BadData, and UnreadableFilm, naming the film.
    """
    build = root / "build"
    features = wanted(dataset) if features is None else features
    (build / "features" / dataset).mkdir(parents=True, exist_ok=True)
    if not features:
        return
    index = load_index(files.index(dataset, build))
    paths = [str(root / "data" / place) for place in index["path"]]
    batches = [
        paths[start : start + FILMS_AT_ONCE] for start in range(0, len(paths), FILMS_AT_ONCE)
    ]
    entry = load_entry(dataset, root)
    settings = {one.size: arrays.settings(dataset, {"size": one.size}, entry) for one in features}
    results = processes.each(
        partial(_described_files, settings=settings, features=features),
        batches,
        f"features of {dataset}",
        "batch",
        workers=processes.most_workers(),
        start=on_one_core,
    )
    with ExitStack() as stack:
        written = {}
        for one in features:
            path = files.features(dataset, one.kind, one.folder, build)
            shape = (len(paths), *_shape_of_row(one))
            written[one] = stack.enter_context(arrays.new_array(path, shape, _type(one)))
        for result in results:
            for one, rows in result.items():
                written[one].write(rows.tobytes())


def _shape_of_row(one: Features) -> tuple[int, ...]:
    return (one.size, one.size) if one.kind == "films" else shape_of(one.kind, one.size)


def _type(one: Features) -> type:
    return np.uint8 if one.kind == "films" else np.float16


def described(films: dict[int, np.ndarray], features: Iterable[Features]) -> dict:
    """Return {features: rows} of films, {side in pixels: uint8 (n, s, s)}, as they are stored.

    Each network runs once.
    """
    networks: dict[tuple, list[Features]] = {}
    for one in features:
        networks.setdefault((one.size, one.weights, one.seed), []).append(one)
    rows = {}
    for (size, *weights), of_network in networks.items():
        if weights[0]:
            network = describer(tuple(one.kind for one in of_network), size, *weights)
            values = network.predict_on_batch(to_float(films[size]))
        else:
            values = {"films": films[size]}
        rows |= {one: values[one.kind].astype(_type(one), copy=False) for one in of_network}
    return rows


def _described_files(paths: list[str], settings: dict, features: Sequence[Features]) -> dict:
    """Return {features: rows} of the films of some files; each is read once."""
    prepared = [_prepared_film(path, settings) for path in paths]
    films = {size: np.stack([sizes[size] for sizes in prepared]) for size in settings}
    return described(films, features)


def _prepared_film(path: str, settings: dict) -> dict[int, np.ndarray]:
    """Return the pictures of a film at each size, {s: uint8 (s, s)}."""
    try:
        grey = read_reduced(path, enough(*settings)).grey
    except UnreadableFilm as reason:
        raise UnreadableFilm(f"{path}: {reason}") from None
    prepared = arrays.prepared_each(path, grey, list(settings.values()))
    return {size: one.image for size, one in zip(settings, prepared, strict=True)}


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m lib.features DATASET (for example mura)")
    with accidents.in_one_sentence(BadData):
        try:
            write_features(sys.argv[1])
        except UnreadableFilm as reason:
            raise BadData(f"{reason}; mend or remove it, then prepare the films again.") from None
