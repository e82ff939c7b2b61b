"""Films classified as normal or abnormal at one threshold, and the choice of that threshold."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lib.metrics.films import checked, divide


@dataclass(frozen=True)
class Decisions:
    """Counts of films by decision and label, each (...,)."""

    true_positive: np.ndarray
    false_positive: np.ndarray
    false_negative: np.ndarray
    true_negative: np.ndarray

    def recall(self) -> np.ndarray:
        return divide(self.true_positive, self.true_positive + self.false_negative)

    def specificity(self) -> np.ndarray:
        return divide(self.true_negative, self.true_negative + self.false_positive)

    def f1(self) -> np.ndarray:
        errors = self.false_positive + self.false_negative
        return divide(2 * self.true_positive, 2 * self.true_positive + errors)

    def kappa(self) -> np.ndarray:
        """Return Cohen's kappa: agreement beyond that expected by chance from the marginals."""
        tp, fp = self.true_positive, self.false_positive
        fn, tn = self.false_negative, self.true_negative
        return divide(2 * (tp * tn - fp * fn), (tp + fp) * (fp + tn) + (tp + fn) * (fn + tn))


def decide(
    label: ArrayLike, score: ArrayLike, threshold: float, weight: ArrayLike | None = None
) -> Decisions:
    """Classify films as abnormal at or above the threshold; count right and wrong decisions."""
    label, score, weight = checked(label, score, weight)
    weight = weight.astype(float)
    abnormal, positive = label == 1, score >= threshold
    kinds = (abnormal & positive, ~abnormal & positive, abnormal & ~positive, ~abnormal & ~positive)
    return Decisions(*(weight @ kind for kind in kinds))


def threshold_from_normals(score: ArrayLike, quantile: float = 0.95) -> float:
    """Return a threshold set without abnormal films: a quantile of scores of validation normals."""
    return float(np.quantile(np.asarray(score), quantile))


def threshold_for_recall(label: ArrayLike, score: ArrayLike, recall: float = 0.90) -> float:
    """Return a threshold set with abnormal films: the strictest with this recall.

    Raises ValueError without an abnormal film.
    """
    label, score, _ = checked(label, score)
    abnormal = np.sort(score[label == 1])[::-1]
    if not len(abnormal):
        raise ValueError("no abnormal validation film: this threshold cannot be set")
    return float(abnormal[int(np.ceil(recall * len(abnormal) - 1e-9)) - 1])
