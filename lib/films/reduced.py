"""Decode a film at half its size, which JPEG 2000 offers in a quarter of the time.

A wavelet transform parts a film into a low-pass of half its size and the finest detail, on which
most of the time of decoding is spent. Films that become small pictures need no such detail.
"""

import io
from typing import NamedTuple

import numpy as np
from PIL import Image
from pydicom import Dataset
from pydicom.encaps import get_frame
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


def halved(film: Dataset, at_least: float) -> np.ndarray | None:
    """Decode a film's pixels as stored, (height, width), at half its size; or return None.

    Its shorter side keeps `at_least` pixels. Only grey, unsigned levels of the stated depth are
    halved, and none that state padding, which the low-pass would mix with the film along its edge.
    """
    if min(film.Rows, film.Columns) < 2 * at_least or not _is_plain(film):
        return None
    frame = get_frame(film.PixelData, 0, number_of_frames=1)
    codestream = frame[frame.index(b"\xff\x4f\xff\x51") :]
    # Without offset, which would let a low-pass begin at odd pixels; one colour, of every pixel.
    plain = bytes([0, 1, film.BitsStored - 1, 1, 1])
    if codestream[16:24] != bytes(8) or codestream[40:45] != plain:
        return None
    try:
        with Image.open(io.BytesIO(codestream), formats=["JPEG2000"]) as picture:
            picture.reduce = 1  # type: ignore[method-assign,assignment]
            picture.load()
            low = np.asarray(picture)
    except Exception:  # of a single resolution; or damaged, as decoding all of it will tell
        return None
    return _centred(low >> (8 * low.itemsize - film.BitsStored))  # Pillow fills all bits of a word


def _is_plain(film: Dataset) -> bool:
    return (
        film.file_meta.TransferSyntaxUID in SYNTAXES
        and film.PhotometricInterpretation in GREY
        and film.PixelRepresentation == 0
        and 1 <= film.BitsStored <= 16
        and number(film, "PixelPaddingValue") is None
    )


def _centred(low: np.ndarray) -> np.ndarray:
    """Move a low-pass (h, w) by a quarter of a pixel, to where the means of 2 x 2 pixels are.

    Both wavelets of JPEG 2000 have low-pass filters that are symmetric about pixels 2n of the film,
    not 2n + 1/2: measured on films, a low-pass lies .24 to .26 of its pixels off. Linear
    interpolation also removes about the detail that a low-pass has and a mean has not.
    """
    further = np.pad(low, ((0, 1), (0, 1)), "edge").astype(np.uint32)
    rows = 3 * further[:-1] + further[1:]
    return ((3 * rows[:, :-1] + rows[:, 1:] + 8) >> 4).astype(low.dtype)
