"""Synthetic lesions drawn into batches of normal films, in the graph: the study's own kinds.

Films are (n, s, s) in [-1, 1], places (n, s, s) in [0, 1]: the opacity of a lesion in each pixel.
`random` is a `keras.random.SeedGenerator`.
"""

import math

import keras
import numpy as np
from keras import ops


def draw(films, bodies, random, kinds, size=(0.06, 0.35), share=0.5, most=3):
    """Return films, a share of them with 1 to `most` lesions, and their masks 0/1; (n, s, s).

    `bodies` (n, s, s) 0/1 is the area allowed for lesions, `kinds` names functions of `KINDS`, one
    of which draws each lesion, `size` limits the longest diameter as a share of the side.
    """
    masks, ill = ops.zeros_like(films), _choice(films, random, share)
    for number in range(most):
        present = ill * _choice(films, random, 1.0 if number == 0 else 0.4)
        place = places(bodies, random, size) * present
        kind = _uniform(films, random, 0.0, len(kinds))
        drawn = films
        for index, name in enumerate(kinds):
            this = ops.logical_and(kind >= index, kind < index + 1)
            drawn = ops.where(this, KINDS[name](films, place, random), drawn)
        films = ops.clip(drawn, -1.0, 1.0)
        masks = ops.maximum(masks, ops.cast(place > 0.3, masks.dtype))
    return films, masks


def places(bodies, random, size):
    """Draw one soft-edged place per body, (n, s, s): an irregular, rotated ellipse or box."""
    n, side = ops.shape(bodies)[0], bodies.shape[1]
    row, column = _a_pixel_of(bodies, random)
    long = _uniform(bodies, random, *size) * side / 2  # pixels
    short = long * _uniform(bodies, random, 0.4, 1.0)
    angle = _uniform(bodies, random, 0.0, math.pi)
    down = ops.arange(side, dtype="float32")[None, :, None] - row
    across = ops.arange(side, dtype="float32")[None, None, :] - column
    along = ops.abs(across * ops.cos(angle) + down * ops.sin(angle)) / long
    perpendicular = ops.abs(down * ops.cos(angle) - across * ops.sin(angle)) / short
    radius = _radius(along, perpendicular, is_ellipse=_choice(bodies, random, 0.5) > 0)
    radius += 0.25 * _texture(n, side, 8, random)
    softness = _uniform(bodies, random, 0.05, 0.6)
    return ops.sigmoid(4 * (1 - radius) / softness) * bodies


def _radius(along, perpendicular, is_ellipse):
    """Return (|a|^p + |b|^p)^(1/p), 1 on the border: p is 2 for an ellipse and 6 for a box.

    A general power would take four times as long.
    """
    a, b = ops.square(along), ops.square(perpendicular)
    ellipse = ops.sqrt(a + b + 1e-6)
    box = ops.exp(ops.log(a * a * a + b * b * b + 1e-6) / 6)
    return ops.where(is_ellipse, ellipse, box)


def opacity(films, place, random):
    """Add slightly mottled tissue of higher or, less often, lower density."""
    sign = 2 * _choice(films, random, 0.7) - 1
    amplitude = sign * _uniform(films, random, 0.15, 1.0)
    mottled = 1 + 0.3 * _texture(ops.shape(films)[0], films.shape[1], 16, random)
    return films + place * amplitude * mottled


def patch(films, place, random):
    """Blend in tissue of another film and position, sometimes mirrored; soft edges."""
    reach = films.shape[1] // 4
    shift = keras.random.randint((2,), -reach, reach, seed=random)
    other = ops.roll(ops.roll(films, 1, axis=0), shift, axis=(1, 2))
    other = ops.where(_choice(films, random, 0.5) > 0, other, ops.flip(other, axis=2))
    return films + place * _uniform(films, random, 0.3, 1.0) * (other - films)


KINDS = {"opacity": opacity, "patch": patch}


def _a_pixel_of(bodies, random):
    """Draw row and column (n, 1, 1) of a pixel inside each body."""
    side = bodies.shape[1]
    tickets = keras.random.uniform(ops.shape(bodies), 0.1, 1.0, seed=random) * bodies
    drawn = ops.argmax(ops.reshape(tickets, (-1, side * side)), axis=1)
    row, column = ops.cast(drawn // side, "float32"), ops.cast(drawn % side, "float32")
    return row[:, None, None], column[:, None, None]


def _uniform(films, random, low, high):
    return keras.random.uniform((ops.shape(films)[0], 1, 1), low, high, seed=random)


def _choice(films, random, share):
    """Draw 1 for this share of the films and otherwise 0, (n, 1, 1)."""
    return ops.cast(_uniform(films, random, 0.0, 1.0) < share, "float32")


def _texture(n, side, cells, random):
    """Draw smooth noise of about unit variance on a scale of side / cells pixels, (n, s, s)."""
    coarse = keras.random.normal((n, cells, cells), seed=random)
    weights = ops.convert_to_tensor(bicubic(side, cells))
    return ops.matmul(ops.matmul(weights, coarse), ops.transpose(weights))


def bicubic(side, cells):
    """Return W (side, cells) float32: W x W' resizes x (cells, cells) to (side, side) as in Keras.

    Keys 1981 (doi 10.1109/TASSP.1981.1163711), equation 15 with a = -1/2; cells beyond the border
    have weight 0. As a product of matrices it compiles with XLA, which has no bicubic resizing.
    """
    position = (np.arange(side)[:, None] + 0.5) * cells / side - 0.5
    d = np.abs(position - np.arange(cells))
    near, far = 1.5 * d**3 - 2.5 * d**2 + 1, -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2
    weights = np.where(d < 1, near, np.where(d < 2, far, 0))
    return (weights / weights.sum(axis=1, keepdims=True)).astype("float32")
