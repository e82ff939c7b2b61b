"""Reads a film by its kind, and makes one kind of error of all that can go wrong."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from pydicom import config

from lib.films.dicom import dicom_facts, dicom_size, read_dicom
from lib.films.kinds import DICOM, kind_of
from lib.films.picture import picture_size, read_picture
from lib.films.refusals import UnreadableFilm

# What these libraries log may quote a tag, and what matters of it becomes a reason.
for library in ("pydicom", "PIL", "pylibjpeg", "libjpeg", "openjpeg"):
    logging.getLogger(library).setLevel(logging.CRITICAL)


def read_film(path: str | Path) -> np.ndarray:
    """Read a film's grey levels, (height, width); larger = brighter on the display.

    uint8 or uint16 as stored, float32 where rescale or window tags make fractions. A film is turned
    upright as its EXIF orientation asks, negatives are inverted, colour becomes grey (of 8 bits in
    a picture), transparency is dropped, padding is dark. Raises UnreadableFilm with the reason.
    """
    with _one_error():
        grey = _grey(Path(path))
        if grey.min() == grey.max():
            raise UnreadableFilm("one grey level")
        return grey


def read_mask(path: str | Path) -> np.ndarray:
    """Read a mask, uint8 (height, width): 1 where it is brighter than black. Raises UnreadableFilm.

    Unlike a film it may be of one grey level, that of a film without a lesion.
    """
    with _one_error():
        return (_grey(Path(path)) > 0).astype(np.uint8)


def film_size(path: str | Path) -> tuple[int, int]:
    """Read (width, height) in pixels, as read_film gives them. Raises UnreadableFilm."""
    with _one_error():
        path = Path(path)
        return dicom_size(path) if kind_of(path) == DICOM else picture_size(path)


def film_facts(path: str | Path) -> dict[str, str]:
    """Read what a DICOM states of its film; {} for a picture. Raises UnreadableFilm.

    patient_id, view, sex, age, body_part as they are written, burned_in as YES, NO or "".
    """
    with _one_error():
        path = Path(path)
        return dicom_facts(path) if kind_of(path) == DICOM else {}


def _grey(path: Path) -> np.ndarray:
    grey = read_dicom(path) if kind_of(path) == DICOM else read_picture(path)
    if grey.dtype.kind == "f" and not np.isfinite(grey).all():
        raise UnreadableFilm("grey levels that are not numbers")
    return grey


@contextmanager
def _one_error() -> Iterator[None]:
    """Raise UnreadableFilm for every error, and keep what the libraries say to themselves.

    Their own words may quote a tag, so they are not passed on.
    """
    try:
        with (
            warnings.catch_warnings(),
            np.errstate(all="ignore"),
            config.disable_value_validation(),
        ):
            warnings.simplefilter("ignore")
            yield
    except UnreadableFilm:
        raise
    except MemoryError:
        raise UnreadableFilm("too large for the memory of this machine") from None
    except OSError as error:  # Pillow's own for damaged films has no number
        opened = error.errno is None
        raise UnreadableFilm("truncated or damaged" if opened else "cannot be opened") from None
    except Exception:  # on hostile bytes parsers raise nearly anything
        raise UnreadableFilm("truncated or damaged") from None
