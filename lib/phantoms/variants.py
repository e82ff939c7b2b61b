"""Draw normal variants of chests, which a detector may mistake for disease: each person's own."""

import cv2
import numpy as np

from lib.phantoms.thorax import SIDES, Stance


def attenuation(seed: int, stance: Stance) -> np.ndarray:
    """Return the attenuation (h, w) of one person's normal variants."""
    rng = np.random.default_rng(seed)
    sharp = np.zeros(stance.shape, np.float32)
    pixel = stance.shape[1] / 288
    for _ in range(rng.choice(5, p=(0.3, 0.25, 0.2, 0.15, 0.1))):  # calcified granulomas
        place, radius = _in_a_lung(rng), rng.uniform(1.2, 3.2) * pixel
        cv2.circle(
            sharp, stance.pixel(place), round(radius), rng.uniform(0.15, 0.45), -1, cv2.LINE_AA
        )
    for _ in range(rng.choice(3, p=(0.55, 0.3, 0.15))):  # scars
        (x, y), angle = _in_a_lung(rng), rng.uniform(-0.8, 0.8)
        reach = rng.uniform(0.05, 0.14)
        end = (x + reach * np.cos(angle), y + reach * np.sin(angle))
        width = max(1, round(rng.uniform(1, 2.5) * pixel))
        cv2.line(
            sharp, stance.pixel((x, y)), stance.pixel(end), rng.uniform(0.1, 0.3), width, cv2.LINE_AA
        )
    return cv2.GaussianBlur(sharp, (0, 0), 0.8 * pixel) + _soft(rng, stance)


def _in_a_lung(rng: np.random.Generator) -> tuple[float, float]:
    return rng.choice(SIDES) * rng.uniform(0.22, 0.66), rng.uniform(-0.6, 0.4)


def _soft(rng: np.random.Generator, stance: Stance) -> np.ndarray:
    """Return nipples, and muscles of the chest."""
    x, y = stance.grid()
    total = np.zeros(stance.shape, np.float32)
    nipples = rng.uniform(0.08, 0.3) * (rng.random() < 0.35)
    muscles = rng.uniform(0.06, 0.25) * (rng.random() < 0.5)
    height, far = rng.uniform(0.25, 0.42), rng.uniform(0.42, 0.56)
    for side in SIDES:
        level = ((x - side * far) ** 2 + (y - height) ** 2) / rng.uniform(0.028, 0.045) ** 2
        total += nipples * np.exp(-(level**2))
        a, b = rng.uniform(0.2, 0.34), rng.uniform(0.16, 0.3)
        level = ((x - side * 0.62) / a) ** 2 + ((y + 0.42 - 0.1 * side * x) / b) ** 2
        total += muscles * rng.uniform(0.4, 1.2) * np.exp(-(level**2))
    return total
