"""Read a film according to its kind; every failure is raised as one kind of error."""

import logging
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from pydicom import config

from lib.films.dicom import dicom_facts, dicom_size, read_dicom
from lib.films.kinds import DICOM, kind_of
from lib.films.picture import picture_size, read_picture
from lib.films.reduced import Reduced
from lib.films.refusals import UnreadableFilm

# Log messages of these libraries may quote a tag; relevant failures are raised as reasons.
for library in ("pydicom", "PIL", "pylibjpeg", "libjpeg", "openjpeg"):
    logging.getLogger(library).setLevel(logging.CRITICAL)


def read_film(path: str | Path) -> np.ndarray:
    """Read a film's grey levels, (height, width); larger = brighter on the display.

    uint8 or uint16 as stored, float32 where rescale or window tags give fractions. Films are turned
    upright by their EXIF orientation, negatives are inverted, colours become grey (8-bit in a
    picture), transparency is dropped, padding is dark. Raises UnreadableFilm with the reason.
    """
    return read_reduced(path, at_least=math.inf).grey


def read_reduced(path: str | Path, at_least: float) -> Reduced:
    """Read a film like read_film, a large grey DICOM film at half its size.

    It is halved only while its shorter side keeps `at_least` pixels. Raises UnreadableFilm.
    """
    with _one_error():
        film = _film(Path(path), at_least)
        if film.grey.min() == film.grey.max():
            raise UnreadableFilm("one grey level")
        return film


def read_mask(path: str | Path) -> np.ndarray:
    """Read a mask, uint8 (height, width): 1 where it is not black. Raises UnreadableFilm.

    Unlike a film it may consist of one grey level, as where a film has no lesion.
    """
    with _one_error():
        return (_film(Path(path)).grey > 0).astype(np.uint8)


def film_size(path: str | Path) -> tuple[int, int]:
    """Read (width, height) in pixels, as returned by read_film. Raises UnreadableFilm."""
    with _one_error():
        path = Path(path)
        return dicom_size(path) if kind_of(path) == DICOM else picture_size(path)


def film_facts(path: str | Path) -> dict[str, str]:
    """Read the metadata of a DICOM film; {} for a picture. Raises UnreadableFilm.

    patient_id, view, sex, age, body_part as stored; burned_in as YES, NO or "".
    """
    with _one_error():
        path = Path(path)
        return dicom_facts(path) if kind_of(path) == DICOM else {}


def _film(path: Path, at_least: float = math.inf) -> Reduced:
    if kind_of(path) == DICOM:
        film = read_dicom(path, at_least)
    else:
        grey = read_picture(path)
        film = Reduced(grey, grey.shape)
    if film.grey.dtype.kind == "f" and not np.isfinite(film.grey).all():
        raise UnreadableFilm("grey levels that are not finite")
    return film


@contextmanager
def _one_error() -> Iterator[None]:
    """Raise UnreadableFilm for every error, and suppress the messages of the libraries.

    Their messages may quote a tag, so they are not passed on.
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
    except OSError as error:  # Pillow's errors for damaged films have no errno
        opened = error.errno is None
        raise UnreadableFilm("truncated or damaged" if opened else "cannot be opened") from None
    except Exception:  # on malformed bytes parsers raise almost any error
        raise UnreadableFilm("truncated or damaged") from None
