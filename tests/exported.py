"""Scores of exported graphs on many films: python -m tests.exported [DETECTOR ...] --films 500.

Each detector of the study, or each that is named, is exported and scores so many of its data set's
films with onnxruntime. Printed is the largest difference from Keras, which reads films or features
as the study stores them, as a share of the range of the scores of validation films; of a method on
features also that without the rounding of features to float16, which is all that makes it larger.
"""

import argparse
import math
import sys
import tempfile
from pathlib import Path

import numpy as np

from lib import files, grid
from lib.comparison.scores import read_fit
from lib.datasets.table import load_index
from lib.errors import BadData
from lib.export import agreement, graph
from lib.fits.films import index_and_images
from lib.grid import Fit
from lib.preprocessing import to_float
from lib.reader.choice import choose, ready
from lib.reader.part import Part

TOGETHER = 32  # films in a batch
UNROUNDED = 64  # films that are scored without rounding: Keras describes them again


def differences(fit: Fit, number: int, path: Path) -> tuple[float, float]:
    """Return the largest difference, and that without rounding; NaN where nothing is rounded."""
    index = load_index(files.index(fit.dataset))
    part = Part(fit, "score", read_fit(fit, index, files.BUILD))
    rows = np.sort(np.random.default_rng(0).permutation(len(index))[:number])
    films = to_float(agreement.index_and_films(part)[1][rows])
    seen = to_float(index_and_images(fit)[1][rows])
    spread = np.ptp(part.scored.split("validation")["score"])

    def largest(expected, **options):
        graph.write(part.detector, part.settings["size"], path, **options)
        exported = agreement.run(path, films[: len(expected)])["score"]
        return float(np.abs(exported - expected).max() / spread)

    rounded = largest(part.detector.predict(seen, batch_size=TOGETHER, verbose=0)["score"])
    if not part.features or part.features.kind == "films":
        return rounded, math.nan
    whole, few = graph.Graph(part.detector, stored=False), films[:UNROUNDED]
    described = [
        whole(few[start : start + TOGETHER])["score"] for start in range(0, len(few), TOGETHER)
    ]
    return rounded, largest(np.concatenate(described), stored=False)


def report(fit: Fit, number: int) -> bool:
    """Print the differences of a detector; return whether they are small, or it is refused."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            rounded, unrounded = differences(fit, number, Path(folder, "graph.onnx"))
        except BadData as reason:
            print(f"{fit}: {reason}", flush=True)
            return True
    without = "" if math.isnan(unrounded) else f", without rounding {unrounded:.1e}"
    print(f"{fit}: {rounded:.1e}{without}", flush=True)
    exact = rounded if math.isnan(unrounded) else unrounded
    return exact <= agreement.LARGEST and rounded <= agreement.LARGEST_OF_FEATURES


def main() -> int:
    """Compare the detectors; return 1 if one of them differs by more than it may."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("detectors", nargs="*", help="data set/method/seed; otherwise all")
    parser.add_argument("--films", type=int, default=500)
    options = parser.parse_args()
    every = [f"{dataset}/{name}/0" for dataset in grid.datasets() for name in ready(dataset)]
    choices = [choose(name) for name in options.detectors or every]
    fits = [choice.fit(part) for choice in choices for part in choice.parts]
    return 0 if all([report(fit, options.films) for fit in fits]) else 1


if __name__ == "__main__":
    sys.exit(main())
