"""The inputs of a fit other than its films: code, parameters and seed.

`python -m lib.fits.recipes` writes build/code/fits/<data set>.txt, one line per fit that params/
specifies, and build/code/features/<data set>.txt, the features that these fits read. The stages
that train a data set's fits and compute its features depend on these files, measures and pages on
build/code/grid.json, the profile and the grid. (DVC would record the whole grid once for each stage
that names it as its parameter, and read params/study.yaml as often.)
"""

import hashlib
import json
from collections.abc import Callable
from functools import lru_cache

from lib import ROOT, ablations, accidents, files, grid, params, provenance
from lib.datasets.checks import FILE
from lib.datasets.entries import load_entry
from lib.errors import BadData
from lib.fits.films import parameters_of, phantoms_of
from lib.grid import Fit
from lib.preprocessing import arrays


def recipe(fit: Fit) -> str:
    """Return a hash of the code that a fit can reach, of its parameters and of its seed."""
    parameters = parameters_of(fit)
    code = provenance.fingerprint("lib.fits.train", f"lib.methods.{parameters.method}")
    films: list = []
    if parameters.images:  # prepared for this fit alone
        films = [provenance.fingerprint("lib.preprocessing.arrays")]
        films.append(arrays.settings(fit.dataset, parameters.images))
    if parameters.phantoms:  # other fits do not depend on how these are drawn
        films += [provenance.fingerprint("lib.preprocessing.phantoms"), phantoms_of(fit)]
    return digest(code, parameters._asdict(), body(fit.dataset), fit.seed, *films)


def body(dataset: str) -> dict:
    """Return the body of the films and their orientation: the arguments of `augmentation_for`."""
    of_now = (ROOT / FILE).stat().st_mtime_ns
    return dict(_body(dataset, load_entry, of_now))


@lru_cache(maxsize=64)
def _body(dataset: str, load: Callable[[str], dict], _changed: int) -> dict:
    """Read them once per state of params/datasets.yaml, not once per fit."""
    entry = load(dataset)
    return {"body": entry["body"], "upright": entry.get("upright", False)}


def digest(*parts) -> str:
    """Return a hash of values that JSON can represent."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def write_recipes() -> None:
    """Write the recipes of all fits and the names of their features, per data set."""
    for dataset in grid.datasets():
        fits = ablations.every_fit(dataset)
        features = sorted({" ".join(map(str, fit.features)) for fit in fits if fit.features})
        texts = {"fits": [f"{recipe(fit)} {fit}" for fit in fits], "features": features}
        for name, lines in texts.items():
            path = provenance.FINGERPRINTS / f"{name}/{dataset}.txt"
            with files.whole_file(path) as unfinished:
                unfinished.write_text("".join(f"{line}\n" for line in lines))


def write_grid() -> None:
    """Write the chosen profile and grid."""
    chosen = {key: params.read("study")[key] for key in ("profile", "grid")}
    with files.whole_file(provenance.FINGERPRINTS / "grid.json") as unfinished:
        unfinished.write_text(json.dumps(chosen, indent=1) + "\n")


if __name__ == "__main__":
    with accidents.in_one_sentence(BadData):
        write_recipes()
        write_grid()
