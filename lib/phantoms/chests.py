"""Model the chest: torso, lungs, heart, spine and ribs, in units of half the film's width.

x runs from the patient's right (-1, left on the film) to the left (1), y from -1 (neck) to 1.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from lib.phantoms.solids import texture

FINDINGS = ("Effusion", "Infiltration", "Nodule", "Mass", "Pneumothorax", "Cardiomegaly")


@dataclass(frozen=True)
class Chest:
    """One person's chest: sizes in half film widths, thicknesses as attenuation."""

    lung_width: float
    lung_top: float
    lung_base: float
    dome: float
    heart: float
    heart_tilt: float
    aorta: float
    ribs: int
    rib_slope: float
    rib_strength: float
    spine: float
    breast: float
    habitus: float
    branches: int  # seed of the vessels' branching


def grow(rng: np.random.Generator, sex: str) -> Chest:
    """Draw one person's chest."""
    return Chest(
        lung_width=rng.uniform(0.295, 0.365),
        lung_top=rng.uniform(-0.84, -0.70),
        lung_base=rng.uniform(0.38, 0.62),
        dome=rng.uniform(0.10, 0.22),
        heart=rng.uniform(0.23, 0.285),
        heart_tilt=rng.uniform(0.4, 0.95),
        aorta=rng.uniform(0.08, 0.11),
        ribs=int(rng.integers(9, 11)),
        rib_slope=rng.uniform(0.2, 0.34),
        rib_strength=rng.uniform(0.8, 1.2),
        spine=rng.uniform(0.075, 0.095),
        breast=rng.uniform(0.15, 0.45) if sex == "F" else rng.uniform(0, 0.08),
        habitus=rng.uniform(0.9, 1.12),
        branches=int(rng.integers(2**31)),
    )


@dataclass(frozen=True)
class Stance:
    """The position of a person: film shape, rotation (radians), shift, zoom, depth of breath."""

    shape: tuple[int, int]
    view: str  # PA or AP
    rotation: float
    shift: tuple[float, float]
    zoom: float
    breath: float


def _grid(stance: Stance) -> tuple[np.ndarray, np.ndarray]:
    height, width = stance.shape
    x = (np.arange(width, dtype=np.float32)[None] - width / 2 + 0.5) / (width / 2)
    y = (np.arange(height, dtype=np.float32)[:, None] - height / 2 + 0.5) / (width / 2)
    x, y = (x - stance.shift[0]) / stance.zoom, (y - stance.shift[1]) / stance.zoom
    c, s = np.float32(np.cos(stance.rotation)), np.float32(np.sin(stance.rotation))
    return (c * x + s * y).astype(np.float32), (c * y - s * x).astype(np.float32)


def _dome(level: np.ndarray) -> np.ndarray:
    """Return half an ellipsoid's chord: 1 in the middle, 0 from `level` = 1 outwards."""
    return np.sqrt(np.clip(1 - level, 0, 1))


def _step(distance: np.ndarray, softness: float) -> np.ndarray:
    return np.clip(0.5 + distance / (2 * softness), 0, 1)


@dataclass
class Thorax:
    """The parts of a chest on the grid of a film, to which lesions refer."""

    x: np.ndarray
    y: np.ndarray
    lungs: dict[int, np.ndarray]  # -1 right, 1 left: depth of air, 0-1
    heart: np.ndarray
    diaphragm: dict[int, np.ndarray]  # height of the dome for every x


def _thorax(chest: Chest, stance: Stance, heart_size: float) -> Thorax:
    x, y = _grid(stance)
    larger = 1.12 if stance.view == "AP" else 1.0
    base = chest.lung_base + stance.breath - (0.08 if stance.view == "AP" else 0)
    lungs, domes = {}, {}
    for side in (-1, 1):
        centre, width = 0.43 * side, chest.lung_width
        floor = base - (0.05 if side < 0 else 0)
        u = (x - centre) / (1.12 * width)
        sinus = 0.22 * np.clip(side * u, 0, 1) ** 2  # deep between diaphragm and ribs
        dome = floor + 0.08 - chest.dome * np.sqrt(np.clip(1 - u**2, 0, 1)) + sinus
        middle = (chest.lung_top + base) / 2
        tall = (base - chest.lung_top) / 2 + 0.12
        v = (y - middle - 0.06) / tall
        wide = width * (1 - 0.32 * np.clip(-v, 0, 1) ** 1.5)  # narrower at the apex
        lean = centre - side * 0.10 * np.clip(-v, 0, 1) ** 1.5
        level = np.abs((x - lean) / wide) ** 2.6 + np.abs(v) ** 2.6
        lungs[side] = _dome(level) ** 0.7 * _step(dome - y, 0.015)
        domes[side] = dome
    size = heart_size * larger
    dx, dy = x - 0.10 - 0.55 * (size - 0.22), y - (base - 0.24)
    c, s = np.cos(chest.heart_tilt), np.sin(chest.heart_tilt)
    heart = _dome(
        ((c * dx + s * dy) / (1.22 * size)) ** 2 + ((c * dy - s * dx) / (0.86 * size)) ** 2
    )
    heart = heart * _step(domes[1] + 0.12 - y, 0.03)
    return Thorax(x, y, lungs, heart, domes)


def image(chest: Chest, stance: Stance, lesions: list["Lesion"], rng):
    """Return the attenuation (h, w) of a chest, and one boolean mask (h, w) per lesion."""
    body = _thorax(chest, stance, chest.heart)
    total = _torso(chest, body)
    air = body.lungs[-1] + body.lungs[1]
    vessels = _vessels(chest, stance, body) * np.minimum(air * 2, 1)
    grain = texture(stance.shape, 0.02 * stance.shape[1], rng)
    tissue = air * (0.5 * vessels + 0.05 * grain)
    heart, masks = body.heart, []
    for lesion in lesions:
        air, tissue, heart, mask = _apply(lesion, chest, stance, body, air, tissue, heart)
        masks.append(mask)
    air = air * (1 - 0.72 * heart**0.6)
    total += 0.45 * heart**0.8 - 1.75 * chest.habitus * air + tissue
    total += _skeleton(chest, stance, body, rng)
    return np.maximum(total, 0), masks


def _torso(chest: Chest, body: Thorax) -> np.ndarray:
    """Return the soft tissue of trunk, shoulders, neck, mediastinum, breasts and abdomen."""
    x, y, far = body.x, body.y, np.abs(body.x)
    trunk = _dome((far / 0.97) ** 4 + 0 * y)
    shoulders = _step(y + 1.02 - 0.55 * np.clip(far - 0.22, 0, 1) ** 1.3, 0.08)
    neck = _dome((far / 0.3) ** 2) * _step(-y - 0.6, 0.3)
    total = chest.habitus * (2.5 * trunk * np.maximum(shoulders, neck))
    mediastinum = _dome((x / 0.20) ** 2) * _step(y + 0.9, 0.4) * 0.6
    arch = _dome(((x - 0.13) / chest.aorta) ** 2 + ((y + 0.36) / (1.2 * chest.aorta)) ** 2) * 0.5
    trachea = _dome((x / 0.05) ** 2) * _step(-0.28 - y, 0.05) * 0.55
    total += mediastinum + arch - trachea
    for side in (-1, 1):
        total += (
            0.55 * _step(y - body.diaphragm[side], 0.03) * (side * x > 0) * _dome((x / 0.9) ** 2)
        )
        level = ((x - 0.45 * side) / 0.36) ** 2 + ((y - 0.38) / 0.34) ** 2
        total += chest.breast * _dome(level) ** 0.8
    bubble = _dome(((x - 0.38) / 0.14) ** 2 + ((y - body.diaphragm[1] - 0.09) / 0.07) ** 2)
    return total - 0.45 * bubble


def _vessels(chest: Chest, stance: Stance, body: Thorax) -> np.ndarray:
    """Return vessels that branch from the hila, thinner towards the periphery; 0-1."""
    rng = np.random.default_rng(chest.branches)
    height, width = stance.shape
    layer = np.zeros((height, width), np.float32)
    c, s = np.cos(stance.rotation), np.sin(stance.rotation)

    def pixel(point: np.ndarray) -> tuple[int, int]:
        x, y = c * point[0] - s * point[1], s * point[0] + c * point[1]
        x, y = x * stance.zoom + stance.shift[0], y * stance.zoom + stance.shift[1]
        return round((x + 1) * width / 2), round(y * width / 2 + height / 2)

    def branch(point: np.ndarray, angle: float, thickness: float, depth: int) -> None:
        end = point + rng.uniform(0.10, 0.16) * np.array([np.cos(angle), np.sin(angle)])
        cv2.line(
            layer,
            pixel(point),
            pixel(end),
            thickness,
            max(1, round(thickness * width / 70)),
            cv2.LINE_AA,
        )
        if depth:
            for turn in (-1, 1):
                branch(end, angle + turn * rng.uniform(0.15, 0.55), thickness * 0.72, depth - 1)

    for side in (-1, 1):
        for angle in np.linspace(-1.25, 1.35, 5):
            outward = angle if side > 0 else np.pi - angle
            branch(np.array([0.17 * side, -0.08]), outward + rng.normal(0, 0.1), 1.0, 3)
    return cv2.GaussianBlur(layer, (0, 0), width / 200)


def _skeleton(chest: Chest, stance: Stance, body: Thorax, rng) -> np.ndarray:
    """Return spine, ribs, clavicles and scapulae."""
    x, y = body.x, body.y
    discs = 1 - 0.35 * np.exp(-((((y * 7.5) % 1 - 0.5) / 0.12) ** 2))
    total = 0.42 * _dome((x / chest.spine) ** 2) * discs
    half = 0.026
    reach = chest.lung_width + 0.47
    for i in range(chest.ribs):
        top = chest.lung_top + 0.02 + i * (chest.lung_base - chest.lung_top + 0.12) / chest.ribs
        wide = reach * min(1, 0.62 + 0.13 * i)
        for side in (-1, 1):
            u = side * x / wide
            inside = (u > 0.08) & (u < 1)
            out = np.clip(u, 0, 1)
            behind = top - 0.06 * np.sin(np.pi * out) + chest.rib_slope * out**2
            total += 0.34 * chest.rib_strength * _tube((y - behind) / half) * inside
            front = top + chest.rib_slope + 0.02 + 0.26 * (1 - out)
            total += (
                0.18
                * chest.rib_strength
                * _tube((y - front) / (1.15 * half))
                * inside
                * _step(u - 0.42, 0.08)
            )
    lift = -0.05 if stance.view == "AP" else 0.0
    for side in (-1, 1):
        u = side * x
        line = -0.66 + lift - 0.12 * (u - 0.1) + 0.04 * np.sin(7 * u)
        total += 0.5 * _tube((y - line) / 0.034) * _step(u - 0.07, 0.02) * _step(0.78 - u, 0.03)
        if stance.view == "AP":
            blade = _dome(((u - 0.80) / 0.16) ** 2 + ((y + 0.28) / 0.36) ** 2)
        else:
            blade = _dome(((u - 0.93) / 0.14) ** 2 + ((y + 0.3) / 0.36) ** 2)
        total += 0.28 * blade**0.5
    return total


def _tube(level: np.ndarray) -> np.ndarray:
    """Return the profile of a thin bone: bright rim (cortex), darker core; 0 from |level| = 1."""
    return np.sqrt(np.clip(1 - level**2, 0, 1)) * (0.65 + 0.55 * level**2)


@dataclass(frozen=True)
class Lesion:
    """A finding: its side (-1 right, 1 left), severity (0-1) and four draws that shape it."""

    kind: str
    side: int
    severity: float
    form: tuple[float, float, float, float]

    @classmethod
    def drawn(cls, kind: str, rng: np.random.Generator) -> "Lesion":
        return cls(kind, int(rng.choice((-1, 1))), rng.beta(1.6, 1.2), tuple(rng.uniform(size=4)))


def _apply(lesion: Lesion, chest: Chest, stance: Stance, body: Thorax, air, tissue, heart):
    """Return air, lung tissue and heart with the lesion added, and the lesion's mask."""
    a, b, c, d = lesion.form
    x, y, lung = body.x, body.y, body.lungs[lesion.side]
    inside = lung > 0.15
    if lesion.kind == "Cardiomegaly":
        larger = _thorax(chest, stance, chest.heart * (1.18 + 0.42 * lesion.severity)).heart
        heart = np.maximum(heart, larger)
        return air, tissue, heart, (larger > 0.25) & (body.heart <= 0.05)
    if lesion.kind == "Effusion":
        u = np.clip(lesion.side * (x - 0.43 * lesion.side) / chest.lung_width, -1, 1)
        height = chest.lung_base + stance.breath - 0.33 * lesion.severity * (0.5 + 0.5 * a)
        meniscus = (0.09 + 0.08 * lesion.severity) * (0.4 + b) * u**2 * (1 + 0.5 * np.sign(u))
        surface = height - 0.05 - 0.06 * lesion.severity - meniscus
        fluid = (0.30 + 0.55 * lesion.severity) * _step(y - surface, 0.04) * inside
        return (
            air - 0.9 * fluid * lung,
            tissue * (1 - fluid) + 0.4 * fluid,
            heart,
            (y > surface) & inside,
        )
    if lesion.kind == "Pneumothorax":
        rim = 0.05 + 0.22 * lesion.severity
        cx, cy = 0.43 * lesion.side, 0.05
        level = np.abs((x - cx + 0.6 * rim * lesion.side) / (chest.lung_width - 0.8 * rim)) ** 2.4
        level = level + np.abs((y - cy - 1.1 * rim) / (0.72 - 0.5 * rim)) ** 2.4
        free = _step(level - 1, 0.06) * inside * (y < 0.35) * (lesion.side * x > 0.25)
        edge = np.exp(-(((level - 1) / 0.10) ** 2)) * inside * (y < 0.35) * (lesion.side * x > 0.25)
        air = air + (0.16 + 0.1 * lesion.severity) * free * np.minimum(2 * lung, 1)
        return air, tissue * (1 - free) + 0.10 * edge, heart, free > 0.5
    cx = lesion.side * (0.30 + 0.30 * a)
    cy = -0.45 + 0.75 * b
    if lesion.kind in ("Nodule", "Mass"):
        radius = (0.05 + 0.05 * lesion.severity) * (1.8 if lesion.kind == "Mass" else 1)
        bump = np.sqrt(_dome(((x - cx) ** 2 + ((y - cy) * (0.85 + 0.3 * c)) ** 2) / radius**2))
        density = (0.35 + 0.55 * lesion.severity) * np.minimum(1, radius / 0.08)
        return air, tissue + density * bump * inside, heart, (bump > 0.3) & inside
    wide, high = 0.12 + 0.14 * c, 0.12 + 0.18 * d
    size = 0.75 + 0.5 * lesion.severity
    ragged = texture(stance.shape, 0.11 * stance.shape[1], np.random.default_rng(int(1e6 * a)))
    level = ((x - cx) / (wide * size)) ** 2 + ((y - cy) / (high * size)) ** 2 + 0.35 * ragged
    patch = _step(1 - level, 0.6) * inside
    density = (0.22 + 0.6 * lesion.severity) * patch
    return air, tissue + density * (0.6 + 0.4 * lung), heart, patch > 0.45
