"""The record of real films (reports/real/, written by lib.comparison.record), read for pages.

All of it has one profile and the same films, and all of a data set one commit. Tables that mix
these, or are of other runs than runs.csv says, are refused.
"""

from pathlib import Path

import pandas as pd

from lib import ROOT, params, prose
from lib.ablations import ABLATION, Ablation
from lib.comparison import verdicts
from lib.comparison.ablations import Judged, judge_recorded
from lib.comparison.tables import OF_ALL, ORIGIN, read
from lib.errors import BadData
from lib.shown import shown

FOLDER = Path("reports/real")
SHARED = ["profile", "films"]  # the same in all rows of a table
OF_CODE = ["dataset", "commit", "profile"]
OF_ONE = [*OF_CODE, "films"]
TABLES = OF_ALL | {"runs": [*ORIGIN, "commit", *SHARED, "recorded"]}  # and their columns


def table(name: str, folder: Path = FOLDER) -> pd.DataFrame:
    """Return a table of TABLES as it was recorded in a folder; without rows if there is no record.

    Raises BadData if it or runs.csv is mixed, or if it is of other runs than these.
    """
    rows = _read(name, folder)
    if name != "runs" and len(rows):
        of_runs = _read("runs", folder)[OF_CODE].drop_duplicates()
        both = rows[OF_CODE].drop_duplicates().merge(of_runs, how="left", indicator=True)
        strange = both.loc[both["_merge"].ne("both"), "dataset"]
        if len(strange):
            raise BadData(
                f"{folder}/{name}.csv has rows of {strange.iloc[0]} at a commit or profile that "
                "runs.csv does not name: record that data set again with `make record REPLACE=yes`."
            )
    return rows


def _read(name: str, folder: Path) -> pd.DataFrame:
    path = ROOT / folder / f"{name}.csv"
    if not path.exists():
        return pd.DataFrame(columns=TABLES[name])
    needed = OF_ONE if name == "runs" else OF_CODE
    try:
        rows = read(path).astype(dict.fromkeys(needed, str))
    except (ValueError, KeyError, TypeError) as reason:
        raise BadData(
            f"{path.relative_to(ROOT)} is damaged ({str(reason).strip()}): restore it from git."
        ) from None
    _check_one(path, rows)
    return rows


def auroc() -> pd.DataFrame:
    """Return the AUROC per film of the median run of each method, and of the floors."""
    return shown(table("results"))


def origin() -> str:
    """Say of which commits and profile the record is; "" without one."""
    runs = table("runs")
    if runs.empty:
        return ""
    *first, last = (f"`{name}`" for name in runs["commit"].unique())
    at = f"commits {', '.join(first)} and {last}" if first else f"commit {last}"
    of_films = " and the same films" if first else ""
    return f"Recorded at {at}, with the profile `{runs['profile'].iloc[0]}`{of_films}."


def judged(ablation: Ablation) -> list[Judged]:
    """Return the tables of an ablation on each recorded data set that has variants of it."""
    rows = table("results")
    rows = rows[rows["family"].eq(f"{ABLATION}{ablation.name}")]
    rows = rows[rows["seed"].ne("mean") & rows["method"].isin(params.methods())]
    by_dataset = rows.groupby("dataset", sort=False)
    by_set = [judge_recorded(ablation, of_dataset) for _, of_dataset in by_dataset]
    return [one for one in by_set if len(one.fits)]


def sentences(ablation: Ablation) -> list[str]:
    """Return per recorded data set what an ablation shows there, in Markdown, with marks."""
    lines = []
    for one in map(verdicts.shown, judged(ablation)):
        compared = [*one.differences["method"].unique()]
        parts = [verdicts.verdict(one, method) for method in compared]
        parts += verdicts.contrasts(one, one.ablation.methods)
        films = f"{one.fits['n'].max():.0f} test films"
        lines.append(f"{prose.literal(one.ablation.dataset)}, {films}: {'; '.join(parts)}")
    return lines


def _check_one(path: Path, rows: pd.DataFrame) -> None:
    """Raise BadData if a table mixes profiles or films, or commits on one data set."""
    mixed = {name: list(rows[name].unique()) for name in SHARED if name in rows}
    by_dataset = rows.groupby("dataset")["commit"].unique()
    mixed["commit"] = max(map(list, by_dataset), key=len, default=[])
    for name, several in mixed.items():
        if len(several) > 1:
            of = "all data sets" if name in SHARED else "this data set"
            raise BadData(
                f"{path.relative_to(ROOT)} mixes results of several {name.removesuffix('s')}s "
                f"({', '.join(sorted(several))}), which cannot be ranked together: "
                f"record {of} again with `make record REPLACE=yes`."
            )
