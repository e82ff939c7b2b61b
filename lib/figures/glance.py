"""The best methods of each family and the floors, in a picture that a phone shows whole."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PALE,
    PURPLE,
    VERMILLION,
    described,
    short,
    stacked,
    styled,
)
from lib.grid import FLOOR, FUSION
from lib.shown import median_runs

MOST = 15  # rows per data set
OF_A_FAMILY = 3
SHORTCUT = "floor: shortcut "
#: Colour and mark of each family.
LOOKS = {
    "supervised": (INK, "s"),
    "few_labels": (ORANGE, "D"),
    "features": (GREEN, "o"),
    "reconstruction": (BLUE, "^"),
    "one_class": (PURPLE, "v"),
    FUSION: (VERMILLION, "*"),
}
OTHER = (GREY, "P")
BAND = {"facecolor": PALE, "edgecolor": GREY, "linewidth": 0.8}


def best_of_families(results: pd.DataFrame) -> pd.DataFrame:
    """Return at most MOST rows per data set, best first: the best methods of each family.

    `results` has columns dataset, method, family, value, low, high and one row per run. A method of
    several seeds is represented by its median run.
    """
    best = median_runs(results).groupby(["dataset", "family"], sort=False).head(OF_A_FAMILY)
    return best.groupby("dataset", sort=False).head(MOST)


@styled
def glance(results: pd.DataFrame) -> Figure:
    """Draw the rows of `best_of_families`, one panel per data set, by family in colour and shape.

    A grey band reaches from the best shortcut to the best simple detector, both of the family
    "floor".
    """
    best = best_of_families(results)
    datasets = list(results["dataset"].unique())
    rows = [best["dataset"].eq(dataset).sum() for dataset in datasets]
    figure, grid = stacked([75 + 22 * count for count in rows], above=110)
    entries = []
    for axes, dataset in zip(grid, datasets, strict=True):
        floors = results[results["dataset"].eq(dataset) & results["family"].eq(FLOOR)]
        sentence = _panel(axes, best[best["dataset"].eq(dataset)], floors)
        axes.set_title(short(dataset, 40))
        entries.append(f"{dataset}: {sentence}")
    grid[-1].set_xlabel("AUROC [95 % interval over patients]")
    _legend(figure, best["family"].unique())
    return described(figure, f"AUROC of the best methods of each family. {' '.join(entries)}")


def _panel(axes: Axes, best: pd.DataFrame, floors: pd.DataFrame) -> str:
    """Draw the methods and the floors of a data set; return them in words."""
    for place, row in enumerate(best.itertuples()):
        colour, mark = LOOKS.get(row.family, OTHER)
        ends = [[row.value - row.low], [row.high - row.value]]
        axes.errorbar(row.value, place, xerr=ends, fmt=mark, color=colour, markersize=6)
    best_floors = band_of_floors(axes, floors)
    axes.axvline(0.5, color=INK, linewidth=1, linestyle=":")
    axes.set_yticks(range(len(best)), [short(name, 30) for name in best["method"]])
    axes.set_ylim(len(best) - 0.5, -0.5)
    axes.grid(axis="y", visible=False)
    words = ", ".join(f"{row.method} {row.value:.2f}" for row in best.itertuples())
    return "; ".join([words, *best_floors]) + "."


def band_of_floors(axes: Axes, floors: pd.DataFrame) -> list[str]:
    """Draw a band from the best shortcut to the best simple detector; return both in words."""
    kind = (
        floors["method"].str.startswith(SHORTCUT).map({True: "shortcut", False: "simple detector"})
    )
    highest = floors.groupby(kind)["value"].max()  # one kind alone where films have no labels
    if len(highest):
        axes.axvspan(highest.min(), highest.max(), **BAND, zorder=0)
    return [f"best {name} {value:.2f}" for name, value in highest.items()]


def name_band(axes: Axes) -> None:
    """Let the legend of `axes` name the band of floors."""
    axes.fill_between([], [], [], **BAND, label="best floors")


def _legend(figure: Figure, families) -> None:
    axes = figure.axes[0]
    for family in [name for name in LOOKS if name in families]:
        colour, mark = LOOKS[family]
        axes.plot([], [], mark, color=colour, label=family.replace("_", " "))
    name_band(axes)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper left", ncols=3, fontsize=9)
