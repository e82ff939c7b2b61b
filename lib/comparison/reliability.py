"""Probabilities of being abnormal: curves of the score that validation films fit, and their worth.

Films and labels of the test only judge the curves: a logistic one, with two parameters, and an
isotonic one, which takes any shape that never falls and needs more films.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from lib import metrics
from lib.comparison.scores import Scored

#: The metrics of each curve, by its name.
BRIER = {"logistic": "brier", "isotonic": "brier_isotonic"}
ERROR = {"logistic": "calibration_error", "isotonic": "calibration_error_isotonic"}
COLUMNS = ["curve", "predicted", "observed", "low", "high", "n"]


def probabilities(validation: pd.DataFrame, score: pd.Series) -> dict[str, np.ndarray]:
    """Return the probability of each score by each curve; none without both labels.

    `validation` are films with label and score.
    """
    if validation["label"].nunique() < 2:
        return {}
    return {
        name: fit(validation["label"], validation["score"])(score)
        for name, fit in metrics.CURVES.items()
    }


def rows_of_reliability(scored: Scored, weights: np.ndarray) -> Iterator[dict]:
    """Yield the rows of COLUMNS of a detector; weights (resamples, test films)."""
    test = scored.split("test")
    for name, probability in probabilities(scored.split("validation"), test["score"]).items():
        bins = metrics.reliability(test["label"], probability, weights)
        yield from bins.assign(curve=name)[COLUMNS].to_dict("records")
