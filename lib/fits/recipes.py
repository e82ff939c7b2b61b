"""The inputs of a fit other than its films: code, parameters and seed.

`python -m lib.fits.recipes` writes build/code/fits/<data set>.txt, one line per fit that params/
specifies. The stage that trains a data set's fits depends on this file.
"""

import hashlib
import json

from lib import ablations, accidents, files, grid, provenance
from lib.datasets.entries import load_entry
from lib.errors import BadData
from lib.fits.films import parameters_of
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
    return digest(code, parameters._asdict(), body(fit.dataset), fit.seed, *films)


def body(dataset: str) -> dict:
    """Return the body of the films and their orientation: the arguments of `augmentation_for`."""
    entry = load_entry(dataset)
    return {"body": entry["body"], "upright": entry.get("upright", False)}


def digest(*parts) -> str:
    """Return a hash of values that JSON can represent."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def write_recipes() -> None:
    """Write the recipes of all fits, per data set."""
    for dataset in grid.datasets():
        lines = [f"{recipe(fit)} {fit}\n" for fit in ablations.every_fit(dataset)]
        with files.whole_file(provenance.FINGERPRINTS / f"fits/{dataset}.txt") as unfinished:
            unfinished.write_text("".join(lines))


if __name__ == "__main__":
    with accidents.in_one_sentence(BadData):
        write_recipes()
