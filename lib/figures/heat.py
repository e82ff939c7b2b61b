"""A value of each method over each group of films, as coloured cells with numbers."""

import pandas as pd
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from lib.figures.style import BLUE, INK, VERMILLION, described, short, stacked, styled

#: From the wrong way over chance to a perfect score; a colour is light enough for its number.
COLOURS = LinearSegmentedColormap.from_list("chance", [VERMILLION, "#ffffff", BLUE])
ROW = 20  # pixels
LETTERS = 26  # of a name


@styled
def heat(rows: pd.DataFrame, measure: str = "AUROC") -> Figure:
    """Draw methods below one another and groups across, in per cent.

    `rows` have the columns method, group, value, n and base_rate.

    Methods are in order of their mean over the groups, best first, each the mean of its rows, as of
    several seeds; white is chance, 50 %. In brackets are the abnormal films of a group.
    """
    table = rows.pivot_table("value", "method", "group", sort=False)
    table = table.loc[table.mean(axis=1).sort_values(ascending=False).index]
    films = rows.drop_duplicates("group").set_index("group")
    abnormal = films["n"] * films["base_rate"]
    names = [_name(group, abnormal[group]) for group in table.columns]
    figure, (axes,) = stacked([ROW * len(table) + 7 * max(map(len, names)) + 30], above=0)
    axes.imshow(table, cmap=COLOURS, vmin=0, vmax=1, aspect="auto")
    for (row, column), value in _cells(table):
        dark = abs(value - 0.5) > 0.38
        style = {"ha": "center", "va": "center", "fontsize": 9, "color": "white" if dark else INK}
        axes.text(column, row, f"{100 * value:.0f}", **style)
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=9)
    axes.tick_params(axis="x", labeltop=True, labelbottom=False, length=0)
    axes.set_yticks(range(len(table)), [short(name, LETTERS) for name in table.index], fontsize=9)
    axes.grid(visible=False)
    best = table.idxmax()
    words = [f"{group} {best[group]} {table[group].max():.2f}" for group in table.columns]
    text = f"{measure} of {len(table)} methods over groups of films; the best of each"
    return described(figure, f"{text}: {'; '.join(words)}.")


def _name(group: str, abnormal: float) -> str:
    """Return `wrist (40)` of `body part: wrist`; a word that is a number keeps what it counts."""
    kind, _, word = group.partition(": ")
    word = f"{kind} {word}" if word.isdecimal() else word or kind
    return f"{short(word.replace('_', ' '), 22)} ({abnormal:.0f})"


def _cells(table: pd.DataFrame):
    """Yield the place of each value that there is, and the value."""
    for row, values in enumerate(table.to_numpy(float)):
        for column, value in enumerate(values):
            if pd.notna(value):
                yield (row, column), value
