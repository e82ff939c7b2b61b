"""The films of a measure: their labels, scores and weights, and their studies."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

#: Number of films of a group, or of either label, below which no measure is reported.
FEWEST = 5


def checked(
    label: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return label (n,), score (n,) and weight (..., n) as arrays; weight is 1 unless given.

    Raises ValueError for labels other than 0 and 1 and for scores that are not finite.
    """
    label, score = np.asarray(label), np.asarray(score, float)
    if label.ndim != 1 or label.shape != score.shape:
        raise ValueError(
            f"labels {label.shape} and scores {score.shape} must have one number per film"
        )
    if not np.isin(label, (0, 1)).all():
        raise ValueError(
            "labels must be 1 (abnormal) or 0 (normal): leave out films of unknown label"
        )
    if not np.isfinite(score).all():
        raise ValueError(
            f"{(~np.isfinite(score)).sum()} of {len(score)} scores are not finite numbers"
        )
    return label, score, np.ones(len(score)) if weight is None else np.asarray(weight)


def by_study(films: pd.DataFrame) -> pd.DataFrame:
    """Return one row per study: mean score of its views, abnormal if one is.

    Any other column is that of the first view.
    """
    rest = {column: "first" for column in films.columns.drop(["study_id", "score", "label"])}
    studies = films.groupby("study_id", sort=False)
    return studies.agg({"score": "mean", "label": "max"} | rest).reset_index()


def divide(part: ArrayLike, whole: ArrayLike) -> np.ndarray:
    """Return part / whole, NaN where the whole is 0."""
    whole = np.asarray(whole, float)
    return part / np.where(whole == 0, np.nan, whole)
