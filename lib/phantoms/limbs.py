"""Compute the attenuation of arms with disease of joints, bones and soft tissue, or hardware."""

from dataclasses import dataclass

import cv2
import numpy as np

from lib.phantoms.arms import PARTS, Arm, Part
from lib.phantoms.solids import Break, Frame, Rod, Shadow, shadow, texture

SOFT, CORTICAL, TRABECULAR, METAL = 0.020, 0.075, 0.016, 0.9  # attenuation per mm
LESIONS = {
    "hardware": 0.35,
    "joint degeneration": 0.3,
    "swelling": 0.15,
    "fracture": 0.12,
    "lytic lesion": 0.08,
}
#: Swelling with each: radius in `least`, and growth of the soft tissue at severity 0 and 1.
SWELLING = {
    "joint degeneration": (3, 0.2, 0.6),
    "swelling": (4.2, 0.2, 1.0),
    "fracture": (3, 0.2, 0.6),
    "lytic lesion": (2.5, 0.2, 0.6),
}
OF_JOINTS = ("joint degeneration", "swelling")
SEVERAL = 0.6  # severity above which all joints of a body part are degenerated
SATURATED = 1.6  # least attenuation of metal that a film shows, of that of the densest bone
# share of a film's longer side: a smaller lesion would be lost at 64 pixels
LEAST = 0.09


@dataclass(frozen=True)
class Lesion:
    """A lesion of an arm, in the coordinates of its bone or joint; `severity` 0-1."""

    kind: str
    site: str
    along: float
    severity: float
    least: float  # mm; lesions of thinner bones are scaled as if the bone were this wide
    form: tuple[float, float, float, float]  # four draws from (0, 1) that shape the lesion

    def unit(self, width: float | tuple[float, ...]) -> float:
        """Return the unit of length (mm) of the lesion's measures."""
        return max(float(np.mean(width)), self.least)

    @classmethod
    def drawn(cls, body_part: str, rng: np.random.Generator) -> "Lesion":
        """Draw a lesion that is visible on a film of the body part."""
        part = PARTS[body_part]
        kind = rng.choice(list(LESIONS), p=list(LESIONS.values()))
        severity, least = rng.beta(3, 1), LEAST * part.span
        form = tuple(rng.uniform(size=4))
        if kind in OF_JOINTS:
            return cls(kind, str(rng.choice(part.joints)), 0, severity, least, form)
        site = str(rng.choice(list(part.bones)))
        return cls(kind, site, rng.uniform(*part.bones[site]), severity, least, form)

    @classmethod
    def placed(cls, kind: str, part: Part, severity: float, form: tuple) -> "Lesion":
        """Return a lesion of the first joint or the middle of the first bone of a body part."""
        least, (site, (low, high)) = LEAST * part.span, next(iter(part.bones.items()))
        if kind in OF_JOINTS:
            return cls(kind, part.joints[0], 0, severity, least, form)
        return cls(kind, site, (low + high) / 2, severity, least, form)


def image(arm: Arm, body_part: str, frame: Frame, lesion: Lesion | None, rng):
    """Return the attenuation (h, w) of an arm, and the boolean mask (h, w) of the lesion."""
    planes = 1 + 0.02 * texture(frame.shape, 9 * frame.scale, rng)
    grain = texture(frame.shape, 1.4 * frame.scale, rng)
    flesh = _flesh(arm, frame)
    mask = np.zeros(frame.shape, bool)
    if lesion and lesion.kind in SWELLING:
        flesh, swollen = _swollen(flesh, lesion, _place(lesion, arm), frame)
        mask = swollen if lesion.kind == "swelling" else mask  # otherwise that of its cause
    total = SOFT * (planes * flesh - 0.8 * _lung(frame))
    metal = np.zeros(frame.shape, np.float32)
    for rod in arm.bones:
        ill = lesion if lesion and lesion.site == rod.name else None
        broken = _break(ill, rod) if ill and ill.kind == "fracture" else None
        seen = shadow(rod, frame, broken)
        if seen is None:
            continue
        keep = np.float32(1)
        if ill:
            keep, metal[seen.window], here = _effect(ill, rod, seen)
            mask[seen.window] |= here
        core = seen.core * (1 + arm.porosity * grain[seen.window])
        total[seen.window] += keep * ((CORTICAL - SOFT / 2) * seen.shell + TRABECULAR * core)
    if lesion and lesion.kind == "joint degeneration":
        for name in PARTS[body_part].joints if lesion.severity > SEVERAL else (lesion.site,):
            mask |= _degenerate(total, flesh, lesion, arm.joints[name], frame)
    if metal.any():
        total = np.minimum(total + METAL * metal, SATURATED * np.percentile(total, 99.3))
    return np.maximum(total, 0), mask


def _place(lesion: Lesion, arm: Arm) -> np.ndarray:
    """Return the point (x, y, z) of a lesion in mm."""
    if lesion.kind in OF_JOINTS:
        return np.array(arm.joints[lesion.site][:3])
    rod = next(rod for rod in arm.bones if rod.name == lesion.site)
    start, end = np.array(rod.start), np.array(rod.end)
    return start + lesion.along * (end - start)


def _swollen(flesh: np.ndarray, lesion: Lesion, place: np.ndarray, frame: Frame):
    """Return soft tissue (h, w), in mm, magnified around a place, and where it grew."""
    reach, least, most = SWELLING[lesion.kind]
    grown = least + (most - least) * lesion.severity
    x, y = frame.project(place)
    radius = reach * lesion.least * frame.scale
    columns = np.arange(frame.shape[1], dtype=np.float32) - np.float32(x)
    rows = np.arange(frame.shape[0], dtype=np.float32)[:, None] - np.float32(y)
    size = 1 + np.float32(grown) * np.exp(-(columns**2 + rows**2) / np.float32(radius**2))
    here = (columns / size + np.float32(x), rows / size + np.float32(y))
    swollen = size * cv2.remap(flesh, *here, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    growth = swollen - flesh
    return swollen, growth > 0.5 * growth.max()


def _flesh(arm: Arm, frame: Frame) -> np.ndarray:
    """Return the soft tissue, in which overlapping limbs merge instead of adding up."""
    total = np.zeros(frame.shape, np.float32)
    for rod in arm.flesh:
        seen = shadow(rod, frame)
        if seen is not None:
            total[seen.window] += seen.core**4
    return total**0.25


def _lung(frame: Frame) -> np.ndarray:
    seen = shadow(Rod("lung", (170, 300, 0), (150, 592, 0), (82, 84, 84, 82, 70, 45), 0.5), frame)
    total = np.zeros(frame.shape, np.float32)
    if seen is not None:
        total[seen.window] = seen.core
    return total


def _break(lesion: Lesion, rod: Rod) -> Break:
    a, b, c, _ = lesion.form
    width, side = lesion.unit(rod.width), np.sign(a - 0.5)
    return Break(
        along=lesion.along,
        gap=width * (0.2 + 0.6 * lesion.severity),
        step=side * width * (0.15 + 1.3 * lesion.severity * (0.4 + 0.6 * b)),
        slope=1.6 * (c - 0.5),
    )


def _effect(lesion: Lesion, rod: Rod, seen: Shadow):
    """Return a lesion's effect within its bone's window: factor on the bone, metal (mm), mask."""
    on_bone = np.abs(seen.across) < seen.half_width
    width = lesion.unit(rod.width)
    none = np.zeros_like(seen.core)
    if lesion.kind == "fracture":
        assert seen.from_break is not None, "the bone of a fracture is broken"
        near = np.abs(seen.from_break) < width * (0.3 + 0.4 * lesion.severity)
        return 1.0, none, near & on_bone
    if lesion.kind == "lytic lesion":
        length = np.hypot(*np.subtract(rod.end, rod.start)[:2])
        from_site = (seen.along - lesion.along) * length
        radius = width * (0.6 + 1.0 * lesion.severity)
        off = (lesion.form[0] - 0.5) * width
        far = (from_site / (1.4 * radius)) ** 2 + ((seen.across - off) / radius) ** 2
        hole = np.exp(-(far**2))
        return 1 - (0.4 + 0.6 * lesion.severity) * hole, none, (hole > 0.4) & on_bone
    metal = _hardware(lesion, rod, seen, width)
    return 1.0, metal, metal > 0.2


def _hardware(lesion: Lesion, rod: Rod, seen: Shadow, width: float) -> np.ndarray:
    """Return a plate with screws, a nail or wires along the bone, in mm of metal."""
    a, b, c, d = lesion.form
    length = np.hypot(*np.subtract(rod.end, rod.start)[:2])
    from_site = (seen.along - lesion.along) * length
    half_length = width * (1.2 + 2.8 * lesion.severity)
    inside = np.abs(from_site) < half_length
    if a < 0.25:  # wires
        wire = np.abs(seen.across - (b - 0.5) * width - (c - 0.5) * from_site) < 0.14 * width + 0.3
        return 2.5 * (wire & inside)
    if a < 0.4:  # nail
        return 5.0 * ((np.abs(seen.across) < 0.4 * width) & inside)
    off = (b - 0.5) * 2.4 * width
    plate = (np.abs(seen.across - off) < (0.2 + 0.2 * c) * width) & inside
    pitch = half_length / (1.5 + round(1.5 * d))
    to_screw = np.abs((from_site + pitch / 2) % pitch - pitch / 2)
    screws = (to_screw < 0.08 * width + 0.25) & inside & (np.abs(seen.across) < 1.05 * width)
    return 3.0 * plate + 3.0 * screws


def _degenerate(total, flesh, lesion: Lesion, joint: tuple, frame: Frame) -> np.ndarray:
    """Add dense bone that narrows the joint space, with osteophytes at its edges; return a mask."""
    x, y, z, radius = joint
    radius = max(1.1 * radius, 0.55 * lesion.least)
    centre = frame.project((x, y, z))
    axis = frame.project((x, y - 10, z)) - centre
    axis = axis / max(float(np.hypot(*axis)), 1e-3)
    if lesion.site in ("shoulder", "acromion"):  # whose joint space runs along the arm
        axis = np.array([-axis[1], axis[0]])
    px = radius * frame.scale
    columns = (np.arange(total.shape[1], dtype=np.float32) - np.float32(centre[0])) / px
    rows = (np.arange(total.shape[0], dtype=np.float32)[:, None] - np.float32(centre[1])) / px
    along = columns * axis[0] + rows * axis[1]
    across = np.abs(rows * axis[0] - columns * axis[1])
    a, b, c, _ = lesion.form
    severity = lesion.severity
    dense = np.exp(-((along / (0.3 + 0.3 * severity)) ** 2) - (across / 0.9) ** 6)
    for side in (-1, 1):  # osteophytes of both bones, at both edges
        at = ((along - 0.3 * side - 0.1 * (a - 0.5)) / (0.14 + 0.12 * severity)) ** 2
        wide = 0.14 + 0.14 * severity
        dense = dense + (0.5 + 0.5 * b) * np.exp(-at - ((across - 0.95 - 0.5 * wide) / wide) ** 2)
    added = dense * np.clip(flesh / (1.2 * radius), 0, 1)  # none outside the skin
    cyst = np.exp(-(((along - 0.6) / 0.25) ** 2) - ((across - 0.5 * c) / 0.25) ** 2)
    depth = 2 * radius * (0.3 + 0.7 * severity)
    total += np.float32(2.2 * TRABECULAR * depth) * (added - 0.6 * severity * cyst)
    return added > 0.35
