"""Figures of tables: which films there are, how they differ, how training went."""

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.style import (
    BLUE,
    LABELS,
    VERMILLION,
    described,
    label_names,
    largest_groups,
    legend_above,
    panels,
    short,
    stacked,
    styled,
)
from lib.metrics import FEWEST


@styled
def counts(
    index: pd.DataFrame, by: Sequence[str] = ("split", "body_part", "view", "finding")
) -> Figure:
    """Draw how many films of each label an index table has, by each column that is not empty.

    The ten commonest values of a column are shown. The rest, and values of fewer than FEWEST films,
    which may be one patient's, are added up as "other". Splits are shown however small they are.
    """
    index = index.replace("", np.nan)
    by = [column for column in by if column in index and index[column].notna().any()]
    label = label_names(index["label"])
    fewest = {"split": 1}
    tables = [
        _counted(index[column].reset_index(drop=True), label, fewest.get(column, FEWEST))
        for column in by
    ]
    figure, grid = stacked([70 + 30 * len(table) for table in tables], one_axis=False)
    for axes, column, table in zip(grid, by, tables, strict=True):
        _stacked_bars(axes, table)
        axes.set_title(column.replace("_", " "))
    legend_above(figure, grid[0])
    names = (column.replace("_", " ") for column in by)
    entries = [f"{name}: {_summary(table)}" for name, table in zip(names, tables, strict=True)]
    return described(figure, f"Number of films by {'. By '.join(entries)}.")


def _counted(values: pd.Series, label: pd.Series, fewest: int) -> pd.DataFrame:
    values = values.astype("object").where(values.notna(), "not known").astype(str)
    values = largest_groups(values, 10, fewest)
    table = pd.crosstab(values, label).reindex(columns=list(LABELS), fill_value=0)
    table = table.loc[:, table.sum() > 0]
    return table.loc[table.sum(axis=1).sort_values(ascending=False).index]


def _stacked_bars(axes: Axes, table: pd.DataFrame) -> None:
    left = np.zeros(len(table))
    for name, number in table.items():
        colour, _, hatch = LABELS[name]
        style = {"color": colour, "hatch": hatch, "edgecolor": "white", "height": 0.7}
        axes.barh(range(len(table)), number, left=left, label=name, **style)
        left += number.to_numpy()
    for row, total in enumerate(left):
        axes.annotate(
            f"{total:,.0f}", (total, row), (4, 0), textcoords="offset points", va="center"
        )
    axes.set_yticks(range(len(table)), [short(name, 40) for name in table.index])
    axes.invert_yaxis()
    axes.margins(x=0.14)
    axes.grid(axis="y", visible=False)


def _summary(table: pd.DataFrame) -> str:
    rows = ((name, row[row > 0]) for name, row in table.iterrows())
    return "; ".join(
        f"{name} " + ", ".join(f"{n} {label}" for label, n in row.items()) for name, row in rows
    )


@styled
def distribution(
    table: pd.DataFrame, columns: Sequence[str] = ("age", "width", "height", "mean_grey")
) -> Figure:
    """Draw how each of `columns` is distributed by label, as the share of the label's films."""
    columns = [column for column in columns if column in table and table[column].notna().any()]
    films = table.assign(label=label_names(table["label"]).to_numpy())
    names = [name for name in LABELS if (films["label"] == name).any()]
    figure, grid = stacked([260] * len(columns), one_axis=False)
    for axes, column in zip(grid, columns, strict=True):
        # Shared bins, so that the labels can be compared.
        edges = np.histogram_bin_edges(films[column].dropna().astype(float), 25)
        for name in names:
            colour, line, _ = LABELS[name]
            values = films.loc[films["label"] == name, column].dropna()
            style = {"color": colour, "linestyle": line, "linewidth": 1.8, "label": name}
            if len(values):
                sns.histplot(
                    values, bins=edges, stat="percent", element="step", fill=False, ax=axes, **style
                )
        axes.set(title=column.replace("_", " "), xlabel="", ylabel="films (%)")
    legend_above(figure, grid[0])
    medians = films.groupby("label")[columns].median().reindex(names)
    entries = [
        f"{column} " + ", ".join(f"{v:.4g} ({n})" for n, v in medians[column].dropna().items())
        for column in columns
    ]
    return described(
        figure, f"Distributions by label; medians: {'; '.join(entries)}.".replace("_", " ")
    )


@styled
def training_curves(history: pd.DataFrame) -> Figure:
    """Draw each loss of a history (epoch, losses, and `val_` losses) in a separate panel.

    The losses of an earlier stage begin with its name: `gan_loss` and `gan_val_loss`. The scale is
    logarithmic where a loss is positive and falls more than twentyfold.
    """
    validation_columns = history.columns[history.columns.str.contains(r"(?:^|_)val_")]
    validation = {re.sub(r"(^|_)val_", r"\1", name, count=1): name for name in validation_columns}
    losses = history.columns.drop(["epoch", *validation.values()])
    figure, grid = panels(len(losses), height=280)
    entries = []
    for axes, loss in zip(grid, losses, strict=True):
        series = {"training": history[loss]}
        if loss in validation:
            series["validation"] = history[validation[loss]]
        style = {"training": {"color": BLUE}, "validation": {"color": VERMILLION, "ls": "--"}}
        for name, values in series.items():
            axes.plot(history["epoch"], values, label=name, marker=".", **style[name])
            known = values.dropna()  # the other stages of a fit have no value here
            entries.append(f"{loss} {name} from {known.iloc[0]:.3g} to {known.iloc[-1]:.3g}")
        values = pd.concat(series.values())
        if values.min() > 0 and values.max() > 20 * values.min():
            axes.set_yscale("log")
            axes.yaxis.set_major_formatter("{x:g}")  # powers would be written as mathematics
            axes.yaxis.set_minor_formatter("")
        axes.set(title=loss.replace("_", " "), xlabel="epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
    legend_above(figure, grid[0])
    return described(figure, f"Losses over {len(history)} epochs: {'; '.join(entries)}.")
