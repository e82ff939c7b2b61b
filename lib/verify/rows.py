"""Two tables of results, compared row by row."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from lib.errors import BadData

#: The largest difference of two numbers that are the same for a reader of pages, which show three
#: decimals. Areas, shares, correlations and p values all lie between -1 and 1.
TOLERANCE = 0.0005
NUMBERS = (
    *("value", "low", "high", "n", "base_rate", "tpr", "correlation"),
    *("difference", "p_value", "p_holm"),
)
STATES = ("equal", "within", "outside", "missing", "new")
SIDES = ("_before", "_now")


class Compared(NamedTuple):
    """A table compared with an earlier one."""

    title: str
    rows: pd.DataFrame  # dataset, metric, row, before, now, difference, state

    def count(self, *states: str) -> int:
        """Return the number of rows in any of these states."""
        return int(self.rows["state"].isin(states).sum())

    @property
    def total(self) -> int:
        """The rows of the earlier table."""
        return len(self.rows) - self.count("new")

    @property
    def failed(self) -> int:
        """The rows that are not reproduced."""
        return self.count("outside", "missing")


def compare(title: str, now: pd.DataFrame, before: pd.DataFrame, dataset: str = "") -> Compared:
    """Compare tables whose cells are text; a row is known by its columns without numbers.

    States: `equal` to the last digit; `within` TOLERANCE in all numbers or `outside` in any, also
    if the number of films differs; `missing` now; `new`. Equal rows are compared one by one.
    Raises BadData for other columns.
    """
    if list(now) != list(before):
        raise BadData(f"{title}: the columns are {', '.join(now)}, before {', '.join(before)}.")
    keys = [name for name in before if name not in NUMBERS]
    tables = [table.assign(copy=table.groupby(keys).cumcount()) for table in (before, now)]
    both = tables[0].merge(
        tables[1], how="outer", on=[*keys, "copy"], suffixes=SIDES, indicator=True
    )
    numbers = [name for name in before if name in NUMBERS]
    texts = [both[[name + side for name in numbers]].set_axis(numbers, axis=1) for side in SIDES]
    differs = texts[0].ne(texts[1])
    difference = _difference(*texts).max(axis=1).fillna(0.0)
    of_other_films = differs.get("n", pd.Series(False, both.index))
    states = {
        "missing": both["_merge"].eq("left_only"),
        "new": both["_merge"].eq("right_only"),
        "equal": ~differs.any(axis=1),
        "within": difference.le(TOLERANCE + 1e-9) & ~of_other_films,
    }
    rows = {
        "dataset": both.get("dataset", dataset),
        "metric": both.get("metric", ""),
        "row": _joined(both[[name for name in keys if name not in ("dataset", "metric")]]),
        "before": _joined(texts[0].where(differs, ""), named=True),
        "now": _joined(texts[1].where(differs, ""), named=True),
        "difference": difference,
        "state": np.select(list(states.values()), list(states), "outside"),
    }
    return Compared(title, pd.DataFrame(rows, index=both.index))


def by_metric(compared: list[Compared]) -> pd.DataFrame:
    """Count the rows that are not equal per table, data set and metric, by state."""
    rows = pd.concat([one.rows.assign(table=one.title) for one in compared])
    rows = rows[rows["state"].ne("equal")]
    groups = rows.groupby(["table", "dataset", "metric"], sort=False)
    counts = {
        state: groups["state"].agg(lambda states, state=state: int(states.eq(state).sum()))
        for state in STATES[1:]
    }
    of_both = rows["difference"].where(rows["state"].isin(["within", "outside"]))
    largest = of_both.groupby([rows[name] for name in groups.keys], sort=False).max()
    return pd.DataFrame(counts | {"largest": largest}).reset_index()


def _difference(before: pd.DataFrame, now: pd.DataFrame) -> pd.DataFrame:
    """Return absolute differences but of n; infinite where only one of two cells is a number."""
    numbers = [
        table.drop(columns="n", errors="ignore").apply(pd.to_numeric, errors="coerce").astype(float)
        for table in (before, now)
    ]
    difference = (numbers[1] - numbers[0]).abs()
    return difference.mask(numbers[0].isna() != numbers[1].isna(), np.inf)


def _joined(texts: pd.DataFrame, named: bool = False) -> list[str]:
    """Return the cells of each row that are not empty, in one line."""
    return [
        ", ".join(
            f"{name} {text}" if named else text
            for name, text in zip(texts, row, strict=True)
            if isinstance(text, str) and text
        )
        for row in texts.itertuples(index=False, name=None)
    ]
