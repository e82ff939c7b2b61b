"""The tables of the comparison on disk: their columns, and their readers."""

from pathlib import Path
from typing import NamedTuple

import pandas as pd

from lib import files
from lib.ablations import ABLATION
from lib.comparison import reliability, strata, tests
from lib.errors import BadData
from lib.grid import FLOOR, Fit

ORIGIN = ["dataset", "method", "family", "seed", "setting"]
COLUMNS = [*ORIGIN, "level", "group", "metric", "value", "low", "high", "n", "base_rate"]
RUN = ["method", "variant", "seed"]  # a fit on one data set, including those of ablations
#: Tables measured per data set and then concatenated over data sets.
OF_ALL = {
    "results": COLUMNS,
    "tests": tests.COLUMNS,
    "strata": [*ORIGIN, *strata.COLUMNS],
    "roc": ["dataset", "method", "seed", "fpr", "tpr", "low", "high"],
    "failures": ["dataset", "method", "seed", "reason"],
}
#: Tables read by pages of that data set only; `scores` is a hash, by which equal ones are known.
OF_ONE = {
    "rankings": [*RUN, "scores", "metric", "value", "low", "high", "n", "base_rate"],
    "broken": [*RUN, "reason"],  # fits without numbers
    "follows": ["method", "seed", "floor", "correlation"],
    "reliability": ["method", "seed", *reliability.COLUMNS],
}


class Measures(NamedTuple):
    """The measures of one fit of the grid; all empty if nothing can be measured."""

    results: pd.DataFrame  # columns COLUMNS
    curve: pd.DataFrame  # fpr, tpr, low, high
    against_floor: dict  # the paired test with the floor that is best on the test films
    follows: pd.Series  # rank correlation with each floor over normal films, strongest first
    reliability: pd.DataFrame  # columns of lib.comparison.reliability


def measures_of(fit: Fit, build: Path | None = None) -> Measures:
    """Return the measures of a fit. Raises BadData if they have not been computed."""
    identity = {"method": fit.method, "seed": str(fit.seed)}
    results, curve, follows, bins = (
        _of(read_measures(fit.dataset, name, build), identity)
        for name in ("results", "roc", "follows", "reliability")
    )
    pairs = read_measures(fit.dataset, "tests", build)
    pairs = pairs[pairs["method_b"].str.startswith(FLOOR)]
    against = _of(pairs, {"method_a": fit.method, "seed_a": str(fit.seed)}).to_dict("records")
    return Measures(
        without_ablations(results),
        curve,
        against[0] if against else {},
        follows.set_index("floor")["correlation"],
        bins,
    )


def read_measures(dataset: str, name: str, build: Path | None = None) -> pd.DataFrame:
    """Return a table of OF_ALL or OF_ONE of a data set. Raises BadData if nothing was measured."""
    folder = files.measured(dataset, build)
    if not folder.exists():
        raise BadData(
            f"Nothing has been measured on {dataset}: run `python -m lib.comparison {dataset}`."
        )
    return read(folder / f"{name}.csv")


def read(path: Path) -> pd.DataFrame:
    """Read one table; seeds are text, as one of them is `mean`; missing text is empty."""
    text = ("seed", "seed_a", "seed_b", "variant", "scores", "setting", "reason", "commit")
    table = pd.read_csv(path, dtype=dict.fromkeys(text, str))
    return table.fillna({name: "" for name in text if name in table})


def without_ablations(results: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the grid's fits, floors and fusions."""
    return results[~results["family"].str.startswith(ABLATION)]


def _of(table: pd.DataFrame, named: dict[str, str]) -> pd.DataFrame:
    selected = pd.Series(True, table.index)
    for column, value in named.items():
        selected &= table[column].eq(value)
    return table[selected].reset_index(drop=True)
