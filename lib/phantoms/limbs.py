"""Upper limbs: one skeleton from fingertip to shoulder; a body part is a window upon it.

Millimetres in a straight supinated right arm: x towards the trunk, y from the wrist (0) towards the
shoulder (565), z towards the palm.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from lib.phantoms.solids import Break, Frame, Rod, Shadow, shadow, texture

SOFT, CORTICAL, TRABECULAR, METAL = 0.020, 0.075, 0.016, 0.9  # attenuation per mm
ELBOW = 240.0
LEAST = 0.055  # of a film's longer side: a smaller lesion would not outlast a reduction to 64 pixels
LESIONS = {"hardware": 0.5, "fracture": 0.18, "lytic lesion": 0.12, "joint degeneration": 0.2}


@dataclass(frozen=True)
class Part:
    """A body part: where its film looks, and which bones (with the range along) and joints can be ill."""

    centre: tuple[float, float]
    span: float  # mm along the film's longer side
    upright: float  # rotation (radians) that puts the film the usual way up
    bones: dict[str, tuple[float, float]]
    joints: tuple[str, ...]
    aspect: tuple[float, float] = (0.70, 0.9)
    flexed: bool = False
    turn: float = 1.0  # radians between the frontal and the lateral view


PARTS = {
    "HAND": Part(
        (0, -80), 225, 0, {f"metacarpal {k}": (0.3, 0.75) for k in (2, 3, 4, 5)}
        | {f"proximal {k}": (0.3, 0.7) for k in (1, 2, 3, 4, 5)},
        tuple(f"knuckle {k}" for k in (1, 2, 3, 4, 5)), turn=1.1,
    ),
    "WRIST": Part(
        (0, 8), 125, 0, {"radius": (0.05, 0.12), "ulna": (0.06, 0.14)}, ("wrist", "thumb base"), (0.68, 0.85),
        turn=1.5),
    "FINGER": Part((0, -120), 100, 0, {"proximal 3": (0.3, 0.7), "middle 3": (0.3, 0.7)},
                   ("knuckle 3", "finger 3"), (0.5, 0.75)),
    "FOREARM": Part((0, 115), 300, 0, {"radius": (0.2, 0.75), "ulna": (0.2, 0.7)}, ("wrist", "elbow"), (0.45, 0.65)),
    "ELBOW": Part((0, ELBOW), 175, np.pi, {"radius": (0.82, 0.9), "ulna": (0.7, 0.85), "humerus": (0.12, 0.25)},
                  ("elbow",), (0.75, 1.0), True),
    "HUMERUS": Part((5, 400), 370, np.pi, {"humerus": (0.25, 0.85)}, ("shoulder",), (0.45, 0.7), turn=0.3),
    "SHOULDER": Part((38, 520), 235, np.pi, {"humerus": (0.72, 0.9), "clavicle": (0.2, 0.6)}, ("shoulder", "acromion"),
                     (0.9, 1.15), turn=0.35),
}  # fmt: skip


CARPALS = (
    ("scaphoid", (-17, -10), (-6, 0), 2, (4.5, 5, 4.6, 5.2, 4.6)),
    ("lunate", (-4, -2), (6, -2), 0, (4, 5.2, 5.8, 5, 3.5)),
    ("triquetrum", (8, -1), (15, -9), -1, (4, 5, 4.8, 3.5)),
    ("pisiform", (12, -4), (15, -8), 6, (3, 3.4, 3)),
    ("trapezium", (-23, -12), (-15, -17), 4, (5, 6, 5.5, 4.5)),
    ("trapezoid", (-10, -23), (-9, -13), 0, (5, 4.6, 3.8, 3.2)),
    ("capitate", (0, -24), (-1, -8), 0, (5.5, 5.2, 4.6, 5.4, 4.8)),
    ("hamate", (11, -23), (6, -9), 1, (7, 6.8, 5.2, 3.6, 2.6)),
)  # start and end (x, y), z, half-widths; mm


@dataclass(frozen=True)
class Arm:
    """One person's arm: bones, soft tissue, lungs behind it, and joints (x, y, z, half-width)."""

    bones: tuple[Rod, ...]
    flesh: tuple[Rod, ...]
    joints: dict[str, tuple[float, float, float, float]]
    porosity: float


def grow(rng: np.random.Generator) -> Arm:
    """Draw one person's arm: proportions, robustness of bones, flesh."""
    bones, flesh, joints = _hand(rng)
    flaring = rng.uniform(0.9, 1.12)
    bones += [
        Rod("radius", (-7, 5, 0), (-12, 224, 4), (15, 14, 10, 7.8, 7, 6.8, 7, 7.2, 7.2, 7, 6.4, 6.6, 11), 0.7, 2.6, rng.uniform(2, 6)),
        Rod("ulna", (13, 11, -2), (7, 256, -12), (7, 6.2, 5.3, 5.5, 6, 6.5, 6.8, 7, 7.5, 8.5, 10, 12.5, 11.5), 0.75, 2.5, rng.uniform(-4, 0)),
        Rod("humerus", (-1, 230, 0), (-2, 560, 0), (25, 29, 21, 14, 11.8, 10.8, 10.6, 10.8, 11, 11.5, 12.5, 14, 16.5, 18, 15), 0.62, 3.6, rng.uniform(-3, 3)),
        Rod("head of humerus", (2, 524, 0), (14, 566, 0), (16, 22, 24, 23, 18), 0.8, 1.3),
        *_girdle(rng),
    ]  # fmt: skip
    flesh += [
        Rod("forearm", (0, -25, 0), (0, 275, 0), (27, 27, 28, 31, 36, 41, 44, 44, 42), 0.8),
        Rod("upper arm", (0, 190, 0), (2, 600, 0), (36, 43, 44, 45, 48, 52, 56, 50), 0.95),
        Rod("trunk", (170, 330, 0), (150, 620, 0), (95, 95, 100, 110, 85), 0.55),
        Rod("shoulder cap", (-5, 480, 0), (150, 580, 0), (52, 60, 62, 60), 0.8),
    ]
    joints |= {
        "wrist": (-6, 3, 0, 15),
        "elbow": (-2, 227, 0, 21),
        "shoulder": (32, 545, 0, 20),
        "acromion": (14, 588, 0, 9),
    }
    habitus, robust = rng.uniform(0.85, 1.15), rng.uniform(0.88, 1.12)
    cortex = rng.uniform(0.75, 1.2)
    bones = [_varied(b, robust * rng.normal(1, 0.03) * (flaring if b.name == "radius" else 1), cortex)
             for b in bones]  # fmt: skip
    return Arm(tuple(bones), tuple(_varied(f, habitus, 1) for f in flesh), joints, rng.uniform(0.1, 0.35))


def _varied(rod: Rod, wider: float, cortex: float) -> Rod:
    return replace(rod, width=tuple(w * wider for w in rod.width), cortex=rod.cortex * cortex)


def _hand(rng: np.random.Generator) -> tuple[list[Rod], list[Rod], dict]:
    bones = [
        Rod(f"carpal {name}", (*(np.array(start) + rng.normal(0, 0.4, 2)), z), (*end, z),
            tuple(w * rng.uniform(0.92, 1.08) for w in width), 0.9, 1.3)
        for name, start, end, z, width in CARPALS
    ]  # fmt: skip
    flesh = [Rod("palm", (0, 14, 0), (1, -90, 0), (24, 31, 37, 41, 42, 41, 37), 0.24)]
    joints = {"thumb base": (-22, -18, 6, 7)}
    spread, size = rng.uniform(0.5, 1.35), rng.uniform(0.93, 1.07)
    rays = {
        1: ((-25, -19, 10), -38 * rng.uniform(0.75, 1.2), (44, 31, 0, 24), 5.2),
        2: ((-13, -26, 0), -9 * spread, (66, 40, 24, 18), 4.9),
        3: ((-2, -27, 0), -2 * spread, (63, 44, 28, 18), 4.9),
        4: ((8, -26, 0), 6 * spread, (57, 41, 27, 18), 4.4),
        5: ((16, -24, 0), 14 * spread, (52, 33, 19, 16), 4.2),
    }
    for k, (base, angle, lengths, width) in rays.items():
        chain = _ray(k, base, np.deg2rad(angle), [size * v for v in lengths], width, rng)
        bones += chain
        root, knuckle, tip = (np.array(p) for p in (chain[0].start, chain[1].start, chain[-1].end))
        back = knuckle + 0.45 * (root - knuckle)
        flesh.append(Rod(f"finger {k}", tuple(back), tuple(tip + (0, -4, 0)), (8, 10.5, 10.5, 9.6, 9.2, 8.8, 8.6, 8, 7), 0.95))  # fmt: skip
        joints[f"knuckle {k}"] = (*chain[1].start, width * 1.25)
        joints[f"finger {k}"] = (*chain[2].start, width * 1.1)
    thumb = next(b for b in bones if b.name == "metacarpal 1")
    flesh.append(Rod("thenar", (-12, -5, 8), thumb.end, (14, 19, 18, 12), 0.8))
    return bones, flesh, joints


def _ray(k: int, base, angle: float, lengths, width: float, rng) -> list[Rod]:
    """Metacarpal and phalanges of one finger, end to end with joint gaps."""
    names = ("metacarpal", "proximal", "middle", "distal")
    shapes = ((1.25, 1.05, 0.8, 0.75, 0.8, 1.0, 1.25, 1.15), (1.3, 1.1, 0.8, 0.72, 0.72, 0.8, 1.0, 0.95),
              (1.15, 0.9, 0.68, 0.62, 0.66, 0.85, 0.8), (1.0, 0.75, 0.5, 0.45, 0.6, 0.55))  # fmt: skip
    point, rods = np.array(base, float), []
    for name, shape, length in zip(names, shapes, lengths, strict=True):
        if length == 0:
            continue
        # the fan of the fingers in depth keeps them apart on a lateral film
        step = np.array([np.sin(angle), -np.cos(angle), (0.16 * (3 - k) if k > 1 else 0.3)])
        end = point + step * length
        cortex = 1.8 if name == "metacarpal" else 1.4
        rods.append(Rod(f"{name} {k}", tuple(point), tuple(end), tuple(width * s for s in shape), 0.85, cortex))  # fmt: skip
        point = end + step * 2.2
        angle += rng.normal(0, 0.03)
    return rods


def _girdle(rng: np.random.Generator) -> list[Rod]:
    """Clavicle, scapula and the ribs behind them."""
    tilt = rng.uniform(-8, 8)
    bones = [
        Rod("clavicle", (20, 596, 0), (175, 588 + tilt, 10), (6, 7, 6.5, 6, 5.5, 5.5, 6, 7, 8.5), 0.8, 1.8, rng.uniform(4, 9)),
        Rod("acromion", (6, 590, -8), (95, 566, -20), (8, 9, 7, 5, 4.5, 4), 0.8, 1.5, 4),
        Rod("coracoid", (48, 562, 5), (26, 570, 25), (8, 7, 6.5, 6), 0.9, 1.4),
        Rod("glenoid", (38, 525, 0), (42, 568, 0), (5, 7, 8, 7, 5), 0.9, 1.5),
        Rod("scapula, lateral border", (44, 530, 0), (84, 425, -10), (9, 7, 5, 4.5, 4.5, 5), 0.8, 1.5, 3),
        Rod("scapula, medial border", (84, 425, -10), (112, 585, -20), (4, 3, 3, 3, 3), 0.8, 1.2, -5),
        Rod("scapula, blade", (72, 440, -10), (78, 575, -15), (10, 24, 34, 36, 30, 14), 0.12, 0.6),
    ]  # fmt: skip
    for i in range(5):
        y = 590 - 36 * i
        bones.append(Rod(f"rib {i}", (86 - 6 * i + 3 * i * i / 2, y - 30, 0), (230, y + 10, 0), (5, 6, 6, 6, 6), 0.5, 1.2, 14))  # fmt: skip
    return bones


@dataclass(frozen=True)
class Lesion:
    """What is wrong with an arm, in the coordinates of its bone or joint; `severity` 0-1."""

    kind: str
    site: str
    along: float
    severity: float
    least: float  # mm; thin bones have lesions as wide as if they were this wide
    form: tuple[float, float, float, float]  # four draws from (0, 1) that give the lesion its shape

    def unit(self, width: float | tuple[float, ...]) -> float:
        """The length (mm) that the lesion's measures are multiples of."""
        return max(float(np.mean(width)), self.least)

    @classmethod
    def drawn(cls, body_part: str, rng: np.random.Generator) -> "Lesion":
        """Draw a lesion that a film of the body part can show."""
        part = PARTS[body_part]
        kind = rng.choice(list(LESIONS), p=list(LESIONS.values()))
        severity, least = rng.beta(2, 1), LEAST * part.span
        form = tuple(rng.uniform(size=4))
        if kind == "joint degeneration":
            return cls(kind, str(rng.choice(part.joints)), 0, severity, least, form)
        site = str(rng.choice(list(part.bones)))
        return cls(kind, site, rng.uniform(*part.bones[site]), severity, least, form)


def image(arm: Arm, body_part: str, frame: Frame, lesion: Lesion | None, rng):
    """Attenuation (h, w) of an arm, and the lesion's mask (h, w), boolean."""
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
    """Soft tissue: overlapping limbs merge instead of adding up."""
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
    """What a lesion does to its bone: factor on the bone, metal added (mm), mask; all as the window."""
    on_bone = np.abs(seen.across) < seen.half_width
    width = lesion.unit(rod.width)
    none = np.zeros_like(seen.core)
    if lesion.kind == "fracture":
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
    """A plate with screws, a nail or wires along the bone; mm of metal."""
    a, b, c, d = lesion.form
    length = np.hypot(*np.subtract(rod.end, rod.start)[:2])
    from_site = (seen.along - lesion.along) * length
    half_length = width * (1.2 + 3.5 * lesion.severity)
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
    """Sclerosis that fills a joint's space, and osteophytes at its edges."""
    *at, radius = arm.joints[lesion.site]
    radius = lesion.unit(1.1 * radius)
    centre, px = frame.project(tuple(at)), radius * frame.scale
    tip = frame.project((at[0], at[1] - 10, at[2]))
    angle = np.degrees(np.arctan2(*(tip - centre))) + (lesion.form[0] - 0.5) * 20
    if lesion.site in ("shoulder", "acromion"):
        angle += 90
    added = np.zeros(frame.shape, np.float32)
    reach = 1 + 0.35 * lesion.severity

    def blot(along: float, across: float, wide: float, high: float) -> None:
        turn = np.deg2rad(-angle)
        offset = np.array([np.cos(turn) * across - np.sin(turn) * along, np.sin(turn) * across + np.cos(turn) * along]) * px  # fmt: skip
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
