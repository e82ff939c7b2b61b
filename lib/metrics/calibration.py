"""Scores as probabilities of being abnormal, and their deviation from observed frequencies."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from lib.metrics.films import checked, divide


def fit_probability(label: ArrayLike, score: ArrayLike) -> Callable[[ArrayLike], np.ndarray]:
    """Return a function from scores to probabilities of being abnormal: a logistic curve.

    Platt 1999, on standardised scores.
    """
    label, score, _ = checked(label, score)
    curve = make_pipeline(StandardScaler(), LogisticRegression()).fit(score[:, None], label)
    return lambda new: curve.predict_proba(np.asarray(new, float)[:, None])[:, 1]


def brier(label: ArrayLike, probability: ArrayLike, weight: ArrayLike | None = None) -> np.ndarray:
    """Return the mean squared error of probabilities; a constant base rate p has p (1 - p)."""
    label, probability, weight = checked(label, probability, weight)
    return divide(weight @ (probability - label) ** 2, weight.sum(axis=-1))


def calibration_error(
    label: ArrayLike, probability: ArrayLike, weight: ArrayLike | None = None, bins: int = 10
) -> np.ndarray:
    """Return the expected calibration error over equal bins of probability.

    arXiv 1706.04599, eq. 3. Small samples inflate it: even a perfect probability gives a value
    above 0.
    """
    label, probability, weight = checked(label, probability, weight)
    member = np.minimum((probability * bins).astype(int), bins - 1)[:, None] == np.arange(bins)
    gap = weight @ (member * (probability - label)[:, None])
    return divide(np.abs(gap).sum(axis=-1), weight.sum(axis=-1))


def calibration_bins(label: ArrayLike, probability: ArrayLike, bins: int = 10) -> pd.DataFrame:
    """Count films by equal bins of probability: predicted, observed, n, one row per filled bin."""
    label, probability, _ = checked(label, probability)
    films = pd.DataFrame({"predicted": probability, "observed": label, "n": 1})
    member = np.minimum((probability * bins).astype(int), bins - 1)
    rows = films.groupby(member).agg({"predicted": "mean", "observed": "mean", "n": "sum"})
    return rows.reset_index(drop=True)
