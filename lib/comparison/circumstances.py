"""Whether detectors read the disease or the circumstances: the tables and sentences of a page.

All functions take rows of strata.csv (lib.comparison.strata). Intervals are not corrected for the
number of comparisons, so that no fall is called clear.
"""

from collections.abc import Iterator

import pandas as pd

from lib.comparison.overview import above_intervals, named
from lib.comparison.strata import ALL, CRUDE, DIFFERENCE, POOLED
from lib.grid import FLOOR
from lib.prose import literal

NONE = "No group of films has enough of either label."


def differences(rows: pd.DataFrame) -> pd.DataFrame:
    """Return per detector what is lost within strata of each circumstance; largest loss first.

    Intervals are shown below the values, since several next to them would not fit a page.
    """
    rows = rows[rows["metric"].eq(DIFFERENCE)]
    rows = rows.assign(method=named(rows, "method", "seed"), shown=above_intervals(rows, "+"))
    order = rows.groupby("method", sort=False)["value"].min().sort_values().index
    columns = rows["circumstance"].unique()
    table = rows.pivot_table("shown", "method", "circumstance", aggfunc="first")
    return table.loc[order, columns].reset_index()


def of_differences(rows: pd.DataFrame) -> str:
    """Say per data set and circumstance how many pairs are left, and whose loss is clear.

    Floors are not named.
    """
    lines = []
    for (dataset, circumstance), group in rows.groupby(["dataset", "circumstance"], sort=False):
        whole = group[group["stratum"].eq(ALL)].drop_duplicates("metric")
        pairs = whole.set_index("metric")["pairs"]
        methods = group[group["metric"].eq(DIFFERENCE) & group["family"].ne(FLOOR)]
        fall = methods[methods["high"] < 0].sort_values("value")
        words = ", ".join(
            f"{name} ({value:+z.3f})"
            for name, value in zip(named(fall, "method", "seed"), fall["value"], strict=True)
        )
        left, crude = pairs[POOLED], pairs[CRUDE]
        share = f"{left:,} of {crude:,} pairs ({left / crude:.0%})"
        lines.append(
            f"- {literal(dataset)}, {circumstance}: {share} are of the same group; {len(fall)} of "
            f"{len(methods)} methods have an interval below 0{': ' * bool(words)}{words}."
        )
    return "\n".join(lines)


def by_stratum(rows: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Yield data set, circumstance and the AUROC of each detector, pooled, crude and per stratum.

    The best pooled first; the pairs of each stratum are in its heading.
    """
    rows = rows[rows["metric"].ne(DIFFERENCE)]
    for (dataset, circumstance), group in rows.groupby(["dataset", "circumstance"], sort=False):
        group = group.assign(method=named(group, "method", "seed"), shown=above_intervals(group))
        pooled = group["metric"].eq(POOLED)
        order = group[pooled].sort_values("value", ascending=False)["method"]
        heading = group["stratum"].map(literal).where(group["stratum"].ne(ALL), "crude")
        pairs = group["pairs"].map(" ({:,} pairs)".format)
        group["heading"] = heading.mask(pooled, "pooled") + pairs
        table = group.pivot_table("shown", "method", "heading", aggfunc="first", sort=False)
        yield dataset, circumstance, table.loc[order].reset_index()
