"""Draw normal variants of a chest, each person's own, which a detector may take for disease."""

import cv2
import numpy as np

from lib.phantoms.thorax import SIDES, Stance

GRANULOMAS = (0.3, 0.25, 0.2, 0.15, 0.1)  # chances of 0, 1, ... of them
SCARS = (0.55, 0.3, 0.15)
NIPPLES, MUSCLES = 0.35, 0.5  # shares of persons in whom they cast a shadow


def attenuation(seed: int, stance: Stance) -> np.ndarray:
    """Return the attenuation (h, w) of the variants of one person, whom `seed` identifies."""
    rng = np.random.default_rng(seed)
    return _marks(rng, stance) + _shadows(rng, stance)


def _marks(rng: np.random.Generator, stance: Stance) -> np.ndarray:
    """Return calcified granulomas, which are small disks, and scars, which are short lines."""
    marks = np.zeros(stance.shape, np.float32)
    pixel = stance.shape[1] / 288
    for _ in range(rng.choice(len(GRANULOMAS), p=GRANULOMAS)):
        centre, radius = stance.pixel(_in_a_lung(rng)), round(rng.uniform(1.2, 3.2) * pixel)
        cv2.circle(marks, centre, radius, rng.uniform(0.15, 0.45), -1, cv2.LINE_AA)
    for _ in range(rng.choice(len(SCARS), p=SCARS)):
        start, angle = np.array(_in_a_lung(rng)), rng.uniform(-0.8, 0.8)
        end = start + rng.uniform(0.05, 0.14) * np.array([np.cos(angle), np.sin(angle)])
        dense, width = rng.uniform(0.1, 0.3), max(1, round(rng.uniform(1, 2.5) * pixel))
        cv2.line(marks, stance.pixel(start), stance.pixel(end), dense, width, cv2.LINE_AA)
    return cv2.GaussianBlur(marks, (0, 0), 0.8 * pixel)


def _in_a_lung(rng: np.random.Generator) -> tuple[float, float]:
    return rng.choice(SIDES) * rng.uniform(0.22, 0.66), rng.uniform(-0.6, 0.4)


def _shadows(rng: np.random.Generator, stance: Stance) -> np.ndarray:
    """Return the soft shadows of nipples and of the muscles of the chest, on both sides."""
    x, y = stance.grid()
    total = np.zeros(stance.shape, np.float32)
    nipples = rng.uniform(0.08, 0.3) * (rng.random() < NIPPLES)
    muscles = rng.uniform(0.06, 0.25) * (rng.random() < MUSCLES)
    far, height = rng.uniform(0.42, 0.56), rng.uniform(0.25, 0.42)
    for side in SIDES:
        radius, wide, high = rng.uniform((0.028, 0.2, 0.16), (0.045, 0.34, 0.3))
        level = ((x - side * far) ** 2 + (y - height) ** 2) / radius**2
        total += nipples * np.exp(-(level**2))
        level = ((x - side * 0.62) / wide) ** 2 + ((y + 0.42 - 0.1 * side * x) / high) ** 2
        total += muscles * rng.uniform(0.4, 1.2) * np.exp(-(level**2))
    return total
