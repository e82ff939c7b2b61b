"""Detect text burned into films, such as a patient's name, and hide it.

The package of RapidOCR (PP-OCRv6, Apache 2.0) contains its networks, so that nothing is downloaded.
Only the positions of text are detected; no text is read. Lines with letters of 1 to 6 % of a film's
height are found in any direction; a marker of one letter (L, R) is not a line and is kept, and so
are most words of two letters.
"""

from collections.abc import Iterable, Sequence
from functools import cache

import cv2
import numpy as np

SIDE = 768  # pixels of the longer side for text detection; a larger size does not improve it
ENLARGED = 6  # largest factor of enlargement of smaller pictures
LENGTH = 1.5  # least ratio of a line's length to its height; of one letter at most 1.3
HEIGHT = 0.2  # largest height of a line as a share of the longer side; beyond it is anatomy
MARGIN = 0.25  # hidden around a line, as a share of its height

#: Steps of the protocol of a data set.
STATED = "films marked as having burned-in text"  # DICOM's BurnedInAnnotation is YES
LOOKED_AT = "films examined for burned-in text"
SHOWN = "films with text, of those examined"


def sample(films: int, most: int = 100) -> np.ndarray:
    """Return which of `films` films to examine: bool (films,), at most `most`, evenly spaced."""
    examined = np.zeros(films, bool)
    examined[np.linspace(0, films - 1, min(films, most)).astype(int)] = True
    return examined


def shows_text(grey: np.ndarray) -> bool:
    """Return whether a film (h, w) of any depth shows text; about 0.3 s per film."""
    return len(text_boxes(grey)) > 0


def text_boxes(grey: np.ndarray) -> np.ndarray:
    """Find lines of text on a film (h, w) of any depth: int (n, 4), left, top, right, bottom.

    Boxes are in pixels of the film, with a margin, clipped to it; right and bottom are exclusive.
    """
    factor = min(SIDE / max(grey.shape), ENLARGED)
    interpolation = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    size = [max(1, round(side * factor)) for side in grey.shape[::-1]]
    picture = cv2.resize(_eight_bit(grey), size, interpolation=interpolation)
    corners = _detector()(picture, use_det=True, use_cls=False, use_rec=False).boxes
    lines = [line for line in ([] if corners is None else corners) if _is_text(line, max(size))]
    boxes = np.array([_box(line / factor, grey.shape) for line in lines], int)
    return boxes.reshape(-1, 4)


def hidden(grey: np.ndarray, boxes: Iterable[Sequence[int]]) -> np.ndarray:
    """Return a copy of a film (h, w) with each box filled with its median grey level.

    A constant level hides the letters completely, whereas a blur might be reversed.
    """
    grey = np.array(grey)
    for left, top, right, bottom in boxes:
        part = grey[top:bottom, left:right]
        part[:] = np.median(part)
    return grey


def without_text(grey: np.ndarray) -> np.ndarray:
    """Return a copy of a film (h, w) on which no burned-in text is legible."""
    return hidden(grey, text_boxes(grey))


def _eight_bit(grey: np.ndarray) -> np.ndarray:
    """Stretch to uint8 between percentiles 0.1 and 99.9, so that hot pixels do not matter."""
    low, high = np.percentile(grey, (0.1, 99.9))
    if high <= low:
        low, high = float(np.min(grey)), float(np.max(grey))
    stretched = (grey - low) * (255 / max(high - low, 1e-6))
    return np.clip(stretched, 0, 255).astype(np.uint8)


def _sides(corners: np.ndarray) -> np.ndarray:
    """Return height and length of a box from its four consecutive corners (4, 2)."""
    return np.sort(np.linalg.norm(corners[:2] - corners[1:3], axis=1))


def _is_text(corners: np.ndarray, side: int) -> bool:
    height, length = _sides(corners)
    return length >= LENGTH * height and height <= HEIGHT * side


def _box(corners: np.ndarray, shape: tuple[int, int]) -> list[int]:
    margin = MARGIN * _sides(corners)[0]
    upper_left = np.floor(corners.min(axis=0) - margin).clip(0).astype(int)
    lower_right = np.ceil(corners.max(axis=0) + margin).clip(0, shape[::-1]).astype(int)
    return [*upper_left, *lower_right]


@cache
def _detector():
    """Return the detector of this process, which uses one core."""
    from rapidocr import RapidOCR  # imported here, since it takes a second

    engine = "EngineConfig.onnxruntime."
    threads = {f"{engine}{kind}_op_num_threads": 1 for kind in ("intra", "inter")}
    sizes = {"Det.limit_type": "max", "Det.limit_side_len": SIDE}
    return RapidOCR(params={"Global.log_level": "critical", **threads, **sizes})
