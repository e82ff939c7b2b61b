"""The effect of scoring settings: AUROC under each, on the films of a sweep."""

import numpy as np
import pandas as pd

from lib import metrics
from lib.comparison.rows import enough

COLUMNS = ["value", "low", "high", "difference", "difference_low", "difference_high"]
COLUMNS += ["reference", "n"]


def sweep_auroc(sweep: pd.DataFrame, films: pd.DataFrame, resamples: int = 1000) -> pd.DataFrame:
    """Return AUROC per setting of a fit's sweep, and its difference from that with most calls.

    `sweep` has columns image_id, one per setting, score; `films` image_id, label and patient_id.
    Settings are the index of the result: value, low, high; difference, its low and high; whether
    this is the reference; n films. Both intervals (95 %) are bootstraps over the same draws of
    patients, so differences are paired. Without `calls` the reference is the largest first setting.
    Empty without a sweep, or with too few films of either label.
    """
    empty = pd.DataFrame(columns=COLUMNS)
    if sweep.empty:
        return empty
    known = films[films["label"].notna() & films["image_id"].isin(sweep["image_id"])]
    if not enough(known["label"]):
        return empty
    names = list(sweep.columns.drop(["image_id", "score"]))
    scores = {
        setting: rows.set_index("image_id")["score"][known["image_id"]].to_numpy()
        for setting, rows in sweep.groupby(names, sort=False)
    }
    calls = names.index("calls") if "calls" in names else 0
    reference = max(scores, key=lambda setting: setting[calls])
    measure = _areas(known["label"], scores, reference)
    estimates = metrics.bootstrap(measure, metrics.patient_weights(known["patient_id"], resamples))
    rows = [
        [
            *estimates["auroc", setting],
            *estimates["difference", setting],
            setting == reference,
            len(known),
        ]
        for setting in scores
    ]
    return pd.DataFrame(rows, pd.MultiIndex.from_tuples(scores, names=names), COLUMNS)


def _areas(label: pd.Series, scores: dict[tuple, np.ndarray], reference: tuple):
    def measure(weight):
        areas = {setting: metrics.auroc(label, score, weight) for setting, score in scores.items()}
        return {("auroc", setting): area for setting, area in areas.items()} | {
            ("difference", setting): area - areas[reference] for setting, area in areas.items()
        }

    return measure
