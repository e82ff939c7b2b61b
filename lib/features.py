"""What a backbone sees in the films of a data set: `python -m lib.features NAME`.

In build/features/<data set>/, row-aligned with its index:

- `films.npy`: films prepared at 224 pixels per side, uint8 (n, 224, 224)
- `<weights>/pooled.npy`, `<weights>/grid.npy`: float16 (n, 512) and (n, 14, 14, 176)
  (`lib.backbones.describer`); weights are `imagenet` or `random-<seed>`

Only features that a fit of params/ reads are computed. Nothing that changes in a method computes
them again.
"""

import sys
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from lib import ROOT, ablations, accidents, files, processes
from lib.backbones import SIZE, describer, shape_of
from lib.datasets.entries import load_entry
from lib.datasets.table import load_index
from lib.errors import BadData
from lib.films import UnreadableFilm, read_film
from lib.preprocessing import arrays
from lib.preprocessing.network_input import to_float

FILMS_AT_ONCE = 32


def wanted(dataset: str) -> tuple[list[str], list[str]]:
    """Return the backbone's weights, and the kinds of features, that fits on a data set read."""
    reads = [fit.features for fit in ablations.every_fit(dataset) if fit.features]
    return sorted({weights for _, weights in reads} - {""}), sorted({kind for kind, _ in reads})


def write_features(dataset: str, root: Path = ROOT) -> None:
    """Write the arrays above, on all cores, or on a GPU by this process alone.

    No array is held in memory, and no incomplete one is left. Raises BadData, and UnreadableFilm,
    naming the film.
    """
    build = root / "build"
    weights, kinds = wanted(dataset)
    (build / "features" / dataset).mkdir(parents=True, exist_ok=True)
    if not kinds:
        return
    index = load_index(files.index(dataset, build))
    settings = arrays.settings(dataset, {"size": SIZE}, load_entry(dataset, root))
    paths = [str(root / "data" / place) for place in index["path"]]
    batches = [
        paths[start : start + FILMS_AT_ONCE] for start in range(0, len(paths), FILMS_AT_ONCE)
    ]
    task = partial(_described, settings=settings, weights=weights, kinds=kinds)
    alone = partial(cv2.setNumThreads, 1)
    results = processes.each(
        task,
        batches,
        f"features of {dataset}",
        "batch",
        workers=processes.most_workers(),
        start=alone,
    )
    with ExitStack() as stack:
        written = {}
        for (name, kind), (shape, dtype) in _contents(weights, kinds).items():
            path = files.features(dataset, kind, name, build)
            written[name, kind] = stack.enter_context(
                arrays.new_array(path, (len(paths), *shape), dtype)
            )
        for result in results:
            for key, rows in result.items():
                written[key].write(rows.tobytes())


def _contents(weights: list[str], kinds: list[str]) -> dict:
    """Return {(weights, kind): (shape of a row, type)} of all arrays; films have no weights."""
    described = [(name, kind) for name in weights for kind in kinds if kind != "films"]
    features = {(name, kind): (shape_of(kind), np.float16) for name, kind in described}
    return {("", "films"): ((SIZE, SIZE), np.uint8), **features}


def _described(paths: list[str], settings: dict, weights: list[str], kinds: list[str]) -> dict:
    """Return {(weights, kind): rows} of some films."""
    films = np.stack([_prepared_film(path, settings) for path in paths])
    rows = {("", "films"): films}
    for name in weights:
        origin, _, seed = name.partition("-")
        features = describer(SIZE, origin, int(seed or 0)).predict_on_batch(to_float(films))
        rows |= {(name, kind): features[kind].astype(np.float16) for kind in features}
    return {key: rows[key] for key in _contents(weights, kinds)}


def _prepared_film(path: str, settings: dict) -> np.ndarray:
    """Return the picture of a film, uint8 (224, 224)."""
    try:
        grey = read_film(path)
    except UnreadableFilm as reason:
        raise UnreadableFilm(f"{path}: {reason}") from None
    return arrays.prepared(path, grey, settings).image


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m lib.features DATASET (for example mura)")
    with accidents.in_one_sentence(BadData):
        try:
            write_features(sys.argv[1])
        except UnreadableFilm as reason:
            raise BadData(f"{reason}; mend or remove it, then prepare the films again.") from None
