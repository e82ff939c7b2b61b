"""Compute the attenuation of arms: fractures, hardware, lytic lesions and degenerated joints."""

from dataclasses import dataclass

import cv2
import numpy as np

from lib.phantoms.arms import PARTS, Arm
from lib.phantoms.solids import Break, Frame, Rod, Shadow, shadow, texture

SOFT, CORTICAL, TRABECULAR, METAL = 0.020, 0.075, 0.016, 0.9  # attenuation per mm
LESIONS = {"hardware": 0.5, "fracture": 0.18, "lytic lesion": 0.12, "joint degeneration": 0.2}
# share of a film's longer side: a smaller lesion would be lost at 64 pixels
LEAST = 0.055


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
        severity, least = rng.beta(2, 1), LEAST * part.span
        form = tuple(rng.uniform(size=4))
        if kind == "joint degeneration":
            return cls(kind, str(rng.choice(part.joints)), 0, severity, least, form)
        site = str(rng.choice(list(part.bones)))
        return cls(kind, site, rng.uniform(*part.bones[site]), severity, least, form)


def image(arm: Arm, body_part: str, frame: Frame, lesion: Lesion | None, rng):
    """Return the attenuation (h, w) of an arm, and the boolean mask (h, w) of the lesion."""
    planes = 1 + 0.02 * texture(frame.shape, 9 * frame.scale, rng)
    total = SOFT * planes * _flesh(arm, frame)
    total -= SOFT * 0.8 * _lung(frame)
    grain = texture(frame.shape, 1.4 * frame.scale, rng)
    mask = np.zeros(frame.shape, bool)
    for rod in arm.bones:
        ill = lesion if lesion and lesion.site == rod.name else None
        broken = _break(ill, rod) if ill and ill.kind == "fracture" else None
        seen = shadow(rod, frame, broken)
        if seen is None:
            continue
        keep = np.float32(1)
        if ill:
            keep, metal, mask[seen.window] = _effect(ill, rod, seen)
            total[seen.window] += METAL * metal
        core = seen.core * (1 + arm.porosity * grain[seen.window])
        total[seen.window] += keep * ((CORTICAL - SOFT / 2) * seen.shell + TRABECULAR * core)
    if lesion and lesion.kind == "joint degeneration":
        added, mask = _degeneration(lesion, arm, frame)
        total += added
    return np.maximum(total, 0), mask


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


def _degeneration(lesion: Lesion, arm: Arm, frame: Frame):
    """Return sclerosis that fills the joint space, with osteophytes at its edges, and its mask."""
    x, y, z, radius = arm.joints[lesion.site]
    radius = lesion.unit(1.1 * radius)
    centre, px = frame.project((x, y, z)), radius * frame.scale
    tip = frame.project((x, y - 10, z))
    angle = np.degrees(np.arctan2(*(tip - centre))) + (lesion.form[0] - 0.5) * 20
    if lesion.site in ("shoulder", "acromion"):
        angle += 90
    added = np.zeros(frame.shape, np.float32)
    reach = 1 + 0.35 * lesion.severity

    def blot(along: float, across: float, wide: float, high: float) -> None:
        turn = np.deg2rad(-angle)
        cosine, sine = np.cos(turn), np.sin(turn)
        offset = np.array([[cosine, -sine], [sine, cosine]]) @ (across, along) * px
        at = tuple(int(v) for v in np.round((centre + offset) * 8))
        axes = (max(int(wide * px * 8), 8), max(int(high * px * 8), 8))
        one = np.zeros(frame.shape, np.uint8)
        cv2.ellipse(one, at, axes, -angle, 0, 360, 1, -1, cv2.LINE_8, 3)
        np.maximum(added, one, out=added)

    blot(0, 0, reach, 0.25 + 0.3 * lesion.severity)
    for side in (-1, 1):
        blot(0.1, side * reach, 0.22 + 0.25 * lesion.severity, 0.3 + 0.2 * lesion.severity)
    blot(0.45, (lesion.form[1] - 0.5), 0.3, 0.3 * lesion.severity + 0.05)
    mask = added > 0
    soft = cv2.GaussianBlur(added, (0, 0), 0.15 * px + 0.5)
    depth = 2 * radius * (0.4 + 0.9 * lesion.severity)
    return TRABECULAR * 3 * depth * soft, mask
