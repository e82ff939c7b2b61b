"""AUROC by perturbation and strength, and its loss."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from lib import metrics

COLUMNS = ["dataset", "method", "seed", "perturbation", "strength", "metric"]
COLUMNS += ["value", "low", "high", "n", "base_rate"]
AUROC, DIFFERENCE = "auroc", "auroc_difference"


class Condition(NamedTuple):
    """A perturbation of films and its strength."""

    perturbation: str
    strength: float


UNPERTURBED = Condition("none", 0)


def rows_of_conditions(
    films: pd.DataFrame, scores: Mapping[Condition, np.ndarray], resamples: int = 1000
) -> list[dict]:
    """Return AUROC of each condition and its difference from that of the unperturbed films.

    `films` (n rows) has label and patient_id; scores are (n,). Intervals (95 %) are bootstraps over
    the same draws of patients, so that differences are paired.
    """
    label = films["label"]

    def measure(weight):
        areas = {at: metrics.auroc(label, score, weight) for at, score in scores.items()}
        whole = areas[UNPERTURBED]
        losses = {(at, DIFFERENCE): area - whole for at, area in areas.items() if at != UNPERTURBED}
        return {(at, AUROC): area for at, area in areas.items()} | losses

    weights = metrics.patient_weights(films["patient_id"], resamples)
    shared = {"n": len(films), "base_rate": label.mean()}
    return [
        {**at._asdict(), "metric": metric, **estimate._asdict(), **shared}
        for (at, metric), estimate in metrics.bootstrap(measure, weights).items()
    ]
