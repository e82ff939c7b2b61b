"""Decode a picture, PNG to TIFF, with Pillow, after its size has been checked in the header."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

import numpy as np
from PIL import Image, ImageFile, ImageOps, TiffImagePlugin

from lib.films.kinds import PICTURES
from lib.films.refusals import NotAFilm, UnreadableFilm, check_size

PHOTOMETRIC, WHITE_IS_ZERO = 262, 0  # a TIFF tag and its value for negatives
DEEP = {"I;16", "I;16B", "I;16L", "I;16N", "I", "F"}  # Pillow's modes of more than 8 bits

# Another library may have set Pillow to fill truncated films with grey; here they must fail.
ImageFile.LOAD_TRUNCATED_IMAGES = False
# Pillow opens some deep TIFF only as positives. Negatives are registered too; _grey inverts them.
for (order, photometric, *rest), modes in list(TiffImagePlugin.OPEN_INFO.items()):
    if photometric != WHITE_IS_ZERO and modes[0] in DEEP:
        TiffImagePlugin.OPEN_INFO.setdefault((order, WHITE_IS_ZERO, *rest), modes)  # type: ignore[arg-type]


def read_picture(path: Path) -> np.ndarray:
    """Read a picture's grey levels (height, width), turned upright by its EXIF orientation.

    uint8, or uint16 or float32 as in the file; 16-bit colours become 8-bit grey. Transparency is
    dropped. Raises UnreadableFilm.
    """
    with _upright(path) as picture:
        return _grey(picture)


def picture_size(path: Path) -> tuple[int, int]:
    """Read (width, height) of the upright picture. Raises UnreadableFilm.

    The picture is decoded, since the orientation may be stored after the pixels.
    """
    with _upright(path) as picture:
        return picture.size


@contextmanager
def _upright(path: Path) -> Iterator[Image.Image]:
    with _opened(path) as picture:
        with _no_standard_error() if picture.format == "TIFF" else nullcontext():
            picture.load()
        with suppress(Exception):  # a film with a damaged EXIF block is kept
            ImageOps.exif_transpose(picture, in_place=True)
        check_size(*picture.size)
        yield picture


@contextmanager
def _no_standard_error() -> Iterator[None]:
    """Discard the standard error of the process, to which libtiff writes directly."""
    standard_error = os.dup(2)
    try:
        with open(os.devnull, "wb") as null:
            os.dup2(null.fileno(), 2)
        yield
    finally:
        os.dup2(standard_error, 2)
        os.close(standard_error)


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Open a picture without decoding it, and check its size and number of frames."""
    # Opened as a file, not by name: Pillow 13.0 would map it, which garbles rotated TIFF.
    with path.open("rb") as file:
        try:
            picture = Image.open(file, formats=list(PICTURES))
            # MPO: a JPEG of a phone with a second, smaller picture, which viewers do not show.
            frames = picture.format != "MPO" and getattr(picture, "is_animated", False)
        except Exception as error:  # Pillow unpacks at most 1 MB of a PNG's text or profile
            if isinstance(error, Image.DecompressionBombError) or "too large" in str(error):
                raise UnreadableFilm("implausible size: a decompression bomb") from None
            raise UnreadableFilm("truncated, damaged or of an unsupported kind") from None
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
    # Through RGB, which drops the alpha channel of every mode and resolves palettes.
    return np.asarray(picture.convert("RGB").convert("L"))


def _negative(grey: np.ndarray) -> np.ndarray:
    return (np.iinfo(np.uint16).max if grey.dtype == np.uint16 else grey.max()) - grey
