"""Turn attenuation into a film: exposure, plate, marker; twins have equal grey levels."""

from dataclasses import dataclass, replace

import cv2
import numpy as np


@dataclass(frozen=True)
class Technique:
    """The technique of a film: everything that does not depend on the patient.

    The two films of a pair of twins share it, so that it does not separate normal from abnormal.
    """

    shape: tuple[int, int]
    plate: np.ndarray  # (4, 2) corners of the exposed field, pixels
    surround: int  # grey level outside the field
    photons: float  # per pixel, unattenuated
    blur: float  # pixels
    gradient: tuple[float, float]  # change of the exposure over the film's width and height
    gamma: float
    brightness: float
    contrast: float
    marker: str
    marker_at: tuple[float, float]  # shares of the film's width and height
    marker_size: float
    inverted: bool


def field(technique: Technique) -> np.ndarray:
    """Return the exposed field as a boolean mask (h, w)."""
    mask = np.zeros(technique.shape, np.uint8)
    cv2.fillConvexPoly(mask, technique.plate.round().astype(np.int32), 1)
    return mask.astype(bool)


def opened(technique: Technique) -> Technique:
    """Return the same technique without collimation, so that the whole film is exposed."""
    height, width = technique.shape
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], float)
    return replace(technique, plate=corners)


def expose(attenuation: np.ndarray, white: float, technique: Technique, rng) -> np.ndarray:
    """Return grey 0-1 on a log scale of the photons behind the body (Beer-Lambert, Poisson noise).

    `white` is the attenuation displayed as white.
    """
    height, width = technique.shape
    across = np.linspace(-0.5, 0.5, width, dtype=np.float32)
    down = np.linspace(-0.5, 0.5, height, dtype=np.float32)[:, None]
    tilt = technique.gradient[0] * across + technique.gradient[1] * down
    sharp = cv2.GaussianBlur(attenuation.astype(np.float32), (0, 0), technique.blur)
    expected = technique.photons * np.exp(-sharp)
    counts = expected + np.sqrt(expected) * rng.standard_normal(technique.shape, dtype=np.float32)
    signal = -np.log(np.maximum(counts, 1) / technique.photons) / white + tilt
    return np.clip(signal, 0, 1.05) ** technique.gamma


def develop_twins(greys: list[np.ndarray], technique: Technique) -> list[np.ndarray]:
    """Convert two grey films (h, w) 0-1 to uint8 films of equal mean grey and equal spread."""
    inside = field(technique)
    values = [255 * grey[inside] for grey in greys]
    mean = np.mean([v.mean() for v in values]) * technique.brightness
    spread = np.mean([v.std() for v in values]) * technique.contrast
    mean = min(mean, 240 - 2 * spread)  # a brighter film would be saturated
    return [_develop(_levelled(v, mean, spread), inside, technique) for v in values]


def _levelled(values: np.ndarray, mean: float, spread: float, rounds: int = 6) -> np.ndarray:
    for _ in range(rounds):  # clipping changes mean and spread, less each time
        values = (values - values.mean()) * (spread / (values.std() + 1e-6)) + mean
        values = np.clip(values, 0, 255)
    return values


def _develop(values: np.ndarray, inside: np.ndarray, technique: Technique) -> np.ndarray:
    film = np.full(technique.shape, technique.surround, np.uint8)
    film[inside] = np.round(255 - values if technique.inverted else values)
    height, width = technique.shape
    at = (round(technique.marker_at[0] * width), round(technique.marker_at[1] * height))
    ink = 20 if technique.inverted else 250
    cv2.putText(film, technique.marker, at, cv2.FONT_HERSHEY_SIMPLEX, technique.marker_size, ink, 2)
    return film
