"""Drawn films with a name burned in, and a reader that tells whether it can still be read."""

from difflib import SequenceMatcher
from functools import cache

import cv2
import numpy as np

NAME = "MUSTER ERIKA"


def film(side: int = 600, seed: int = 0) -> np.ndarray:
    """Return a crude chest, uint8 (side, side): two dark lungs, a bright spine, noise."""
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    lungs = np.exp(-(((np.abs(x) - 0.42) / 0.24) ** 4) - (y / 0.55) ** 4)
    grey = 0.6 - 0.4 * lungs + 0.2 * np.exp(-((x / 0.1) ** 2))
    grey += np.random.default_rng(seed).normal(0, 0.02, grey.shape)
    return np.uint8(255 * grey.clip(0, 1))


def burned(grey: np.ndarray, text: str = NAME, share: float = 0.04, ink: int = 255) -> np.ndarray:
    """Return a copy with text, its capitals a `share` of the height, at the upper left."""
    height = share * len(grey)
    place = (round(0.03 * grey.shape[1]), round(2.5 * height))
    style = {"fontFace": cv2.FONT_HERSHEY_SIMPLEX, "fontScale": height / 21, "color": ink}
    return cv2.putText(grey.copy(), text, place, **style, thickness=max(1, round(height / 8)))


def is_legible(grey: np.ndarray, text: str = NAME) -> bool:
    """Return whether the recogniser of the same package reads four letters of the text in a row."""
    larger = cv2.resize(grey, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    words = _reader()(larger if max(grey.shape) <= 300 else grey, use_cls=False).txts
    words = " ".join(words or ()).upper()
    return SequenceMatcher(None, words, text, autojunk=False).find_longest_match().size >= 4


@cache
def _reader():
    from rapidocr import RapidOCR

    return RapidOCR(params={"Global.log_level": "critical"})
