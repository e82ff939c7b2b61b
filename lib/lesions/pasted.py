"""Synthetic lesions of published tasks: patches of normal films blended into normal films.

CutPaste (Li et al. 2021, arXiv 2104.04015), FPI (Tan et al. 2020, arXiv 2011.04197), PII (Tan et
al. 2021, arXiv 2107.02622) and NSA (Schlueter et al. 2022, arXiv 2109.15222) differ in the origin
of the patch, in its blending and in its label, which are the fields of `Kind`. They share the
number, size and place of patches, which are those of NSA's code for chest radiographs.

Films are uint8 (n, s, s) and bodies 0/1 (n, s, s). `random` is a `numpy.random.Generator`. A patch
has a ring of one pixel, which belongs to its surroundings.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import cv2
import numpy as np
from scipy import fft

LEAST_SIDE = 3  # pixels, which the median of a change needs
LEAST_IN_BODY = 0.7  # share of a patch
STEEPNESS, MIDPOINT = 0.5, 4.0  # of NSA's label, per grey level and in grey levels (of 255)


class Kind(NamedTuple):
    """What distinguishes a task; `blend` and `label` are explained at the functions below."""

    same: bool  # the patch comes from the same film, otherwise from another
    moved: bool  # from another position
    resized: bool
    blend: Callable[[np.ndarray, np.ndarray, float], np.ndarray]
    label: Callable[[np.ndarray, float], np.ndarray]


def draw(films, bodies, random, kinds, size, drawings=1, most=3) -> Iterator[np.ndarray]:
    """Yield `drawings` of each film, with patches, and their labels: (1, drawings, s, s, 2).

    They are uint8: grey levels, and labels times 255. A drawing has one kind of `kinds` and 1 to
    `most` patches, none if the body has no room; `size` limits their sides, as shares of s.
    """
    for number in range(len(films)):
        drawn = np.zeros((1, drawings, *films.shape[1:], 2), np.uint8)
        for drawing in range(drawings):
            kind = KINDS[random.choice(kinds)]
            donor = number if kind.same else (number + random.integers(1, len(films))) % len(films)
            pair = films[[number, donor]], bodies[[number, donor]].astype(np.uint8)
            film, label = with_patches(*pair, random, kind, size, most)
            drawn[0, drawing] = np.stack([film, np.rint(255 * label)], axis=-1)
        yield drawn


def with_patches(films, bodies, random, kind, size, most=3):
    """Return the first of two films with patches of the second, and its labels in [0, 1]; (s, s).

    After the first patch each further one is drawn with probability 1/2.
    """
    film, label = films[0].copy(), np.zeros(films[0].shape)
    alpha = random.uniform(0.05, 0.95)
    for number in range(most):
        if number and random.random() < 0.5:
            continue
        source, sides = sides_of_patch(random, len(film), size, kind.resized)
        here = place(bodies[0], sides, random)
        there = place(bodies[1], source, random) if kind.moved else here
        if here is None or there is None:
            continue
        patch = cv2.resize(films[1][there], (sides[1] + 2, sides[0] + 2))
        inside = np.s_[here[0].start + 1 : here[0].stop - 1, here[1].start + 1 : here[1].stop - 1]
        before = film[inside].copy()
        film[inside] = np.clip(np.rint(kind.blend(film[here], patch, alpha)), 0, 255)
        change = smoothed(cv2.absdiff(film[inside], before), len(film))
        label[inside] = np.maximum(label[inside], (change > 1) * kind.label(change, alpha))
    return film, label


def sides_of_patch(random, side, size, resized):
    """Draw height and width (pixels) of a patch, at its origin and, if `resized`, at its place."""
    least, largest = max(LEAST_SIDE, round(size[0] * side)), min(round(size[1] * side), side - 2)
    shares = 2 * (0.05 + random.gamma(2, 0.03, 2))
    scale = np.clip(random.normal(1, 0.5), 0.7, 1.3) if resized else 1.0
    source = np.clip(np.rint(shares * side), least, largest)
    return source.astype(int), np.clip(np.rint(scale * source), least, largest).astype(int)


def place(body, sides, random):
    """Draw a rectangle of which 70 % lies in the body; slices with its ring, None if no room."""
    height, width = sides
    total = cv2.integral(body)
    rows = total[height:] - total[:-height]
    in_body = (rows[:, width:] - rows[:, :-width])[1:-1, 1:-1]  # of the rectangle at each position
    tops, lefts = np.nonzero(in_body >= LEAST_IN_BODY * height * width)
    if not len(tops):
        return None
    one = random.integers(len(tops))
    return slice(tops[one], tops[one] + height + 2), slice(lefts[one], lefts[one] + width + 2)


def smoothed(change, side):
    """Return the median of a change in grey levels (h, w) over squares of about side / 20."""
    return cv2.medianBlur(change, 2 * max(1, round(side / 45)) + 1)


# Blending: (film, patch, alpha), both (h + 2, w + 2), of which the ring is kept -> (h, w)


def pasted(film, patch, alpha):
    """Replace the film by the patch (CutPaste)."""
    return patch[1:-1, 1:-1]


def interpolated(film, patch, alpha):
    """Return (1 - alpha) film + alpha patch (FPI)."""
    return ((1 - alpha) * film.astype(float) + alpha * patch)[1:-1, 1:-1]


def interpolated_by_poisson(film, patch, alpha):
    """Blend by the larger gradient of (1 - alpha) film and alpha patch (PII)."""
    return by_poisson(film, patch, 1 - alpha, alpha)


def cloned(film, patch, alpha):
    """Blend by the larger gradient of film and patch (NSA, mixed gradients)."""
    return by_poisson(film, patch, 1, 1)


def by_poisson(film, patch, of_film, of_patch):
    """Solve Poisson's equation for the larger of two weighted gradients; the ring is its border.

    On a rectangle a sine transform solves the discrete equation. OpenCV's `seamlessClone` solves
    the same one, but keeps the gradients of the film in a margin of 3 to 4 pixels of each patch,
    which at 64 pixels is half of a patch.
    """
    film, patch = film.astype(float), patch.astype(float)
    surplus = np.zeros(np.subtract(film.shape, 2))  # of the divergence over that of the film
    for axis, crop in ((0, np.s_[:, 1:-1]), (1, np.s_[1:-1])):
        gradient = np.diff(film, axis=axis)
        own, foreign = of_film * gradient, of_patch * np.diff(patch, axis=axis)
        guide = np.where(abs(own) > abs(foreign), own, foreign)
        surplus += np.diff(guide - gradient, axis=axis)[crop]
    rows, columns = (2 * np.cos(np.pi * np.arange(1, n + 1) / (n + 1)) - 2 for n in surplus.shape)
    change = fft.idstn(fft.dstn(surplus, type=1) / (rows[:, None] + columns), type=1)
    return film[1:-1, 1:-1] + change


# Labels: (change in grey levels, smoothed, alpha) -> (h, w), where the film changed


def certain(change, alpha):
    """Return 1 (CutPaste)."""
    return np.ones(change.shape)


def factor(change, alpha):
    """Return the factor of interpolation (FPI, PII)."""
    return np.full(change.shape, alpha)


def graded(change, alpha):
    """Return a logistic function of the change (NSA)."""
    return 1 / (1 + np.exp(-STEEPNESS * (change - MIDPOINT)))


KINDS = {
    "cutpaste": Kind(True, True, False, pasted, certain),
    "fpi": Kind(False, False, False, interpolated, factor),
    "pii": Kind(False, False, False, interpolated_by_poisson, factor),
    "nsa": Kind(False, True, True, cloned, graded),
}
