"""Draw a pair of twins: the same technique and posture, two anatomies, a lesion in at most one."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from lib.phantoms import arms, chests, devices, limbs, thorax
from lib.phantoms.cohorts import Film, Twins, generator
from lib.phantoms.film import Technique, develop_twins, expose, field, opened
from lib.phantoms.findings import Finding
from lib.phantoms.owners import write_dicom, write_png
from lib.phantoms.solids import Frame

CHEST_SIDE = 288  # pixels
VIEW_TURN = {"frontal": 0.0, "oblique": 0.5, "lateral": 1.0}  # radians
WHITE_AT = 99.3  # percentile of the attenuation that is displayed as white
VISIBLE = 0.6  # least share of a lesion within the exposed field; otherwise the field is opened


def draw_twins(twins: Twins, folder: Path, seed: int) -> dict[str, list[tuple[int, int, int, int]]]:
    """Write two films and their masks; return boxes (x, y, width, height) per film, in pixels."""
    posture, technique = scene(twins, seed)
    noises = [generator(seed, twins.dataset, "noise", film.number) for film in twins.films]
    shadows, lesions = zip(
        *(
            _project(film, twins, posture, seed, noise)
            for film, noise in zip(twins.films, noises, strict=True)
        ),
        strict=True,
    )
    inside = field(technique)
    if any(mask[inside].sum() < VISIBLE * mask.sum() for masks in lesions for mask in masks):
        technique = opened(technique)
        inside = field(technique)
    greys = [
        exposed(shadow, technique, noise) for shadow, noise in zip(shadows, noises, strict=True)
    ]
    boxes = {}
    for film, image, masks in zip(
        twins.films, develop_twins(greys, technique), lesions, strict=True
    ):
        masks = [mask & inside for mask in masks]
        _write(film, twins, image, masks, folder, seed)
        boxes[film.path] = [cv2.boundingRect(mask.astype(np.uint8)) for mask in masks]
    return boxes


def scene(twins: Twins, seed: int) -> tuple[Any, Technique]:
    """Draw posture and technique: a Frame for a limb, a Stance and the devices for a chest."""
    rng = generator(seed, twins.dataset, "technique", twins.number)
    return (_limb if twins.dataset == "mura" else _chest)(twins, rng)


def exposed(shadow: np.ndarray, technique: Technique, noise: np.random.Generator) -> np.ndarray:
    """Return the film (h, w) of an attenuation, grey 0-1."""
    return expose(shadow, np.percentile(shadow, WHITE_AT), technique, noise)


def _project(film: Film, twins: Twins, posture: Any, seed: int, noise):
    """Return the attenuation (h, w) of the film's patient, and one mask (h, w) per lesion."""
    person = generator(seed, twins.dataset, "patient", film.patient)
    if twins.dataset == "mura":
        place = generator(seed, "mura", "lesion", twins.study)  # the same in every view of a study
        lesion = limbs.Lesion.drawn(twins.body_part, place) if film.findings else None
        shadow, mask = limbs.image(
            arms.grow(person, twins.age), twins.body_part, posture, lesion, noise
        )
        return shadow, [mask] if lesion else []
    place = generator(seed, twins.dataset, "lesion", film.number)
    findings = [Finding.drawn(kind, place) for kind in film.findings]
    chest = thorax.grow(person, twins.sex, twins.age)
    stance, on_patient = posture
    return chests.image(chest, stance, on_patient, findings, noise)


def _limb(twins: Twins, rng: np.random.Generator) -> tuple[Frame, Technique]:
    part = arms.PARTS[twins.body_part]
    side, aspect = int(rng.integers(272, 361)), rng.uniform(*part.aspect)
    shape = (side, round(side * aspect)) if aspect < 1 else (round(side / aspect), side)
    turn = VIEW_TURN[twins.view] * part.turn + rng.normal(0, 0.06)
    frame = Frame(
        shape,
        centre=tuple(np.array(part.centre) + rng.normal(0, 0.02, 2) * part.span),
        scale=side / part.span * rng.uniform(0.93, 1.07),
        rotation=part.upright + rng.normal(0, 0.06),
        turn=turn,
        mirrored=bool(rng.random() < 0.5),
        hinge=arms.ELBOW if part.flexed else -np.inf,
        flexion=rng.uniform(1.0, 1.7)
        if part.flexed and twins.view == "lateral"
        else rng.normal(0, 0.05),
    )
    loss = rng.uniform(0.02, 0.1) if rng.random() < 0.15 else 0.0
    return frame, _technique(
        shape,
        rng,
        loss,
        "R" if part.from_behind != frame.mirrored else "L",
        tilt=0.1,
        brightness=0.3,
        flattest=-0.4,
        photons=(3.6, 4.8),
    )


def _chest(twins: Twins, rng: np.random.Generator) -> tuple[tuple, Technique]:
    stance = thorax.Stance(
        shape=(CHEST_SIDE, CHEST_SIDE),
        view=twins.view,
        rotation=rng.normal(0, 0.04),
        shift=tuple(rng.normal(0, 0.06, 2)),
        zoom=rng.uniform(0.87, 1.1),
        breath=rng.normal(0, 0.04),
        turn=rng.normal(0, 0.025),
    )
    loss = rng.uniform(0.01, 0.07) if rng.random() < 0.12 else 0.0
    technique = _technique(
        stance.shape, rng, loss, None, tilt=0.04, brightness=0.0, flattest=-0.6, photons=(4.2, 5.0)
    )
    return (stance, devices.drawn(twins.view, rng)), technique


def _technique(
    shape,
    rng: np.random.Generator,
    loss: float,
    side: str | None,
    tilt: float,
    brightness: float,
    flattest: float,
    photons: tuple[float, float],
) -> Technique:
    """Draw a technique.

    loss: share of each side outside the exposed field; side: the patient's side that the marker
    names, R or L, None if the film shows both; tilt: standard deviation of the field's angle
    (radians); brightness: mean logarithm of the film's grey relative to the body's; flattest:
    logarithm of the least contrast; photons: range of the decimal logarithm of their number.
    """
    size = np.array(shape[::-1])
    half = size / 2 * (1 - 2 * loss)
    angle = rng.normal(0, tilt) if loss else 0.0
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    corners = (np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half) @ turn.T + size / 2
    if loss:
        corners += rng.normal(0, 0.012, (4, 2)) * size
    column = rng.choice((0.06, 0.86)) + rng.uniform(-0.03, 0.03)
    return Technique(
        shape,
        plate=corners,
        surround=int(rng.integers(0, 12)),
        photons=10 ** rng.uniform(*photons),
        blur=rng.uniform(0.5, 0.9),
        gradient=tuple(rng.normal(0, 0.06, 2)),
        gamma=rng.uniform(0.8, 1.15),
        brightness=np.exp(rng.normal(brightness, 0.15)),
        contrast=np.exp(rng.uniform(flattest, 0.15)),
        marker=side or ("R" if column < 0.5 else "L"),  # the patient faces the reader
        marker_at=(column, rng.uniform(0.1, 0.25)),
        marker_size=rng.uniform(0.5, 0.75),
        inverted=bool(rng.random() < 0.03),
    )


def _write(film: Film, twins: Twins, image, seen, folder: Path, seed: int) -> None:
    (folder / film.path).parent.mkdir(parents=True, exist_ok=True)
    if film.path.endswith(".dcm"):
        write_dicom(folder / film.path, image, film, twins, seed)
    else:
        write_png(folder / film.path, image)
    if seen:
        target = (folder / "masks" / film.path).with_suffix(".png")
        target.parent.mkdir(parents=True, exist_ok=True)
        write_png(target, 255 * np.any(seen, axis=0).astype(np.uint8))
