"""How well maps of anomaly scores localise lesions."""

import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage

from lib.metrics.ranking import Ranking, counts_from_zero

#: False positive rate up to which per-region overlap is integrated.
MOST_FALSE_POSITIVES = 0.3
#: Groups of lesions by area in % of the prepared film: from the first bound to below the last.
LESION_SIZES = {"small": (0, 1), "medium": (1, 4), "large": (4, np.inf)}


def pixel_counts(
    maps: np.ndarray,
    lesions: np.ndarray,
    counted: np.ndarray,
    bins: int = 4096,
    per_region: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Count lesion and other pixels of each film by map value, largest first: two (m, <= bins).

    maps (m, h, w), lesions and counted (m, h, w) bool: pixels outside `counted` are ignored. Exact
    up to `bins` distinct values; beyond, each bin contains an equal share of all pixels. With
    `per_region` a lesion pixel counts as its share of its region, so that each region counts 1.
    """
    lesions = lesions & counted
    film, lesion = np.nonzero(counted)[0], lesions[counted]
    value = maps[counted].astype(np.float32)
    starts = np.unique(value)
    if len(starts) > bins:
        starts = np.unique(np.quantile(value, np.linspace(0, 1, bins, endpoint=False)))
    size = len(starts)
    cell = film * size + size - np.searchsorted(starts, value, side="right")
    share = _share_of_region(lesions) if per_region else None
    count = [
        np.bincount(cell[kind], weight, len(maps) * size).reshape(-1, size)
        for kind, weight in ((lesion, share), (~lesion, None))
    ]
    return count[0], count[1]


def _share_of_region(lesions: np.ndarray) -> np.ndarray:
    """Return 1 / the size of its region for each lesion pixel, in the order of `nonzero`."""
    region = _regions(lesions)[lesions]
    return 1 / np.bincount(region)[region] if len(region) else np.zeros(0)


def _regions(lesions: np.ndarray) -> np.ndarray:
    """Return the number of the region of each pixel of all films, from 1, 0 elsewhere.

    Pixels that touch, also at a corner, are one region, as in the evaluation code of MVTec AD.
    """
    within_a_film = np.zeros((3, 3, 3))
    within_a_film[1] = 1
    return ndimage.label(lesions, within_a_film)[0]


def of_size(lesions: np.ndarray, size: str) -> np.ndarray:
    """Return the lesions (m, h, w) bool of a group of LESION_SIZES; each region is one lesion."""
    regions = _regions(lesions)
    area = 100 * np.bincount(regions.ravel()) / (lesions.shape[1] * lesions.shape[2])
    least, below = LESION_SIZES[size]
    return lesions & ((least <= area) & (area < below))[regions]


def areas() -> dict[str, str]:
    """Return the bounds of LESION_SIZES in words: `1 to 4 % of the film`."""
    words = {}
    for size, (least, below) in LESION_SIZES.items():
        ends = f"below {below:g}" if not least else f"{least:g} to {below:g}"
        words[size] = f"{ends if np.isfinite(below) else f'from {least:g}'} % of the film"
    return words


def rank_pixels(lesion: np.ndarray, other: np.ndarray, weight: ArrayLike | None = None) -> Ranking:
    """Rank the pixels of all films together, from `pixel_counts`; weight (..., m) counts films."""
    weight = np.ones(len(lesion)) if weight is None else np.asarray(weight, float)
    every = np.arange(lesion.shape[1])
    return Ranking(
        counts_from_zero(weight @ lesion, every), counts_from_zero(weight @ other, every)
    )


def aupro(region: np.ndarray, other: np.ndarray, weight: ArrayLike | None = None) -> np.ndarray:
    """Return the area under the per-region overlap, from `pixel_counts(..., per_region=True)`.

    The overlap, the share of a region at or above a threshold, is averaged over regions, so that a
    small lesion counts as much as a large one. It is integrated over false positive rates up to
    MOST_FALSE_POSITIVES and divided by these: 1 for a perfect map, 0.15 for a constant one.
    Bergmann et al. 2021, doi 10.1007/s11263-020-01400-4, first in arXiv 1911.02357. False positives
    are counted here on films with lesions, there on normal ones as well.
    """
    return rank_pixels(region, other, weight).recall_up_to(MOST_FALSE_POSITIVES)


def overlap(maps: np.ndarray, lesions: np.ndarray, counted: np.ndarray, share: float) -> np.ndarray:
    """Return the intersection over union of each film's lesions and its highest pixels, (m,).

    maps (m, h, w), lesions and counted (m, h, w) bool. The `share` of the counted pixels that is
    highest in a film is flagged, at least one of them, with all that share the last value.
    """
    unions = []
    for values, lesion, inside in zip(maps, lesions & counted, counted, strict=True):
        highest = max(1, round(share * inside.sum()))
        flagged = inside & (values >= np.partition(values[inside], -highest)[-highest])
        unions.append((flagged & lesion).sum() / (flagged | lesion).sum())
    return np.array(unions)


def pointing_game(maps: np.ndarray, lesions: np.ndarray) -> np.ndarray:
    """Return whether each film's map peaks inside its lesion, (m,).

    arXiv 1608.00507, without tolerance. If several pixels share the peak, it is the share of these
    inside: a constant map is at chance level.
    """
    peak = maps == maps.max(axis=(1, 2), keepdims=True)
    return (peak & lesions.astype(bool)).sum(axis=(1, 2)) / peak.sum(axis=(1, 2))
