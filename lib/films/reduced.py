"""Read a DICOM film at half its size: films that become small pictures need no finer detail.

Stored levels are averaged before they are displayed, which takes most of the time of large films.
JPEG 2000 is decoded at half its size in a quarter of the time: a wavelet transform parts a film
into a low-pass of half its size and the finest detail, on which most of the decoding is spent.
"""

import io
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image
from pydicom import Dataset
from pydicom.uid import HTJ2K, JPEG2000, HTJ2KLossless, HTJ2KLosslessRPCL, JPEG2000Lossless

from lib.films.tags import number

SYNTAXES = {JPEG2000, JPEG2000Lossless, HTJ2K, HTJ2KLossless, HTJ2KLosslessRPCL}
GREY = ("MONOCHROME1", "MONOCHROME2")


class Reduced(NamedTuple):
    """A film as it was read: whole, or at half its size."""

    grey: np.ndarray  #: (h, w), as of `read_film`
    shape: tuple[int, int]  #: height and width of the whole film in pixels

    @property
    def matrix(self) -> np.ndarray:
        """The matrix (3, 3) from pixels (x, y) of the whole film to those of `grey`.

        Pixel n of a halved film covers pixels 2n and 2n + 1, so that its centre is at 2n + 1/2.
        """
        if self.grey.shape == self.shape:
            return np.eye(3)
        return np.array([[0.5, 0, -0.25], [0, 0.5, -0.25], [0, 0, 1]])


def may_be_halved(film: Dataset, at_least: float) -> bool:
    """Return whether a film may be read at half its size, its shorter side keeping `at_least`.

    Only grey, unsigned levels may, and none that state padding, which would be mixed with the film
    along its edge.
    """
    return (
        min(film.Rows, film.Columns) >= 2 * at_least
        and film.PhotometricInterpretation in GREY
        and (film.SamplesPerPixel, film.PixelRepresentation) == (1, 0)
        and film.BitsAllocated <= 16
        and number(film, "PixelPaddingValue") is None
    )


def means(stored: np.ndarray) -> np.ndarray:
    """Return the rounded means of 2 x 2 stored levels (h, w); a last odd row or column is doubled.

    Of uint8 or uint16, the same.
    """
    stored = stored.astype(stored.dtype.newbyteorder("="), copy=False)
    bottom, right = (side % 2 for side in stored.shape)
    if bottom or right:
        stored = cv2.copyMakeBorder(stored, 0, bottom, 0, right, cv2.BORDER_REPLICATE)
    return cv2.resize(stored, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)


def codestream(frame: bytes) -> bytes:
    """Return the codestream of JPEG 2000, without the boxes before it; ValueError without one."""
    return frame[frame.index(b"\xff\x4f\xff\x51") :]


def low_pass(frame: bytes, film: Dataset) -> np.ndarray | None:
    """Decode the stored levels of JPEG 2000, (height, width), at half the size; or return None.

    None of another coding, of levels of another depth than stated, and where decoding fails.
    """
    if film.file_meta.TransferSyntaxUID not in SYNTAXES:
        return None
    stream = codestream(frame)
    # Without offset, which would let a low-pass begin at odd pixels; one colour, of every pixel.
    plain = bytes([0, 1, film.BitsStored - 1, 1, 1])
    if stream[16:24] != bytes(8) or stream[40:45] != plain:
        return None
    try:
        with Image.open(io.BytesIO(stream), formats=["JPEG2000"]) as picture:
            picture.reduce = 1  # type: ignore[method-assign,assignment]
            picture.load()
            low = np.asarray(picture)
    except Exception:  # of a single resolution; or damaged, as decoding all of it will tell
        return None
    return _centred(low >> (8 * low.itemsize - film.BitsStored))  # Pillow fills all bits of a word


def _centred(low: np.ndarray) -> np.ndarray:
    """Move a low-pass (h, w) by a quarter of a pixel, to where the means of 2 x 2 pixels are.

    Both wavelets of JPEG 2000 have low-pass filters that are symmetric about pixels 2n of the film,
    not 2n + 1/2: measured on films, a low-pass lies .24 to .26 of its pixels off. Linear
    interpolation also removes about the detail that a low-pass has and a mean has not.
    """
    further = np.pad(low, ((0, 1), (0, 1)), "edge").astype(np.uint32)
    rows = 3 * further[:-1] + further[1:]
    return ((3 * rows[:, :-1] + rows[:, 1:] + 8) >> 4).astype(low.dtype)
