"""Tests of whether one detector ranks films better than another, and their correction."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm, rankdata, ttest_1samp
from statsmodels.stats.multitest import multipletests

from lib.metrics.films import checked
from lib.metrics.intervals import Estimate
from lib.metrics.ranking import auroc


def paired_delong(
    label: ArrayLike, score_a: ArrayLike, score_b: ArrayLike, patient_id: ArrayLike | None = None
) -> tuple[Estimate, float]:
    """Return AUROC of a minus that of b on the same films, its 95 % interval and two-sided p value.

    DeLong's test by midranks (Sun and Xu 2014, doi 10.1109/LSP.2014.2337313). With `patient_id`
    the variance sums the films of a patient first (Obuchowski 1997, doi 10.2307/2533958).
    """
    label, score_a, _ = checked(label, score_a)
    label, score_b, _ = checked(label, score_b)
    patient_id = np.arange(len(label)) if patient_id is None else np.asarray(patient_id, str)
    difference = float(auroc(label, score_a) - auroc(label, score_b))
    residual = _auroc_residuals(label, score_a) - _auroc_residuals(label, score_b)
    error = np.sqrt(_variance_over_patients(label, residual, patient_id))
    margin = norm.ppf(0.975) * error
    p_value = 2 * norm.sf(abs(difference) / error) if error != 0 else float(difference == 0)
    return Estimate(difference, difference - margin, difference + margin), float(p_value)


def paired_t(differences: ArrayLike) -> float:
    """Return the two-sided p value of paired differences (n,), e.g. of seeds, by Student's t test.

    NaN for one difference, or where all are the same.
    """
    differences = np.asarray(differences, float)
    if len(differences) < 2 or np.ptp(differences) == 0:
        return np.nan
    return float(ttest_1samp(differences, 0.0).pvalue)


def holm(p_values: ArrayLike) -> np.ndarray:
    """Correct p values for their number by Holm's step-down method; NaN stays NaN."""
    corrected = np.array(p_values, float)
    known = np.isfinite(corrected)
    if known.any():
        corrected[known] = multipletests(corrected[known], method="holm")[1]
    return corrected


def _auroc_residuals(label: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Return each film's part of the AUROC's error: (placement - AUROC) / films of its label."""
    abnormal = label == 1
    ranks, positive, negative = rankdata(score), abnormal.sum(), (~abnormal).sum()
    residual = np.empty(len(score))
    residual[abnormal] = (ranks[abnormal] - rankdata(score[abnormal])) / negative
    residual[~abnormal] = 1 - (ranks[~abnormal] - rankdata(score[~abnormal])) / positive
    area = residual[abnormal].mean()
    return (residual - area) / np.where(abnormal, positive, negative)


def _variance_over_patients(
    label: np.ndarray, residual: np.ndarray, patient_id: np.ndarray
) -> float:
    patients, patient = np.unique(patient_id, return_inverse=True)
    sums, terms = [], 0.0
    for value in (1, 0):
        films = label == value
        sums.append(np.bincount(patient[films], residual[films], minlength=len(patients)))
        terms += _small_sample(len(np.unique(patient[films]))) * (sums[-1] ** 2).sum()
    terms += 2 * _small_sample(len(patients)) * (sums[0] * sums[1]).sum()
    return np.maximum(terms, 0.0)


def _small_sample(patients: int) -> float:
    return patients / (patients - 1) if patients > 1 else np.nan
