"""Carry a picture of a detector back to the film that it was prepared from."""

import cv2
import numpy as np


def carried_back(
    values: np.ndarray,
    matrix: np.ndarray,
    size: int,
    film: tuple[int, int],
    shape: tuple[int, int] | None = None,
) -> np.ndarray:
    """Return a map (m, m) at the pixels of a film (height, width), float32; NaN beyond the map.

    `matrix` leads from pixels of the film to those of its prepared picture of `size` pixels per
    side, which a map of another side covers as well. With a `shape` the film is thought of as
    resized to it, so that a thumbnail needs no map at full resolution.
    """
    height, width = shape or film
    to_film = scaling(film[1] / width, film[0] / height)
    to_map = scaling(values.shape[1] / size, values.shape[0] / size) @ matrix @ to_film
    warp = {"M": to_map, "dsize": (width, height)}
    inverse = cv2.WARP_INVERSE_MAP
    carried = cv2.warpPerspective(
        values.astype(np.float32),
        flags=inverse | cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
        **warp,
    )
    inside = cv2.warpPerspective(
        np.ones(values.shape, np.uint8), flags=inverse | cv2.INTER_NEAREST, **warp
    )
    carried[inside == 0] = np.nan
    return carried


def scaling(horizontal: float, vertical: float) -> np.ndarray:
    """Return the matrix (3, 3) of a resize; pixel 0 has its centre at 0 and its edge at -1/2."""
    return np.array(
        [
            [horizontal, 0, (horizontal - 1) / 2],
            [0, vertical, (vertical - 1) / 2],
            [0, 0, 1],
        ]
    )
