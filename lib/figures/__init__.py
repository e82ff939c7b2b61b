"""Every figure of the study, drawn from tables and arrays only.

Each function returns a matplotlib figure that carries its own description; `show` displays it with
that description as alternative text.
"""

from lib.figures.costs import costs
from lib.figures.embedding import planes, planes_by_group, spheres
from lib.figures.films import (
    chain,
    films,
    grades,
    map_scale,
    overlays,
    preprocessing_steps,
    residual_overlay,
    samples,
    side_by_side,
)
from lib.figures.glance import glance
from lib.figures.heat import heat
from lib.figures.results import (
    calibration,
    distances,
    forest,
    leaderboard,
    pairs,
    robustness,
    roc,
    roc_bands,
    roc_by_family,
    score_histogram,
    separated,
    sweep,
    trend,
)
from lib.figures.style import encode, markup, show, show_row
from lib.figures.tables import counts, distribution, training_curves

__all__ = [
    "calibration",
    "chain",
    "costs",
    "counts",
    "distances",
    "distribution",
    "encode",
    "films",
    "forest",
    "glance",
    "grades",
    "heat",
    "leaderboard",
    "map_scale",
    "markup",
    "overlays",
    "pairs",
    "planes",
    "planes_by_group",
    "preprocessing_steps",
    "residual_overlay",
    "robustness",
    "roc",
    "roc_bands",
    "roc_by_family",
    "samples",
    "score_histogram",
    "separated",
    "show",
    "show_row",
    "side_by_side",
    "spheres",
    "sweep",
    "training_curves",
    "trend",
]
