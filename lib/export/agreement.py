"""Whether an exported graph gives the scores of the detector that it was made from."""

from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd

from lib import files
from lib.datasets.table import load_index
from lib.errors import BadData
from lib.fits.films import index_and_images
from lib.preprocessing import to_float
from lib.reader.part import Part

FILMS = 64  # validation films that are compared
TOGETHER = 32  # films in a batch
LARGEST = 1e-4  # difference, as a share of the range of scores of validation films


def run(path: Path, films: np.ndarray) -> dict[str, np.ndarray]:
    """Return {output: values} of films float32 (n, s, s, 1) by onnxruntime."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    batches = [films[start : start + TOGETHER] for start in range(0, len(films), TOGETHER)]
    values = [session.run(names, {"films": batch}) for batch in batches]
    return {name: np.concatenate(of_name) for name, *of_name in zip(names, *values, strict=True)}


def by_keras(part: Part, pictures: np.ndarray) -> np.ndarray:
    """Return the scores of pictures uint8 (n, s, s) by the part itself."""
    batches = range(0, len(pictures), TOGETHER)
    scores = [part.outputs(pictures[start : start + TOGETHER]).scores for start in batches]
    return np.concatenate(scores)


def difference(part: Part, path: Path) -> float:
    """Return the largest difference in score on validation films, as a share of their range.

    Raises BadData if it is larger than LARGEST.
    """
    pictures = validation_films(part)
    exported = run(path, to_float(pictures))["score"]
    validation = part.scored.split("validation")["score"]
    share = float(np.abs(exported - by_keras(part, pictures)).max() / np.ptp(validation))
    if not share <= LARGEST:
        raise BadData(
            f"{part.fit} cannot be exported: scores of the graph differ by {share:.1e} of the "
            f"range of the scores of validation films, more than {LARGEST}."
        )
    return share


def validation_films(part: Part) -> np.ndarray:
    """Return FILMS validation films or all, if fewer, uint8 (n, s, s), as the part reads them."""
    index, pictures = index_and_films(part)
    rows = np.flatnonzero(index["split"].eq("validation"))[:FILMS]
    return np.asarray(pictures[rows])


def index_and_films(part: Part) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the index of a part's data set, and its films as the exported graph reads them."""
    features = part.features
    if not features or features.kind == "films":
        return index_and_images(part.fit)
    films = features._replace(kind="films", weights="", seed=0)
    path = files.features(part.fit.dataset, "films", films.folder)
    return load_index(files.index(part.fit.dataset)), np.load(path, mmap_mode="r")
