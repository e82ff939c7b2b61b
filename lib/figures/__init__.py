"""Every figure of the study, drawn from tables and arrays only.

Each function returns a matplotlib figure that carries its own description; `show` displays it with
that description as alternative text.
"""

from lib.figures.films import films, preprocessing_steps, residual_overlay
from lib.figures.results import calibration, distances, forest, leaderboard, roc, score_histogram
from lib.figures.style import encode, show
from lib.figures.tables import counts, distribution, training_curves

__all__ = [
    "calibration",
    "counts",
    "distances",
    "distribution",
    "encode",
    "films",
    "forest",
    "leaderboard",
    "preprocessing_steps",
    "residual_overlay",
    "roc",
    "score_histogram",
    "show",
    "training_curves",
]
