"""The films of a fit: the index of its data set, and the arrays for training and scoring."""

import hashlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from lib import ROOT, files, params, provenance
from lib.datasets.table import load_index
from lib.errors import BadData
from lib.grid import Fit
from lib.params import Parameters
from lib.preprocessing import arrays, phantoms

#: The columns that determine the training films, their labels, and the films with scores.
OF_THE_SPLIT = ["image_id", "patient_id", "body_part", "label", "split"]


def parameters_of(fit: Fit) -> Parameters:
    """Return the parameters of a fit, divided. Raises BadData if the profile has no such method."""
    return params.part(fit.method, fit.entry)


def index_and_images(fit: Fit) -> tuple[pd.DataFrame, np.ndarray]:
    """Return index and films (n, h, w) uint8 of a fit's data set, or their features.

    Raises BadData if they are missing.
    """
    return load_index(files.index(fit.dataset)), np.load(path_of_films(fit), mmap_mode="r")


def index_and_phantoms(fit: Fit) -> tuple[pd.DataFrame, np.ndarray]:
    """Return index and films (n, h, w) uint8 of the phantoms of chests that a fit is trained on.

    They are drawn first if they are missing; fits of one seed and preparation share them. Raises
    BadData if the fit cannot learn from them.
    """
    plan = phantoms_of(fit)
    index = phantoms.index_of_chests(plan["films"], plan["seed"])
    _check_phantoms(fit, plan["settings"]["body"], index)
    return index, np.load(path_of_phantoms(fit), mmap_mode="r")


def path_of_phantoms(fit: Fit) -> Path:
    """Return the path of the phantoms that a fit is trained on, drawn first if missing."""
    plan = phantoms_of(fit)
    inputs = repr((plan["films"], plan["seed"], sorted(plan["settings"].items()))).encode()
    inputs += provenance.fingerprint("lib.preprocessing.phantoms").encode()
    return _written_once("phantoms", inputs, lambda path: phantoms.write_chests(path, **plan))


def phantoms_of(fit: Fit) -> dict:
    """Return what determines the phantoms of a fit: as many as the study's `rsna`, its own seed.

    They are prepared as the films of the fit's data set are.
    """
    films = (params.read("datasets").get("phantoms") or {}).get("films", 700)
    return {
        "films": films if isinstance(films, int) else films["rsna"],
        "seed": fit.seed,
        "settings": arrays.settings(fit.dataset, parameters_of(fit).images),
    }


def _check_phantoms(fit: Fit, body: str, index: pd.DataFrame) -> None:
    """Raise BadData if a fit cannot be trained on phantoms of chests, or these are its films."""
    asked = f"`phantoms: {parameters_of(fit).phantoms}` of {fit.method} in params/"
    if fit.features:
        raise BadData(
            f"{asked} needs a method that reads films, and this one reads features: leave "
            "`phantoms` or the method out."
        )
    if body != "chest":
        raise BadData(
            f"{asked} needs films of chests, and those of {fit.dataset} are of a {body}: leave it "
            "out of the data sets of this method or ablation in params/study.yaml."
        )
    if load_index(files.index(fit.dataset))["image_id"].isin(index["image_id"]).any():
        raise BadData(
            f"{asked} needs other films than those of {fit.dataset}, which are phantoms of seed "
            f"{fit.seed} themselves: take another seed in params/study.yaml."
        )


def size_of_maps(fit: Fit) -> int:
    """Return the side in pixels of a fit's films, or of the films that its features describe."""
    path = files.images(fit.dataset) if fit.features else path_of_films(fit)
    return np.load(path, mmap_mode="r").shape[1]


def hash_of_films(fit: Fit) -> str:
    """Return a hash of a fit's films and of the columns of their index that affect its numbers.

    Raises BadData if they are missing.
    """
    images, index = path_of_films(fit), files.index(fit.dataset)
    inputs = _hash_of_index(index, _changed(index)) + _hash_of_file(images, _changed(images))
    return hashlib.sha256(inputs).hexdigest()


def _changed(path: Path) -> int:
    """Return when a file was last changed, 0 if there is none, which its reader names."""
    return path.stat().st_mtime_ns if path.exists() else 0


@lru_cache(maxsize=8)
def _hash_of_index(path: Path, _moment: int) -> bytes:
    table = load_index(path)[OF_THE_SPLIT].to_csv(index=False)
    return hashlib.sha256(table.encode(errors="surrogateescape")).digest()


@lru_cache(maxsize=8)
def _hash_of_file(path: Path, _moment: int) -> bytes:
    return bytes.fromhex(files.hash_of(path))


def path_of_films(fit: Fit) -> Path:
    """Return the path of a fit's films or features; films of a variant are written first.

    Raises BadData if they are missing.
    """
    default, images = path_of_stored(fit), parameters_of(fit).images
    if fit.features or not images:
        return default
    settings = arrays.settings(fit.dataset, images)
    table = files.index(fit.dataset)
    inputs = repr(sorted(settings.items())).encode()
    inputs += _hash_of_file(default, _changed(default)) + _hash_of_index(table, _changed(table))
    inputs += provenance.fingerprint("lib.preprocessing.arrays").encode()
    index = load_index(table)
    return _written_once(
        fit.dataset, inputs, lambda path: arrays.write_films(index, ROOT / "data", path, settings)
    )


def _written_once(name: str, inputs: bytes, write: Callable[[Path], None]) -> Path:
    """Return the path of an array determined by `inputs`, written first if it is missing."""
    path = files.BUILD / f"prepared/{name}-{hashlib.sha256(inputs).hexdigest()[:16]}.npy"
    with files.locked(path):
        if not path.exists():
            write(path)
    return path


def path_of_stored(fit: Fit) -> Path:
    """Return the path of the films that all fits of a data set share, or of a fit's features.

    Raises BadData if they are missing.
    """
    if features := fit.features:
        path, module = files.features(fit.dataset, features.kind, features.folder), "features"
    else:
        path, module = files.images(fit.dataset), "preprocessing"
    if not path.exists():
        raise BadData(f"{path} is missing: create it with `python -m lib.{module} {fit.dataset}`.")
    return path
