"""Scores of exported graphs on many films: python -m tests.exported [DETECTOR ...] --films 500.

Each detector of the study, or each that is named, is exported and scores so many of its data set's
films with onnxruntime. Printed are the largest difference from Keras, and that from the scores that
the study recorded, which it computed from stored features, rounded to float16; both as a share of
the range of the scores of validation films.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

from lib import files, grid
from lib.comparison.scores import read_fit
from lib.datasets.table import load_index
from lib.errors import BadData
from lib.export import agreement, graph
from lib.grid import Fit
from lib.preprocessing import to_float
from lib.reader.choice import choose, ready
from lib.reader.part import Part


def differences(fit: Fit, number: int, path: Path) -> tuple[float, float]:
    """Return the largest difference from Keras, and that from the recorded scores."""
    index = load_index(files.index(fit.dataset))
    part = Part(fit, "score", read_fit(fit, index, files.BUILD))
    films = part.scored.films.set_index("image_id")
    pictures = agreement.index_and_films(part)[1]
    scored = np.flatnonzero(index["image_id"].isin(films.index))
    rows = np.sort(np.random.default_rng(0).permutation(scored)[:number])
    graph.write(part.detector, part.settings["size"], path)
    exported = agreement.run(path, to_float(pictures[rows]))["score"]
    keras = agreement.by_keras(part, pictures[rows])
    recorded = films["score"][index["image_id"].iloc[rows]].to_numpy()
    spread = np.ptp(part.scored.split("validation")["score"])
    from_keras, from_record = (np.abs(exported - one).max() / spread for one in (keras, recorded))
    return float(from_keras), float(from_record)


def report(fit: Fit, number: int) -> bool:
    """Print the differences of a detector; return whether they are small, or it is refused."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            keras, recorded = differences(fit, number, Path(folder, "graph.onnx"))
        except BadData as reason:
            print(f"{fit}: {reason}", flush=True)
            return True
    print(f"{fit}: {keras:.1e} from Keras, {recorded:.1e} from the record", flush=True)
    return keras <= agreement.LARGEST


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
