"""How well scores rank abnormal films above normal ones, over all thresholds."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lib.metrics.decisions import Decisions
from lib.metrics.films import checked, divide


@dataclass(frozen=True)
class Ranking:
    """Counts of abnormal and normal films at or above each threshold, strictest threshold first.

    Both (..., thresholds + 1), starting at 0. Measures are NaN if a label they need is absent.
    """

    true_positive: np.ndarray
    false_positive: np.ndarray

    @property
    def recall(self) -> np.ndarray:
        return divide(self.true_positive, self.true_positive[..., -1:])

    @property
    def false_positive_rate(self) -> np.ndarray:
        return divide(self.false_positive, self.false_positive[..., -1:])

    @property
    def pairs(self) -> np.ndarray:
        """The number of pairs of an abnormal and a normal film."""
        return self.true_positive[..., -1] * self.false_positive[..., -1]

    def auroc(self) -> np.ndarray:
        """Return the area under the ROC curve; ties count one half."""
        hits, alarms = self.true_positive, self.false_positive
        twice = np.einsum("...i,...i", np.diff(alarms), hits[..., 1:] + hits[..., :-1])
        return divide(twice / 2, self.pairs)

    def recall_up_to(self, rate: float) -> np.ndarray:
        """Return the mean recall over false positive rates from 0 to `rate`; ties as in auroc."""
        fpr, recall = self.false_positive_rate, self.recall
        width = np.diff(fpr, axis=-1)
        used = np.diff(np.minimum(fpr, rate), axis=-1)  # the last segment in part
        rise = np.diff(recall, axis=-1) * used / np.where(width == 0, 1, width)
        return (used * (recall[..., :-1] + rise / 2)).sum(axis=-1) / rate

    def average_precision(self) -> np.ndarray:
        """Return the mean precision over the steps in recall; by chance it is the base rate."""
        hits, flagged = self.true_positive, (self.true_positive + self.false_positive)[..., 1:]
        precision = hits[..., 1:] / np.maximum(flagged, 1e-12)
        return divide(np.einsum("...i,...i", np.diff(hits), precision), hits[..., -1])

    def recall_at_specificity(self, specificity: float) -> np.ndarray:
        """Return the best recall among thresholds that keep at least this specificity."""
        alarms = self.false_positive
        is_kept = alarms <= (1 - specificity + 1e-9) * alarms[..., -1:]
        return self._share_at(self.true_positive, is_kept.sum(axis=-1) - 1)

    def specificity_at_recall(self, recall: float) -> np.ndarray:
        """Return the best specificity among thresholds that keep at least this recall."""
        hits = self.true_positive
        is_missed = hits < (recall - 1e-9) * hits[..., -1:]
        return 1 - self._share_at(self.false_positive, is_missed.sum(axis=-1))

    def _share_at(self, counts: np.ndarray, place: np.ndarray) -> np.ndarray:
        """Return the share of one label that is counted at the places (...,) of thresholds."""
        at = np.take_along_axis(counts, place[..., None], axis=-1)[..., 0]
        return divide(at, np.where(self.pairs == 0, 0, counts[..., -1]))

    def best_dice(self) -> np.ndarray:
        """Return the largest Dice (F1) over all thresholds: an upper bound, as labels choose it."""
        hits = self.true_positive
        return (2 * hits / (hits + self.false_positive + hits[..., -1:])).max(axis=-1)

    def recall_on(self, false_positive_rate: ArrayLike) -> np.ndarray:
        """Return the ROC curve at these rates, (..., rates): the top of steps, otherwise linear."""
        rates = np.asarray(false_positive_rate, float)
        curves = zip(
            np.atleast_2d(self.false_positive_rate), np.atleast_2d(self.recall), strict=True
        )
        read = np.array([np.interp(rates, *curve) for curve in curves])
        return read.reshape(*self.recall.shape[:-1], -1)


@dataclass(frozen=True)
class Steps:
    """Counts of films at the thresholds at which there are abnormal ones, strictest first.

    All (..., steps), totals (...,). Recall rises at these alone, so that they suffice for both
    areas, at a fraction of the time of a Ranking where abnormal films are few.
    """

    hits: np.ndarray  # abnormal films at or above
    above: np.ndarray  # normal films above
    flagged: np.ndarray  # normal films at or above
    abnormal: np.ndarray
    normal: np.ndarray

    @property
    def pairs(self) -> np.ndarray:
        """The number of pairs of an abnormal and a normal film."""
        return self.abnormal * self.normal

    def auroc(self) -> np.ndarray:
        """Return the area under the ROC curve; ties count one half."""
        below = 2 * self.normal[..., None] - self.above - self.flagged  # twice, with half of ties
        return divide(np.einsum("...i,...i", self._gained(), below) / 2, self.pairs)

    def average_precision(self) -> np.ndarray:
        """Return the mean precision over the steps in recall; by chance it is the base rate."""
        precision = self.hits / np.maximum(self.hits + self.flagged, 1e-12)
        return divide(np.einsum("...i,...i", self._gained(), precision), self.abnormal)

    def _gained(self) -> np.ndarray:
        return np.diff(self.hits, axis=-1, prepend=0)


class Sorted:
    """Films sorted once by their scores, to be ranked under the weights of many resamples."""

    def __init__(self, label: ArrayLike, score: ArrayLike, films: ArrayLike | None = None):
        """Sort films: label and score (n,), of all or of those at these places in them.

        Raises ValueError for labels other than 0 and 1 and for scores that are not finite.
        """
        label, score, _ = checked(label, score)
        self.number = len(score)
        films = np.arange(self.number) if films is None else np.asarray(films)
        order = films[np.argsort(-score[films], kind="stable")]
        end_of_tie = np.flatnonzero(np.diff(score[order], append=-np.inf))
        self.thresholds = score[order][end_of_tie]
        # Of either label, its films in order and how many of them are at or above each threshold.
        abnormal = label[order] == 1
        self.by_label = [
            (order[kind], np.concatenate([[0], np.cumsum(kind)[end_of_tie]]))
            for kind in (abnormal, ~abnormal)
        ]
        (_, hits), (_, alarms) = self.by_label
        rising = np.flatnonzero(np.diff(hits))
        self.at_steps = hits[rising + 1], alarms[rising], alarms[rising + 1]
        self.is_tied = not np.array_equal(*self.at_steps[1:])

    def ranking(self, weight: ArrayLike | None = None) -> Ranking:
        """Return the counts of films with the weights of all films, (..., n), 1 unless given."""
        (abnormal, hits), (normal, alarms) = self.by_label
        weight = self._weight(weight)
        return Ranking(
            np.take(_sums_from_zero(np.take(weight, abnormal, axis=-1)), hits, axis=-1),
            np.take(_sums_from_zero(np.take(weight, normal, axis=-1)), alarms, axis=-1),
        )

    def steps(self, weight: ArrayLike | None = None, normal: np.ndarray | None = None) -> Steps:
        """Return the counts of films with the weights of all films, at the steps in recall.

        `normal` are the sums of normal films, where they are known from other abnormal films.
        """
        normal = self.normal(weight) if normal is None else normal
        at_hits, at_above, at_flagged = self.at_steps
        abnormal = _sums_from_zero(np.take(self._weight(weight), self.by_label[0][0], axis=-1))
        above = np.take(normal, at_above, axis=-1)
        flagged = np.take(normal, at_flagged, axis=-1) if self.is_tied else above
        hits = np.take(abnormal, at_hits, axis=-1)
        return Steps(hits, above, flagged, abnormal[..., -1], normal[..., -1])

    def normal(self, weight: ArrayLike | None = None) -> np.ndarray:
        """Return the sums of weights of the first normal films, in order, after a 0."""
        return _sums_from_zero(np.take(self._weight(weight), self.by_label[1][0], axis=-1))

    def decisions(self, ranked: Ranking, threshold: float) -> Decisions:
        """Return the decisions at a threshold, of which `ranked` has the counts already."""
        place = np.searchsorted(-self.thresholds, -threshold, side="right")
        hits, alarms = ranked.true_positive, ranked.false_positive
        missed, passed = (counts[..., -1] - counts[..., place] for counts in (hits, alarms))
        return Decisions(hits[..., place], alarms[..., place], missed, passed)

    def _weight(self, weight: ArrayLike | None) -> np.ndarray:
        return np.ones(self.number, int) if weight is None else np.asarray(weight)


def rank(label: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None) -> Ranking:
    """Rank films: label and score (n,), weight (..., n), as `Sorted` does, which sorts once."""
    return Sorted(label, score).ranking(weight)


def auroc(label: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None) -> np.ndarray:
    """Return the area under the ROC curve of films (see `rank`)."""
    return rank(label, score, weight).auroc()


def average_precision(
    label: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None
) -> np.ndarray:
    """Return the average precision of films (see `rank`)."""
    return rank(label, score, weight).average_precision()


def counts_from_zero(weight: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Return the sums of weight (..., n) up to each of the ends, after a 0: (..., ends + 1)."""
    return np.take(_sums_from_zero(weight), np.concatenate([[0], ends + 1]), axis=-1)


def _sums_from_zero(weight: np.ndarray) -> np.ndarray:
    # Sums of whole numbers in a tenth of the time of floats, which wait for each other.
    sums = np.zeros((*weight.shape[:-1], weight.shape[-1] + 1), np.result_type(weight, int))
    np.cumsum(weight, axis=-1, out=sums[..., 1:])
    return sums
