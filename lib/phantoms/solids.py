"""Compute path lengths of X-rays through simple solids, on a grid of film pixels."""

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class Rod:
    """A bone or a limb: an axis in millimetres with elliptic cross-sections along it.

    `width` holds half-widths at equal steps from start to end; `depth` is the ratio of depth to
    width; `cortex` the thickness of the dense shell (0: homogeneous); `bend` a sideways bow.
    """

    name: str
    start: tuple[float, float, float]
    end: tuple[float, float, float]
    width: tuple[float, ...]
    depth: float = 1.0
    cortex: float = 0.0
    bend: float = 0.0


@dataclass(frozen=True)
class Frame:
    """The view of a film: `centre` (mm) is the middle of the film, at `scale` pixels per mm.

    The body is turned about its long axis by `turn` (0 frontal, pi/2 lateral); parts distal to
    `hinge` (mm along the axis) are flexed by `flexion`; the film is then rotated in its plane.
    """

    shape: tuple[int, int]
    centre: tuple[float, float]
    scale: float
    rotation: float = 0.0
    turn: float = 0.0
    mirrored: bool = False
    hinge: float = 0.0
    flexion: float = 0.0

    def project(self, point: Iterable[float]) -> np.ndarray:
        """Project a point (x, y, z) in mm to (x, y) in pixels."""
        x, y, z = point
        flat = np.array([x * np.cos(self.turn) + z * np.sin(self.turn), y])
        if y < self.hinge:
            flat = np.array([0, self.hinge]) + _turned(flat - [0, self.hinge], self.flexion)
        flat = _turned(flat - self.centre, self.rotation)
        flat[0] *= -1 if self.mirrored else 1
        return flat * self.scale + np.array(self.shape[::-1]) / 2


def _turned(vector: np.ndarray, angle: float) -> np.ndarray:
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([cosine * vector[0] - sine * vector[1], sine * vector[0] + cosine * vector[1]])


@dataclass(frozen=True)
class Break:
    """A fracture of a rod at `along` (0-1): gap and step in mm, oblique by `slope` (mm per mm)."""

    along: float
    gap: float
    step: float
    slope: float


@dataclass(frozen=True)
class Shadow:
    """Path lengths (mm) of one rod within `window` of a film, with the rod's coordinates.

    `along` runs 0-1 from start to end, `across` and `from_break` are in mm.
    """

    window: tuple[slice, slice]
    shell: np.ndarray
    core: np.ndarray
    along: np.ndarray
    across: np.ndarray
    half_width: np.ndarray
    from_break: np.ndarray | None = None


def shadow(rod: Rod, frame: Frame, broken: Break | None = None) -> Shadow | None:
    """Return path lengths through shell and core of a rod, or None if it is outside the film."""
    start, end = frame.project(rod.start), frame.project(rod.end)
    reach = max(rod.width) * frame.scale * 1.3 + abs(rod.bend) * frame.scale + 3
    low = np.floor(np.minimum(start, end) - reach).astype(int).clip(0)
    high = np.ceil(np.maximum(start, end) + reach).astype(int)
    columns = np.arange(low[0], min(high[0], frame.shape[1]), dtype=np.float32)
    rows = np.arange(low[1], min(high[1], frame.shape[0]), dtype=np.float32)[:, None]
    if columns.size == 0 or rows.size == 0:
        return None
    window = (slice(low[1], low[1] + len(rows)), slice(low[0], low[0] + len(columns)))
    length = max(float(np.hypot(*(end - start))), 1e-3)
    direction = (end - start) / length
    x, y = columns - np.float32(start[0]), rows - np.float32(start[1])
    along = (x * np.float32(direction[0]) + y * np.float32(direction[1])) / np.float32(length)
    across = (y * np.float32(direction[0]) - x * np.float32(direction[1])) / np.float32(frame.scale)
    across = across - np.float32(4 * rod.bend) * along * (1 - along)
    length_mm = length / frame.scale
    from_break = None
    if broken:
        from_break = (along - broken.along) * length_mm - broken.slope * across
        beyond = from_break > 0
        across = across + beyond * broken.step * np.clip(1 - from_break / (0.6 * length_mm), 0, 1)
    shell, core, half_width = _sections(rod, frame.turn, along, across, length_mm)
    if broken:
        open_ = 1 - np.exp(-((from_break / (broken.gap / 2)) ** 4))  # type: ignore[operator]
        shell, core = shell * open_, core * open_
    return Shadow(window, shell, core, along, across, half_width, from_break)


def _sections(rod: Rod, turn: float, along, across, length: float):
    """Return chords of the elliptic cross-sections of a rod at the angle `turn`."""
    wide = np.hypot(np.cos(turn), rod.depth * np.sin(turn))
    deep = np.hypot(np.sin(turn), rod.depth * np.cos(turn))
    knots = np.linspace(0, 1, len(rod.width))
    profile = np.interp(along, knots, rod.width).astype(np.float32) * np.float32(wide)
    from_end = np.minimum(along, 1 - along) * np.float32(length)

    def chord(inset: float):
        half = np.maximum(profile - inset, 1e-3)
        rounding = np.clip((from_end - inset) / (0.7 * half), 0, 1)
        half = half * np.sqrt(rounding * (2 - rounding)) + 1e-3
        thickness = 2 * np.maximum(profile * (deep / wide) - inset, 0)
        return thickness * np.sqrt(np.clip(1 - (across / half) ** 2, 0, 1)), half

    outer, half_width = chord(0.0)
    if rod.cortex == 0:
        return np.zeros_like(outer), outer, half_width
    core, _ = chord(rod.cortex)
    core = np.minimum(core, outer)
    return outer - core, core, half_width


def texture(shape: tuple[int, int], grain: float, rng: np.random.Generator) -> np.ndarray:
    """Return smooth noise (h, w) of unit spread with structures of about `grain` pixels."""
    small = [max(4, round(side / max(grain / 2, 1))) for side in shape]
    noise = cv2.GaussianBlur(rng.standard_normal(small, dtype=np.float32), (0, 0), 1.0)
    noise = cv2.resize(noise, shape[::-1], interpolation=cv2.INTER_CUBIC)
    return (noise - noise.mean()) / (noise.std() + 1e-6)
