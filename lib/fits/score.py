"""From the weights of a fit to scores of films and to the data of its card."""

from pathlib import Path

import numpy as np
import pandas as pd

from lib import files
from lib.collapse import check_scores
from lib.detector import Detector
from lib.fits import evidence
from lib.preprocessing.network_input import SCORED, to_float


def write_scores(detector: Detector, index: pd.DataFrame, films: np.ndarray, folder: Path) -> None:
    """Write scores.csv into `folder`: image_id and every score of all films except training films.

    Films are uint8 (n, h, w), row-aligned with the index. Raises Collapsed.
    """
    score(detector, films, index).to_csv(folder / files.SCORES, index=False)


def write_evidence(
    detector: Detector,
    index: pd.DataFrame,
    films: np.ndarray,
    annotated: pd.Series,
    folder: Path,
) -> None:
    """Write the data of a fit's card into the folder of its scores.csv.

    `annotated` is the image_id of films with annotated lesions. Raises Collapsed.
    """
    scores = pd.read_csv(folder / files.SCORES, dtype={"image_id": str})
    ranked = evidence.ranked_test_films(index, scores)
    evidence.keep(detector, films, ranked, annotated, folder)


def score(detector: Detector, films: np.ndarray, index: pd.DataFrame) -> pd.DataFrame:
    """Return every score of the detector for all films except training films: image_id, score, ...

    Raises Collapsed if scores cannot rank films.
    """
    rows = np.flatnonzero(index["split"].ne("train"))
    parts = []
    for some in np.array_split(rows, -(-len(rows) // SCORED)):
        scores = detector.predict(to_float(films[some]), maps=False, verbose=0)
        parts.append(pd.DataFrame({"image_id": index["image_id"].to_numpy()[some], **scores}))
    table = pd.concat(parts, ignore_index=True)
    check_scores(table["score"])
    evidence.check_finite(table)
    return table
