"""How well scores find abnormal films, and how sure we are.

Labels are 1 (abnormal) or 0 (normal) and larger scores are more abnormal. Every measure takes an
optional `weight`: how often each film is counted. A bootstrap is then one weight per resample and
film, shape (resamples, n), and gives a measure of all resamples at once, shape (resamples,). Films
of one patient resemble each other, so resamples are drawn from patients, never from films.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import norm, rankdata, t
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from statsmodels.stats.multitest import multipletests

FEWEST = 5  # films of a group, or of either of its labels: of fewer nothing is said


class Estimate(NamedTuple):
    """A value with the ends of its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Ranking:
    """How many abnormal and normal films lie at or above each threshold, strictest threshold first.

    Both (..., thresholds + 1), starting at 0. Measures are NaN where a label they need is absent.
    """

    true_positive: np.ndarray
    false_positive: np.ndarray

    @property
    def recall(self) -> np.ndarray:
        return _divide(self.true_positive, self.true_positive[..., -1:])

    @property
    def false_positive_rate(self) -> np.ndarray:
        return _divide(self.false_positive, self.false_positive[..., -1:])

    def auroc(self) -> np.ndarray:
        """Area under the ROC curve; ties count one half."""
        return np.trapezoid(self.recall, self.false_positive_rate, axis=-1)

    def average_precision(self) -> np.ndarray:
        """Mean precision over the steps in recall; its chance level is the base rate."""
        flagged = self.true_positive + self.false_positive
        precision = self.true_positive / np.maximum(flagged, 1e-12)
        return (np.diff(self.recall, axis=-1) * precision[..., 1:]).sum(axis=-1)

    def recall_at_specificity(self, specificity: float) -> np.ndarray:
        """The best recall among thresholds that keep at least this specificity."""
        return _best(self.recall, self.false_positive_rate, 1 - specificity)

    def specificity_at_recall(self, recall: float) -> np.ndarray:
        """The best specificity among thresholds that keep at least this recall."""
        return _best(1 - self.false_positive_rate, 1 - self.recall, 1 - recall)

    def best_dice(self) -> np.ndarray:
        """The largest Dice (F1) over all thresholds: an upper bound, chosen with the labels."""
        found = self.true_positive
        return (2 * found / (found + self.false_positive + found[..., -1:])).max(axis=-1)

    def recall_on(self, false_positive_rate: ArrayLike) -> np.ndarray:
        """The ROC curve at these rates, (..., rates): the top of steps, linear between points."""
        curves = zip(
            np.atleast_2d(self.false_positive_rate), np.atleast_2d(self.recall), strict=True
        )
        read = np.array([np.interp(false_positive_rate, *curve) for curve in curves])
        return read.reshape(*self.recall.shape[:-1], -1)


@dataclass(frozen=True)
class Decisions:
    """Films by what was decided and what they are, each (...,)."""

    true_positive: np.ndarray
    false_positive: np.ndarray
    false_negative: np.ndarray
    true_negative: np.ndarray

    def recall(self) -> np.ndarray:
        return _divide(self.true_positive, self.true_positive + self.false_negative)

    def specificity(self) -> np.ndarray:
        return _divide(self.true_negative, self.true_negative + self.false_positive)

    def f1(self) -> np.ndarray:
        errors = self.false_positive + self.false_negative
        return _divide(2 * self.true_positive, 2 * self.true_positive + errors)

    def kappa(self) -> np.ndarray:
        """Cohen's kappa: agreement beyond what the two marginals give by chance."""
        tp, fp = self.true_positive, self.false_positive
        fn, tn = self.false_negative, self.true_negative
        return _divide(2 * (tp * tn - fp * fn), (tp + fp) * (fp + tn) + (tp + fn) * (fn + tn))


def rank(label: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None) -> Ranking:
    """Rank films: label and score (n,), weight (..., n).

    Raises ValueError for labels other than 0 and 1 and for scores that are not finite.
    """
    label, score, weight = _films(label, score, weight)
    order = np.argsort(-score, kind="stable")
    end_of_tie = np.flatnonzero(np.diff(score[order], append=-np.inf))
    abnormal, weight = label[order] == 1, weight[..., order]
    return Ranking(
        _counts_from_zero(weight * abnormal, end_of_tie),
        _counts_from_zero(weight * ~abnormal, end_of_tie),
    )


def auroc(label: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None) -> np.ndarray:
    """Area under the ROC curve of films."""
    return rank(label, score, weight).auroc()


def average_precision(
    label: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None
) -> np.ndarray:
    """Average precision of films."""
    return rank(label, score, weight).average_precision()


def decide(
    label: ArrayLike, score: ArrayLike, threshold: float, weight: ArrayLike | None = None
) -> Decisions:
    """Call films abnormal at or above the threshold, and count right and wrong calls."""
    label, score, weight = _films(label, score, weight)
    weight = weight.astype(float)
    abnormal, called = label == 1, score >= threshold
    kinds = (abnormal & called, ~abnormal & called, abnormal & ~called, ~abnormal & ~called)
    return Decisions(*(weight @ kind for kind in kinds))


def threshold_from_normals(score: ArrayLike, quantile: float = 0.95) -> float:
    """A threshold without abnormal films: this quantile of the scores of validation normals."""
    return float(np.quantile(score, quantile))


def threshold_for_recall(label: ArrayLike, score: ArrayLike, recall: float = 0.90) -> float:
    """A threshold with abnormal films, recall first: the strictest that finds this share.

    Raises ValueError without an abnormal film.
    """
    label, score, _ = _films(label, score, None)
    abnormal = np.sort(score[label == 1])[::-1]
    if not len(abnormal):
        raise ValueError("no abnormal validation film: this threshold cannot be set")
    return float(abnormal[int(np.ceil(recall * len(abnormal) - 1e-9)) - 1])


def fit_probability(label: ArrayLike, score: ArrayLike) -> Callable[[ArrayLike], np.ndarray]:
    """A function from scores to probabilities of being abnormal: a logistic curve (Platt 1999)."""
    label, score, _ = _films(label, score, None)
    curve = make_pipeline(StandardScaler(), LogisticRegression()).fit(score[:, None], label)
    return lambda new: curve.predict_proba(np.asarray(new, float)[:, None])[:, 1]


def brier(label: ArrayLike, probability: ArrayLike, weight: ArrayLike | None = None) -> np.ndarray:
    """Mean squared error of probabilities; a constant forecast p of base rate p has p (1 - p)."""
    label, probability, weight = _films(label, probability, weight)
    return _divide(weight @ (probability - label) ** 2, weight.sum(axis=-1))


def calibration_error(
    label: ArrayLike, probability: ArrayLike, weight: ArrayLike | None = None, bins: int = 10
) -> np.ndarray:
    """Expected calibration error over equal bins of probability (arXiv 1706.04599, eq. 3).

    Few films inflate it: a perfect probability scores above 0.
    """
    label, probability, weight = _films(label, probability, weight)
    member = np.minimum((probability * bins).astype(int), bins - 1)[:, None] == np.arange(bins)
    gap = weight @ (member * (probability - label)[:, None])
    return _divide(np.abs(gap).sum(axis=-1), weight.sum(axis=-1))


def calibration_bins(label: ArrayLike, probability: ArrayLike, bins: int = 10) -> pd.DataFrame:
    """Films by equal bins of probability: columns predicted, observed, n, one row a filled bin."""
    label, probability, _ = _films(label, probability, None)
    films = pd.DataFrame({"predicted": probability, "observed": label, "n": 1})
    member = np.minimum((probability * bins).astype(int), bins - 1)
    rows = films.groupby(member).agg({"predicted": "mean", "observed": "mean", "n": "sum"})
    return rows.reset_index(drop=True)


def by_study(films: pd.DataFrame) -> pd.DataFrame:
    """One row a study: mean score of its views, abnormal when one is, else its first view."""
    rest = {column: "first" for column in films.columns.drop(["study_id", "score", "label"])}
    studies = films.groupby("study_id", sort=False)
    return studies.agg({"score": "mean", "label": "max"} | rest).reset_index()


def pixel_counts(
    maps: np.ndarray, lesions: np.ndarray, counted: np.ndarray, bins: int = 4096
) -> tuple[np.ndarray, np.ndarray]:
    """Lesion and other pixels of each film by map value, largest first: two (m, at most bins).

    maps (m, h, w), lesions and counted (m, h, w) bool: pixels outside `counted` are ignored.
    Exact up to `bins` distinct values; beyond, each bin holds an equal share of all pixels.
    """
    film, lesion = np.nonzero(counted)[0], lesions[counted]
    value = maps[counted].astype(np.float32)
    starts = np.unique(value)
    if len(starts) > bins:
        starts = np.unique(np.quantile(value, np.linspace(0, 1, bins, endpoint=False)))
    size = len(starts)
    cell = film * size + size - np.searchsorted(starts, value, side="right")
    count = [np.bincount(cell[kind], minlength=len(maps) * size) for kind in (lesion, ~lesion)]
    return count[0].reshape(-1, size), count[1].reshape(-1, size)


def rank_pixels(lesion: np.ndarray, other: np.ndarray, weight: ArrayLike | None = None) -> Ranking:
    """Rank the pixels of all films together, from `pixel_counts`; weight (..., m) counts films."""
    weight = np.ones(len(lesion)) if weight is None else np.asarray(weight, float)
    every = np.arange(lesion.shape[1])
    return Ranking(
        _counts_from_zero(weight @ lesion, every), _counts_from_zero(weight @ other, every)
    )


def pointing_game(maps: np.ndarray, lesions: np.ndarray) -> np.ndarray:
    """Whether each film's map peaks inside its lesion, (m,) (arXiv 1608.00507, no tolerance).

    Where several pixels share the peak it is their share inside: a constant map scores by chance.
    """
    peak = maps == maps.max(axis=(1, 2), keepdims=True)
    return (peak & lesions.astype(bool)).sum(axis=(1, 2)) / peak.sum(axis=(1, 2))


def patient_weights(patient_id: ArrayLike, resamples: int = 1000, seed: int = 0) -> np.ndarray:
    """How often each film counts when patients are drawn with replacement: (resamples, n)."""
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
    """Percentile intervals of all that `measure(weight)` gives, under weights (resamples, n).

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
    """The ROC curve and its pointwise bootstrap band: fpr, tpr, low, high, one row a rate."""
    chunks = [
        rank(label, score, weights[start : start + 100]).recall_on(false_positive_rate)
        for start in range(0, len(weights), 100)
    ]
    drawn = np.concatenate(chunks)
    drawn = drawn[np.isfinite(drawn).all(axis=1)]
    low, high = np.quantile(drawn, ((1 - level) / 2, (1 + level) / 2), axis=0)
    recall = rank(label, score).recall_on(false_positive_rate)
    return pd.DataFrame({"fpr": false_positive_rate, "tpr": recall, "low": low, "high": high})


def paired_delong(
    label: ArrayLike, score_a: ArrayLike, score_b: ArrayLike, patient_id: ArrayLike | None = None
) -> tuple[Estimate, float]:
    """AUROC of a minus AUROC of b on the same films, its 95 % interval and two-sided p value.

    DeLong's test by midranks (Sun and Xu 2014, doi 10.1109/LSP.2014.2337313). With `patient_id`
    the variance sums the films of a patient first (Obuchowski 1997, doi 10.2307/2533958).
    """
    label, score_a, _ = _films(label, score_a, None)
    label, score_b, _ = _films(label, score_b, None)
    patient_id = np.arange(len(label)) if patient_id is None else np.asarray(patient_id, str)
    difference = float(auroc(label, score_a) - auroc(label, score_b))
    residual = _auroc_residuals(label, score_a) - _auroc_residuals(label, score_b)
    error = np.sqrt(_variance_over_patients(label, residual, patient_id))
    margin = norm.ppf(0.975) * error
    p_value = 2 * norm.sf(abs(difference) / error) if error != 0 else float(difference == 0)
    return Estimate(difference, difference - margin, difference + margin), float(p_value)


def t_interval(values: ArrayLike, level: float = 0.95) -> Estimate:
    """The mean of independent values (n,), as of several seeds, with Student's t interval.

    mean -+ t sd / sqrt(n), t the quantile at n - 1 degrees of freedom; no ends for a single value.
    """
    values = np.asarray(values, float)
    mean, size = float(values.mean()), len(values)
    if size < 2:
        return Estimate(mean, np.nan, np.nan)
    margin = float(t.ppf((1 + level) / 2, size - 1) * values.std(ddof=1) / np.sqrt(size))
    return Estimate(mean, mean - margin, mean + margin)


def holm(p_values: ArrayLike) -> np.ndarray:
    """p values corrected for their number by Holm's step-down method; NaN stays NaN."""
    corrected = np.array(p_values, float)
    known = np.isfinite(corrected)
    if known.any():
        corrected[known] = multipletests(corrected[known], method="holm")[1]
    return corrected


def _auroc_residuals(label: np.ndarray, score: np.ndarray) -> np.ndarray:
    """What each film adds to the error of the AUROC: (placement - AUROC) / films of its label."""
    abnormal = label == 1
    over_all, positive, negative = rankdata(score), abnormal.sum(), (~abnormal).sum()
    residual = np.empty(len(score))
    residual[abnormal] = (over_all[abnormal] - rankdata(score[abnormal])) / negative
    residual[~abnormal] = 1 - (over_all[~abnormal] - rankdata(score[~abnormal])) / positive
    area = residual[abnormal].mean()
    return (residual - area) / np.where(abnormal, positive, negative)


def _variance_over_patients(
    label: np.ndarray, residual: np.ndarray, patient_id: np.ndarray
) -> float:
    patients, patient = np.unique(patient_id, return_inverse=True)
    sums, terms = [], 0.0
    for wanted in (1, 0):
        films = label == wanted
        sums.append(np.bincount(patient[films], residual[films], minlength=len(patients)))
        terms += _small_sample(len(np.unique(patient[films]))) * (sums[-1] ** 2).sum()
    terms += 2 * _small_sample(len(patients)) * (sums[0] * sums[1]).sum()
    return np.maximum(terms, 0.0)


def _small_sample(patients: int) -> float:
    return patients / (patients - 1) if patients > 1 else np.nan


def _films(label: ArrayLike, score: ArrayLike, weight: ArrayLike | None):
    label, score = np.asarray(label), np.asarray(score, float)
    if label.ndim != 1 or label.shape != score.shape:
        raise ValueError(
            f"labels {label.shape} and scores {score.shape} must be one number a film each"
        )
    if not np.isin(label, (0, 1)).all():
        raise ValueError(
            "labels must be 1 (abnormal) or 0 (normal): leave out films of unknown label"
        )
    if not np.isfinite(score).all():
        raise ValueError(
            f"{(~np.isfinite(score)).sum()} of {len(score)} scores are not finite numbers"
        )
    return label, score, np.ones(len(score)) if weight is None else np.asarray(weight)


def _counts_from_zero(weight: np.ndarray, ends: np.ndarray) -> np.ndarray:
    counts = np.cumsum(weight, axis=-1)[..., ends]
    return np.concatenate([np.zeros_like(counts[..., :1]), counts], axis=-1)


def _best(wanted: np.ndarray, cost: np.ndarray, limit: float) -> np.ndarray:
    best = np.where(cost <= limit + 1e-9, wanted, 0).max(axis=-1)
    return np.where(np.isnan(wanted + cost).any(axis=-1), np.nan, best)


def _divide(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    whole = np.asarray(whole, float)
    return part / np.where(whole == 0, np.nan, whole)


def _quantiles(draws: np.ndarray, tails: tuple[float, float]) -> tuple[float, float]:
    return tuple(map(float, np.quantile(draws, tails))) if len(draws) else (np.nan, np.nan)
