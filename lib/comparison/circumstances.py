"""Whether detectors read the disease or the circumstances: the tables and sentences of a page.

All functions take rows of strata.csv (lib.comparison.strata); a clear fall is an interval of the
difference that lies below 0.
"""

from collections.abc import Iterator

import pandas as pd

from lib.comparison.overview import above_intervals, named
from lib.comparison.scores import FLOOR
from lib.comparison.strata import ALL, CRUDE, DIFFERENCE, POOLED
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
    """Per data set and circumstance: pairs left, and the methods that clearly fall within strata.

    Floors are not named.
    """
    lines = []
    for (dataset, circumstance), own in rows.groupby(["dataset", "circumstance"], sort=False):
        pairs = own[own["stratum"].eq(ALL)].drop_duplicates("metric").set_index("metric")["pairs"]
        methods = own[own["metric"].eq(DIFFERENCE) & own["family"].ne(FLOOR)]
        fall = methods[methods["high"] < 0].sort_values("value")
        words = ", ".join(
            f"{name} ({value:+z.3f})"
            for name, value in zip(named(fall, "method", "seed"), fall["value"], strict=True)
        )
        left, crude = pairs[POOLED], pairs[CRUDE]
        share = f"{left:,} of {crude:,} pairs ({left / crude:.0%})"
        lines.append(
            f"- {literal(dataset)}, {circumstance}: {share} are of the same group; {len(fall)} "
            f"of {len(methods)} methods clearly fall{': ' * bool(words)}{words}."
        )
    return "\n".join(lines)


def by_stratum(rows: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Yield data set, circumstance and the AUROC of each detector, pooled, crude and per stratum.

    The best pooled first; the pairs of each stratum are in its heading.
    """
    rows = rows[rows["metric"].ne(DIFFERENCE)]
    for (dataset, circumstance), own in rows.groupby(["dataset", "circumstance"], sort=False):
        own = own.assign(method=named(own, "method", "seed"), shown=above_intervals(own))
        pooled = own["metric"].eq(POOLED)
        order = own[pooled].sort_values("value", ascending=False)["method"]
        heading = own["stratum"].map(literal).where(own["stratum"].ne(ALL), "crude")
        own["heading"] = heading.mask(pooled, "pooled") + own["pairs"].map(" ({:,} pairs)".format)
        table = own.pivot_table("shown", "method", "heading", aggfunc="first", sort=False)
        yield dataset, circumstance, table.loc[order].reset_index()
