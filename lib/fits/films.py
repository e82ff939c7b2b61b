"""The films of a fit: the index of its data set, and the arrays it trains on and scores."""

import hashlib
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from lib import ROOT, files, grid
from lib.datasets.table import load_index
from lib.errors import BadData
from lib.grid import Fit, Parameters
from lib.preprocessing import arrays

#: The columns that decide who is trained on, with which label, and whose scores are kept.
OF_THE_SPLIT = ["image_id", "patient_id", "body_part", "label", "split"]


def parameters_of(fit: Fit) -> Parameters:
    """The parameters of a fit, parted. Raises BadData where the profile has no such method."""
    return grid.part(fit.method, fit.entry)


def index_and_images(fit: Fit) -> tuple[pd.DataFrame, np.ndarray]:
    """The index of a fit's data set and its films (n, h, w) uint8. Raises BadData without them."""
    return load_index(files.index(fit.dataset)), np.load(_prepared(fit), mmap_mode="r")


def hash_of_films(fit: Fit) -> str:
    """A hash of the films of a fit and of all in their index that can change its numbers.

    Raises BadData without them.
    """
    index, images = files.index(fit.dataset), _prepared(fit)
    table = _hash_of_index(index, index.stat().st_mtime_ns if index.exists() else 0)
    return hashlib.sha256(table + _hash_of_file(images, images.stat().st_mtime_ns)).hexdigest()


@lru_cache(maxsize=8)
def _hash_of_index(path: Path, _changed: int) -> bytes:
    table = load_index(path)[OF_THE_SPLIT].to_csv(index=False)
    return hashlib.sha256(table.encode(errors="surrogateescape")).digest()


@lru_cache(maxsize=8)
def _hash_of_file(path: Path, _changed: int) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _prepared(fit: Fit) -> Path:
    """The array of a fit's films; one that its variant prepares otherwise is written first."""
    usual = files.images(fit.dataset)
    if not usual.exists():
        raise BadData(
            f"{usual} is missing: write it with `python -m lib.preprocessing {fit.dataset}`."
        )
    images = parameters_of(fit).images
    if not images:
        return usual
    settings = arrays.settings(fit.dataset, images)
    name = hashlib.sha256(repr(sorted(settings.items())).encode()).hexdigest()[:16]
    target = files.BUILD / f"prepared/{fit.dataset}-{name}"
    path = target.with_suffix(".npy")
    with files.locked(target):
        if not path.exists() or path.stat().st_mtime_ns < usual.stat().st_mtime_ns:
            index = load_index(files.index(fit.dataset))
            nothing_drawn = pd.DataFrame({"image_id": []})
            arrays.write_films(index, nothing_drawn, ROOT / "data", target, settings)
    return path
