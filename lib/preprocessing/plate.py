"""Find and straighten the plate on a film: a tilted rectangle on a uniform border."""

import cv2
import numpy as np

SMALLEST = 0.15  #: share of the film below which a quadrilateral is a letter or a bone, not a plate
WHOLE = 0.97  #: share of the film above which a quadrilateral is the frame of the film
SKEWNESS = 0.1  #: largest |cosine| of a corner: a plate is an almost undistorted rectangle
FLATNESS = 0.5  #: largest ratio of grey spread outside to inside: next to a bone is more bone
EDGE = 0.02  #: share of the film's longer side within which a corner is on the film's edge
FILL = 0.97  #: least share of the quadrilateral within its contour: a plate has straight sides


def find_plate(picture: np.ndarray) -> np.ndarray | None:
    """Return the corners (4, 2) x, y of the largest plausible plate on a uint8 picture (h, w).

    In pixels, clockwise from the upper left; None if there is no plausible plate.
    """
    film = picture.shape[0] * picture.shape[1]
    quadrilaterals = [
        corners
        for outline in _outlines(picture)
        if cv2.contourArea(outline) > FILL * SMALLEST * film
        and (corners := _corners(outline)) is not None
        and SMALLEST * film < cv2.contourArea(corners) < WHOLE * film
        and not _crosses(corners, picture.shape)
    ]
    for corners in sorted(quadrilaterals, key=cv2.contourArea, reverse=True):
        if _border_is_flat(picture, corners):
            return _clockwise(corners)
    return None


def _outlines(picture: np.ndarray):
    """Yield outlines at ten thresholds, along edges, and of all that differs from the film's frame.

    One of them separates plate and border; the last one if air is as dark as a dark border.
    """
    smooth = cv2.GaussianBlur(picture, (5, 5), 0)
    edges = cv2.dilate(cv2.Canny(smooth, 0, 50), None)
    frame = np.concatenate([smooth[0], smooth[-1], smooth[:, 0], smooth[:, -1]])
    unlike_frame = np.uint8(cv2.absdiff(smooth, float(np.median(frame))) > 1)
    unlike_frame = cv2.morphologyEx(unlike_frame, cv2.MORPH_CLOSE, np.ones((9, 9)))
    unlike_frame = cv2.morphologyEx(unlike_frame, cv2.MORPH_OPEN, np.ones((15, 15)))
    for binary in (unlike_frame, edges, *(np.uint8(smooth > grey) for grey in range(5, 255, 25))):
        yield from cv2.findContours(binary, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)[0]


def _corners(outline: np.ndarray) -> np.ndarray | None:
    """Return the four corners of an outline if it is a filled rectangle, otherwise None."""
    hull = cv2.convexHull(outline)
    corners = cv2.approxPolyDP(hull, 0.02 * cv2.arcLength(hull, True), True)[:, 0]
    if len(corners) != 4:
        return None
    sides = np.roll(corners, -1, axis=0) - corners.astype(np.float64)
    sides /= np.linalg.norm(sides, axis=1, keepdims=True)
    skewness = np.abs((sides * np.roll(sides, 1, axis=0)).sum(axis=1)).max()
    filled = cv2.contourArea(outline) / cv2.contourArea(corners)
    return corners.astype(np.float32) if skewness < SKEWNESS and filled > FILL else None


def _crosses(corners: np.ndarray, shape: tuple[int, int]) -> bool:
    """Return whether it extends from one edge of the film to the other, as a straight limb does."""
    ends = np.array(shape[::-1]) - 1
    margin = EDGE * max(shape)
    at_edges = np.sum(corners <= margin, axis=0) + np.sum(corners >= ends - margin, axis=0)
    return bool(at_edges.max() == 4)


def _border_is_flat(picture: np.ndarray, corners: np.ndarray) -> bool:
    """Return whether the border to be cropped is uniform, by medians, which ignore letters."""
    plate = cv2.fillConvexPoly(np.zeros_like(picture), corners.astype(np.int32), 1) > 0
    inside, outside = (np.float32(picture[part]) for part in (plate, ~plate))
    spreads = [np.median(np.abs(grey - np.median(grey))) for grey in (inside, outside)]
    return bool(spreads[1] <= FLATNESS * spreads[0])


def _clockwise(corners: np.ndarray) -> np.ndarray:
    """Order corners (4, 2) clockwise from the upper left."""
    x, y = (corners - corners.mean(axis=0)).T
    corners = corners[np.argsort(np.arctan2(y, x))]
    return np.roll(corners, -int(corners.sum(axis=1).argmin()), axis=0)


def straighten(corners: np.ndarray) -> tuple[np.ndarray, tuple[int, int]]:
    """Return the homography (3, 3) of a plate to an upright rectangle, and its (width, height)."""
    top, right, bottom, left = np.linalg.norm(np.roll(corners, -1, axis=0) - corners, axis=1)
    width, height = round(float(top + bottom) / 2) + 1, round(float(left + right) / 2) + 1
    upright = np.array(
        [[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]], np.float32
    )
    return cv2.getPerspectiveTransform(corners, upright), (width, height)
