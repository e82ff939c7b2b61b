"""Segment the body on a film: limb or thorax, without air, letters and borders."""

import cv2
import numpy as np

from lib.preprocessing.contrast import Body

#: Largest ratio of the brightness of air to that of the rest; above it, soft tissue was below the
#: threshold, and air is separated again below it.
AIR = 1 / 3
#: Of each grey level the square root, in grey levels.
ROOTS = np.rint(np.sqrt(np.arange(256) / 255) * 255).astype(np.uint8)


def segment_body(picture: np.ndarray, body: Body = "limb") -> np.ndarray:
    """Return the mask (h, w) uint8 0/1 of the body on an un-inverted uint8 picture (h, w).

    The body consists of all parts that are not air and at least a tenth as large as the largest (a
    joint's gap may divide a limb), with holes filled; for a chest, of their convex hull, since
    lungs are as dark as air. In a picture without air everything is body.
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
    """Return the threshold between air and body on a uint8 picture: Otsu's, after a square root.

    The square root moves soft tissue closer to bone than to air.
    """
    root = cv2.LUT(picture, ROOTS)
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
    """Return a disk as structuring element, with an odd diameter in pixels."""
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (diameter | 1, diameter | 1))
