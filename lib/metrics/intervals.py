"""The uncertainty of measures: percentile intervals over patients, t intervals over seeds.

Films of one patient resemble each other, so resamples are drawn from patients, never from films.
Where the values that an interval is computed from are all equal, as in the bootstrap of a detector
that separates the labels perfectly, they do not show how far the truth may lie: the ends are NaN.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import expit, logit
from scipy.stats import t

from lib.metrics.ranking import Sorted

Name = TypeVar("Name")

#: Weights that are worked through together: a megabyte as floats.
CACHED = 2**17


class Estimate(NamedTuple):
    """A value with the ends of its interval, NaN if there is none."""

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


def blocks(weights: np.ndarray) -> Iterator[np.ndarray]:
    """Yield weights (resamples, n) in blocks of resamples that a core's cache holds as floats."""
    rows = max(1, CACHED // max(1, weights.shape[1]))
    for start in range(0, len(weights), rows):
        # An array of weights[:, films] is laid out film by film, from which films are taken slowly.
        yield np.ascontiguousarray(weights[start : start + rows])


def bootstrap(
    measure: Callable[[np.ndarray], dict[Name, np.ndarray]],
    weights: np.ndarray,
    level: float = 0.95,
) -> dict[Name, Estimate]:
    """Return percentile intervals of each value of `measure(weight)`, by weights (resamples, n).

    Resamples without one of the labels are left out. No ends where all resamples agree.
    """
    value = measure(np.ones(weights.shape[1]))
    chunks = [measure(block) for block in blocks(weights)]
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
    films = Sorted(label, score)
    chunks = [films.ranking(block).recall_on(false_positive_rate) for block in blocks(weights)]
    drawn = np.concatenate(chunks)
    drawn = drawn[np.isfinite(drawn).all(axis=1)]
    low, high = np.quantile(drawn, ((1 - level) / 2, (1 + level) / 2), axis=0)
    recall = films.ranking().recall_on(false_positive_rate)
    return pd.DataFrame({"fpr": false_positive_rate, "tpr": recall, "low": low, "high": high})


def t_interval(
    values: ArrayLike, bounds: tuple[float, float] = (0.0, 1.0), level: float = 0.95
) -> Estimate:
    """Return the mean of independent values (n,), e.g. AUROC of seeds, with Student's t interval.

    The interval is that of the logit, transformed back, and stays within the bounds of the values:
    with u the mean as a share of the range b - a, logit(u) -+ t sd / (sqrt(n) (b - a) u (1 - u)),
    t the quantile at n - 1 degrees of freedom (delta method; recommended for AUROC by Pohar Perme
    and Manevski 2019, doi 10.1177/0962280218814556). No ends for a single value and for equal ones.
    Raises ValueError for values beyond the bounds.
    """
    values, (least, most) = np.asarray(values, float), bounds
    if values.min() < least or values.max() > most:
        raise ValueError(f"values from {values.min():g} to {values.max():g} exceed {bounds}")
    mean, size = float(values.mean()), len(values)
    if size < 2 or np.ptp(values) == 0:
        return Estimate(mean, np.nan, np.nan)
    share = (mean - least) / (most - least)
    error = values.std(ddof=1) / (np.sqrt(size) * (most - least) * share * (1 - share))
    margin = t.ppf((1 + level) / 2, size - 1) * error
    low, high = expit(logit(share) + np.array([-margin, margin]))
    return Estimate(mean, *(float(least + (most - least) * end) for end in (low, high)))


def _quantiles(draws: np.ndarray, tails: tuple[float, float]) -> tuple[float, float]:
    if not len(draws) or np.ptp(draws) == 0:
        return np.nan, np.nan
    low, high = np.quantile(draws, tails)
    return float(low), float(high)
