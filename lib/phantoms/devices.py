"""Draw what lies on and in a patient and is no disease: tubes, lines, leads, folds of the skin.

Both of a pair of twins have the same devices, which therefore say nothing of disease.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from lib.phantoms.thorax import Stance

#: Share of the films with each kind, per view: the ill are examined lying (AP), with more lines.
SHARES = {
    "tracheal tube": {"PA": 0.0, "AP": 0.2},
    "gastric tube": {"PA": 0.01, "AP": 0.2},
    "venous line": {"PA": 0.04, "AP": 0.3},
    "leads": {"PA": 0.03, "AP": 0.35},
    "pacemaker": {"PA": 0.04, "AP": 0.05},
    "fold": {"PA": 0.02, "AP": 0.25},
    "buttons": {"PA": 0.05, "AP": 0.05},
}


@dataclass(frozen=True)
class Device:
    """A device: its side (-1 right, 1 left) and four draws that shape it."""

    kind: str
    side: int
    form: tuple[float, float, float, float]


def drawn(view: str, rng: np.random.Generator) -> list[Device]:
    """Draw the devices of a film; as many draws whichever are there."""
    devices = []
    for kind, shares in SHARES.items():
        there, side, form = rng.random(), int(rng.choice((-1, 1))), tuple(rng.uniform(size=4))
        if there < shares[view]:
            devices.append(Device(kind, side, form))
    return devices


def attenuation(devices: list[Device], stance: Stance) -> np.ndarray | float:
    """Return the attenuation (h, w) of the devices."""
    if not devices:
        return 0.0
    total = np.zeros(stance.shape, np.float32)
    for device in devices:
        if device.kind == "fold":
            total += _fold(device, stance)
        else:
            total += _drawn_lines(device, stance)
    return total


def _drawn_lines(device: Device, stance: Stance) -> np.ndarray:
    """Return wires, tubes and plates, whose edges are sharp."""
    layer = np.zeros(stance.shape, np.float32)
    side, (a, b, c, d) = device.side, device.form
    pixel = stance.shape[1] / 288

    def line(points, strength: float, thickness: float) -> None:
        corners = np.array([stance.pixel(point) for point in points], np.int32)
        width = max(1, round(thickness * pixel))
        cv2.polylines(layer, [corners], False, strength, width, cv2.LINE_AA)

    def disk(point, radius: float, strength: float) -> None:
        cv2.circle(layer, stance.pixel(point), round(radius * pixel), strength, -1, cv2.LINE_AA)

    t = np.linspace(0, 1, 12)
    if device.kind == "tracheal tube":
        line([(0.02 * np.sin(3 * v + 6 * a), -1.1 + (0.62 + 0.12 * b) * v) for v in t], 0.3, 3)
    elif device.kind == "gastric tube":
        line([(0.03 * np.sin(4 * v + 6 * a) + 0.28 * v**6, -1.1 + 1.9 * v) for v in t], 0.3, 2)
    elif device.kind == "venous line":
        arc = [(side * (0.6 - 0.68 * v), -0.72 + 0.12 * np.sin(3 * v) - 0.1 * b * v) for v in t]
        line([*arc, (-0.09, -0.45), (-0.10, -0.2 + 0.2 * c)], 0.3, 2)
    elif device.kind == "leads":
        for k, (at, height) in enumerate(((-0.55, -0.5), (0.55, -0.5), (0.6, 0.35))):
            at, height = at + 0.2 * (a - 0.5), height + 0.3 * (b - 0.5) * (1 + k)
            sag = [(at + (side * 0.9 - at) * v, height + (0.9 - height) * v**2) for v in t]
            line(
                [(x + 0.08 * np.sin(5 * v + 9 * d), y) for (x, y), v in zip(sag, t, strict=True)],
                0.45,
                1,
            )
            disk((at, height), 4 + 2 * c, 0.5)
    elif device.kind == "pacemaker":
        at, height = side * (0.5 + 0.1 * a), -0.5 + 0.15 * b
        disk((at, height), 15 + 4 * c, 1.1)
        lead = [(at * (1 - v), height - 0.3 * np.sin(3.1 * v)) for v in t]
        line([*lead, (-0.08, -0.2), (0.05, 0.25), (0.2 + 0.1 * d, 0.35)], 0.6, 2)
    else:
        for k in range(2 + round(3 * c)):
            disk((0.3 * (a - 0.5), -0.6 + 0.2 * b + 0.3 * k), 2 + 1.5 * d, 0.4)
    return layer


def _fold(device: Device, stance: Stance) -> np.ndarray:
    """Return a fold of the skin: an edge that fades out to one side."""
    x, y = stance.grid()
    a, b, c, d = device.form
    across = device.side * (x - device.side * (0.35 + 0.35 * a)) + (0.5 * (b - 0.5)) * y
    edge = (across > 0) * np.exp(-np.clip(across, 0, 1) / (0.10 + 0.1 * c))
    return (0.12 + 0.14 * d) * edge * np.exp(-(((y - 0.1) / 0.7) ** 4))
