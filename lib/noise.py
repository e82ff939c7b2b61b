"""Simplex noise: smooth random fields of several octaves, as used by AnoDDPM.

Perlin 2001 ("Noise hardware"), as explained by Gustavson 2005 ("Simplex noise demystified"). The
plane is cut into triangles, each vertex v has a random direction g(v), and at a point p

    noise(p) = sum over the three vertices around p of max(0, 1/2 - |d|^2)^4 (g(v) . d),  d = p - v

Octave k of several has `persistence`^k times the amplitude and 2^k times the frequency of the
first.

A field is linear in its directions, so that a batch shares the geometry of one triangulation,
placed at random for each call and octave, and each film has its own directions. A batch is thus as
cheap as a few films, and no pixel is always a vertex, where noise is zero.
"""

import math

import keras
from keras import ops

DIRECTIONS = 1024  # available in one field; Perlin uses 256
SKEW, UNSKEW = (math.sqrt(3) - 1) / 2, (3 - math.sqrt(3)) / 6
# Variance of one octave at a random point: there are sqrt(3) vertices per unit area, a component of
# g has variance 1/2, and the integral of |d|^2 (1/2 - |d|^2)^8 over the disc is pi B(2, 9) / 2^10.
VARIANCE = math.sqrt(3) / 2 * math.pi / 90 / 2**10


def number_in_bank(x, bank):
    """Return the index of each film's draw in a `bank`, (n,): an exact sum over its grey values.

    The noise of a film in scoring is thus reproducible and independent of its batch. `x` are films
    (n, h, w, 1) of up to 256 pixels per side; beyond that the sum might exceed 2^31.
    """
    grey = ops.reshape(ops.cast(ops.round((x + 1) * 127.5), "int32"), (ops.shape(x)[0], -1))
    return ops.sum(grey * (ops.arange(x.shape[1] * x.shape[2]) % 61), axis=1) % bank


def gaussian(count, image_size, seed):
    """Draw white noise (n, h, w, 1) of mean 0 and variance 1; `seed` is a SeedGenerator."""
    return keras.random.normal((count, image_size, image_size, 1), seed=seed)


def simplex(count, image_size, seed, octaves=6, persistence=0.8, frequency=64):
    """Draw simplex noise (n, h, w, 1) of mean 0 and variance 1, one field per film.

    `frequency` is the period of the first octave in pixels of a film of 256; smaller films have the
    same number of periods, so that their last octaves are finer than a pixel. `seed` is a
    SeedGenerator.
    """
    origin = keras.random.uniform((octaves, 2, 1), 0, 256, seed=seed)
    permutation = ops.argsort(keras.random.uniform((DIRECTIONS,), seed=seed))
    angle = keras.random.uniform((DIRECTIONS, count), 0, 2 * math.pi, seed=seed)
    period = frequency * image_size / 256
    scales = ops.convert_to_tensor([[[2.0**k / period]] for k in range(octaves)])
    vertex, weights = triangulation(_pixels(image_size) * scales + origin, permutation)
    fields = weighted_sum(vertex, weights * amplitudes(octaves, persistence), angle)
    return ops.reshape(ops.transpose(fields), (-1, image_size, image_size, 1))


def amplitudes(octaves, persistence):
    """Return the amplitudes (octaves, 1, 1, 1) for which the sum of octaves has variance 1."""
    variance = VARIANCE * sum(persistence ** (2 * k) for k in range(octaves))
    amplitude = [[[[persistence**k / math.sqrt(variance)]]] for k in range(octaves)]
    return ops.convert_to_tensor(amplitude)


def triangulation(points, permutation):
    """Return the three vertices around points (octaves, 2, p) >= 0, and their weights there.

    Vertices are indices of directions (octaves, 3, p), weights max(0, 1/2 - |d|^2)^4 d, (octaves,
    3, 2, p).
    """
    # In skewed coordinates two triangles form a square; rounding down gives its corner.
    corner = ops.floor(points + SKEW * ops.sum(points, axis=1, keepdims=True))
    d = points - corner + UNSKEW * ops.sum(corner, axis=1, keepdims=True)
    right = ops.cast(d[:, :1] > d[:, 1:], "float32")
    steps = ops.stack(  # to each vertex, in the skewed plane
        [ops.zeros_like(d), ops.concatenate([right, 1 - right], axis=1), ops.ones_like(d)], axis=1
    )
    d = d[:, None] - steps + UNSKEW * ops.sum(steps, axis=2, keepdims=True)
    falloff = ops.relu(0.5 - ops.sum(ops.square(d), axis=2, keepdims=True))
    place = ops.cast(corner[:, None] + steps, "int32") % DIRECTIONS
    row = ops.take(permutation, place[:, :, 0])
    vertex = ops.take(permutation, (row + place[:, :, 1]) % DIRECTIONS)
    return vertex, ops.square(ops.square(falloff)) * d


def weighted_sum(vertex, weights, angle):
    """Return noise (p, n): weights (octaves, 3, 2, p) by directions of `angle` (directions, n)."""
    count = vertex.shape[-1]
    directions = ops.concatenate([ops.cos(angle), ops.sin(angle)])
    component = ops.stack([vertex, vertex + angle.shape[0]], axis=2)
    component = ops.transpose(ops.reshape(component, (-1, count)))
    weights = ops.transpose(ops.reshape(weights, (-1, count)))
    return ops.matmul(weights[:, None], ops.take(directions, component, axis=0))[:, 0]


def _pixels(image_size):
    """Return row and column of each pixel, (2, p)."""
    place = ops.arange(image_size, dtype="float32")
    return ops.reshape(ops.stack(ops.meshgrid(place, place, indexing="ij")), (2, -1))
