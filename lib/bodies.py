"""The body on films: its masks inside a network's losses and scores, and means over its pixels.

Maps are (n, h, w); a mask of bodies (n, h, w) is 1 inside and 0 outside, or None for whole films.
"""

import numpy as np
from keras import ops

from lib.engine import by_numpy
from lib.preprocessing.segmentation import segment_body
from lib.samples import to_grey


def bodies(x) -> np.ndarray:
    """Return masks (n, h, w) 0/1 of the convex hull of the body on films (n, h, w, 1), an array.

    The hull serves limbs and chests alike: lungs are as dark as air.
    """
    return np.array([segment_body(film, "chest") for film in to_grey(x)], "float32")


def bodies_in_graph(x):
    """Return the masks of `bodies` for films as a tensor, also inside a compiled function."""
    return by_numpy(bodies, x)


def means_over(pixels, inside=None):
    """Return the mean of each map over the body, (n,)."""
    if inside is None:
        return ops.mean(pixels, axis=(1, 2))
    area = ops.maximum(ops.sum(inside, axis=(1, 2)), 1.0)
    return ops.sum(pixels * inside, axis=(1, 2)) / area


def mean_over(pixels, inside=None):
    """Return the mean over films of the mean of each map over the body, a scalar.

    Maps may have channels, (n, h, w, k), all of which count alike.
    """
    if inside is None:
        return ops.mean(pixels)
    maps = ops.mean(pixels, axis=-1) if len(pixels.shape) == 4 else pixels
    return ops.mean(means_over(maps, inside))


def confined(pixels, inside=None):
    """Return maps that have the least value of the film outside the body."""
    if inside is None:
        return pixels
    return ops.where(inside > 0, pixels, ops.min(pixels, axis=(1, 2), keepdims=True))
