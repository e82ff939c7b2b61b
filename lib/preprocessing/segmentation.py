"""The body on a film: limb or thorax, without air, letters and borders."""

import cv2
import numpy as np

from lib.preprocessing.contrast import Body

#: Air is at most this share as bright as what is not air; else it was soft tissue that lay below
#: the threshold, and the air is sought below once more.
AIR = 1 / 3


def segment_body(picture: np.ndarray, body: Body = "limb") -> np.ndarray:
    """Mask (h, w) uint8 0/1 of the body on an un-inverted uint8 picture (h, w).

    What is not air, in every part at least a tenth as large as the largest (a joint's gap may part
    a limb), holes filled; of a chest their convex hull, since lungs are as dark as air.
    A picture without air is body all over.
    """
    smooth = cv2.GaussianBlur(picture, (0, 0), max(picture.shape) / 100)
    bright = np.uint8(smooth > _brightest_air(smooth))
    bright = cv2.morphologyEx(bright, cv2.MORPH_OPEN, _disk(max(picture.shape) // 30))
    bright = cv2.morphologyEx(bright, cv2.MORPH_CLOSE, _disk(max(picture.shape) // 15))
    outlines, _ = cv2.findContours(bright, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not outlines:
        return np.ones_like(picture)
    largest = max(map(cv2.contourArea, outlines))
    parts = [outline for outline in outlines if cv2.contourArea(outline) >= largest / 10]
    if body == "chest":
        parts = [cv2.convexHull(np.concatenate(parts))]
    return cv2.drawContours(np.zeros_like(picture), parts, -1, 1, cv2.FILLED)


def _brightest_air(picture: np.ndarray) -> int:
    """Grey level between air and body on a uint8 picture: Otsu's, of the root of the grey levels.

    The root brings soft tissue nearer to bone than to air.
    """
    root = np.rint(np.sqrt(picture / 255.0) * 255).astype(np.uint8)
    below, level = root.ravel(), 0
    for _ in range(3):
        threshold, _ = cv2.threshold(below, 0, 1, cv2.THRESH_OTSU)
        below = root[root <= threshold]
        air, tissue = picture[root <= threshold], picture[root > threshold]
        if not (air.size and tissue.size):
            break
        level = int(air.max())
        if air.mean() <= AIR * tissue.mean():
            break
    return level


def _disk(diameter: int) -> np.ndarray:
    """A disk as structuring element; its diameter in pixels is made odd."""
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (diameter | 1, diameter | 1))
