"""Figures of results: curves, scores, intervals."""

from collections.abc import Callable, Mapping, Sequence
from itertools import cycle

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib import prose
from lib.figures.glance import band_of_floors, name_band
from lib.figures.style import (
    BLUE,
    GREY,
    INK,
    LABELS,
    MOST_LINES,
    PALE,
    SKY,
    VERMILLION,
    described,
    label_names,
    legend_above,
    line_styles,
    panels,
    short,
    stacked,
    styled,
    tiles,
)
from lib.grid import FLOOR

WITH_INTERVAL = 40  # letters of a name that leave room for its interval on a phone


@styled
def roc(curves: pd.DataFrame, auroc: Mapping[str, tuple[float, float, float]]) -> Figure:
    """Draw ROC curves from columns name, fpr, tpr and, for a band, low and high.

    `auroc` gives value, low and high of each name.
    """
    names = list(curves["name"].unique())
    figure, (axes,) = panels(1, height=480)
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=":", label="chance 0.50")
    entries = []
    for name, style in zip(names, line_styles(len(names)), strict=True):
        curve = curves[curves["name"] == name]
        entries.append(f"{name} {_interval(*auroc[name])}")
        axes.plot(curve["fpr"], curve["tpr"], label=entries[-1], linewidth=1.8, **style)
        if {"low", "high"} <= set(curve):
            band = {"color": style["color"], "alpha": 0.14, "linewidth": 0}
            axes.fill_between(curve["fpr"], curve["low"], curve["high"], **band)
    axes.set(xlabel="1 - specificity", ylabel="recall", xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    axes.set_aspect("equal")
    axes.legend(loc="lower right", title="AUROC [95 % interval]", frameon=True, edgecolor="none")
    return described(figure, f"ROC curves; AUROC with 95 % interval: {'; '.join(entries)}.")


@styled
def roc_by_family(curves: pd.DataFrame, floor: str = "") -> Figure:
    """Draw the ROC curves of all methods of a data set, one panel per family.

    `curves` has columns name, family, fpr, tpr, auroc. Each panel has the best methods of its
    family in colours and dashes, as many as can be distinguished, its others in grey, and those of
    other families in pale grey; the floor of that name is black and dotted in all of them.
    """
    of_floor = curves[curves["name"].eq(floor)]
    methods = curves[curves["name"].ne(floor)].sort_values("auroc", ascending=False, kind="stable")
    families = sorted(methods["family"].unique())
    numbers = methods.groupby("family")["name"].nunique().clip(upper=MOST_LINES + 1)
    figure, grid = stacked([440 + 21 * number for number in numbers], above=0, one_axis=False)
    sentences = []
    for axes, family in zip(grid, families, strict=True):
        names = _curves_of_family(axes, methods, family)
        axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=":")
        for _, curve in of_floor.groupby("name"):
            label = f"{floor} {curve['auroc'].iloc[0]:.2f}"
            axes.plot(curve["fpr"], curve["tpr"], ":k", linewidth=1.4, label=label)
            names = [*names, label]
        title = family.replace("_", " ")
        axes.set(title=title, xlabel="1 - specificity", ylabel="recall")
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal", anchor="N")
        axes.legend(loc="upper left", bbox_to_anchor=(0, -0.14), fontsize=9, title="AUROC")
        sentences.append(f"{title}: {', '.join(names)}")
    return described(figure, f"ROC curves by family, with AUROC. {'. '.join(sentences)}.")


def _curves_of_family(axes: Axes, methods: pd.DataFrame, family: str) -> list[str]:
    """Draw the methods of a family, and the others behind; return the names with their AUROC."""
    is_of_family = methods["family"].eq(family)
    for _, curve in methods[~is_of_family].groupby("name", sort=False):
        axes.plot(curve["fpr"], curve["tpr"], color=PALE, linewidth=0.8, zorder=1)
    of_name = dict(list(methods[is_of_family].groupby("name", sort=False)))
    names = [f"{short(name, 40)} {curve['auroc'].iloc[0]:.2f}" for name, curve in of_name.items()]
    drawn = list(zip(names, of_name.values(), strict=True))
    styles = line_styles(min(len(of_name), MOST_LINES))
    for (name, curve), style in zip(drawn, styles, strict=False):
        axes.plot(curve["fpr"], curve["tpr"], label=name, linewidth=1.6, **style)
    rest = drawn[MOST_LINES:]
    for place, (_, curve) in enumerate(rest):
        label = f"{len(rest)} other{'s' * (len(rest) > 1)}, lower" if place == 0 else None
        axes.plot(curve["fpr"], curve["tpr"], color=GREY, linewidth=0.9, label=label, zorder=1.5)
    return names


@styled
def roc_bands(curves: pd.DataFrame, family: str, floor: str = "") -> Figure:
    """Draw the ROC curve of each method of a family with its band, one small panel per method.

    `curves` has columns name, family, fpr, tpr, low, high, auroc; the best method comes first, and
    the floor of that name is dotted in all panels.
    """
    methods = curves[curves["name"].ne(floor) & curves["family"].eq(family)]
    methods = methods.sort_values("auroc", ascending=False, kind="stable")
    of_name, of_floor = methods.groupby("name", sort=False), curves[curves["name"].eq(floor)]
    figure, grid = tiles(of_name.ngroups, height=230)
    entries = []
    for axes, (name, curve) in zip(grid, of_name, strict=True):
        axes.fill_between(curve["fpr"], curve["low"], curve["high"], color=SKY, alpha=0.4, lw=0)
        axes.plot(curve["fpr"], curve["tpr"], color=BLUE, linewidth=1.6)
        axes.plot(of_floor["fpr"], of_floor["tpr"], ":k", linewidth=1.2)
        value = f"{curve['auroc'].iloc[0]:.2f}"
        axes.set_title(f"{short(name, 28)} {value}", fontsize=9)
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
        low, high = (np.interp(0.1, curve["fpr"], curve[end]) for end in ("low", "high"))
        recall = f"recall at 90 % specificity {prose.ends(low, high, '.2f')}"
        entries.append(f"{name} AUROC {value}, {recall}")
    figure.supxlabel("1 - specificity", fontsize=9)
    figure.supylabel("recall", fontsize=9)
    title = family.replace("_", " ")
    return described(figure, f"ROC curves of {title} with 95 % bands: {'; '.join(entries)}.")


@styled
def score_histogram(
    scores: np.ndarray, labels: np.ndarray, thresholds: Mapping[str, float] | None = None
) -> Figure:
    """Draw how scores (n,) are distributed by label, with named lines at `thresholds`."""
    return _histogram(scores, labels, thresholds or {}, name="anomaly score")


@styled
def distances(distance: np.ndarray, labels: np.ndarray, radius: float | None = None) -> Figure:
    """Draw how distances (n,) from the centre are distributed by label, and the radius."""
    marks = {} if radius is None else {"radius": radius}
    return _histogram(distance, labels, marks, name="distance from the centre")


def _histogram(
    values: np.ndarray, labels: np.ndarray, marks: Mapping[str, float], name: str
) -> Figure:
    figure, (axes,) = panels(1, height=340)
    values, known, entries = np.asarray(values, float), label_names(labels).to_numpy(), []
    edges = np.histogram_bin_edges(values, 30)
    for label, (colour, line, _) in LABELS.items():
        of_label = values[known == label]
        if len(of_label):
            share = np.full(len(of_label), 100 / len(of_label))
            style = {"color": colour, "linestyle": line, "linewidth": 1.6}
            title = f"{label} ({len(of_label)})"
            axes.hist(of_label, edges, weights=share, histtype="step", label=title, **style)
            entries.append(f"median {np.median(of_label):.3g} of {len(of_label)} {label} films")
    axes.margins(y=0.05 + 0.12 * len(marks))
    for row, (mark, value) in enumerate(marks.items()):
        _marked(axes, value, f"{mark}: {value:.3g}", height=0.97 - 0.09 * row)
        entries.append(f"{mark} at {value:.3g}")
    axes.set(xlabel=name, ylabel="films (%)")
    legend_above(figure, axes)
    return described(figure, f"Histogram of {name} by label: {'; '.join(entries)}.")


def _marked(axes: Axes, value: float, text: str, height: float) -> None:
    axes.axvline(value, color=INK, linewidth=1.1, linestyle=(0, (6, 2)))
    left, right = axes.get_xlim()
    beyond_middle = value > (left + right) / 2
    axes.annotate(
        text,
        (value, height),
        (-5 if beyond_middle else 5, 0),
        xycoords=axes.get_xaxis_transform(),
        textcoords="offset points",
        ha="right" if beyond_middle else "left",
        va="top",
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1.5},
    )


@styled
def leaderboard(results: pd.DataFrame, measure: str = "AUROC", chance: float = 0.5) -> Figure:
    """Draw methods by their value with its interval, best first, data sets below one another.

    `results` has columns dataset, method, family, value, low, high; several rows of a method
    (seeds) share a line. The floors (family "floor") are hollow and grey, and a grey band reaches
    from the best shortcut to the best simple detector.
    """
    datasets = list(results["dataset"].unique())
    methods = results.groupby("dataset")["method"].nunique()
    figure, grid = stacked([75 + 22 * methods[dataset] for dataset in datasets])
    entries = []
    for axes, dataset in zip(grid, datasets, strict=True):
        rows = results[results["dataset"] == dataset]
        order = rows.groupby("method")["value"].mean().sort_values(ascending=False)
        for place, method in enumerate(order.index):
            runs = rows[rows["method"] == method]
            floor = (runs["family"] == FLOOR).all()
            places = place + np.linspace(-0.34, 0.34, len(runs) + 2)[1:-1]
            _dots(axes, runs, places, {"color": GREY, "mfc": "white"} if floor else {"color": BLUE})
        best_floors = band_of_floors(axes, rows[rows["family"].eq(FLOOR)])
        axes.axvline(chance, color=INK, linewidth=1, linestyle=":")
        _names(axes, order.index, WITH_INTERVAL)
        axes.set_title(short(dataset, 40))
        ranks = ", ".join(f"{name} {value:.2f}" for name, value in order.items())
        entries.append("; ".join([f"{dataset}: {ranks}", *best_floors]))
    grid[-1].set_xlabel(f"{measure} [95 % interval]")
    grid[0].plot([], [], "o", color=BLUE, label="method")
    grid[0].plot([], [], "o", color=GREY, mfc="white", label="floor (no detector)")
    name_band(grid[0])
    legend_above(figure, grid[0])
    return described(figure, f"{measure} by method, best first. {'. '.join(entries)}.")


@styled
def forest(groups: pd.DataFrame, measure: str = "AUROC", chance: float = 0.5) -> Figure:
    """Draw a value with its interval for each group: columns group, value, low, high and n."""
    figure, (axes,) = stacked([75 + 22 * len(groups)], above=0)
    _dots(axes, groups, np.arange(len(groups)), {"color": BLUE})
    axes.axvline(chance, color=INK, linewidth=1, linestyle=":")
    pairs = list(zip(groups["group"], groups["n"], strict=True))
    names = [f"{group} (n = {n})" for group, n in pairs]
    _names(
        axes, [f"{short(group, WITH_INTERVAL - 11)} (n = {n})" for group, n in pairs], WITH_INTERVAL
    )
    axes.set_xlabel(f"{measure} [95 % interval]")
    intervals = groups[["value", "low", "high"]].itertuples(index=False)
    entries = [f"{name} {_interval(*row)}" for name, row in zip(names, intervals, strict=True)]
    return described(figure, f"{measure} with 95 % interval by group: {'; '.join(entries)}.")


@styled
def separated(names: Sequence[str], values: Sequence[float], runs: Sequence[range]) -> Figure:
    """Draw detectors by AUROC, best first, and a bar over each run of places without a difference.

    Bars that have a place in common are next to one another.
    """
    figure, (axes,) = stacked([75 + 20 * len(names)], above=0)
    axes.plot(values, range(len(names)), "o", color=BLUE, markersize=5)
    _names(axes, names, WITH_INTERVAL - 6)
    low, high = min(values), max(values)
    step = 0.06 * (high - low or 1)
    ends: list[int] = []  # the last place of each column of bars
    for run in runs:
        column = next((n for n, end in enumerate(ends) if end < run[0]), len(ends))
        ends[column : column + 1] = [run[-1]]
        at = high + (column + 1.5) * step
        axes.plot([at, at], [run[0] - 0.25, run[-1] + 0.25], color=INK, linewidth=3)
    axes.set_xlim(low - step, high + (len(ends) + 1.5) * step)
    axes.set_xticks([tick for tick in axes.get_xticks() if low - step <= tick <= high])
    axes.set_xlabel("AUROC; bars: no clear difference", loc="left")
    order = ", ".join(f"{name} {value:.2f}" for name, value in zip(names, values, strict=True))
    joined = "; ".join(f"{names[run[0]]} to {names[run[-1]]}" for run in runs)
    text = f"Detectors by AUROC, best first: {order}"
    return described(figure, f"{text}. Without a clear difference: {joined or 'none'}.")


@styled
def sweep(table: pd.DataFrame, measure: str = "AUROC", chance: float = 0.5) -> Figure:
    """Draw a value with its interval over each setting, the others held fixed.

    `table` has one row per setting, named by its index, and columns value, low, high and reference,
    whose row has a square around it. The panel of a setting shows most of its values that differ in
    nothing else; one that was never varied has none.
    """
    along = [(name, _along(table, name)) for name in table.index.names]
    along = [(name, rows) for name, rows in along if len(rows) > 1] or along
    figure, grid = panels(len(along), columns=2, height=320)
    low, high = min(chance, table["low"].min()), max(chance, table["high"].max())
    entries = []
    for axes, (name, rows) in zip(grid, sorted(along, key=lambda pair: -len(pair[1])), strict=True):
        _line_over(axes, rows, name)
        axes.axhline(chance, color=INK, linewidth=1, linestyle=":")
        held = _held(rows, name)
        axes.set(ylabel=f"{measure} [95 % interval]", title=held, ylim=(low - 0.03, high + 0.03))
        intervals = zip(rows.index.get_level_values(name), *_ends(rows), strict=True)
        points = "; ".join(f"{at:g} {_interval(*row)}" for at, *row in intervals)
        entries.append(f"Over {name}{held and f' ({held})'}: {points}.")
    if table["reference"].any():
        legend_above(figure, grid[0])
    return described(figure, f"{measure} with 95 % interval. {' '.join(entries)}")


def _line_over(axes: Axes, rows: pd.DataFrame, name: str) -> None:
    settings, (value, low, high) = rows.index.get_level_values(name).to_numpy(), _ends(rows)
    axes.errorbar(settings, value, yerr=(value - low, high - value), fmt="o-", color=BLUE, lw=1.2)
    square = {"color": VERMILLION, "mfc": "none", "markersize": 10, "label": "reference"}
    is_reference = rows["reference"].to_numpy(bool)
    axes.plot(settings[is_reference], value[is_reference], "s", **square)
    if settings.min() > 0 and settings.max() > 20 * settings.min():
        axes.set_xscale("log")
    axes.set_xticks(settings, [f"{number:g}" for number in settings])
    axes.set_xticks([], minor=True)
    axes.set_xlabel(name)


def _ends(rows: pd.DataFrame) -> np.ndarray:
    return rows[["value", "low", "high"]].to_numpy(float).T


def _along(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the largest group of rows that differ in this setting alone, by its value."""
    others = [other for other in table.index.names if other != name]
    groups = [rows for _, rows in table.groupby(level=others)] if others else [table]
    return max(groups, key=len).sort_index(level=name)


def _held(rows: pd.DataFrame, name: str) -> str:
    others = [other for other in rows.index.names if other != name]
    return ", ".join(f"{other} {rows.index.get_level_values(other)[0]:g}" for other in others)


@styled
def robustness(rows: pd.DataFrame, measure: str = "AUROC") -> Figure:
    """Draw a measure over the strength of each perturbation, one panel each, a line per method.

    `rows` of one data set have columns method, perturbation, strength, value; those of strength 0,
    of unperturbed films, open every panel. Strengths are spaced evenly, not to scale.
    """
    whole = rows[rows["strength"].eq(0)].set_index("method")["value"]
    perturbed = rows[rows["strength"].ne(0)]
    groups = list(perturbed.groupby("perturbation", sort=False))
    figure, grid = panels(len(groups), height=260)
    low, high = min(0.5, rows["value"].min()), rows["value"].max()
    looks = dict(zip(whole.index, zip(line_styles(len(whole)), cycle("os^DvPX")), strict=False))
    entries = []
    for axes, (name, group) in zip(grid, groups, strict=True):
        steps = group["strength"].drop_duplicates().tolist()
        axes.axhline(0.5, color=INK, linewidth=1, linestyle=":")
        for method, (style, mark) in looks.items():
            values = [whole[method], *group.loc[group["method"].eq(method), "value"]]
            axes.plot(range(len(values)), values, marker=mark, label=method, **style)
            numbers = ", ".join(f"{value:.2f}" for value in values)
            entries.append(f"{name}, {method}: {numbers}")
        axes.set_xticks(range(len(steps) + 1), ["none", *(f"{step:g}" for step in steps)])
        axes.set(title=name, ylabel=measure, ylim=(low - 0.03, high + 0.03))
    legend_above(figure, grid[0], columns=4)
    return described(
        figure, f"{measure} without and with perturbations, weak to strong. {'; '.join(entries)}."
    )


@styled
def trend(
    means: pd.DataFrame, fits: pd.DataFrame, over: str, floor: Mapping[str, float] | None = None
) -> Figure:
    """Draw AUROC over a percentage, one line per method with its interval over seeds.

    `means` has columns method, percent, value, low, high, seeds; `fits` method, percent, value,
    each a faint mark. `over` says what the percentage is; `floor` is a line, its name and value.
    Percentages are spaced evenly, not to scale.
    """
    figure, (axes,) = panels(1, height=430)
    steps = sorted(means["percent"].unique())
    methods, entries = list(means["method"].unique()), []
    marks = zip(methods, line_styles(len(methods)), cycle("os^DvPX"), strict=False)
    for number, (method, style, marker) in enumerate(marks):
        rows = means[means["method"] == method].sort_values("percent")
        offset = 0.08 * (number - (len(methods) - 1) / 2)  # so that intervals do not hide another
        of_method = fits[fits["method"] == method]
        faint = {"color": style["color"], "marker": marker, "alpha": 0.3, "linestyle": "none"}
        axes.plot(
            [steps.index(p) + offset for p in of_method["percent"]], of_method["value"], **faint
        )
        value, low, high = _ends(rows)
        places = [steps.index(p) + offset for p in rows["percent"]]
        axes.plot(places, value, marker=marker, label=method, **style)
        ends = np.nan_to_num([value - low, high - value])
        axes.errorbar(places, value, ends, fmt="none", ecolor=style["color"], capsize=3)
        points = zip(rows["percent"], value, low, high, strict=True)
        entries.append(
            f"{method}: " + "; ".join(f"{p:g} % {_interval(*row)}" for p, *row in points)
        )
    entries += _floor_and_chance(axes.axhline, floor or {})
    axes.set_xticks(range(len(steps)), [f"{step:g}" for step in steps])
    axes.set(xlabel=over, ylabel="AUROC [95 % interval over seeds]")
    axes.set_ylim(*np.clip(axes.get_ylim(), 0, 1))
    legend_above(figure, axes, columns=3)
    return described(
        figure, f"AUROC with 95 % interval over seeds, by {over}. {'. '.join(entries)}."
    )


@styled
def pairs(
    fits: pd.DataFrame,
    means: pd.DataFrame,
    variants: Sequence[str],
    floor: Mapping[str, float] | None = None,
) -> Figure:
    """Draw the variants of each method one below the other, the fits of one seed joined by a line.

    `fits` has columns method, variant, seed, value; `means` method, variant, value, each a tall
    tick; `floor` is a line, its name and value.
    """
    methods = list(fits["method"].unique())
    figure, (axes,) = panels(1, height=130 + 30 * len(methods) * len(variants))
    offsets = dict(zip(variants, np.linspace(-0.2, 0.2, len(variants)), strict=True))
    for _, fit in fits.groupby(["method", "seed"]):
        axes.plot(fit["value"], _places(fit, methods, offsets), color=GREY, lw=0.8, zorder=1)
    looks = zip(variants, line_styles(len(variants)), cycle("os^DvPX"), strict=False)
    for variant, style, marker in looks:
        of_variant = fits[fits["variant"].eq(variant)]
        fill = style["color"] if variant == variants[0] else "white"
        dots = {"color": style["color"], "mfc": fill, "label": variant}
        axes.plot(
            of_variant["value"], _places(of_variant, methods, offsets), marker, markersize=6, **dots
        )
    ticks = {"color": INK, "markersize": 18, "markeredgewidth": 1.6, "label": "mean over seeds"}
    axes.plot(means["value"], _places(means, methods, offsets), "|", **ticks)
    entries = [f"{row.method} {row.variant} {row.value:.2f}" for row in means.itertuples()]
    entries += _floor_and_chance(axes.axvline, floor or {})
    _names(axes, methods)
    axes.set(xlabel="AUROC of each seed")
    legend_above(figure, axes, columns=2)
    return described(figure, f"AUROC of each seed by method; means: {'; '.join(entries)}.")


def _places(rows: pd.DataFrame, methods: list[str], offsets: Mapping[str, float]) -> list[float]:
    pairs = zip(rows["method"], rows["variant"], strict=True)
    return [methods.index(method) + offsets[variant] for method, variant in pairs]


def _floor_and_chance(line: Callable, floor: Mapping[str, float]) -> list[str]:
    entries = [f"{name} {value:.2f}" for name, value in floor.items()]
    for name, value in zip(entries, floor.values(), strict=True):
        line(value, color=GREY, lw=1.2, ls=(0, (6, 2)), label=name)
    line(0.5, color=INK, linewidth=1, linestyle=":", label="chance 0.50")
    return entries


def _dots(axes: Axes, rows: pd.DataFrame, places: np.ndarray, style: dict) -> None:
    value = rows["value"].to_numpy(float)
    # A missing interval leaves a bare dot.
    below = np.nan_to_num(value - rows["low"].to_numpy(float)).clip(0)
    above = np.nan_to_num(rows["high"].to_numpy(float) - value).clip(0)
    axes.errorbar(value, places, xerr=[below, above], fmt="o", markersize=6, **style)


def _names(axes: Axes, names: Sequence[str], width: int = 60) -> None:
    axes.set_yticks(range(len(names)), [short(name, width) for name in names])
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.grid(axis="y", visible=False)


@styled
def calibration(bins: pd.DataFrame) -> Figure:
    """Draw the observed share of abnormal films over the predicted, one panel per curve.

    `bins` has columns curve, predicted, observed, low, high, n, the last a number next to its mark.
    """
    curves = bins["curve"].unique()
    figure, grid = panels(len(curves), columns=2, height=420)
    entries = []
    for axes, curve in zip(grid, curves, strict=True):
        of_curve = bins[bins["curve"].eq(curve)]
        observed, low, high = of_curve[["observed", "low", "high"]].to_numpy(float).T
        ends = np.nan_to_num([observed - low, high - observed]).clip(0)
        axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=":", label="perfect")
        axes.errorbar(of_curve["predicted"], observed, ends, fmt="o", color=BLUE, label="observed")
        for row in of_curve.itertuples():
            place = (row.predicted, row.observed)
            axes.annotate(f"{row.n:.0f}", place, (6, -10), textcoords="offset points", fontsize=8)
        axes.set(xlabel="predicted probability", ylabel="share abnormal", title=f"{curve} curve")
        axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), aspect="equal")
        values = zip(of_curve["predicted"], observed, low, high, of_curve["n"], strict=True)
        points = "; ".join(f"{at:.2f} {_interval(*row)} of {n:.0f}" for at, *row, n in values)
        entries.append(f"{curve} curve, predicted and observed share of n films: {points}")
    legend_above(figure, grid[0])
    return described(figure, f"Calibration with 95 % intervals. {'. '.join(entries)}.")


def _interval(value: float, low: float, high: float) -> str:
    return prose.interval(value, low, high, ".2f")
