"""Scores as probabilities of being abnormal, and their deviation from observed frequencies."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from lib.metrics.films import checked, divide
from lib.metrics.intervals import bootstrap


def fit_probability(label: ArrayLike, score: ArrayLike) -> Callable[[ArrayLike], np.ndarray]:
    """Return a function from scores to probabilities of being abnormal: a logistic curve.

    Platt 1999, on standardised scores.
    """
    label, score, _ = checked(label, score)
    curve = make_pipeline(StandardScaler(), LogisticRegression()).fit(score[:, None], label)
    return lambda new: curve.predict_proba(np.asarray(new, float)[:, None])[:, 1]


def fit_isotonic(label: ArrayLike, score: ArrayLike) -> Callable[[ArrayLike], np.ndarray]:
    """Return a function from scores to probabilities: the best curve that never falls.

    Zadrozny and Elkan 2002, doi 10.1145/775047.775151. Scores beyond those it was fitted to have
    the probability of the nearest one. With few films it fits their noise.
    """
    label, score, _ = checked(label, score)
    return IsotonicRegression(out_of_bounds="clip").fit(score, label).predict


#: Curves from scores to probabilities, by name.
CURVES = {"logistic": fit_probability, "isotonic": fit_isotonic}


def brier(label: ArrayLike, probability: ArrayLike, weight: ArrayLike | None = None) -> np.ndarray:
    """Return the mean squared error of probabilities; a constant base rate p has p (1 - p)."""
    return errors(label, probability)(weight)[0]


def calibration_error(
    label: ArrayLike, probability: ArrayLike, weight: ArrayLike | None = None, bins: int = 10
) -> np.ndarray:
    """Return the expected calibration error over equal bins of probability.

    arXiv 1706.04599, eq. 3. Small samples inflate it: even a perfect probability gives a value
    above 0.
    """
    return errors(label, probability, bins)(weight)[1]


def errors(
    label: ArrayLike, probability: ArrayLike, bins: int = 10
) -> Callable[[ArrayLike | None], tuple[np.ndarray, np.ndarray]]:
    """Return a function from weights to `brier` and `calibration_error`.

    What it sums is made once for the weights of all resamples.
    """
    label, probability, once = checked(label, probability)
    gap = probability - label
    of_bins = (_bin(probability, bins)[:, None] == np.arange(bins)) * gap[:, None]
    summed = np.column_stack([gap**2, of_bins])

    def measure(weight):
        weight = once if weight is None else np.asarray(weight)
        sums, films = weight @ summed, weight.sum(axis=-1)
        return divide(sums[..., 0], films), divide(np.abs(sums[..., 1:]).sum(axis=-1), films)

    return measure


def reliability(
    label: ArrayLike, probability: ArrayLike, weights: np.ndarray, bins: int = 10
) -> pd.DataFrame:
    """Return the share of abnormal films by equal bins of probability, one row per filled bin.

    Columns: mean predicted probability, observed share with the low and high end of its interval by
    weights (resamples, n), n films.
    """
    label, probability, _ = checked(label, probability)
    films = pd.DataFrame({"predicted": probability, "observed": label, "n": 1})
    member = _bin(probability, bins)
    rows = films.groupby(member).agg({"predicted": "mean", "observed": "mean", "n": "sum"})
    inside = (member[:, None] == rows.index.to_numpy()).astype(float)
    abnormal_and_all = np.hstack([inside * label[:, None], inside])

    def observed(weight):
        abnormal, films = np.split(weight @ abnormal_and_all, 2, axis=-1)
        return dict(zip(rows.index, np.moveaxis(divide(abnormal, films), -1, 0), strict=True))

    estimates = pd.DataFrame.from_dict(bootstrap(observed, weights), "index")
    return rows.assign(low=estimates["low"], high=estimates["high"]).reset_index(drop=True)


def _bin(probability: np.ndarray, bins: int) -> np.ndarray:
    return np.minimum((probability * bins).astype(int), bins - 1)
