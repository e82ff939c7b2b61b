"""Display the stored pixels of a DICOM file as a viewer does: rescaled, windowed, bone bright.

A table, window or slope that is empty, zero or outside the film's range of values is ignored, as
viewers do, so that the film is neither lost nor reduced to one grey level.
"""

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
from pydicom import Dataset
from pydicom.pixels import apply_color_lut

from lib.films.refusals import UnreadableFilm
from lib.films.tags import number, numbers, text, values

GREY_WEIGHTS = np.array([0.299, 0.587, 0.114], np.float32)  # of red, green and blue (ITU-R BT.601)


def shown(stored: np.ndarray, film: Dataset) -> np.ndarray:
    """Return grey levels (height, width), larger = brighter, from stored pixels and their tags.

    uint8 or uint16 as stored, float32 where rescaling gives fractions. Padding is as dark as the
    darkest pixel of the film. Raises UnreadableFilm.
    """
    if film.PhotometricInterpretation == "PALETTE COLOR":
        stored = _coloured(stored, film)
    if stored.ndim == 3:
        return _grey_of(stored)
    if stored.dtype.itemsize > 2:
        return _in_few_bits(_of_levels(stored, film))
    # A pixel's grey depends on its level alone, and millions of pixels have a few thousand levels.
    places = stored.view(f"u{stored.dtype.itemsize}")
    there = _present(places)
    levels = np.flatnonzero(there).astype(places.dtype).view(stored.dtype)
    grey = _in_few_bits(_of_levels(levels, film))
    if grey is levels:  # no tag changes any
        return stored
    table = np.zeros(len(there), grey.dtype)
    table[there] = grey
    return np.take(table, places)


def _present(levels: np.ndarray) -> np.ndarray:
    """Return of each level that uint8 or uint16 can have whether a pixel has it, bool (levels,)."""
    number = 2 ** (8 * levels.dtype.itemsize)
    return cv2.calcHist([levels], [0], None, [number], [0, number]).ravel() > 0


def _in_few_bits(grey: np.ndarray) -> np.ndarray:
    return grey if grey.dtype in (np.uint8, np.uint16) else grey.astype(np.float32)


def _of_levels(stored: np.ndarray, film: Dataset) -> np.ndarray:
    """Return the grey levels of stored ones, of any shape."""
    padding = _padding(stored, film)
    grey, bounds = _rescaled(stored, film, padding)
    grey = _windowed(grey, bounds, film, padding)
    negative = film.PhotometricInterpretation == "MONOCHROME1" or _is_inverse(film)
    if padding is not None:
        inside = grey[~padding]
        grey = np.where(padding, inside.max() if negative else inside.min(), grey)
    if not negative:
        return grey
    grey = grey.astype(np.float64) if grey.dtype.kind == "i" else grey  # -32768 has no negative
    return grey.max() - grey


def _grey_of(colours: np.ndarray) -> np.ndarray:
    """Return the grey of colours (h, w, 3), float32 (h, w).

    Sums of float64 are exact here and rounded once. Those of float32 depend on the processor in the
    last bit, which decides on a grey level of a flat film that is equalised.
    """
    return (colours @ GREY_WEIGHTS.astype(np.float64)).astype(np.float32)


def _coloured(stored: np.ndarray, film: Dataset) -> np.ndarray:
    if not values(film, "RedPaletteColorLookupTableData"):
        raise UnreadableFilm("palette colours without their table")
    return apply_color_lut(stored, film)[..., :3]


def _is_inverse(film: Dataset) -> bool:
    return text(film, "PresentationLUTShape").upper() == "INVERSE"


def _padding(stored: np.ndarray, film: Dataset) -> np.ndarray | None:
    """Return the mask of padding, bool (height, width), or None where there is no padding."""
    ends = [number(film, tag) for tag in ("PixelPaddingValue", "PixelPaddingRangeLimit")]
    if ends[0] is None:
        return None
    span = 2 ** max(16, film.BitsAllocated)  # the tags may be signed or unsigned
    start = -span // 2 if film.PixelRepresentation else 0
    ends = sorted((int(end) - start) % span + start for end in ends if end is not None)
    padding = (stored >= ends[0]) & (stored <= ends[-1])
    return padding if padding.any() and not padding.all() else None


def _rescaled(stored: np.ndarray, film: Dataset, padding: np.ndarray | None):
    """Apply the modality table, else slope and intercept; also return the (least, most) grey."""
    table = _table(film, "ModalityLUTSequence")
    if table and _varies(grey := table.look_up(stored), padding):
        return grey, (0, 2**table.bits - 1)
    levels, signed = 2**film.BitsStored, film.PixelRepresentation
    bounds = (-levels // 2, levels // 2 - 1) if signed else (0, levels - 1)
    slope, intercept = number(film, "RescaleSlope"), number(film, "RescaleIntercept")
    if slope is None and intercept is None:
        return stored, bounds
    slope, intercept = slope or 1.0, intercept or 0.0
    return stored * np.float64(slope) + intercept, [end * slope + intercept for end in bounds]


def _windowed(grey: np.ndarray, bounds, film: Dataset, padding: np.ndarray | None) -> np.ndarray:
    """Apply the first table or window that leaves more than one grey level, if any."""
    return next(
        (display for display in _displays(grey, bounds, film) if _varies(display, padding)), grey
    )


def _displays(grey: np.ndarray, bounds, film: Dataset) -> Iterator[np.ndarray]:
    if table := _table(film, "VOILUTSequence"):
        yield table.look_up(grey)
    function = text(film, "VOILUTFunction").upper()
    windows = zip(numbers(film, "WindowCenter"), numbers(film, "WindowWidth"), strict=False)
    for center, width in windows:
        if width > 0:
            yield _through_window(grey, center, width, function, *bounds)


def _through_window(grey, center: float, width: float, function: str, least, most) -> np.ndarray:
    """Spread the grey levels of a window from `least` to `most` (DICOM PS3.3, C.11.2.1.2)."""
    if function == "SIGMOID":
        return (most - least) / (1 + np.exp(-4 * (grey - center) / width)) + least
    if function != "LINEAR_EXACT" and width > 1:
        center, width = center - 0.5, width - 1
    share = np.subtract(grey, center, dtype=np.float64)  # then in place, since plates are large
    share /= width
    share += 0.5
    np.clip(share, 0, 1, out=share)
    share *= most - least
    share += least
    return share


def _varies(grey: np.ndarray, padding: np.ndarray | None) -> bool:
    inside = grey if padding is None else grey[~padding]
    return bool(inside.min() < inside.max())


class _Table(NamedTuple):
    """A lookup table: new grey levels of `first`, `first` + 1, ..., each of `bits` bits."""

    entries: np.ndarray
    first: int
    bits: int

    def look_up(self, grey: np.ndarray) -> np.ndarray:
        places = np.clip(grey.astype(np.int64) - self.first, 0, len(self.entries) - 1)
        return self.entries[places]


def _table(film: Dataset, tag: str) -> _Table | None:
    """Return the first table of a sequence, or None where it is absent or incomplete."""
    item = next(iter(values(film, tag)), None)
    if not isinstance(item, Dataset) or len(descriptor := numbers(item, "LUTDescriptor")) != 3:
        return None
    length, first, bits = map(int, descriptor)
    length = length or 2**16
    entries = _entries(item, length, ">u2" if film.original_encoding[1] is False else "<u2")
    if len(entries) < length or not 8 <= bits <= 16:
        return None
    entries = entries[:length]
    small = bits == 8 and entries.max() < 256
    return _Table(entries.astype(np.uint8 if small else np.uint16), first, bits)


def _entries(item: Dataset, length: int, words: str) -> np.ndarray:
    """Return the entries of a table, stored as words or, if too short for words, as bytes."""
    data = values(item, "LUTData")
    if not (data and isinstance(data[0], bytes)):
        return np.array(numbers(item, "LUTData"))
    return np.frombuffer(data[0], words if len(data[0]) >= 2 * length else np.uint8)
