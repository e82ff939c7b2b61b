"""AUROC by perturbation and strength, its loss, and what a page shows of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from lib import files, grid, metrics
from lib.comparison.choices import marked
from lib.comparison.overview import above_intervals, named
from lib.prose import literal

COLUMNS = ["dataset", "method", "seed", "perturbation", "strength", "metric"]
COLUMNS += ["value", "low", "high", "n", "base_rate"]
AUROC, DIFFERENCE = "auroc", "auroc_difference"


class Condition(NamedTuple):
    """A perturbation of films and its strength."""

    perturbation: str
    strength: float


NONE = "No fit of `params/robustness.yaml` is in the grid with enough test films of either label."
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


def read(build: Path | None = None) -> pd.DataFrame:
    """Return the tables of all data sets of the grid, one below the other."""
    tables = [
        pd.read_csv(files.robustness(name, build), dtype={"seed": str}, keep_default_na=False,
                    na_values={"low": [""], "high": [""]})
        for name in grid.datasets()
    ]  # fmt: skip
    return pd.concat(tables, ignore_index=True)


def strongest(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the difference in AUROC at the greatest strength, by perturbation and method."""
    last = _strongest(rows).assign(perturbation=lambda part: part["perturbation"] + _at(part))
    last["shown"] = above_intervals(last, "+")
    last["method"] = named(last, "method", "seed")
    table = last.pivot_table("shown", "perturbation", "method", aggfunc="first", sort=False)
    return table.reset_index()


def of_losses(rows: pd.DataFrame) -> str:
    """Per data set and method: AUROC of unperturbed films, and where intervals lie below it."""
    lines = []
    for (dataset, method), group in rows.groupby(["dataset", "method"], sort=False):
        whole = group[group["perturbation"].eq(UNPERTURBED.perturbation)].iloc[0]
        last = _strongest(group)
        falls = last[last["high"] < 0].sort_values("value")
        pairs = zip(falls["perturbation"], falls["value"], strict=True)
        words = ", ".join(f"{name} ({value:+z.3f})" for name, value in pairs)
        lines.append(
            f"- {literal(dataset)}, {literal(method)}{marked(dataset, method)}: AUROC "
            f"{whole['value']:.3f} over {whole['n']:.0f} films; at the greatest strength the "
            f"interval of its change lies below 0 for {words or 'none of them'}."
        )
    return "\n".join(lines)


def _strongest(rows: pd.DataFrame) -> pd.DataFrame:
    differences = rows[rows["metric"].eq(DIFFERENCE)]
    return differences.drop_duplicates(["dataset", "method", "perturbation"], keep="last")


def _at(rows: pd.DataFrame) -> list[str]:
    return [f" {strength:g}" for strength in rows["strength"]]
