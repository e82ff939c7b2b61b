"""How well maps of anomaly scores localise lesions."""

import numpy as np
from numpy.typing import ArrayLike

from lib.metrics.ranking import Ranking, counts_from_zero


def pixel_counts(
    maps: np.ndarray, lesions: np.ndarray, counted: np.ndarray, bins: int = 4096
) -> tuple[np.ndarray, np.ndarray]:
    """Count lesion and other pixels of each film by map value, largest first: two (m, <= bins).

    maps (m, h, w), lesions and counted (m, h, w) bool: pixels outside `counted` are ignored. Exact
    up to `bins` distinct values; beyond, each bin contains an equal share of all pixels.
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
        counts_from_zero(weight @ lesion, every), counts_from_zero(weight @ other, every)
    )


def pointing_game(maps: np.ndarray, lesions: np.ndarray) -> np.ndarray:
    """Return whether each film's map peaks inside its lesion, (m,).

    arXiv 1608.00507, without tolerance. If several pixels share the peak, it is the share of these
    inside: a constant map is at chance level.
    """
    peak = maps == maps.max(axis=(1, 2), keepdims=True)
    return (peak & lesions.astype(bool)).sum(axis=(1, 2)) / peak.sum(axis=(1, 2))
