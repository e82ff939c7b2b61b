"""The runs that pages show: the median of each method, floors, and variants of one seed."""

import pandas as pd

from lib.ablations import ABLATION
from lib.grid import FLOOR, FUSION


def runs(results: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a table of results that are compared at a glance: AUROC of each run.

    Without means over seeds, ablations, and fusions that several rules combine.
    """
    rows = results.query("level == 'image' and group == 'all' and metric == 'auroc'")
    several = rows["family"].eq(FUSION) & rows["method"].str.contains(": ")
    others = several | rows["family"].str.startswith(ABLATION) | rows["seed"].astype(str).eq("mean")
    return rows[~others]


def median_runs(results: pd.DataFrame) -> pd.DataFrame:
    """Return the run of median AUROC of each method on each data set, the lower of two, best first.

    `results` has columns dataset, method, family, value and one row per run; floors are left out.
    """
    methods = results[results["family"].ne(FLOOR)].sort_values("value", kind="stable")
    by_method = methods.groupby(["dataset", "method"])["value"]
    is_median = by_method.cumcount().eq((by_method.transform("size") - 1) // 2)
    return methods[is_median][::-1]


def shown(results: pd.DataFrame) -> pd.DataFrame:
    """Return the runs of a table of results that pages show: the median of each method, floors."""
    rows = runs(results)
    return pd.concat([median_runs(rows), rows[rows["family"].eq(FLOOR)]])


def of_one_seed(results: pd.DataFrame) -> pd.DataFrame:
    """Return AUROC of the variants of ablations that ran from one seed, which has no spread."""
    rows = results.query("level == 'image' and group == 'all' and metric == 'auroc'")
    rows = rows[rows["family"].str.startswith(ABLATION)]
    return rows[rows.groupby(["dataset", "family"])["seed"].transform("nunique").eq(1)]
