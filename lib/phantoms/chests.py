"""Compute the attenuation of chests, with findings and with what lies on and in a patient."""

import numpy as np

from lib.phantoms import devices, normal_variants
from lib.phantoms.devices import Device
from lib.phantoms.findings import Finding, Lungs, affect, deformed
from lib.phantoms.solids import texture
from lib.phantoms.thorax import Chest, Stance, septa, skeleton, thorax, torso, vessels


def image(
    chest: Chest,
    stance: Stance,
    on_patient: list[Device],
    findings: list[Finding],
    rng: np.random.Generator,
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return the attenuation (h, w) of a chest, and one boolean mask (h, w) per finding."""
    healthy = body = thorax(chest, stance)
    diseased = deformed(chest, findings)
    if diseased != chest:
        body = thorax(diseased, stance)
    air = body.lungs[-1] + body.lungs[1]
    marks = vessels(diseased, stance) * np.minimum(air * 2, 1)
    grain = texture(stance.shape, 0.02 * stance.shape[1], rng)
    lungs = Lungs(air, air * (0.5 * chest.markings * marks + 0.05 * grain))
    lungs.tissue += chest.septa * septa(air, stance, chest.variants)
    masks = [affect(lungs, finding, body, healthy, stance) for finding in findings]
    total = torso(diseased, body) + skeleton(diseased, stance, body) + lungs.tissue
    total -= 1.75 * chest.habitus * lungs.air * (1 - 0.72 * body.heart**0.6)
    total += 0.45 * body.heart**0.8 + devices.attenuation(on_patient, stance)
    total += normal_variants.attenuation(chest.variants, stance)
    return np.maximum(total, 0), masks
