"""Decode the pixels of a DICOM file, after checks of its coding and of the decoded size."""

import math

import numpy as np
from pydicom import Dataset
from pydicom.encaps import get_frame
from pydicom.pixels import get_decoder, pixel_array
from pydicom.pixels.common import PhotometricInterpretation
from pydicom.uid import UID, RLELossless, UID_dictionary

from lib.films import lossless
from lib.films.reduced import codestream, low_pass, may_be_halved, means
from lib.films.refusals import UnreadableFilm
from lib.films.tags import number, text

COLOURS = {str(word) for word in PhotometricInterpretation}
NO_SIZES = {0xC4, 0xC8, 0xCC}  # JPEG markers from C0 to CF that do not state a size


def decoded(film: Dataset, at_least: float = math.inf) -> np.ndarray:
    """Decode a film's pixels as stored: (height, width), or (height, width, 3) for colours.

    Of half the size where the shorter side then keeps `at_least` pixels and the film is grey.
    Missing elements of the film's header are added. Raises UnreadableFilm.
    """
    _add_missing_elements(film)
    _check_syntax(film)
    at_half = may_be_halved(film, at_least)
    if film.file_meta.TransferSyntaxUID.is_encapsulated:
        frame = get_frame(film.PixelData, 0, number_of_frames=1)
        _check_frame(frame, film)
        if at_half and (half := low_pass(frame, film)) is not None:
            return half
        stored = pixel_array(film, index=0, decoding_plugin=lossless.plugin_for(film))
    else:
        stored = _native(film)
    return means(stored) if at_half else stored


def _add_missing_elements(film: Dataset) -> None:
    """Add missing elements to a header, with the values that viewers assume."""
    colour = text(film, "PhotometricInterpretation").upper()
    samples = int(number(film, "SamplesPerPixel") or (3 if colour[:3] in ("RGB", "YBR") else 1))
    if colour not in COLOURS:
        colour = "MONOCHROME2" if samples == 1 else "RGB"
    stored = int(number(film, "BitsStored") or number(film, "BitsAllocated") or 8)
    bits = int(number(film, "BitsAllocated") or (8 if stored <= 8 else 16))
    film.SamplesPerPixel, film.PhotometricInterpretation = samples, colour
    film.BitsAllocated, film.BitsStored = bits, min(bits, stored)
    for tag in ("PixelRepresentation", "PlanarConfiguration"):
        setattr(film, tag, int(number(film, tag) or 0))
    film.NumberOfFrames = 1


def _check_syntax(film: Dataset) -> None:
    """Raise UnreadableFilm for a transfer syntax that is not supported or is misstated."""
    syntax: UID = film.file_meta.TransferSyntaxUID
    try:
        readable = get_decoder(syntax).is_available
    except NotImplementedError:
        readable = False
    if not readable:
        name = syntax.name if syntax in UID_dictionary else "unknown"
        raise UnreadableFilm(f"a DICOM in an unsupported transfer syntax: {name}")
    if film["PixelData"].is_undefined_length and not syntax.is_encapsulated:
        raise UnreadableFilm("a DICOM with encoded pixels whose encoding is not stated")


def _check_frame(frame: bytes, film: Dataset) -> None:
    """Raise UnreadableFilm for a frame whose decoded size exceeds that of its header."""
    size = film.Columns, film.Rows, film.SamplesPerPixel
    if film.file_meta.TransferSyntaxUID == RLELossless:  # 1 byte decodes to at most 64
        fits = len(frame) <= 2 * int(np.prod(size)) * film.BitsAllocated // 8 + 64
    else:
        fits = coded_size(frame) == size
    if not fits:
        raise UnreadableFilm("truncated or damaged")


def coded_size(frame: bytes) -> tuple[int, int, int] | None:
    """Read (width, height, colours) from the header of a JPEG, JPEG-LS or JPEG 2000 stream."""
    if not frame.startswith(b"\xff\xd8"):
        stream = codestream(frame)
        right, bottom, left, top = np.frombuffer(stream, ">u4", 4, 8).tolist()
        return right - left, bottom - top, int.from_bytes(stream[40:42])
    at = 2
    while frame[at] == 0xFF:
        marker = frame[at + 1]
        if (0xC0 <= marker <= 0xCF and marker not in NO_SIZES) or marker == 0xF7:
            height, width = np.frombuffer(frame, ">u2", 2, at + 5).tolist()
            return width, height, frame[at + 9]
        at += 1 if marker == 0xFF else 2 + int.from_bytes(frame[at + 2 : at + 4])
    return None


def _native(film: Dataset) -> np.ndarray:
    """Read uncompressed pixels; shift them down where they occupy the high bits of their words."""
    bits, low = film.BitsStored, int(number(film, "HighBit") or 0) + 1 - film.BitsStored
    if (film.SamplesPerPixel, film.PixelRepresentation) == (1, 0):
        # As nearly all films are: words of the file itself, without a copy, as no bit is astray.
        words = pixel_array(film, index=0, view_only=True, correct_unused_bits=False)
        if words.max() < 2**bits:  # also with a wrong HighBit: the low bits hold the film
            return words
    if low <= 0:
        return pixel_array(film, index=0)
    film.BitsStored = min(bits + low, film.BitsAllocated)
    stored = pixel_array(film, index=0)
    film.BitsStored = bits
    misstated = stored.max() < 2**bits
    return stored if misstated else stored >> low
