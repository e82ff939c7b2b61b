"""AUROC against what a detector costs."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

from lib import prose
from lib.figures.glance import LOOKS, OTHER
from lib.figures.style import INK, described, short, stacked, styled

LETTERS = 24  # of a name next to its mark
LINE = 0.045  # of the height of a panel: names closer than that would overlap


@styled
def costs(rows: pd.DataFrame, names: Mapping[str, Sequence[str]]) -> Figure:
    """Draw AUROC with its interval over minutes of training and over milliseconds per film.

    `rows` has columns method, family, value, low, high, minutes and milliseconds; `names` the
    methods to be named in the panel of each of these two, whose upper left holds no mark.
    """
    figure, grid = stacked([330, 330], above=70, one_axis=False)
    titles = {"minutes": "training (minutes)", "milliseconds": "scoring (milliseconds per film)"}
    for axes, (cost, title) in zip(grid, titles.items(), strict=True):
        _panel(axes, rows, cost)
        _name(axes, rows[rows["method"].isin(names[cost])].sort_values("value"), cost)
        axes.set(xlabel=title, ylabel="AUROC [95 % interval]")
    handles = grid[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside upper left", ncols=3, fontsize=9)
    entries = [
        f"{row.method} {prose.interval(row.value, row.low, row.high, '.2f')}, "
        f"{rough(row.minutes)} min, {rough(row.milliseconds)} ms"
        for row in rows.sort_values("value", ascending=False).itertuples()
    ]
    text = "AUROC with 95 % interval, minutes of training and milliseconds per film"
    return described(figure, f"{text}: {'; '.join(entries)}.")


def rough(value: float) -> str:
    """Return a number with two digits, whole from 10: `0.0017`, `4.9`, `1,240`."""
    return f"{value:,.0f}" if value >= 9.95 else f"{value:.2g}"


def _panel(axes: Axes, rows: pd.DataFrame, cost: str) -> None:
    families = [name for name in LOOKS if name in set(rows["family"])]
    others = sorted(set(rows["family"]) - set(families))
    for family in [*families, *others]:
        of_family = rows[rows["family"].eq(family)]
        colour, mark = LOOKS.get(family, OTHER)
        ends = [of_family["value"] - of_family["low"], of_family["high"] - of_family["value"]]
        ends = [end.clip(lower=0).fillna(0) for end in ends]
        label = family.replace("_", " ")
        style = {"color": colour, "markersize": 6, "elinewidth": 0.6, "label": label}
        axes.errorbar(of_family[cost], of_family["value"], ends, fmt=mark, **style)
    axes.axhline(0.5, color=INK, linewidth=1, linestyle=":")
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))  # not as a power of ten


def _name(axes: Axes, rows: pd.DataFrame, cost: str) -> None:
    """Write names to the upper left of marks, lowest first, unless the one below is too near."""
    left, right = axes.get_xlim()
    axes.set_xlim(left / (right / left) ** 0.5, right)
    bottom, top = axes.get_ylim()
    below = -np.inf
    for row in rows.itertuples():
        if row.value - below > LINE * (top - bottom):
            place, below = (getattr(row, cost), row.value), row.value
            box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.6}
            style = {"ha": "right", "va": "bottom", "fontsize": 9, "bbox": box}
            axes.annotate(
                short(row.method, LETTERS), place, (-5, 2), textcoords="offset points", **style
            )
