"""Tests of whether one detector ranks films better than another, and their correction."""

from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm, permutation_test, rankdata, ttest_1samp
from statsmodels.stats.multitest import multipletests

from lib.metrics.films import checked
from lib.metrics.intervals import Estimate, bootstrap, patient_weights
from lib.metrics.ranking import Sorted, auroc

DELONG, PERMUTATION = "DeLong", "permutation"
#: DeLong's test needs as many patients of the rarer label, times the distance of each AUROC from 1
#: and from 0: the usual rule for a share to be normally distributed. With fewer it rejects too
#: rarely: two equal detectors of AUROC .95, 10 films of either label, in none of 500 trials.
ENOUGH_FOR_DELONG = 5
PERMUTATIONS = 99_999


class Tested(NamedTuple):
    """A difference in AUROC with its interval and two-sided p value, and the test it is from."""

    difference: Estimate
    p_value: float
    test: str  # DELONG or PERMUTATION


class Placed:
    """The scores of a detector, with its AUROC and the error of this that each patient adds."""

    def __init__(self, films: "Paired", score: ArrayLike):
        """Place films by a score (n,). Raises ValueError for scores that are not finite."""
        self.films = films
        _, self.score, _ = checked(films.label, score)
        self.area = float(auroc(films.label, self.score))

    @property
    def is_enough(self) -> bool:
        """Whether DeLong's test holds for these scores (see ENOUGH_FOR_DELONG)."""
        fewest = min(self.films.patients_of_label.values())
        return fewest * min(self.area, 1 - self.area) >= ENOUGH_FOR_DELONG

    @cached_property
    def errors(self) -> np.ndarray:
        """Sums of `_auroc_residuals` over patients, of abnormal and of normal films."""
        label, patient = self.films.label, self.films.patient
        residual = _auroc_residuals(label, self.score)
        sums = [np.bincount(patient, np.where(label == y, residual, 0)) for y in (1, 0)]
        return np.array(sums)


class Paired:
    """Films on which pairs of detectors are compared; what pairs share is computed once."""

    def __init__(self, label: ArrayLike, patient_id: ArrayLike | None = None):
        """Take films: label and patient (n,), each film of its own patient unless given."""
        self.label = np.asarray(label)
        ids = np.arange(len(self.label)) if patient_id is None else np.asarray(patient_id, str)
        self.patient_id, (_, self.patient) = ids, np.unique(ids, return_inverse=True)
        self.patients_of_label = {y: len(np.unique(self.patient[self.label == y])) for y in (1, 0)}

    def place(self, score: ArrayLike) -> Placed:
        """Return a detector by its score (n,), to be compared with others."""
        return Placed(self, score)

    def test(self, a: Placed, b: Placed) -> Tested:
        """Compare two detectors as `paired_test` does."""
        if a.is_enough and b.is_enough:
            return Tested(*self.delong(a, b), DELONG)
        films = [Sorted(self.label, one.score) for one in (a, b)]

        def measure(weight):
            of_a, of_b = (one.ranking(weight).auroc() for one in films)
            return {"difference": of_a - of_b}

        estimate = bootstrap(measure, patient_weights(self.patient_id))["difference"]
        p_value = paired_permutation(self.label, a.score, b.score, self.patient_id)
        return Tested(estimate, p_value, PERMUTATION)

    def delong(self, a: Placed, b: Placed) -> tuple[Estimate, float]:
        """Compare two detectors as `paired_delong` does."""
        difference = a.area - b.area
        error = np.sqrt(self._variance(a.errors - b.errors))
        margin = norm.ppf(0.975) * error
        p_value = 2 * norm.sf(abs(difference) / error) if error != 0 else float(difference == 0)
        return Estimate(difference, difference - margin, difference + margin), float(p_value)

    def _variance(self, errors: np.ndarray) -> float:
        abnormal, normal = errors
        terms = _small_sample(self.patients_of_label[1]) * (abnormal**2).sum()
        terms += _small_sample(self.patients_of_label[0]) * (normal**2).sum()
        terms += 2 * _small_sample(len(abnormal)) * (abnormal * normal).sum()
        return np.maximum(terms, 0.0)


def paired_test(
    label: ArrayLike, score_a: ArrayLike, score_b: ArrayLike, patient_id: ArrayLike | None = None
) -> Tested:
    """Compare the AUROC of two detectors on the same films by the test that these films allow.

    DeLong's test, unless films are few or an AUROC is near 1 or 0 (see ENOUGH_FOR_DELONG): there
    its variance is itself uncertain, and 0 for perfect detectors. Then it is a permutation test,
    and the percentile interval of 1,000 bootstrap resamples of patients.
    """
    films = Paired(label, patient_id)
    return films.test(films.place(score_a), films.place(score_b))


def paired_permutation(
    label: ArrayLike, score_a: ArrayLike, score_b: ArrayLike, patient_id: ArrayLike | None = None
) -> float:
    """Return the two-sided p value of a difference in AUROC by exchanging the detectors' ranks.

    If the detectors are equally good, each patient's ranks could as well be those of the other one.
    All exchanges are counted where there are at most PERMUTATIONS, otherwise as many are drawn.
    Bandos, Rockette and Gur 2005, doi 10.1002/sim.2149, with films of a patient exchanged together.
    """
    label, score_a, _ = checked(label, score_a)
    label, score_b, _ = checked(label, score_b)
    patient_id = np.arange(len(label)) if patient_id is None else np.asarray(patient_id, str)
    parts = np.bincount(
        np.unique(patient_id, return_inverse=True)[1], _exchanged_parts(label, score_a, score_b)
    )
    if not parts.any():
        return 1.0
    exchanged = permutation_test(
        (parts[parts != 0],),  # an exchange changes the sign of a patient's part
        np.sum,
        permutation_type="samples",
        n_resamples=PERMUTATIONS,
        batch=1000,
        rng=np.random.default_rng(0),
    )
    return float(exchanged.pvalue)


def paired_delong(
    label: ArrayLike, score_a: ArrayLike, score_b: ArrayLike, patient_id: ArrayLike | None = None
) -> tuple[Estimate, float]:
    """Return AUROC of a minus that of b on the same films, its 95 % interval and two-sided p value.

    DeLong's test by midranks (Sun and Xu 2014, doi 10.1109/LSP.2014.2337313). With `patient_id`
    the variance sums the films of a patient first (Obuchowski 1997, doi 10.2307/2533958).
    """
    films = Paired(label, patient_id)
    return films.delong(films.place(score_a), films.place(score_b))


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


def _exchanged_parts(label: np.ndarray, score_a: np.ndarray, score_b: np.ndarray) -> np.ndarray:
    """Return each film's part of the difference in AUROC, which changes sign if it is exchanged.

    A film's placement by a minus that by b among the ranks, by both, of the films of the other
    label. The difference after any exchange is the sum of the parts with their signs.
    """
    ranks, abnormal = np.array([rankdata(score_a), rankdata(score_b)]), label == 1
    parts = np.empty(len(label))
    for own, sign in ((abnormal, 1), (~abnormal, -1)):
        others = np.sort(ranks[:, ~own], axis=None)
        below = [np.searchsorted(others, ranks[:, own], side) for side in ("left", "right")]
        placement = np.add(*below) / (2 * len(others))
        parts[own] = sign * (placement[0] - placement[1]) / own.sum()
    return parts


def _auroc_residuals(label: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Return each film's part of the AUROC's error: (placement - AUROC) / films of its label."""
    abnormal = label == 1
    ranks, positive, negative = rankdata(score), abnormal.sum(), (~abnormal).sum()
    residual = np.empty(len(score))
    residual[abnormal] = (ranks[abnormal] - rankdata(score[abnormal])) / negative
    residual[~abnormal] = 1 - (ranks[~abnormal] - rankdata(score[~abnormal])) / positive
    area = residual[abnormal].mean()
    return (residual - area) / np.where(abnormal, positive, negative)


def _small_sample(patients: int) -> float:
    return patients / (patients - 1) if patients > 1 else np.nan
