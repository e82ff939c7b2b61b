"""How well scores detect abnormal films, and with which uncertainty.

Labels are 1 (abnormal) or 0 (normal) and larger scores are more abnormal. Every measure takes an
optional `weight`: the count of each film. A bootstrap has one weight per resample and film, shape
(resamples, n), and gives the measure of all resamples at once, shape (resamples,).
"""

from lib.metrics.calibration import (
    CURVES,
    brier,
    calibration_error,
    errors,
    fit_isotonic,
    fit_probability,
    reliability,
)
from lib.metrics.decisions import Decisions, decide, threshold_for_recall, threshold_from_normals
from lib.metrics.films import FEWEST, by_study, divide
from lib.metrics.intervals import Estimate, bootstrap, patient_weights, roc_band, t_interval
from lib.metrics.pixels import (
    LESION_SIZES,
    areas,
    aupro,
    of_size,
    overlap,
    pixel_counts,
    pointing_game,
    rank_pixels,
)
from lib.metrics.ranking import Ranking, Sorted, Steps, auroc, average_precision, rank
from lib.metrics.significance import (
    DELONG,
    ENOUGH_FOR_DELONG,
    PERMUTATION,
    Paired,
    holm,
    paired_delong,
    paired_permutation,
    paired_t,
    paired_test,
)

__all__ = [
    "CURVES",
    "DELONG",
    "ENOUGH_FOR_DELONG",
    "FEWEST",
    "LESION_SIZES",
    "PERMUTATION",
    "Decisions",
    "Estimate",
    "Paired",
    "Ranking",
    "Sorted",
    "Steps",
    "areas",
    "aupro",
    "auroc",
    "average_precision",
    "bootstrap",
    "brier",
    "by_study",
    "calibration_error",
    "decide",
    "divide",
    "errors",
    "fit_isotonic",
    "fit_probability",
    "holm",
    "of_size",
    "overlap",
    "paired_delong",
    "paired_permutation",
    "paired_t",
    "paired_test",
    "patient_weights",
    "pixel_counts",
    "pointing_game",
    "rank",
    "rank_pixels",
    "reliability",
    "roc_band",
    "t_interval",
    "threshold_for_recall",
    "threshold_from_normals",
]
