"""Model the parts of a chest on the grid of a film: torso, lungs, heart, vessels and skeleton.

Lengths are in units of half the film's width, thicknesses in attenuation. x runs from the patient's
right (-1, left on the film) to the left (1), y from -1 (neck) to 1.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from lib.phantoms.solids import texture

SIDES = (-1, 1)  # the patient's right, left


@dataclass(frozen=True)
class Chest:
    """One person's chest."""

    lung_width: float
    lung_top: float
    lung_base: float
    dome: float
    heart: float
    heart_tilt: float
    aorta: float
    calcified: float  # rim of the aortic arch
    ribs: int
    rib_slope: float
    rib_strength: float
    spine: float
    bone: float  # density, lower in old age
    breast: tuple[float, float]
    breast_size: float
    habitus: float
    markings: float  # strength of the lungs' vessels
    fat: float  # folds of the arms' and the trunk's soft tissue at the sides
    septa: float  # thickness of the lungs' septa, more in old age
    branches: int  # seed of the vessels' branching
    variants: int  # seed of normal variants
    pull: float = 0.0  # shift of heart and mediastinum
    raised: tuple[float, float] = (0.0, 0.0)  # right and left half of the diaphragm


def grow(rng: np.random.Generator, sex: str, age: int) -> Chest:
    """Draw one person's chest; `age` in years."""
    old = np.clip((age - 45) / 40, 0, 1)
    breast = rng.uniform(0.1, 0.5) if sex == "F" else rng.uniform(0, 0.1)
    return Chest(
        lung_width=rng.uniform(0.30, 0.36),
        lung_top=rng.uniform(-0.84, -0.72),
        lung_base=rng.uniform(0.40, 0.60),
        dome=rng.uniform(0.10, 0.22),
        heart=rng.uniform(0.23, 0.275) + 0.015 * old,
        heart_tilt=rng.uniform(0.4, 0.95),
        aorta=rng.uniform(0.08, 0.10) + 0.02 * old,
        calcified=0.35 * old * (rng.random() < 0.6),
        ribs=int(rng.integers(9, 11)),
        rib_slope=rng.uniform(0.22, 0.32),
        rib_strength=rng.uniform(0.8, 1.2),
        spine=rng.uniform(0.075, 0.095),
        bone=rng.uniform(0.95, 1.1) - 0.3 * old,
        breast=(breast, breast * rng.uniform(0.8, 1.2)),
        breast_size=rng.uniform(0.85, 1.15),
        habitus=rng.uniform(0.9, 1.12),
        markings=rng.uniform(0.8, 1.15) + 0.15 * old,
        fat=rng.uniform(0, 0.25),
        septa=0.15 * (rng.beta(0.7, 1.5) + 0.3 * old),
        branches=int(rng.integers(2**31)),
        variants=int(rng.integers(2**31)),
        raised=tuple(rng.uniform(0, 0.07, 2)),
    )


@dataclass(frozen=True)
class Stance:
    """The position of a person: film shape, rotation (radians), shift, zoom, depth of breath.

    `turn` is the shift of the heart against the spine when the person is turned to a side.
    """

    shape: tuple[int, int]
    view: str  # PA or AP
    rotation: float
    shift: tuple[float, float]
    zoom: float
    breath: float
    turn: float = 0.0

    def pixel(self, point) -> tuple[int, int]:
        """Return the pixel (x, y) of a point."""
        height, width = self.shape
        c, s = np.cos(self.rotation), np.sin(self.rotation)
        x, y = c * point[0] - s * point[1], s * point[0] + c * point[1]
        x, y = x * self.zoom + self.shift[0], y * self.zoom + self.shift[1]
        return round((x + 1) * width / 2), round(y * width / 2 + height / 2)

    def grid(self) -> tuple[np.ndarray, np.ndarray]:
        """Return x and y (h, w) of the pixels, float32."""
        height, width = self.shape
        x = (np.arange(width, dtype=np.float32)[None] - width / 2 + 0.5) / (width / 2)
        y = (np.arange(height, dtype=np.float32)[:, None] - height / 2 + 0.5) / (width / 2)
        x, y = (x - self.shift[0]) / self.zoom, (y - self.shift[1]) / self.zoom
        c, s = np.float32(np.cos(self.rotation)), np.float32(np.sin(self.rotation))
        return (c * x + s * y).astype(np.float32), (c * y - s * x).astype(np.float32)


@dataclass
class Thorax:
    """The parts of a chest on the grid of a film (h, w), to which findings refer."""

    x: np.ndarray
    y: np.ndarray
    lungs: dict[int, np.ndarray]  # by side: depth of air, 0-1
    heart: np.ndarray
    diaphragm: dict[int, np.ndarray]  # height of the dome for every x
    base: float  # of the lungs
    middle: float  # x of heart and mediastinum

    def window(self, left: float, right: float, top: float, bottom: float) -> tuple[slice, slice]:
        """Return the rows and columns that hold all pixels of a box."""
        y, x = self.y[:, (0, -1)], self.x[(0, -1), :]
        rows = np.flatnonzero((y.max(axis=1) >= top) & (y.min(axis=1) <= bottom))
        columns = np.flatnonzero((x.max(axis=0) >= left) & (x.min(axis=0) <= right))
        if rows.size == 0 or columns.size == 0:
            return slice(0, 0), slice(0, 0)
        return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def dome(level: np.ndarray) -> np.ndarray:
    """Return half an ellipsoid's chord: 1 in the middle, 0 from `level` = 1 outwards."""
    return np.sqrt(np.clip(1 - level, 0, 1))


def step(distance: np.ndarray, softness: float) -> np.ndarray:
    """Return a ramp from 0 to 1 over `softness` on both sides of distance 0."""
    return np.clip(0.5 + distance / (2 * softness), 0, 1)


def thorax(chest: Chest, stance: Stance) -> Thorax:
    """Return lungs, heart and diaphragm of a chest."""
    x, y = stance.grid()
    base = chest.lung_base + stance.breath - (0.08 if stance.view == "AP" else 0)
    middle = stance.turn + chest.pull
    lungs, domes = {}, {}
    for side, raised in zip(SIDES, chest.raised, strict=True):
        centre, width = 0.43 * side + 0.3 * chest.pull, chest.lung_width
        floor = base - (0.05 if side < 0 else 0) - raised
        u = (x - centre) / (1.12 * width)
        sinus = 0.22 * np.clip(side * u, 0, 1) ** 2  # deep between diaphragm and ribs
        domes[side] = floor + 0.08 - chest.dome * np.sqrt(np.clip(1 - u**2, 0, 1)) + sinus
        tall = (base - chest.lung_top) / 2 + 0.12
        v = (y - (chest.lung_top + base) / 2 - 0.06) / tall
        narrow = np.clip(-v, 0, 1) ** 1.5  # at the apex
        wide = width * (1 - 0.32 * narrow)
        level = np.abs((x - centre + side * 0.10 * narrow) / wide) ** 2.6 + np.abs(v) ** 2.6
        lungs[side] = dome(level) ** 0.7 * step(domes[side] - y, 0.015)
    size = chest.heart * (1.12 if stance.view == "AP" else 1.0)
    dx, dy = x - middle - 0.10 - 0.55 * (size - 0.22), y - (base - 0.24)
    c, s = np.cos(chest.heart_tilt), np.sin(chest.heart_tilt)
    heart = dome(
        ((c * dx + s * dy) / (1.22 * size)) ** 2 + ((c * dy - s * dx) / (0.86 * size)) ** 2
    )
    return Thorax(x, y, lungs, heart * step(domes[1] + 0.12 - y, 0.03), domes, base, middle)


def torso(chest: Chest, body: Thorax) -> np.ndarray:
    """Return the soft tissue of trunk, shoulders, neck, mediastinum, breasts and abdomen."""
    x, y, far = body.x, body.y, np.abs(body.x)
    trunk = dome((far / 0.97) ** 4) * (1 + 0.8 * body.middle * x)  # thicker on one side if turned
    shoulders = step(y + 1.02 - 0.55 * np.clip(far - 0.22, 0, 1) ** 1.3, 0.08)
    neck = dome((far / 0.3) ** 2) * step(-y - 0.6, 0.3)
    total = chest.habitus * (2.5 * trunk * np.maximum(shoulders, neck))
    total += chest.fat * step(far - 0.74 - 0.05 * np.sin(5 * y), 0.02) * trunk
    total += _mediastinum(chest, body)
    for side, breast in zip(SIDES, chest.breast, strict=True):
        below = step(y - body.diaphragm[side], 0.03) * (side * x > 0)
        total += 0.55 * below * dome((x / 0.9) ** 2)
        size = chest.breast_size
        level = ((x - 0.45 * side) / (0.36 * size)) ** 2 + ((y - 0.38) / (0.34 * size)) ** 2
        total += breast * dome(level) ** 0.8
    return total


def _mediastinum(chest: Chest, body: Thorax) -> np.ndarray:
    """Return mediastinum and aorta, less the air of trachea and stomach."""
    x, y = body.x - body.middle, body.y
    total = dome((x / 0.20) ** 2) * step(y + 0.9, 0.4) * 0.6
    level = ((x - 0.13) / chest.aorta) ** 2 + ((y + 0.36) / (1.2 * chest.aorta)) ** 2
    total += 0.5 * dome(level)
    if chest.calcified:
        total += chest.calcified * np.exp(-(((level - 0.9) / 0.2) ** 2)) * (x > 0.13)
    total -= dome((x / 0.05) ** 2) * step(-0.28 - y, 0.05) * 0.55
    bubble = ((x - 0.38) / 0.14) ** 2 + ((y - body.diaphragm[1] - 0.09) / 0.07) ** 2
    return total - 0.45 * dome(bubble)


def vessels(chest: Chest, stance: Stance) -> np.ndarray:
    """Return vessels that branch from the hila, thinner towards the periphery; 0-1."""
    rng = np.random.default_rng(chest.branches)
    layer = np.zeros(stance.shape, np.float32)
    width = stance.shape[1]

    def branch(point: np.ndarray, angle: float, thickness: float, depth: int) -> None:
        end = point + rng.uniform(0.10, 0.16) * np.array([np.cos(angle), np.sin(angle)])
        pixels = max(1, round(thickness * width / 70))
        cv2.line(layer, stance.pixel(point), stance.pixel(end), thickness, pixels, cv2.LINE_AA)
        if depth:
            for turn in (-1, 1):
                branch(end, angle + turn * rng.uniform(0.15, 0.55), thickness * 0.72, depth - 1)

    for side in SIDES:
        for angle in np.linspace(-1.25, 1.35, 5):
            outward = angle if side > 0 else np.pi - angle
            root = np.array([0.17 * side + stance.turn + chest.pull, -0.08])
            branch(root, outward + rng.normal(0, 0.1), 1.0, 3)
    return cv2.GaussianBlur(layer, (0, 0), width / 200)


def septa(air: np.ndarray, stance: Stance, seed: int) -> np.ndarray:
    """Return the septa of the lungs (h, w), a net of fine lines, unevenly thick, of mean 0.

    `air` (h, w) is the depth of air. Lines are where smooth noise is near 0.
    """
    rng = np.random.default_rng(seed)
    uneven = np.clip(0.7 + 0.4 * texture(stance.shape, 0.3 * stance.shape[1], rng), 0, 1.5)
    mesh = texture(stance.shape, rng.uniform(0.008, 0.018) * stance.shape[1], rng)
    lines = np.exp(-((mesh / 0.35) ** 2))
    return uneven * np.minimum(2 * air, 1) * (lines - lines.mean())


def skeleton(chest: Chest, stance: Stance, body: Thorax) -> np.ndarray:
    """Return spine, ribs, clavicles and scapulae."""
    x, y = body.x, body.y
    discs = 1 - 0.35 * np.exp(-((((y * 7.5) % 1 - 0.5) / 0.12) ** 2))
    total = 0.42 * dome((x / chest.spine) ** 2) * discs
    for i in range(chest.ribs):
        top = chest.lung_top + 0.02 + i * (chest.lung_base - chest.lung_top + 0.12) / chest.ribs
        wide = (chest.lung_width + 0.47) * min(1, 0.62 + 0.13 * i)
        for side in SIDES:
            _add_rib(total, chest, body, side, top, wide)
    lift = -0.05 if stance.view == "AP" else 0.0
    for side in SIDES:
        left, right = sorted((0, side * 0.85))
        window = body.window(left, right, -0.9, -0.55)
        u = side * x[window]
        line = -0.66 + lift - 0.12 * (u - 0.1) + 0.04 * np.sin(7 * u) + 0.4 * side * stance.turn
        clavicle = _tube((y[window] - line) / 0.034) * step(u - 0.07, 0.02) * step(0.78 - u, 0.03)
        total[window] += 0.5 * clavicle
        at, wide = (0.80, 0.16) if stance.view == "AP" else (0.93, 0.14)
        left, right = sorted((side * 0.6, side * 1.1))
        window = body.window(left, right, -0.7, 0.1)
        blade = dome(((side * x[window] - at) / wide) ** 2 + ((y[window] + 0.29) / 0.36) ** 2)
        total[window] += 0.28 * blade**0.5
    return chest.bone * total


def _add_rib(total: np.ndarray, chest: Chest, body: Thorax, side: int, top, wide) -> None:
    """Add a rib's posterior and anterior part to `total`, within the windows that they cover."""
    half, slope = 0.026, chest.rib_slope
    low, high = sorted((0.08 * side * wide, side * wide))
    window = body.window(low, high, top - 0.1, top + slope + half)
    u = side * body.x[window] / wide
    inside = (u > 0.08) & (u < 1)
    out = np.clip(u, 0, 1)
    behind = top - 0.06 * np.sin(np.pi * out) + slope * out**2
    total[window] += 0.34 * chest.rib_strength * _tube((body.y[window] - behind) / half) * inside
    low, high = sorted((0.34 * side * wide, side * wide))
    window = body.window(low, high, top + slope - half, top + slope + 0.20 + half)
    u = side * body.x[window] / wide
    front = top + slope + 0.02 + 0.26 * (1 - np.clip(u, 0, 1))
    part = _tube((body.y[window] - front) / (1.15 * half)) * step(u - 0.42, 0.08) * (u < 1)
    total[window] += 0.18 * chest.rib_strength * part


def _tube(level: np.ndarray) -> np.ndarray:
    """Return the profile of a thin bone: bright rim (cortex), darker core; 0 from |level| = 1."""
    squared = np.square(level)
    return np.sqrt(np.clip(1 - squared, 0, 1)) * (0.65 + 0.55 * squared)
