"""What all figures share: colours, fonts, a description, and how they are displayed."""

import base64
import html
from collections.abc import Sequence
from io import BytesIO
from itertools import cycle, islice

import matplotlib as mpl
import numpy as np
import pandas as pd
from IPython.display import HTML, display
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from lib.metrics import FEWEST

DPI = 100
#: The width of a page's column, in pixels.
WIDTH = 840
#: The width of a figure whose text a phone shows large enough to read, in pixels.
PHONE = 520

#: Okabe and Ito's colours, which people with any colour vision can tell apart.
BLUE, VERMILLION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY, INK, GREY = "#E69F00", "#56B4E9", "#22262b", "#767d85"
PALE = "#d3d6d9"  # what is in the background
COLOURS = [BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, INK]
MOST_LINES = len(COLOURS)  # lines of one panel that can be distinguished

#: Colour, line style and hatch of films by label, never distinguished by colour alone.
LABELS = {
    "normal": (BLUE, "-", ""),
    "abnormal": (VERMILLION, "--", "///"),
    "unknown": (GREY, ":", "..."),
}

STYLE = {
    "font.family": "sans-serif",
    "font.size": 10,
    "text.parse_math": False,  # a word of the data may hold a dollar sign
    "text.hinting": "none",  # hinted glyphs lose their upper edge between two pixels
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": GREY,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e6e8",
    "grid.linewidth": 0.8,
    "xtick.color": INK,
    "ytick.color": INK,
    "text.color": INK,
    "axes.labelcolor": INK,
    "legend.frameon": False,
    "hatch.linewidth": 0.6,
    "figure.facecolor": "white",
}
#: matplotlib's own settings, and not those of a matplotlibrc that lies where Python was started.
DEFAULTS = {name: value for name, value in mpl.rcParamsDefault.items() if "backend" not in name}
#: Decorates the functions that draw, so that no setting of theirs reaches a notebook's own figures.
styled = mpl.rc_context(DEFAULTS | STYLE)


def panels(number: int, columns: int = 3, height: int = 300) -> tuple[Figure, list[Axes]]:
    """Return a figure as wide as a page with `number` panels of `height` pixels each."""
    columns = min(number, columns)
    rows = -(-number // columns)
    width = min(WIDTH, 200 + 400 * columns)  # a lone panel as wide as the page would be all grid
    layout = ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.1, wspace=0.03, hspace=0.04)
    figure = Figure((width / DPI, rows * height / DPI), dpi=DPI, layout=layout)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid[number:]:
        axes.remove()
    return figure, list(grid[:number])


def stacked(
    heights: Sequence[int], above: int = 80, one_axis: bool = True
) -> tuple[Figure, list[Axes]]:
    """Return a figure PHONE pixels wide, with a panel of each height (pixels) below one another.

    With `one_axis` all have the same horizontal axis, and each its numbers; `above` pixels are for
    a legend.
    """
    layout = ConstrainedLayoutEngine(w_pad=0.06, h_pad=0.06, hspace=0.02)
    figure = Figure((PHONE / DPI, (above + sum(heights)) / DPI), dpi=DPI, layout=layout)
    grid = figure.subplots(len(heights), sharex=one_axis, squeeze=False, height_ratios=heights)
    for axes in grid[:, 0]:
        axes.tick_params(labelbottom=True, labelsize=9)
    return figure, list(grid[:, 0])


def tiles(number: int, height: int, columns: int = 2) -> tuple[Figure, list[Axes]]:
    """Return a figure PHONE pixels wide with `number` small panels of one scale, in columns."""
    rows = -(-number // columns)
    layout = ConstrainedLayoutEngine(w_pad=0.06, h_pad=0.06, wspace=0.02, hspace=0.02)
    figure = Figure((PHONE / DPI, (30 + rows * height) / DPI), dpi=DPI, layout=layout)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid:
        axes.tick_params(labelsize=9)
    for axes in grid[number:]:
        axes.remove()
    return figure, list(grid[:number])


def legend_above(figure: Figure, axes: Axes, columns: int | None = None) -> None:
    """Put the legend of `axes` above all panels, where it hides nothing, in one row or columns."""
    handles, names = axes.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper left", ncols=columns or len(names))


def line_styles(number: int) -> list[dict[str, object]]:
    """Return `number` line styles that differ in dashes as well as in colour, MOST_LINES at most.

    Colours repeat beyond that, so that only dashes would differ.
    """
    colours = cycle(COLOURS)
    dashes: cycle[object] = cycle(["-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1))])
    styles = ({"color": c, "linestyle": d} for c, d in zip(colours, dashes, strict=False))
    return list(islice(styles, number))


def short(text: str, width: int = 60) -> str:
    """Return a word of the data as a figure can draw it: one line of at most `width` characters.

    Letters that no font has, as half of one in a file name that is not UTF-8, become spaces.
    """
    drawable = "".join(letter if letter.isprintable() else " " for letter in str(text))
    line = " ".join(drawable.split())
    return line if len(line) <= width else f"{line[: width - 1]}…"


def largest_groups(values: pd.Series, most: int, fewest: int = FEWEST) -> pd.Series:
    """Name the `most` commonest words of a series that have `fewest` films, the rest together."""
    films = values.value_counts()
    named = films.index[:most][films[:most] >= fewest]
    rest = len(films) - len(named)
    return values.where(values.isin(named), f"other ({rest} group{'s' * (rest > 1)})")


def label_names(label: pd.Series | np.ndarray) -> pd.Series:
    """Return "normal", "abnormal" or "unknown" for labels 0, 1 and empty."""
    return pd.Series(label).map({0: "normal", 1: "abnormal"}).fillna("unknown")


def described(figure: Figure, text: str) -> Figure:
    """Attach the description `text` to `figure`; half a letter in it becomes a question mark."""
    figure.set_label(text.encode("utf-8", "replace").decode())
    return figure


@styled
def encode(figure: Figure) -> tuple[str, bytes]:
    """Return (MIME type, bytes): JPEG for figures of films, being far smaller, else PNG."""
    photograph = any(axes.images for axes in figure.axes)
    kind, options = "png", {}
    if photograph:
        kind, options = "jpeg", {"pil_kwargs": {"quality": 88, "subsampling": 0}}
    stream = BytesIO()
    figure.savefig(stream, format=kind, **options)
    return f"image/{kind}", stream.getvalue()


def show(figure: Figure, alt: str = "") -> None:
    """Display `figure` in a notebook with `alt`, or its own description, as alternative text.

    Raises ValueError when there is neither.
    """
    alt = alt.strip() or str(figure.get_label()).strip()
    if not alt:
        raise ValueError("This figure has no description; pass one: show(figure, alt='...').")
    kind, content = encode(figure)
    display({kind: content, "text/plain": alt}, metadata={kind: {"alt": alt}}, raw=True)


def markup(figure: Figure) -> str:
    """Return a described figure as HTML, with its description as alternative text."""
    kind, content = encode(figure)
    source = f"data:{kind};base64,{base64.b64encode(content).decode()}"
    return f'<img src="{source}" alt="{html.escape(str(figure.get_label()))}">'


def show_row(figures: Sequence[Figure], captions: Sequence[str]) -> None:
    """Display described figures with captions: a page sets as many in a row as its width allows."""
    cells = [
        f"<figure>{markup(figure)}<figcaption>{html.escape(caption)}</figcaption></figure>"
        for figure, caption in zip(figures, captions, strict=True)
    ]
    if cells:
        display(HTML(f'<div class="row">{"".join(cells)}</div>'))
