"""The weights of a fit become scores of films, and what its card shows."""

from pathlib import Path

import numpy as np
import pandas as pd

from lib.collapse import check_scores
from lib.detector import Detector
from lib.fits import evidence
from lib.preprocessing.network_input import to_float

FILMS_IN_MEMORY = 1024  # as floats, which scoring takes
SCORES = "scores.csv"


def write_scores(detector: Detector, index: pd.DataFrame, films: np.ndarray, folder: Path) -> None:
    """Write scores.csv into `folder`: image_id and every score of all films but training films.

    Films are uint8 (n, h, w), row-aligned with the index. Raises Collapsed.
    """
    score(detector, films, index).to_csv(folder / SCORES, index=False)


def write_evidence(
    detector: Detector,
    index: pd.DataFrame,
    films: np.ndarray,
    annotated: pd.Series,
    folder: Path,
) -> None:
    """Write what the card of a fit shows into the folder that holds its scores.csv.

    `annotated` holds the image_id of films with drawn lesions. Raises Collapsed.
    """
    scores = pd.read_csv(folder / SCORES, dtype={"image_id": str})
    ranked = evidence.ranked_test_films(index, scores)
    evidence.keep(detector, films, ranked, annotated, folder)


def score(detector: Detector, films: np.ndarray, index: pd.DataFrame) -> pd.DataFrame:
    """Every score that the detector has, of all films but the training films: image_id, score, ...

    Raises Collapsed where scores cannot rank films.
    """
    rows = np.flatnonzero(index["split"].ne("train"))
    parts = []
    for some in np.array_split(rows, -(-len(rows) // FILMS_IN_MEMORY)):
        scores = detector.predict(to_float(films[some]), maps=False, verbose=0)
        parts.append(pd.DataFrame({"image_id": index["image_id"].to_numpy()[some], **scores}))
    table = pd.concat(parts, ignore_index=True)
    check_scores(table["score"])
    evidence.check_finite(table)
    return table
