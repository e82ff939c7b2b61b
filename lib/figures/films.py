"""Figures of films: grids, steps of preprocessing, what generators draw, maps in red over films.

Text burned into real films, as a patient's name, is hidden on every one of them.
"""

import textwrap
from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import ndimage

from lib import burned_in, provenance
from lib.figures.style import DPI, SKY, WIDTH, described, short, styled
from lib.phantoms.grades import Graded

#: Pixels between cells, for a line of a title, and for the name of a row.
GAP, LINE, MARGIN = 8, 15, 22
#: Pixels of a film under a map, where the page is wide enough: small findings have to be seen.
OVERLAID = 320


@styled
def films(
    images: Sequence[np.ndarray],
    titles: Sequence[str] | None = None,
    columns: int | None = None,
    lesions: Sequence[np.ndarray] | None = None,
) -> Figure:
    """Draw films (n, h, w) in rows of `columns`, each film pixel a whole number of screen pixels.

    Films are uint8 grey levels or floats in [-1, 1]; `lesions` (n, h, w) 0/1 masks are outlined.
    """
    titles = list(titles) if titles is not None else [""] * len(images)
    height, width = _cell(images)
    columns = columns or min(len(images), WIDTH // (width + GAP))
    rows = [titles[start : start + columns] for start in range(0, len(titles), columns)]
    figure, cells = _cells(rows, height, width)
    for n, axes in enumerate(cell for row in cells for cell in row):
        draw(axes, *without_text([images[n]]))
        if lesions is not None:
            outline(axes, lesions[n])
    outlined = 0 if lesions is None else sum(bool(np.any(mask)) for mask in lesions)
    text = f"{len(images)} films{_listed(titles)}."
    return described(figure, text + (f" A lesion is outlined on {outlined}." if outlined else ""))


@styled
def preprocessing_steps(
    steps: Sequence[dict[str, np.ndarray]], titles: Sequence[str] | None = None
) -> Figure:
    """Draw one row per film and one column per step, from dictionaries step -> picture (h, w).

    Pictures may have any size, and be uint8, uint16, 0/1 masks or floats in [-1, 1]; a step that a
    film lacks stays empty.
    """
    titles = list(titles) if titles is not None else [""] * len(steps)
    names = list(dict.fromkeys(name for row in steps for name in row))
    side = min(150, WIDTH // len(names) - GAP)
    headings = [names] + [[""] * len(names)] * (len(steps) - 1)
    figure, cells = _cells(headings, side, side, margin=MARGIN if any(titles) else 0)
    for row, pictures, title in zip(cells, steps, titles, strict=True):
        row[0].set_ylabel(short(title, side // 6), fontsize=9)
        shown = dict(zip(pictures, without_text(list(pictures.values())), strict=True))
        for axes, name in zip(row, names, strict=True):
            if name in shown:
                draw(axes, shown[name])
    text = f"{len(steps)} films{_listed(titles)}; the columns are the steps {', '.join(names)}."
    return described(figure, text)


@styled
def samples(pictures: np.ndarray, titles: Sequence[str]) -> Figure:
    """Draw images of a generator during training: pictures (k, m, h, w), one row for each title.

    A column shows one code, or one film, at all these times.
    """
    shown = [[without_text([picture])[0] for picture in row] for row in pictures]
    figure = _table_of_pictures(shown, titles, [""] * len(pictures[0]))
    text = f"{len(pictures[0])} images of the generator at each of {len(titles)} times"
    return described(figure, text + f"{_listed(titles)}.")


@styled
def grades(findings: Mapping[str, Graded]) -> Figure:
    """Draw a row per finding of phantoms: the film without it, then each grade, outlined."""
    first = next(iter(findings.values()))
    names = ["without it", *first.films]
    rows = [[graded.normal, *graded.films.values()] for graded in findings.values()]
    figure = _table_of_pictures(rows, list(findings), names)
    masks = [mask for graded in findings.values() for mask in (None, *graded.masks.values())]
    for axes, mask in zip(figure.axes, masks, strict=True):
        if mask is not None:
            outline(axes, mask)
    text = f"{len(findings)} findings{_listed(list(findings))}, each on films of one patient: "
    return described(figure, f"{text}{', '.join(names)}. The finding is outlined.")


@styled
def chain(steps: np.ndarray, titles: Sequence[str]) -> Figure:
    """Draw how films change into their reconstructions: steps (k, n, h, w).

    One row for each of n titles, one column per step, the film first and the reconstruction last.
    """
    between = ["with noise", *[""] * (len(steps) - 3)][: len(steps) - 2]
    names = ["film", *between, "reconstruction"]
    shown = [without_text(list(film)) for film in np.swapaxes(steps, 0, 1)]
    figure = _table_of_pictures(shown, titles, names)
    text = f"{len(titles)} films{_listed(titles)}, each in {len(steps)} steps: the film, "
    text += "the film with noise, " * (len(steps) > 2)
    text += f"{len(steps) - 3} denoised images, " * (len(steps) > 3)
    return described(figure, text + "its reconstruction.")


def _table_of_pictures(pictures, titles: Sequence[str], names: Sequence[str]) -> Figure:
    """Draw pictures (rows, columns, h, w): titles at the left, names above."""
    height, width = np.shape(pictures)[2:]
    most = (WIDTH - MARGIN) // len(names) - GAP
    zoom = min(max(1, round(140 / width)), most // width) or most / width
    headings = [list(names)] + [[""] * len(names)] * (len(titles) - 1)
    figure, cells = _cells(headings, int(height * zoom), int(width * zoom), margin=MARGIN)
    for row, drawn, title in zip(cells, pictures, titles, strict=True):
        row[0].set_ylabel(textwrap.fill(short(title), max(8, int(height * zoom) // 6)), fontsize=9)
        for axes, picture in zip(row, drawn, strict=True):
            draw(axes, picture)
    return figure


@styled
def residual_overlay(
    images: np.ndarray,
    reconstructions: np.ndarray | None,
    maps: np.ndarray,
    titles: Sequence[str],
    lesions: np.ndarray | None = None,
    scale: tuple[float, float] | None = None,
) -> Figure:
    """Draw film, reconstruction where there is one, and the map in red over the film.

    All are (n, h, w); a map is enlarged smoothly. Red is more opaque where the map is larger, on
    one `scale` (`map_scale`) for all films, which the figure states; without one, that of these
    maps. Lesions (0/1 masks) are outlined in blue.
    """
    images, maps = np.asarray(images), np.asarray(maps, float)
    pictures = [images] if reconstructions is None else [images, np.asarray(reconstructions)]
    *pictures, maps = _without_text_of_any(pictures, maps)
    kinds = ["map over the film"]
    if reconstructions is not None:
        kinds.insert(0, "reconstruction")
    height, width = _cell(images, OVERLAID, across=1 + len(kinds))
    films_per_row = max(1, WIDTH // ((width + GAP) * (1 + len(kinds))))
    headings = [heading for title in titles for heading in (title, *kinds)]
    across = films_per_row * (1 + len(kinds))
    rows = [headings[start : start + across] for start in range(0, len(headings), across)]
    figure, cells = _cells(rows, height, width, foot=LINE + GAP)
    film_cells = iter(cell for row in cells for cell in row)
    scale = scale or map_scale(maps)
    for n, layers in enumerate(zip(*pictures, strict=True)):
        *columns, over = (next(film_cells) for _ in range(1 + len(kinds)))
        for axes, layer in zip([*columns, over], [*layers, layers[0]], strict=True):
            draw(axes, layer)
        overlay(over, maps[n], scale, layers[0].shape)
        for axes in (columns[0], over):
            if lesions is not None:
                outline(axes, lesions[n])
    note = _note_on(scale)
    if lesions is not None and np.any(lesions):
        note += " Blue outline: the lesion."
    figure.text(0, 0, note, fontsize=9, va="bottom")
    return described(
        figure, f"{len(images)} films, each with its map in red{_listed(titles)}. {note}"
    )


@styled
def overlays(
    images: np.ndarray,
    titles: Sequence[str],
    lesions: np.ndarray,
    maps: np.ndarray | None = None,
    scale: tuple[float, float] | None = None,
) -> list[Figure]:
    """Draw each film (n, h, w) as a figure of its own, with its map in red over it if there is one.

    `scale` is as returned by `map_scale`; lesions (0/1 masks) are outlined in blue. The titles are
    in the descriptions alone, for `show_row` writes them below.
    """
    drawn = []
    for n, title in enumerate(titles):
        text = f"A test film. {title}."
        film = without_text([images[n]])[0]
        height, width = _cell([film], OVERLAID, across=1)
        figure, ((axes,),) = _cells([[""]], height, width)
        if maps is None or scale is None:
            draw(axes, film)
        else:
            (film,), (values,) = _without_text_of_any([images[[n]]], np.asarray(maps[[n]], float))
            draw(axes, film)
            overlay(axes, values, scale, film.shape)
            text += f" Its map lies over it. {_note_on(scale)}"
        outline(axes, lesions[n])
        text += " Blue outline: the lesion." if np.any(lesions[n]) else ""
        drawn.append(described(figure, text))
    return drawn


def _note_on(scale: tuple[float, float]) -> str:
    low, high = scale
    return f"Red: transparent at {low:.3g}, strongest from {high:.3g}; one scale for all films."


@styled
def side_by_side(
    images: np.ndarray,
    titles: Sequence[str],
    maps: Mapping[str, np.ndarray],
    ranks: Mapping[str, np.ndarray],
    lesions: np.ndarray,
    scales: Mapping[str, tuple[float, float]],
    columns: int = 4,
) -> Figure:
    """Draw maps of several methods over the same films (n, h, w), at most `columns` side by side.

    A row is a film: itself with its lesion outlined, then per method its map, of (n, h, w), in red
    over the film, on the scale of the method (`map_scale`), under the share of test films with a
    lower score, `ranks` (n,) in [0, 1]. Without any map there are the films alone.
    """
    names = list(maps)
    words = {name: name.replace("_", " ") for name in names}
    several = -(-len(names) // columns) or 1
    wide = -(-len(names) // several)  # as many in each band, or one fewer
    bands = [names[number * wide : (number + 1) * wide] for number in range(several)]
    headings = [
        ["film" * (n == 0), *(f"{words[name] * (n == 0)} {ranks[name][n]:.0%}" for name in band)]
        for band in bands
        for n in range(len(images))
    ]
    side = min(OVERLAID, (WIDTH - MARGIN) // max(map(len, headings)) - GAP)
    pixels = max(np.shape(images)[1:])
    side = side // pixels * pixels or side  # a film pixel is a whole number of screen pixels
    figure, rows = _cells(headings, side, side, margin=MARGIN)
    for number, (first, *others) in enumerate(rows):
        band, n = bands[number // len(images)], number % len(images)
        first.set_ylabel(short(titles[n], side // 6), fontsize=9)
        draw(first, *without_text([images[n]]))
        outline(first, lesions[n])
        for axes, name in zip(others, band, strict=False):
            values = np.asarray(maps[name][n], float)
            film, values = _without_text_of_any([images[n][None]], values[None])
            draw(axes, film[0])
            overlay(axes, values[0], scales[name], film[0].shape)
    shares = [
        f"{title}: " + ", ".join(f"{name} {ranks[name][n]:.0%}" for name in ranks)
        for n, title in enumerate(titles)
    ]
    text = f"{len(images)} films with maps of {len(names)} methods; test films with a lower score, "
    return described(figure, text + f"{'; '.join(shares)}.")


def without_text(layers: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return layers (h, w) of one film, as its steps, without the text burned into any of them.

    Layers of one size are taken to lie over each other: text on one is hidden on all. Nobody is
    named on phantoms, which stay as they are.
    """
    if provenance.holds_phantoms():
        return list(layers)
    boxes: dict[tuple, list] = {}
    for layer in layers:
        boxes.setdefault(np.shape(layer), []).extend(burned_in.text_boxes(np.asarray(layer)))
    return [burned_in.hidden(layer, boxes[np.shape(layer)]) for layer in layers]


def _without_text_of_any(pictures: Sequence[np.ndarray], maps: np.ndarray) -> list[np.ndarray]:
    """Return pictures (n, h, w) of films, and the maps over them, which may be coarser or finer.

    The difference between a film and its reconstruction would spell the text again.
    """
    if provenance.holds_phantoms():
        return [*pictures, maps]
    height, width = np.shape(pictures[0])[1:]
    shown = []
    for *layers, values in zip(*pictures, maps, strict=True):
        boxes = np.concatenate([burned_in.text_boxes(layer) for layer in layers])
        layers.append(cv2.resize(enlarged(values, (height, width)), (width, height)))
        shown.append([burned_in.hidden(layer, boxes) for layer in layers])
    return [np.array(layers) for layers in zip(*shown, strict=True)]


def map_scale(maps: np.ndarray, is_normal: np.ndarray | None = None) -> tuple[float, float]:
    """Return the values of maps (n, h, w) that are drawn clear and fully red.

    Clear is what 95 % of the pixels of normal films (`is_normal` (n,); all films where none is) do
    not exceed, whatever the level of the map on healthy tissue. Fully red is the 99.5 % quantile of
    all films, and so far up that no more than half of any film is in the upper half of the scale.
    """
    maps = np.where(np.isfinite(maps), maps, np.nan).astype(float)
    if not np.isfinite(maps).any():
        return 0.0, 1.0
    reference = maps if is_normal is None or not np.any(is_normal) else maps[is_normal]
    low = float(np.nanquantile(reference, 0.95))
    middles = [float(np.nanmedian(one)) for one in maps if np.isfinite(one).any()]
    high = max(float(np.nanquantile(maps, 0.995)), 2 * max(middles) - low)
    return low, high if high > low else low + 1.0


def opacity(values: np.ndarray, scale: tuple[float, float]) -> np.ndarray:
    """Return how opaque the red is, in [0, 0.85]; it never falls as the map grows."""
    low, high = scale
    return 0.85 * np.clip((np.nan_to_num(values) - low) / (high - low), 0, 1)


def overlay(axes: Axes, values: np.ndarray, scale: tuple[float, float], shape: tuple) -> None:
    """Lay the map `values` in red over a film of `shape` (h, w), without edges between its pixels.

    Smooth as it is, it shows no detail that the map does not have.
    """
    values = enlarged(values, (round(axes.bbox.height), round(axes.bbox.width)))
    red = np.zeros((*values.shape, 4))
    red[..., 0] = 0.9
    red[..., 3] = opacity(values, scale)
    extent = (-0.5, shape[1] - 0.5, shape[0] - 0.5, -0.5)
    axes.imshow(red, extent=extent, interpolation="antialiased")


def enlarged(values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return a map enlarged to `shape` by cubic splines, which its own range bounds.

    A map of this size or larger, in either direction, stays as it is.
    """
    values = np.nan_to_num(values)
    zoom = np.divide(shape, values.shape)
    if min(zoom) <= 1:
        return values
    smooth = ndimage.zoom(values, zoom, order=3, mode="nearest", grid_mode=True)
    return smooth.clip(values.min(), values.max())  # splines may exceed what they pass through


def outline(axes: Axes, mask: np.ndarray) -> None:
    """Draw the border of a 0/1 mask (h, w)."""
    if np.any(mask):
        height, width = np.shape(mask)
        # The border of zeros closes the outline of a lesion that reaches the film's edge.
        where = np.arange(-1, width + 1), np.arange(-1, height + 1)
        limits = axes.axis()
        lines = axes.contour(*where, np.pad(mask, 1), [0.5], colors=[SKY], linewidths=1.2)
        axes.axis(limits)  # which contours widen, so that the film would be resampled
        lines.set(path_effects=[patheffects.withStroke(linewidth=2.2, foreground="black")])


def draw(axes: Axes, picture: np.ndarray) -> None:
    """Draw a picture (h, w) in grey: enlarged without smoothing, reduced without aliasing."""
    low, high = _black_and_white(np.asarray(picture))
    enlarged = max(picture.shape) <= max(axes.bbox.width, axes.bbox.height) + 0.5
    interpolation = "nearest" if enlarged else "antialiased"
    axes.imshow(picture, cmap="gray", vmin=low, vmax=high, interpolation=interpolation)


def _black_and_white(picture: np.ndarray) -> tuple[float, float]:
    if picture.dtype.kind == "f":
        return -1, 1
    if picture.max() <= 1:
        return 0, 1
    return (0, 255) if picture.dtype == np.uint8 else (picture.min(), picture.max())


def _listed(titles: Sequence[str]) -> str:
    listed = "; ".join(title for title in titles if title)
    return f" ({listed})" if listed else ""


def _cell(
    images: Sequence[np.ndarray] | np.ndarray, about: int = 140, across: int = 3
) -> tuple[int, int]:
    """Return height and width of a cell: a whole multiple of the films', or 300 pixels at most.

    Small films are enlarged to about so many pixels, of which `across` fit across a page.
    """
    if len(images) == 0:
        raise ValueError("There is no film to draw.")
    height, width = np.max([np.shape(image) for image in images], axis=0)
    side = max(height, width)
    zoom = max(1, min(round(about / side), WIDTH // across // side)) if side <= 300 else 300 / side
    return int(height * zoom), int(width * zoom)


def _cells(
    titles: Sequence[Sequence[str]], height: int, width: int, margin: int = 0, foot: int = 0
) -> tuple[Figure, list[list[Axes]]]:
    """Return a figure of titled cells, placed to the pixel so that films are not resampled."""
    across_a_cell = max(8, width // 7)
    titles = [[textwrap.fill(short(title), across_a_cell) for title in row] for row in titles]
    heads = [LINE * max(1 + t.count("\n") if t else 0 for t in row) + GAP for row in titles]
    across = margin + max(map(len, titles)) * (width + GAP) - GAP
    down = sum(heads) + height * len(titles) + foot
    figure = Figure((across / DPI, down / DPI), dpi=DPI)
    cells, top = [], down
    for row, head in zip(titles, heads, strict=True):
        top -= head + height
        cells.append([])
        for column, title in enumerate(row):
            left = margin + column * (width + GAP)
            place = (left / across, top / down, width / across, height / down)
            axes = figure.add_axes(place, xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
            axes.set_title(title, fontsize=9, fontweight="normal", pad=3)
            cells[-1].append(axes)
    return figure, cells
