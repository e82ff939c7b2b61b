"""What the record of real films (reports/real/) says, for pages of other films.

The record may be of several experiments, each in a folder of its own (lib.comparison.record). They
are combined only if they have the same profile and films. A table with rows of several profiles or
films, or of several commits on one data set, is refused.
"""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from lib import ROOT, params, prose
from lib.ablations import ABLATION, Ablation
from lib.comparison import verdicts
from lib.comparison.ablations import Judged, judge_recorded
from lib.comparison.tables import read
from lib.comparison.tests import COLUMNS
from lib.errors import BadData

EXPERIMENTS = {  # in words, by their folder
    "reports/real": "The methods of the study",
    "reports/real/pretrained": "Methods on a network trained on photographs",
    "reports/real/trained_part": "What of such a network is trained to find synthetic lesions",
}
#: Experiments of one seed, recorded for an ablation: shown with the others, but no answer is drawn
#: from them, as the CHANGELOG said before they ran.
OF_ABLATIONS = {"reports/real/trained_part"}
FILES = tuple(f"{folder}/results.csv" for folder in EXPERIMENTS)
ANSWERING = tuple(f"{folder}/results.csv" for folder in EXPERIMENTS if folder not in OF_ABLATIONS)
SHARED = ["profile", "films"]  # columns of runs.csv
OF_ONE = ["commit", *SHARED]  # the same in all rows of a data set, as far as a table has them


def tables(paths: Iterable[str] = FILES) -> list[pd.DataFrame]:
    """Return the results of each experiment.

    Raises BadData if one of them is mixed, or if they differ in profile or films.
    """
    _origins(paths)
    return [read_one(path) for path in _existing(paths)]


def tests(paths: Iterable[str] = ANSWERING) -> pd.DataFrame:
    """Return the paired tests of each experiment that has them, of one data set after the other.

    Raises BadData if they are mixed.
    """
    kept = [path.with_name("tests.csv") for path in _existing(paths)]
    tables = [read_one(path) for path in kept if path.exists()]
    return pd.concat([pd.DataFrame(columns=COLUMNS), *tables])


def read_one(path: Path) -> pd.DataFrame:
    """Return a table of the record. Raises BadData if it is mixed."""
    table = read(path)
    _check_one(path, table)
    return table


def origin(paths: Iterable[str] = FILES) -> str:
    """Say of which commits and profile the record is; "" without one."""
    origins = _origins(paths)
    if origins.empty:
        return ""
    commits = [f"`{name}`" for name in origins["commit"].unique()]
    *first, last = commits
    at = f"commits {', '.join(first)} and {last}" if first else f"commit {last}"
    return (
        f"Recorded at {at}, with the profile "
        f"`{origins['profile'].iloc[0]}`{' and the same films' * (len(commits) > 1)}."
    )


def judged(ablation: Ablation) -> list[Judged]:
    """Return the tables of an ablation on each recorded data set that has variants of it."""
    family = f"{ABLATION}{ablation.name}"
    of_ablation = [rows[rows["family"].eq(family)] for rows in tables()]
    if not any(map(len, of_ablation)):
        return []
    rows = pd.concat(of_ablation).drop_duplicates(
        ["dataset", "method", "seed", "setting", "metric"]
    )
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


def _existing(paths: Iterable[str]) -> list:
    return [ROOT / path for path in paths if (ROOT / path).exists()]


def _origins(paths: Iterable[str]) -> pd.DataFrame:
    """Return commit, profile and films of each experiment."""
    of_runs = [path.with_name("runs.csv") for path in _existing(paths)]
    runs = {path: pd.read_csv(path, dtype=str) for path in of_runs}
    for path, table in runs.items():
        _check_one(path, table)
    whole = pd.concat([pd.DataFrame(columns=OF_ONE), *runs.values()])[OF_ONE].drop_duplicates()
    for name in SHARED:
        if whole[name].nunique() > 1:
            raise BadData(
                f"The experiments of reports/real/ differ in their {name} "
                f"({', '.join(whole[name].unique())}) and cannot be ranked together: record them "
                "again with `make record`."
            )
    return whole


def _check_one(path: Path, table: pd.DataFrame) -> None:
    """Raise BadData if a table mixes profiles or films, or commits on one data set."""
    mixed = {name: list(table[name].unique()) for name in SHARED if name in table}
    if "commit" in table:
        by_dataset = table.groupby("dataset")["commit"].unique()
        mixed["commit"] = max(map(list, by_dataset), key=len, default=[])
    for name, several in mixed.items():
        if len(several) > 1:
            apart = name in SHARED
            raise BadData(
                f"{path.relative_to(ROOT)} mixes results of several {name.removesuffix('s')}s "
                f"({', '.join(sorted(several))}), which cannot be ranked together: record one "
                f"experiment with `make record {'NAME=folder' if apart else 'REPLACE=yes'}`."
            )
