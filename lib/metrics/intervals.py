"""The uncertainty of measures: percentile intervals over patients, t intervals over seeds.

Films of one patient resemble each other, so resamples are drawn from patients, never from films.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import t

from lib.metrics.ranking import rank


class Estimate(NamedTuple):
    """A value with the ends of its interval."""

    value: float
    low: float
    high: float


def patient_weights(patient_id: ArrayLike, resamples: int = 1000, seed: int = 0) -> np.ndarray:
    """Draw patients with replacement; return the count of each film, (resamples, n)."""
    # In order of appearance: ids may be salted, and the draws must not differ between machines.
    patient_of_film, patients = pd.factorize(np.asarray(patient_id, str))
    size = len(patients)
    drawn = np.random.default_rng(seed).integers(size, size=(resamples, size))
    cell = drawn + size * np.arange(resamples)[:, None]
    times = np.bincount(cell.ravel(), minlength=resamples * size).reshape(resamples, size)
    return times.astype(np.int16)[:, patient_of_film]


def bootstrap(
    measure: Callable[[np.ndarray], dict[str, np.ndarray]], weights: np.ndarray, level: float = 0.95
) -> dict[str, Estimate]:
    """Return percentile intervals of each value of `measure(weight)`, by weights (resamples, n).

    Resamples without one of the labels are left out; chunks of 100 bound the memory.
    """
    value = measure(np.ones(weights.shape[1]))
    chunks = [measure(weights[start : start + 100]) for start in range(0, len(weights), 100)]
    drawn = {name: np.concatenate([chunk[name] for chunk in chunks]) for name in value}
    tails = ((1 - level) / 2, (1 + level) / 2)
    ends = {name: _quantiles(draws[np.isfinite(draws)], tails) for name, draws in drawn.items()}
    return {name: Estimate(float(value[name]), *ends[name]) for name in value}


def roc_band(
    label: ArrayLike,
    score: ArrayLike,
    weights: np.ndarray,
    false_positive_rate: ArrayLike,
    level: float = 0.95,
) -> pd.DataFrame:
    """Return the ROC curve and its pointwise bootstrap band: fpr, tpr, low, high per rate."""
    chunks = [
        rank(label, score, weights[start : start + 100]).recall_on(false_positive_rate)
        for start in range(0, len(weights), 100)
    ]
    drawn = np.concatenate(chunks)
    drawn = drawn[np.isfinite(drawn).all(axis=1)]
    low, high = np.quantile(drawn, ((1 - level) / 2, (1 + level) / 2), axis=0)
    recall = rank(label, score).recall_on(false_positive_rate)
    return pd.DataFrame({"fpr": false_positive_rate, "tpr": recall, "low": low, "high": high})


def t_interval(values: ArrayLike, level: float = 0.95) -> Estimate:
    """Return the mean of independent values (n,), e.g. of seeds, with Student's t interval.

    mean -+ t sd / sqrt(n), t the quantile at n - 1 degrees of freedom; no ends for a single value.
    """
    values = np.asarray(values, float)
    mean, size = float(values.mean()), len(values)
    if size < 2:
        return Estimate(mean, np.nan, np.nan)
    margin = float(t.ppf((1 + level) / 2, size - 1) * values.std(ddof=1) / np.sqrt(size))
    return Estimate(mean, mean - margin, mean + margin)


def _quantiles(draws: np.ndarray, tails: tuple[float, float]) -> tuple[float, float]:
    low, high = np.quantile(draws, tails) if len(draws) else (np.nan, np.nan)
    return float(low), float(high)
