"""Model diseases of the chest: most are wide and soft, as on real films, some small and sharp.

A finding deforms the chest (a larger heart, a raised diaphragm, a shift of the mediastinum), fills
its lungs with fluid or empties them, or both. The septa of both lungs take part: they thicken, more
in some patients than in others, a texture that has no place, not even free air, and is in no mask.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np

from lib.phantoms.solids import texture
from lib.phantoms.thorax import SIDES, Chest, Stance, Thorax, dome, septa, step

#: Attenuation of the septa that take most part in a finding.
THICKEST = {
    "Effusion": 0.95,
    "Infiltration": 1.3,
    "Consolidation": 1.0,
    "Edema": 1.3,
    "Atelectasis": 0.95,
    "Cardiomegaly": 0.95,
    "Emphysema": 0.75,
    "Nodule": 0.4,
    "Mass": 0.6,
    "Pneumothorax": 0.25,
}


@dataclass(frozen=True)
class Finding:
    """A finding: its side (-1 right, 1 left), severity, and four draws that shape it.

    `septa` is the share of its most that the lungs' septa thicken. All but the side are 0-1.
    """

    kind: str
    side: int
    severity: float
    septa: float
    form: tuple[float, float, float, float]

    @classmethod
    def drawn(cls, kind: str, rng: np.random.Generator) -> "Finding":
        """Draw a finding of a kind (`KINDS`)."""
        side, severity, septa = int(rng.choice(SIDES)), rng.beta(2, 1.1), rng.beta(0.7, 0.7)
        return cls(kind, side, severity, septa, tuple(rng.uniform(size=4)))

    @property
    def seed(self) -> int:
        """The seed of its texture."""
        return int(1e6 * self.form[0])


@dataclass
class Lungs:
    """What a finding changes: depth of air (h, w) and attenuation of the lungs' tissue (h, w)."""

    air: np.ndarray
    tissue: np.ndarray

    def fill(self, share: np.ndarray, veil: float = 1.0) -> None:
        """Replace a share (h, w) of the air by fluid, in which vessels lose their edges."""
        self.air = self.air * (1 - share)
        self.tissue = self.tissue * (1 - veil * share)


def deformed(chest: Chest, findings: list[Finding]) -> Chest:
    """Return the chest with the sizes and positions that its findings give it."""
    for finding in findings:
        severity, side = finding.severity, finding.side
        if finding.kind == "Cardiomegaly":
            chest = replace(chest, heart=chest.heart * (1.08 + 0.45 * severity))
        elif finding.kind == "Edema":
            chest = replace(chest, heart=chest.heart * (1.05 + 0.2 * severity))
        elif finding.kind == "Atelectasis":
            lift, (right, left) = 0.22 * severity, chest.raised
            raised = (right + lift * (side < 0), left + lift * (side > 0))
            chest = replace(chest, pull=chest.pull + side * 0.12 * severity, raised=raised)
        elif finding.kind == "Effusion":  # a large one pushes
            chest = replace(chest, pull=chest.pull - side * 0.08 * max(0, severity - 0.5))
        elif finding.kind == "Emphysema":
            chest = replace(
                chest,
                lung_base=chest.lung_base + 0.04 + 0.1 * severity,
                dome=chest.dome * (1 - 0.8 * severity),
                lung_width=chest.lung_width * (1 + 0.07 * severity),
                heart=chest.heart * (1 - 0.15 * severity),
            )
    return chest


def affect(
    lungs: Lungs, finding: Finding, body: Thorax, healthy: Thorax, stance: Stance
) -> np.ndarray:
    """Change the lungs as a finding does; return its boolean mask (h, w).

    `body` is the chest as its findings deform it, `healthy` the same without them.
    """
    mask = KINDS[finding.kind](lungs, finding, body, healthy, stance)
    thickness = THICKEST[finding.kind] * finding.septa * (0.3 + 0.7 * finding.severity)
    lungs.tissue = lungs.tissue + thickness * septa(lungs.air, stance, finding.seed + 1)
    return mask


def _effusion(lungs: Lungs, finding: Finding, body: Thorax, healthy, stance) -> np.ndarray:
    """Draw fluid at the base: level in the middle, higher along the ribs."""
    a, b, _, _ = finding.form
    severity, lung = finding.severity, body.lungs[finding.side]
    inside = lung > 0.12
    u = np.clip(finding.side * (body.x - 0.43 * finding.side) / 0.34, -1, 1)
    meniscus = (0.05 + 0.13 * severity) * (0.5 + b) * u**2 * (1 + 0.5 * np.sign(u))
    surface = body.base - 0.10 - (0.07 + 0.58 * severity**2) * (0.6 + 0.4 * a) - meniscus + 0.1
    fluid = min(0.6 + 0.65 * severity, 0.97) * step(body.y - surface, 0.05) * inside
    lungs.fill(fluid)
    return (body.y > surface) & inside


def _opacity(lungs: Lungs, finding: Finding, body: Thorax, healthy, stance) -> np.ndarray:
    """Draw infiltration: faint, ragged and patchy; vessels show through, and septa show most."""
    patch, inside = _patch(finding, body, stance, wide=0.16, high=0.22, ragged=0.45, soft=0.7)
    lungs.fill((0.06 + 0.12 * finding.severity) * patch, veil=0.8)
    fluffy = texture(stance.shape, 0.035 * stance.shape[1], np.random.default_rng(finding.seed))
    lungs.tissue = lungs.tissue + (0.045 + 0.08 * finding.severity) * patch * fluffy
    return (patch > 0.4) & inside


def _consolidation(lungs: Lungs, finding: Finding, body: Thorax, healthy, stance) -> np.ndarray:
    """Draw a lobe without air, with an edge at its fissure; bronchi with air are dark in it."""
    patch, inside = _patch(finding, body, stance, wide=0.26, high=0.26, ragged=0.3, soft=0.5)
    fissure = 0.02 + 0.12 * (finding.form[2] - 0.5) + 0.15 * (body.x * finding.side - 0.4)
    above = finding.form[1] < 0.4
    patch = patch * step((fissure - body.y) if above else (body.y - fissure), 0.02)
    bronchi = lungs.tissue * patch
    lungs.fill((0.18 + 0.22 * finding.severity) * patch)
    lungs.tissue = lungs.tissue - 0.7 * bronchi
    return (patch > 0.4) & inside


def _patch(finding: Finding, body: Thorax, stance: Stance, wide, high, ragged, soft):
    """Return a soft patch (h, w) 0-1 of a lung, and where that lung is."""
    a, b, c, d = finding.form
    inside = body.lungs[finding.side] > 0.15
    cx, cy = finding.side * (0.30 + 0.25 * a), -0.45 + 0.8 * b
    size = 0.7 + 0.6 * finding.severity
    grain = texture(stance.shape, 0.11 * stance.shape[1], np.random.default_rng(finding.seed))
    level = ((body.x - cx) / ((wide + 0.1 * c) * size)) ** 2
    level = level + ((body.y - cy) / ((high + 0.12 * d) * size)) ** 2 + ragged * grain
    return step(1 - level, soft) * inside, inside


def _edema(lungs: Lungs, finding: Finding, body: Thorax, healthy, stance) -> np.ndarray:
    """Draw haze around both hila and bases; vessels lose their edges."""
    a, b, c, _ = finding.form
    inside = body.lungs[-1] + body.lungs[1] > 0.15
    far = (np.abs(body.x - body.middle) - 0.15) / (0.28 + 0.12 * a)
    haze = np.exp(-(far**2) - ((body.y - 0.1 - 0.15 * b) / (0.42 + 0.15 * c)) ** 2) * inside
    blurred = cv2.GaussianBlur(
        lungs.tissue, (0, 0), (1 + 3 * finding.severity) * stance.shape[1] / 288
    )
    lungs.tissue = lungs.tissue + (1.4 * blurred - lungs.tissue) * np.minimum(2 * haze, 1)
    grain = texture(stance.shape, 0.02 * stance.shape[1], np.random.default_rng(finding.seed))
    lungs.tissue = lungs.tissue + (0.1 + 0.14 * finding.severity) * haze * grain
    lungs.fill((0.27 + 0.35 * finding.severity) * haze, veil=0.4)
    return (haze > 0.35) & inside


def _atelectasis(lungs: Lungs, finding: Finding, body: Thorax, healthy: Thorax, stance):
    """Draw a collapsed part at the base, towards which heart and diaphragm move."""
    a, b, _, _ = finding.form
    lung, side = body.lungs[finding.side], finding.side
    floor = body.diaphragm[side]
    inside = lung > 0.1
    height = 0.16 + 0.3 * finding.severity * (0.6 + 0.4 * a)
    inner = side * (body.x - body.middle) - 0.1
    wedge = floor - height * np.clip(1 - inner / (0.45 + 0.2 * b), 0.12, 1)
    patch = step(body.y - wedge, 0.04) * inside
    lungs.fill((0.3 + 0.35 * finding.severity) * patch)
    lost = (healthy.lungs[side] > 0.15) & (lung <= 0.1)
    return ((patch > 0.5) & inside) | lost


def _emphysema(lungs: Lungs, finding: Finding, body: Thorax, healthy, stance) -> np.ndarray:
    """Draw large, dark lungs with few vessels and a flat diaphragm."""
    lungs.air = lungs.air * (1.04 + 0.12 * finding.severity)
    lungs.tissue = lungs.tissue * (1 - 0.6 * finding.severity)
    return body.lungs[-1] + body.lungs[1] > 0.15


def _cardiomegaly(lungs: Lungs, finding: Finding, body: Thorax, healthy: Thorax, stance):
    """Draw a large heart; its mask is what it covers more than before."""
    return (body.heart > 0.25) & (healthy.heart <= 0.05)


def _pneumothorax(lungs: Lungs, finding: Finding, body: Thorax, healthy, stance) -> np.ndarray:
    """Draw air without vessels around a lung with a thin edge."""
    side, severity, lung = finding.side, finding.severity, body.lungs[finding.side]
    rim = 0.05 + 0.22 * severity
    level = np.abs((body.x - 0.43 * side + 0.6 * rim * side) / (0.33 - 0.8 * rim)) ** 2.4
    level = level + np.abs((body.y - 0.05 - 1.1 * rim) / (0.72 - 0.5 * rim)) ** 2.4
    there = (lung > 0.15) * (body.y < 0.35) * (side * body.x > 0.25)
    free = step(level - 1, 0.06) * there
    edge = np.exp(-(((level - 1) / 0.10) ** 2)) * there
    lungs.air = lungs.air + (0.12 + 0.1 * severity) * free * np.minimum(2 * lung, 1)
    lungs.tissue = lungs.tissue * (1 - free) + 0.12 * edge
    return free > 0.5


def _nodule(lungs: Lungs, finding: Finding, body: Thorax, healthy, stance) -> np.ndarray:
    """Draw a round shadow with a sharp edge; a mass is a large one with a less even edge."""
    a, b, c, d = finding.form
    inside = body.lungs[finding.side] > 0.15
    mass = finding.kind == "Mass"
    radius = (0.05 + 0.05 * finding.severity) * (2 if mass else 1)
    x, y = body.x - finding.side * (0.30 + 0.30 * a), body.y + 0.45 - 0.75 * b
    lobes = 1 + mass * 0.25 * np.sin(3 * np.arctan2(y, x) + 6 * d)
    bump = np.sqrt(dome((x**2 + (y * (0.85 + 0.3 * c)) ** 2) * lobes / radius**2))
    density = (0.18 + 0.3 * finding.severity) * min(1, radius / 0.08)
    lungs.tissue = lungs.tissue + density * bump * inside
    return (bump > 0.3) & inside


#: The findings, by NIH's names.
KINDS: dict[str, Callable] = {
    "Effusion": _effusion,
    "Infiltration": _opacity,
    "Consolidation": _consolidation,
    "Edema": _edema,
    "Atelectasis": _atelectasis,
    "Cardiomegaly": _cardiomegaly,
    "Emphysema": _emphysema,
    "Nodule": _nodule,
    "Mass": _nodule,
    "Pneumothorax": _pneumothorax,
}
