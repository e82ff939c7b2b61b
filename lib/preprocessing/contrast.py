"""Normalise, un-invert (bone bright) and equalise the grey levels of a film."""

from typing import Literal, get_args

import cv2
import numpy as np

Body = Literal["limb", "chest"]
Equalize = Literal["clahe", "histogram", "none"]


def normalise(film: np.ndarray) -> np.ndarray:
    """Stretch the range of a film (h, w) of any depth to uint8 grey levels 0 to 255.

    The range excludes one pixel in a thousand at each end, so that a hot pixel or a burned-in
    letter does not darken the whole film. A constant film becomes black.
    """
    film = film.astype(np.float32)
    low, high = np.percentile(film, (0.1, 99.9))
    if high <= low:
        low, high = film.min(), film.max()
    if high <= low:
        return np.zeros(film.shape, np.uint8)
    return np.rint((film.clip(low, high) - low) * (255 / (high - low))).astype(np.uint8)


def expected_grey(body: Body, size: int = 32) -> np.ndarray:
    """Return the expected brightness (size, size) of a film of an upright body, arbitrary units.

    A limb is bright along its axis and fades to air at the left and right. A chest has a bright
    spine between two dark lungs; its border is not informative: arms, abdomen, air or collimator.
    """
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    if body == "limb":
        return -(x**2)
    lung = np.exp(-(((np.abs(x) - 0.42) / 0.22) ** 2) - ((y + 0.1) / 0.45) ** 2)
    return np.exp(-((x / 0.25) ** 2)) - lung


#: Correlation below which the position of a limb is not informative: fingers with a central gap.
UNDECIDED = 0.2


def is_inverted(picture: np.ndarray, body: Body = "limb") -> bool:
    """Return whether air is bright on a uint8 picture (h, w), the negative of `expected_grey`.

    If the position of a limb is not informative, it is inverted if bright on average (there is much
    air) and brighter above than below (hands point upwards).
    """
    expected = expected_grey(body)
    small = cv2.resize(picture, expected.shape, interpolation=cv2.INTER_AREA).astype(np.float64)
    if np.ptp(small) == 0:
        return False
    correlation = np.corrcoef(small.ravel(), expected.ravel())[0, 1]
    if body == "limb" and abs(correlation) < UNDECIDED:
        upper, lower = np.array_split(small, 2)
        return bool(small.mean() > 255 / 2 and upper.mean() > lower.mean())
    return bool(correlation < 0)


def equalise(picture: np.ndarray, inside: np.ndarray, method: Equalize = "clahe") -> np.ndarray:
    """Equalise a uint8 picture (h, w); the histogram is that of the body `inside` (h, w).

    "histogram" distributes the body's grey levels evenly; air, darker than the body, stays dark.
    "clahe" does so per tile (8 x 8) with slopes limited to 3, over the whole picture.
    """
    if method not in get_args(Equalize):
        raise ValueError(f"equalize is {method!r}; it must be 'clahe', 'histogram' or 'none'.")
    if method == "none" or picture.min() == picture.max():
        return picture
    if method == "clahe":
        return cv2.createCLAHE(clipLimit=3.0, tileGridSize=(8, 8)).apply(picture)
    counts = np.bincount(picture[inside > 0], minlength=256)
    if counts.max(initial=0) == counts.sum():
        return picture
    shares = counts.cumsum() / counts.sum()
    return np.rint(255 * shares).astype(np.uint8)[picture]
