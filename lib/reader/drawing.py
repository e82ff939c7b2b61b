"""Draw a film of the user with the map in red over it; text burned into the film is hidden.

Text is looked for on every film, also where the study's own films are phantoms: whose film is read
is not known.
"""

import base64
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from matplotlib.figure import Figure

from lib import burned_in
from lib.figures.films import draw, map_scale, opacity, overlay
from lib.figures.style import described, panels, styled
from lib.films import read_film
from lib.preprocessing import normalise
from lib.reader.answer import Answer, Map
from lib.reader.places import carried_back

LONGEST = 768  # pixels of the longer side at which a film is shown and text on it is found
RED = np.array([0, 0, 230])  # in OpenCV's order, as `figures.films.overlay`


class Drawn(NamedTuple):
    """A film as it may be shown."""

    grey: np.ndarray  # uint8 (h, w)
    values: np.ndarray | None  # the map at the same pixels, 0 where there is none


def drawn(path: Path, shape: tuple[int, int], small_map: Map | None) -> Drawn:
    """Read a film again, reduced, with its map; text is hidden on both. Raises UnreadableFilm."""
    film = read_film(path)
    factor = min(1, LONGEST / max(film.shape))
    height, width = (max(1, round(side * factor)) for side in film.shape)
    grey = normalise(cv2.resize(film, (width, height), interpolation=cv2.INTER_AREA))
    boxes = burned_in.text_boxes(grey)
    if small_map is None:
        return Drawn(burned_in.hidden(grey, boxes), None)
    values, matrix, size, *_ = small_map
    carried = np.nan_to_num(carried_back(values, matrix, size, shape, grey.shape))
    return Drawn(burned_in.hidden(grey, boxes), burned_in.hidden(carried, boxes))


def thumbnail(path: Path, shape: tuple[int, int], small_map: Map | None, side: int) -> str:
    """Return the film, and next to it the film under its map, as the address of a JPEG picture.

    The longer side of each has `side` pixels. Raises UnreadableFilm.
    """
    grey, values = drawn(path, shape, small_map)
    factor = side / max(grey.shape)
    size = [max(1, round(length * factor)) for length in grey.shape[::-1]]
    film = cv2.cvtColor(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), cv2.COLOR_GRAY2BGR)
    pictures = [film]
    if values is not None and small_map is not None:
        red = opacity(cv2.resize(values, size), scale_of(small_map))[..., None]
        pictures.append(np.uint8((1 - red) * film + red * RED))
    return _address(np.hstack(pictures))


def compared(prepared: np.ndarray, reconstruction: np.ndarray) -> str:
    """Return what a detector saw, and next to it the reconstruction, as the address of a JPEG."""
    return _address(np.hstack([burned_in.without_text(one) for one in (prepared, reconstruction)]))


def _address(picture: np.ndarray) -> str:
    """Return a picture as the address of a JPEG picture, which holds it."""
    _, content = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 85])
    return f"data:image/jpeg;base64,{base64.b64encode(content.tobytes()).decode()}"


def scale_of(small_map: Map) -> tuple[float, float]:
    """Return the map values drawn clear and fully red."""
    return small_map.scale or map_scale(small_map.values[None])


@styled
def figure(answer: Answer) -> Figure:
    """Draw the film, the map in red over it, and the reconstruction of what the detector saw."""
    grey, values = drawn(answer.path, answer.shape, answer.small_map)
    titles = ["film"] + ["map over the film"] * (values is not None)
    pictures = [grey, grey][: len(titles)]
    if answer.reconstruction is not None:
        titles.append("reconstruction")
        pictures.append(burned_in.without_text(answer.reconstruction))
    image, cells = panels(len(pictures), columns=3)
    for axes, picture, title in zip(cells, pictures, titles, strict=True):
        axes.set_title(title)
        axes.set_axis_off()
        draw(axes, picture)
    if values is not None and answer.small_map is not None:
        overlay(cells[1], values, scale_of(answer.small_map), grey.shape)
    words = f"A film with {', '.join(titles[1:])}. " if len(titles) > 1 else "A film. "
    return described(image, words + " ".join(answer.sentences))
