"""Figures of an embedding: films as points of a plane, and the spheres they lie in."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from lib.figures.style import (
    BLUE,
    GREEN,
    INK,
    LABELS,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    described,
    label_names,
    largest_groups,
    legend_above,
    panels,
    short,
    styled,
)

MARKERS = {"normal": "o", "abnormal": "^", "unknown": "x"}
OTHER = [(BLUE, "o"), (VERMILLION, "^"), (GREEN, "s"), (PURPLE, "D"), (ORANGE, "v"), (SKY, "P")]
OTHER += [(INK, "X")]


@styled
def planes(points: Mapping[str, np.ndarray], labels: np.ndarray) -> Figure:
    """Draw one panel for each named projection (n, 2), the films marked by their label (n,)."""
    known = label_names(labels).to_numpy()
    marks = {name: (colour, MARKERS[name]) for name, (colour, *_) in LABELS.items()}
    return _planes(points, known, marks)


@styled
def planes_by_group(points: Mapping[str, np.ndarray], groups: np.ndarray) -> Figure:
    """Draw projections as `planes` does, with films marked by a group (n,); the commonest seven."""
    groups = pd.Series(groups).astype(str).replace("", "not stated")
    named = largest_groups(groups, len(OTHER))
    rest = set(named) - set(groups)
    largest = [name for name in named.value_counts().index if name not in rest]
    marks = dict(zip(largest, OTHER, strict=False)) | dict.fromkeys(rest, ("#b6bcc3", "."))
    return _planes(points, named.to_numpy(), marks)


@styled
def spheres(films: pd.DataFrame) -> Figure:
    """Draw how many test films of each label each sphere has: columns sphere and label."""
    known = films.assign(label=label_names(films["label"]).to_numpy())
    table = pd.crosstab(known["sphere"], known["label"])
    figure, (axes,) = panels(1, height=110 + 24 * len(table))
    table = table.loc[table.sum(axis=1).sort_values(ascending=False).index]
    left = np.zeros(len(table))
    for name, (colour, _, hatch) in LABELS.items():
        if name in table:
            style = {"color": "white", "edgecolor": colour, "hatch": hatch or None, "label": name}
            axes.barh(range(len(table)), table[name], left=left, **style)
            left += table[name].to_numpy()
    axes.set_yticks(range(len(table)), [f"sphere {number}" for number in table.index])
    axes.invert_yaxis()
    axes.set_xlabel("test films nearest to it")
    legend_above(figure, axes)
    entries = "; ".join(
        f"sphere {number}: " + ", ".join(f"{count} {name}" for name, count in row.items())
        for number, row in table.iterrows()
    )
    return described(figure, f"Test films by nearest sphere. {entries}.")


def _planes(points, names: np.ndarray, marks: Mapping[str, tuple[str, str]]) -> Figure:
    figure, grid = panels(len(points), columns=2, height=400)
    shown = [name for name in marks if (names == name).any()]
    for axes, (title, place) in zip(grid, points.items(), strict=True):
        for name in shown:
            colour, marker = marks[name]
            points_of_name = place[names == name]
            dots = {"c": colour, "marker": marker, "label": short(name, 30)}
            axes.scatter(*points_of_name.T, s=18, alpha=0.7, lw=0.6, **dots)
        axes.set(title=title, xticks=[], yticks=[])
    legend_above(figure, grid[0])
    counted = ", ".join(f"{(names == name).sum()} {name}" for name in shown)
    return described(figure, f"Films in {' and '.join(points)} of their embedding: {counted}.")
