"""The films of each sphere, and the AUROC within each sphere."""

import numpy as np
import pandas as pd

from lib import metrics
from lib.comparison.rows import enough, ranking

COLUMNS = ["normal", "abnormal", "commonest body part", "its share", "auroc", "low", "high"]


def films_in_spheres(scores: pd.DataFrame, embedding: dict[str, np.ndarray]) -> pd.DataFrame:
    """Return the rows of `scores` (index and scores) of embedded films, in order, with `sphere`.

    For a method with one sphere, all films are in sphere 0.
    """
    image_id = embedding["image_id"]
    sphere = embedding.get("sphere", np.zeros(len(image_id), int))
    return scores.set_index("image_id").loc[image_id].reset_index().assign(sphere=sphere)


def by_sphere(films: pd.DataFrame, resamples: int = 1000) -> pd.DataFrame:
    """Return one row per sphere, the largest first, columns `COLUMNS`.

    `films` has columns sphere, label, score, patient_id, body_part. AUROC is among the films of
    that sphere, its interval (95 %) is a bootstrap over patients; NaN with too few films of either
    label.
    """
    fullest_first = films["sphere"].value_counts().index
    rows = {number: _row(films[films["sphere"].eq(number)], resamples) for number in fullest_first}
    return pd.DataFrame.from_dict(rows, "index", columns=COLUMNS).rename_axis("sphere")


def _row(films: pd.DataFrame, resamples: int) -> list:
    parts = films["body_part"].replace("", "not stated").value_counts(normalize=True)
    counts = [films["label"].eq(label).sum() for label in (0, 1)]
    return [*counts, parts.index[0], parts.iloc[0], *_auroc(films, resamples)]


def _auroc(films: pd.DataFrame, resamples: int) -> tuple:
    known = films[films["label"].notna()]
    if not enough(known["label"]):
        return (np.nan,) * 3
    weights = metrics.patient_weights(known["patient_id"], resamples)
    return metrics.bootstrap(ranking(known["label"], known["score"]), weights)["auroc"]
