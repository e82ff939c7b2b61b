"""Decodes a picture, PNG to TIFF, through Pillow; its size is checked in the header before that."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

import numpy as np
from PIL import Image, ImageFile, ImageOps, TiffImagePlugin

from lib.films.kinds import PICTURES
from lib.films.refusals import NotAFilm, UnreadableFilm, check_size

PHOTOMETRIC, WHITE_IS_ZERO = 262, 0  # a tag of TIFF, and its value for negatives
DEEP = {"I;16", "I;16B", "I;16L", "I;16N", "I", "F"}  # Pillow's modes of more than 8 bits

# Another library may have asked Pillow to fill truncated films with grey; here they must fail.
ImageFile.LOAD_TRUNCATED_IMAGES = False
# Pillow knows some deep TIFF only as positives. It takes their negatives too, for _grey to turn.
for (order, photometric, *rest), modes in list(TiffImagePlugin.OPEN_INFO.items()):
    if photometric != WHITE_IS_ZERO and modes[0] in DEEP:
        TiffImagePlugin.OPEN_INFO.setdefault((order, WHITE_IS_ZERO, *rest), modes)  # type: ignore[arg-type]


def read_picture(path: Path) -> np.ndarray:
    """Read a picture's grey levels (height, width), turned upright as its EXIF orientation asks.

    uint8; uint16 or float32 where the file has them, though 16-bit colours come as 8 bits of grey.
    Transparency is dropped. Raises UnreadableFilm.
    """
    with _upright(path) as picture:
        return _grey(picture)


def picture_size(path: Path) -> tuple[int, int]:
    """Read (width, height) of the upright picture. Raises UnreadableFilm.

    Decodes it, since an orientation may follow the pixels.
    """
    with _upright(path) as picture:
        return picture.size


@contextmanager
def _upright(path: Path) -> Iterator[Image.Image]:
    with _opened(path) as picture:
        with _no_standard_error() if picture.format == "TIFF" else nullcontext():
            picture.load()
        with suppress(Exception):  # a damaged EXIF block does not cost the film
            ImageOps.exif_transpose(picture, in_place=True)
        check_size(*picture.size)
        yield picture


@contextmanager
def _no_standard_error() -> Iterator[None]:
    """Lead the process's standard error to nowhere: libtiff writes there, past Python."""
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Open a picture without decoding it; its size and number of frames have been checked."""
    # By its file, not its name: Pillow would map the file, and so garbles turned TIFF (13.0).
    with path.open("rb") as file:
        try:
            picture = Image.open(file, formats=list(PICTURES))
            # Phones put a second, smaller picture behind a JPEG, which viewers do not show: MPO.
            frames = picture.format != "MPO" and getattr(picture, "is_animated", False)
        except Exception as error:  # of a PNG's words or colour profile Pillow unpacks 1 MB at most
            if isinstance(error, Image.DecompressionBombError) or "too large" in str(error):
                raise UnreadableFilm("absurdly sized: a decompression bomb") from None
            raise UnreadableFilm("truncated, damaged or of a rare kind") from None
        with picture:
            check_size(*picture.size)
            if frames:
                raise NotAFilm("several frames, not one film")
            yield picture


def _grey(picture: Image.Image) -> np.ndarray:
    if picture.mode in DEEP:
        grey = np.asarray(picture)
        grey = grey.astype(np.uint16 if picture.mode.startswith("I;16") else np.float32)
        negative = getattr(picture, "tag_v2", {}).get(PHOTOMETRIC) == WHITE_IS_ZERO
        return _negative(grey) if negative else grey
    if picture.mode in ("L", "LAB"):
        return np.asarray(picture if picture.mode == "L" else picture.getchannel("L"))
    # By way of RGB, since that drops the alpha of every mode and looks palettes up.
    return np.asarray(picture.convert("RGB").convert("L"))


def _negative(grey: np.ndarray) -> np.ndarray:
    return (np.iinfo(np.uint16).max if grey.dtype == np.uint16 else grey.max()) - grey
