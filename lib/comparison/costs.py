"""What detectors cost: minutes of training and milliseconds per scored film, from records of fits.

Seconds are those of the work on a fit as it was recorded: training, and scoring of the validation,
test and unlabelled films, each with the start of the process, loading and compiling, and with what
the page of the fit shows. Features of backbones are computed beforehand and are not counted.
"""

import pandas as pd

from lib import files
from lib.comparison.choices import with_marks
from lib.comparison.overview import of_detectors
from lib.datasets.table import load_index
from lib.figures.costs import rough
from lib.fits import landing, store
from lib.grid import Fit
from lib.prose import literal

SHORTEST = 0.1  # seconds; records have one decimal
COSTS = {"minutes": "minutes of training", "milliseconds": "ms per film"}


def of_fits(auroc: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of AUROC of trained detectors, with columns minutes and milliseconds.

    Methods have the marks of choices made in sight. Of several seeds the first; without floors,
    fusions and fits without a record. Raises BadData if an index is missing.
    """
    detectors = of_detectors(auroc)
    rows = []
    for dataset, group in detectors.drop_duplicates(["dataset", "method"]).groupby("dataset"):
        films = load_index(files.index(dataset))["split"].ne("train").sum()
        for row in group.to_dict("records"):
            fit = Fit(dataset, row["method"], seed=int(row["seed"]))
            if store.record(fit).get("status") == "finished":
                training, scoring = (
                    max(SHORTEST, landing.read(folder(fit))["duration_s"])
                    for folder in (files.trained, files.scored)
                )
                cost = {"minutes": training / 60, "milliseconds": 1000 * scoring / films}
                rows.append(row | cost)
    return with_marks(pd.DataFrame(rows, columns=[*auroc, *COSTS]))


def cheapest(rows: pd.DataFrame, cost: str) -> pd.DataFrame:
    """Return the detectors than which none costs less, or as much, and has a higher AUROC.

    The cheapest first.
    """
    ordered = rows.sort_values([cost, "value"], ascending=[True, False], kind="stable")
    best_before = ordered["value"].cummax().shift(fill_value=-1.0)
    return ordered[ordered["value"].gt(best_before)]


def named(rows: pd.DataFrame) -> dict[str, list[str]]:
    """Return the names of `cheapest` by cost, for figures.costs."""
    return {cost: list(cheapest(rows, cost)["method"]) for cost in COSTS}


def sentence(rows: pd.DataFrame) -> str:
    """Say for each cost what it ranges over, and which detectors no cheaper one exceeds."""
    words = []
    for cost, unit in COSTS.items():
        ends = rows.sort_values(cost, kind="stable").iloc[[0, -1]]
        low, high = (f"{rough(row[cost])} ({literal(row['method'])})" for _, row in ends.iterrows())
        names = [
            f"{literal(row.method)} ({row.value:.2f})" for row in cheapest(rows, cost).itertuples()
        ]
        words.append(
            f"The {unit} are {low} to {high}; no detector that costs less has a higher AUROC than "
            f"{', '.join(names)}."
        )
    return " ".join(words)
