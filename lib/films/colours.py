"""Read a film together with whether it is a picture in colours, which is decoded once."""

import math
from pathlib import Path

import numpy as np
from PIL import Image

from lib.films.kinds import DICOM, kind_of
from lib.films.picture import DEEP, _grey, _opened, _upright
from lib.films.reading import _one_error, read_reduced
from lib.films.reduced import Reduced
from lib.films.refusals import UnreadableFilm

COLOURED = 8  # mean deviation of the difference of two colours, in grey levels: beyond, no film
GREY = {"1", "L", "LA", "LAB", *DEEP}  # Pillow's modes without colours


def read_with_colours(path: str | Path, at_least: float = math.inf) -> tuple[Reduced, bool]:
    """Return what read_reduced does, and whether colours vary as those of photographs do.

    A film is grey, also where it is stored with three channels; the tint of a scan and small marks
    in a colour vary less. The colours of DICOM are not looked at. Raises UnreadableFilm.
    """
    path = Path(path)
    with _one_error():
        if kind_of(path) == DICOM or _mode(path) in GREY:
            return read_reduced(path, at_least), False
        with _upright(path) as picture:
            grey, coloured = _grey(picture), _vary(picture)
        if grey.min() == grey.max():
            raise UnreadableFilm("one grey level")
        return Reduced(grey, grey.shape), coloured


def _mode(path: Path) -> str:
    """Return Pillow's mode of a picture, which its header states."""
    with _opened(path) as picture:
        return picture.mode


def _vary(picture: Image.Image) -> bool:
    red, green, blue = np.moveaxis(np.asarray(picture.convert("RGB"), np.float32), 2, 0)
    apart = np.stack([red - green, blue - green])
    deviation = np.abs(apart - apart.mean(axis=(1, 2), keepdims=True)).mean(axis=(1, 2))
    return bool(deviation.max() > COLOURED)
