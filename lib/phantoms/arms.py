"""Model the upper limb: a skeleton from fingertip to shoulder; a body part is a window on it.

Coordinates in mm of a straight supinated right arm: x towards the trunk, y from the wrist (0)
towards the shoulder (565), z towards the palm, away from the reader: a right arm from behind, which
is also how a left arm looks from the front.
"""

from dataclasses import dataclass, replace

import numpy as np

from lib.phantoms.solids import Rod

ELBOW = 240.0


@dataclass(frozen=True)
class Part:
    """A body part: the view of its film, and the bones (with sites) and joints of lesions."""

    centre: tuple[float, float]
    span: float  # mm along the film's longer side
    upright: float  # rotation (radians) to the usual orientation of the film
    bones: dict[str, tuple[float, float]]
    joints: tuple[str, ...]
    aspect: tuple[float, float] = (0.70, 0.9)
    flexed: bool = False
    turn: float = 1.0  # radians between the frontal and the lateral view
    from_behind: bool = False  # usually displayed with the back of the hand towards the reader


PARTS = {
    "HAND": Part(
        (0, -80),
        225,
        0,
        {f"metacarpal {k}": (0.3, 0.75) for k in (2, 3, 4, 5)}
        | {f"proximal {k}": (0.3, 0.7) for k in (1, 2, 3, 4, 5)},
        tuple(f"knuckle {k}" for k in (1, 2, 3, 4, 5)),
        turn=1.1,
        from_behind=True,
    ),
    "WRIST": Part(
        (0, 8),
        125,
        0,
        {"radius": (0.05, 0.12), "ulna": (0.06, 0.14)},
        ("wrist", "thumb base"),
        (0.68, 0.85),
        turn=1.5,
        from_behind=True,
    ),
    "FINGER": Part(
        (0, -120),
        100,
        0,
        {"proximal 3": (0.3, 0.7), "middle 3": (0.3, 0.7)},
        ("knuckle 3", "finger 3"),
        (0.5, 0.75),
        from_behind=True,
    ),
    "FOREARM": Part(
        (0, 115),
        300,
        0,
        {"radius": (0.2, 0.75), "ulna": (0.2, 0.7)},
        ("wrist", "elbow"),
        (0.45, 0.65),
    ),
    "ELBOW": Part(
        (0, ELBOW),
        175,
        np.pi,
        {"radius": (0.82, 0.9), "ulna": (0.7, 0.85), "humerus": (0.12, 0.25)},
        ("elbow",),
        (0.75, 1.0),
        True,
    ),
    "HUMERUS": Part(
        (5, 400), 370, np.pi, {"humerus": (0.25, 0.85)}, ("shoulder",), (0.45, 0.7), turn=0.3
    ),
    "SHOULDER": Part(
        (38, 520),
        235,
        np.pi,
        {"humerus": (0.72, 0.9), "clavicle": (0.2, 0.6)},
        ("shoulder", "acromion"),
        (0.9, 1.15),
        turn=0.35,
    ),
}


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


def grow(rng: np.random.Generator, age: int) -> Arm:
    """Draw one person's arm: proportions, robustness of bones, flesh; `age` in years."""
    old = float(np.clip((age - 50) / 40, 0, 1))
    bones, flesh, joints = _hand(rng)
    flaring = rng.uniform(0.9, 1.12)
    bones += [
        Rod(
            "radius",
            (-7, 5, 0),
            (-12, 224, 4),
            (15, 14, 10, 7.8, 7, 6.8, 7, 7.2, 7.2, 7, 6.4, 6.6, 11),
            0.7,
            2.6,
            rng.uniform(2, 6),
        ),
        Rod(
            "ulna",
            (13, 11, -2),
            (7, 256, -12),
            (7, 6.2, 5.3, 5.5, 6, 6.5, 6.8, 7, 7.5, 8.5, 10, 12.5, 11.5),
            0.75,
            2.5,
            rng.uniform(-4, 0),
        ),
        Rod(
            "humerus",
            (-1, 230, 0),
            (-2, 560, 0),
            (25, 29, 21, 14, 11.8, 10.8, 10.6, 10.8, 11, 11.5, 12.5, 14, 16.5, 18, 15),
            0.62,
            3.6,
            rng.uniform(-3, 3),
        ),
        Rod("head of humerus", (2, 524, 0), (14, 566, 0), (16, 22, 24, 23, 18), 0.8, 1.3),
        *_girdle(rng),
    ]
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
    cortex = rng.uniform(0.8, 1.2) * (1 - 0.2 * old)
    bones = [
        _varied(b, robust * rng.normal(1, 0.03) * (flaring if b.name == "radius" else 1), cortex)
        for b in bones
    ]
    return Arm(
        tuple(bones),
        tuple(_varied(f, habitus, 1) for f in flesh),
        joints,
        rng.uniform(0.1, 0.3) + 0.1 * old,
    )


def _varied(rod: Rod, wider: float, cortex: float) -> Rod:
    return replace(rod, width=tuple(w * wider for w in rod.width), cortex=rod.cortex * cortex)


def _hand(rng: np.random.Generator) -> tuple[list[Rod], list[Rod], dict]:
    bones = [
        Rod(
            f"carpal {name}",
            (*(np.array(start) + rng.normal(0, 0.4, 2)), z),
            (*end, z),
            tuple(w * rng.uniform(0.92, 1.08) for w in width),
            0.9,
            1.3,
        )
        for name, start, end, z, width in CARPALS
    ]
    flesh = [Rod("palm", (0, 14, 0), (1, -90, 0), (24, 31, 37, 41, 42, 41, 37), 0.24)]
    joints: dict[str, tuple[float, float, float, float]] = {"thumb base": (-22, -18, 6, 7)}
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
        flesh.append(
            Rod(
                f"finger {k}",
                tuple(back),
                tuple(tip - np.array([0, 4, 0])),
                (8, 10.5, 10.5, 9.6, 9.2, 8.8, 8.6, 8, 7),
                0.95,
            )
        )
        joints[f"knuckle {k}"] = (*chain[1].start, width * 1.25)
        joints[f"finger {k}"] = (*chain[2].start, width * 1.1)
    thumb = next(b for b in bones if b.name == "metacarpal 1")
    flesh.append(Rod("thenar", (-12, -5, 8), thumb.end, (14, 19, 18, 12), 0.8))
    return bones, flesh, joints


def _ray(k: int, base, angle: float, lengths, width: float, rng) -> list[Rod]:
    """Return metacarpal and phalanges of one finger, end to end with joint gaps."""
    names = ("metacarpal", "proximal", "middle", "distal")
    shapes = (
        (1.25, 1.05, 0.8, 0.75, 0.8, 1.0, 1.25, 1.15),
        (1.3, 1.1, 0.8, 0.72, 0.72, 0.8, 1.0, 0.95),
        (1.15, 0.9, 0.68, 0.62, 0.66, 0.85, 0.8),
        (1.0, 0.75, 0.5, 0.45, 0.6, 0.55),
    )
    point, rods = np.array(base, float), []
    for name, shape, length in zip(names, shapes, lengths, strict=True):
        if length == 0:
            continue
        # the fingers fan out in depth, so that they are separate on a lateral film
        step = np.array([np.sin(angle), -np.cos(angle), (0.16 * (3 - k) if k > 1 else 0.3)])
        end = point + step * length
        cortex = 1.8 if name == "metacarpal" else 1.4
        rods.append(
            Rod(
                f"{name} {k}",
                tuple(point),
                tuple(end),
                tuple(width * s for s in shape),
                0.85,
                cortex,
            )
        )
        point = end + step * 2.2
        angle += rng.normal(0, 0.03)
    return rods


def _girdle(rng: np.random.Generator) -> list[Rod]:
    """Return clavicle, scapula and the ribs behind them."""
    tilt = rng.uniform(-8, 8)
    bones = [
        Rod(
            "clavicle",
            (20, 596, 0),
            (175, 588 + tilt, 10),
            (6, 7, 6.5, 6, 5.5, 5.5, 6, 7, 8.5),
            0.8,
            1.8,
            rng.uniform(4, 9),
        ),
        Rod("acromion", (6, 590, -8), (95, 566, -20), (8, 9, 7, 5, 4.5, 4), 0.8, 1.5, 4),
        Rod("coracoid", (48, 562, 5), (26, 570, 25), (8, 7, 6.5, 6), 0.9, 1.4),
        Rod("glenoid", (38, 525, 0), (42, 568, 0), (5, 7, 8, 7, 5), 0.9, 1.5),
        Rod(
            "scapula, lateral border",
            (44, 530, 0),
            (84, 425, -10),
            (9, 7, 5, 4.5, 4.5, 5),
            0.8,
            1.5,
            3,
        ),
        Rod(
            "scapula, medial border", (84, 425, -10), (112, 585, -20), (4, 3, 3, 3, 3), 0.8, 1.2, -5
        ),
        Rod("scapula, blade", (72, 440, -10), (78, 575, -15), (10, 24, 34, 36, 30, 14), 0.12, 0.6),
    ]
    for i in range(5):
        y = 590 - 36 * i
        bones.append(
            Rod(
                f"rib {i}",
                (86 - 6 * i + 3 * i * i / 2, y - 30, 0),
                (230, y + 10, 0),
                (5, 6, 6, 6, 6),
                0.5,
                1.2,
                14,
            )
        )
    return bones
