"""Perturbations of a film, each of a strength, with grey levels from 0 (darkest) to 1.

`PERTURBATIONS[name](film, strength, random)` returns the film (h, w), changed; levels beyond 0 and
1 are cut off afterwards.
"""

from collections.abc import Callable

import cv2
import numpy as np


def perturb(film: np.ndarray, name: str, strength: float, seed: int = 0) -> np.ndarray:
    """Return a film (h, w) of any depth, perturbed, as float32 grey levels from 0 to 255.

    Its own darkest and brightest level are the ends of the range.
    """
    film = film.astype(np.float32)
    low, high = film.min(), film.max()
    scaled = (film - low) / max(high - low, 1e-12)
    changed = PERTURBATIONS[name](scaled, strength, np.random.default_rng(seed))
    return np.float32(255) * changed.clip(0, 1).astype(np.float32)


def brightness(film: np.ndarray, strength: float, _random: np.random.Generator) -> np.ndarray:
    """Add a share of the range to every level: the brightest ones become one."""
    return film + strength


def gamma(film: np.ndarray, strength: float, _random: np.random.Generator) -> np.ndarray:
    """Raise levels to this power, which darkens those in the middle."""
    return film**strength


def noise(film: np.ndarray, strength: float, random: np.random.Generator) -> np.ndarray:
    """Add Gaussian noise of this standard deviation, as a share of the range, to every pixel."""
    return film + random.normal(0, strength, film.shape).astype(np.float32)


def jpeg(film: np.ndarray, strength: float, _random: np.random.Generator) -> np.ndarray:
    """Store the film in 8 bits as JPEG of this quality, of 100."""
    levels = np.rint(255 * film).astype(np.uint8)
    encoded = cv2.imencode(".jpg", levels, [cv2.IMWRITE_JPEG_QUALITY, int(strength)])[1]
    return cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE).astype(np.float32) / 255


def rotation(film: np.ndarray, strength: float, _random: np.random.Generator) -> np.ndarray:
    """Rotate counter-clockwise around the centre by this angle in degrees; corners are black."""
    height, width = film.shape
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), strength, 1)
    return cv2.warpAffine(film, matrix, (width, height))


def marker(film: np.ndarray, strength: float, _random: np.random.Generator) -> np.ndarray:
    """Draw a white letter at the upper right, its height this share of the film's shorter side."""
    letter = _letter(max(1, round(strength * min(film.shape))))
    height, width = letter.shape
    top = right = height // 2
    drawn = film.copy()
    place = drawn[top : top + height, film.shape[1] - right - width : film.shape[1] - right]
    np.maximum(place, letter, out=place)
    return drawn


def inversion(film: np.ndarray, _strength: float, _random: np.random.Generator) -> np.ndarray:
    """Make dark levels bright and bright ones dark."""
    return 1 - film


PERTURBATIONS: dict[str, Callable[[np.ndarray, float, np.random.Generator], np.ndarray]] = {
    "brightness": brightness,
    "gamma": gamma,
    "noise": noise,
    "JPEG": jpeg,
    "rotation": rotation,
    "marker": marker,
    "inversion": inversion,
}


def _letter(height: int) -> np.ndarray:
    """Return the letter R of this height, float32 from 0 to 1; the sizes of fonts are only near."""
    canvas = np.zeros((256, 256), np.uint8)
    cv2.putText(canvas, "R", (64, 192), cv2.FONT_HERSHEY_SIMPLEX, 4, 255, 16)
    rows, columns = np.nonzero(canvas)
    letter = canvas[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    width = max(1, round(height * letter.shape[1] / letter.shape[0]))
    return (
        cv2.resize(letter, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    )
