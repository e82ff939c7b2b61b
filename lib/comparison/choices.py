"""Choices that were made when test scores of the same films had been seen: params/choices.csv.

One row per choice: the `methods` (or fusion) and `datasets` that it concerns, the `profile` (empty:
any), what was `chosen`, and the `source` that describes it. Such a choice makes a result
optimistic: tables mark the methods concerned, and a paragraph above them names the choices.
"""

from collections.abc import Iterable
from functools import cache

import pandas as pd

from lib import ROOT, grid, params, prose
from lib.comparison.fusion import declared_name, methods_of

FILE = "params/choices.csv"
RECORD = "reports/real/runs.csv"
MARK = "†"


@cache
def read_choices() -> pd.DataFrame:
    """Return one row per choice, method and data set of any profile; read once, for all marks."""
    table = pd.read_csv(ROOT / FILE, dtype=str, keep_default_na=False)
    for several, single in {"methods": "method", "datasets": "dataset"}.items():
        table[single] = table[several].str.split("; ")
        table = table.explode(single, ignore_index=True)
    return table.drop(columns=["methods", "datasets"])


def chosen_in_sight(dataset: str, method: str) -> list[str]:
    """Return what was chosen with test scores of a data set in sight, for a method or a fusion.

    A fusion is also concerned by the choices of its parts. The profile is that of the numbers that
    pages show of these films: of this run, or of the record of a data set that this run lacks.
    """
    concerned = [method, declared_name(method), *methods_of(method)]
    table = read_choices()
    rows = table[table["dataset"].eq(dataset) & table["method"].isin(concerned)]
    profile = params.profile_name() if dataset in grid.datasets() else _recorded_profile()
    return list(rows.loc[rows["profile"].isin(["", profile]), "chosen"].unique())


@cache
def _recorded_profile() -> str:
    """Return the profile of the record of real films; "" without one."""
    record = ROOT / RECORD
    return pd.read_csv(record, nrows=1, dtype=str)["profile"].iloc[0] if record.exists() else ""


def marked(dataset: str, method: str) -> str:
    """Return the mark of a method on a data set; empty unless a choice concerns it."""
    return f" {MARK}" if chosen_in_sight(dataset, method) else ""


def marks(rows: pd.DataFrame, method: str = "method") -> list[str]:
    """Return the mark of the method and `dataset` of each row, looked up once per pair."""
    pairs = list(zip(rows["dataset"], rows[method], strict=True))
    mark_of = {pair: marked(*pair) for pair in set(pairs)}
    return [mark_of[pair] for pair in pairs]


def with_marks(rows: pd.DataFrame, method: str = "method") -> pd.DataFrame:
    """Return rows with the column `dataset`, their methods with marks, as figures show them."""
    names = zip(rows[method], marks(rows, method), strict=True)
    return rows.assign(**{method: [f"{name}{mark}" for name, mark in names]})


def note(shown: str) -> str:
    """Return the sentence that explains the mark below a table or text; empty without marks."""
    if MARK not in shown:
        return ""
    return (
        f"{MARK}: optimistic on these films, since something was chosen when test scores of the "
        "same films had been seen (`params/choices.csv`); on other films the same method may have "
        "no mark."
    )


def paragraph(pairs: Iterable[tuple[str, str]]) -> str:
    """Return the paragraph above tables with these pairs of data set and method; may be empty."""
    rows = [
        (choice, declared_name(method), dataset)
        for dataset, method in dict.fromkeys(pairs)
        for choice in chosen_in_sight(dataset, method)
    ]
    if not rows:
        return ""
    table = pd.DataFrame(rows, columns=["choice", "method", "dataset"])
    clauses = [
        f"{choice} ({', '.join(map(prose.literal, uses['method'].unique()))}, on "
        f"{', '.join(map(prose.literal, uses['dataset'].unique()))})"
        for choice, uses in table.groupby("choice", sort=False)
    ]
    return (
        f"{MARK} marks results that are optimistic, since something was chosen when test scores of "
        f"the same films had been seen: {'; '.join(clauses)}."
    )
