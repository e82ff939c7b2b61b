"""Draw each finding of the phantoms at three grades in one patient."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from lib.phantoms import arms, chests, drawing, findings, limbs, thorax
from lib.phantoms.cohorts import Film, Twins, generator
from lib.phantoms.film import develop_twins, opened

GRADES = {"mild": 0.2, "moderate": 0.6, "severe": 1.0}  # severity of a finding, 0-1
SEPTA = 0.7  # the part that the lungs' septa take in a finding, 0-1
FORM = (0.6, 0.6, 0.5, 0.5)  # the draws that otherwise shape a finding


class Graded(NamedTuple):
    """The films of one patient without a finding, and with it at each grade."""

    normal: np.ndarray  # uint8 (h, w)
    films: dict[str, np.ndarray]  # grade -> uint8 (h, w)
    masks: dict[str, np.ndarray]  # grade -> bool (h, w)


def grades_of(dataset: str) -> dict[str, Graded]:
    """Draw the findings of a data set of phantoms: of wrists for mura, otherwise of chests."""
    return grades_of_limb() if dataset == "mura" else grades_of_chest()


def grades_of_chest(seed: int = 0, view: str = "PA") -> dict[str, Graded]:
    """Draw each finding of the chest (`findings.KINDS`): {finding: films of one patient}.

    All films have one technique and, as pairs of twins do, the same mean grey and spread.
    """
    twins = _twins("rsna", "CHEST", view)
    (stance, _), technique = drawing.scene(twins, seed)
    chest = thorax.grow(generator(seed, "rsna", "patient"), twins.sex, twins.age)

    def shadow(kind: str, severity: float | None, noise):
        there = [] if severity is None else [findings.Finding(kind, 1, severity, SEPTA, FORM)]
        attenuation, masks = chests.image(chest, stance, [], there, noise)
        return attenuation, masks[0] if masks else None

    return {kind: _graded(kind, shadow, technique, seed) for kind in findings.KINDS}


def grades_of_limb(body_part: str = "WRIST", seed: int = 0) -> dict[str, Graded]:
    """Draw each lesion of a body part (`arms.PARTS`): {lesion: films of one patient}."""
    twins = _twins("mura", body_part, "frontal")
    frame, technique = drawing.scene(twins, seed)
    part, arm = arms.PARTS[body_part], arms.grow(generator(seed, "mura", "patient"), twins.age)

    def shadow(kind: str, severity: float | None, noise):
        lesion = None if severity is None else limbs.Lesion.placed(kind, part, severity, FORM)
        return limbs.image(arm, body_part, frame, lesion, noise)

    return {kind: _graded(kind, shadow, technique, seed) for kind in limbs.LESIONS}


def _twins(dataset: str, body_part: str, view: str) -> Twins:
    films = (Film("", 0, 0), Film("", 1, 1))
    return Twins(dataset, 0, 0, body_part, view, "F", 50, False, films)


def _graded(kind: str, shadow: Callable, technique, seed: int) -> Graded:
    technique, greys, masks = opened(technique), [], {}
    for grade, severity in {"": None, **GRADES}.items():
        noise = generator(seed, "rsna", "noise")
        attenuation, masks[grade] = shadow(kind, severity, noise)
        greys.append(drawing.exposed(attenuation, technique, noise))
    normal, *films = develop_twins(greys, technique)
    del masks[""]
    return Graded(normal, dict(zip(GRADES, films, strict=True)), masks)
