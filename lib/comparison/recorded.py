"""The record of real films (reports/real/, written by lib.comparison.record), read for pages.

All of it has one profile and the same films, and all of a data set one commit; a table that mixes
these is refused.
"""

from pathlib import Path

import pandas as pd

from lib import ROOT, params, prose
from lib.ablations import ABLATION, Ablation
from lib.comparison import verdicts
from lib.comparison.ablations import Judged, judge_recorded
from lib.comparison.shown import shown
from lib.comparison.tables import OF_ALL, read
from lib.errors import BadData

FOLDER = Path("reports/real")
SHARED = ["profile", "films"]  # the same in all rows of a table
OF_RUNS = ["dataset", "method", "family", "seed", "commit", *SHARED]


def table(name: str) -> pd.DataFrame:
    """Return a table of the record: results, runs, tests or roc; without rows if there is none.

    Raises BadData if it is mixed.
    """
    path = ROOT / FOLDER / f"{name}.csv"
    if not path.exists():
        return pd.DataFrame(columns=OF_ALL.get(name, OF_RUNS))
    rows = read(path)
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
    return f"Recorded at {at}, with the profile `{runs['profile'].iloc[0]}` and the same films."


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
    if "commit" in rows:
        by_dataset = rows.groupby("dataset")["commit"].unique()
        mixed["commit"] = max(map(list, by_dataset), key=len, default=[])
    for name, several in mixed.items():
        if len(several) > 1:
            apart = name in SHARED
            raise BadData(
                f"{path.relative_to(ROOT)} mixes results of several {name.removesuffix('s')}s "
                f"({', '.join(sorted(several))}), which cannot be ranked together: record one "
                f"experiment with `make record {'NAME=folder' if apart else 'REPLACE=yes'}`."
            )
