"""Plan the simulated patients and films of the three data sets before they are drawn.

Patients are generated in pairs. At each visit both have the same film taken with the same
technique; one shows a lesion and the other does not (or neither does). Normal and abnormal films
therefore differ only in the lesion.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lib.phantoms import arms, limbs

BOTH_NORMAL = 0.1  # share of visits without a lesion in either twin: about 45 % abnormal
NIH_FINDINGS = {
    "Effusion": 0.55,
    "Infiltration": 0.1,
    "Atelectasis": 0.08,
    "Consolidation": 0.06,
    "Edema": 0.05,
    "Cardiomegaly": 0.05,
    "Nodule": 0.03,
    "Mass": 0.03,
    "Pneumothorax": 0.03,
    "Emphysema": 0.02,
}
OPACITIES = {"Infiltration": 0.5, "Consolidation": 0.5}  # which RSNA calls lung opacities
#: Share of RSNA's abnormal films: 6,012 of the 17,833 patients of its training set.
WITH_OPACITIES = 0.34
RSNA_NOT_NORMAL = {
    "Effusion": 0.25,
    "Edema": 0.2,
    "Atelectasis": 0.15,
    "Cardiomegaly": 0.15,
    "Nodule": 0.08,
    "Mass": 0.07,
    "Pneumothorax": 0.05,
    "Emphysema": 0.05,
}
SIGN = {True: "positive", False: "negative"}  # in the names of MURA's studies
STAGES = ("plan", "technique", "patient", "lesion", "noise")


@dataclass(frozen=True)
class Film:
    """One film: its path below the folder, its patient and its findings (empty: normal)."""

    path: str
    patient: int
    number: int
    findings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Twins:
    """Two films of two patients that differ only in the lesion.

    `study` is the seed of what the views of a study share.
    """

    dataset: str
    number: int
    study: int
    body_part: str
    view: str
    sex: str
    age: int
    test: bool
    films: tuple[Film, Film]


def generator(seed: int, dataset: str, stage: str, number: int = 0) -> np.random.Generator:
    """Return the random generator of one stage of one film, independent of the process."""
    key = (list(PLANS).index(dataset), STAGES.index(stage), number)
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def mura(films: int, seed: int) -> list[Twins]:
    """Plan pairs of patients with 1-3 studies of 1-3 views; a quarter of them in `valid`."""
    rng = generator(seed, "mura", "plan")
    twins: list[Twins] = []
    pair = study = 0
    while len(twins) < films // 2:
        folder = "valid" if pair % 4 == 0 else "train"
        parts = _body_parts(rng)
        sex, age = str(rng.choice(("M", "F"))), int(rng.integers(18, 90))
        for k, part in enumerate(parts):
            ill = _who_is_ill(rng)
            views = min(int(rng.choice((1, 2, 3), p=(0.35, 0.45, 0.2))), films // 2 - len(twins))
            which = 1 + parts[:k].count(part)
            finding = limbs.Lesion.drawn(part, generator(seed, "mura", "lesion", study)).kind
            for image, view in enumerate(("frontal", "oblique", "lateral")[:views], start=1):
                number = len(twins)
                paths = [
                    f"MURA-v1.1/{folder}/XR_{part}/patient{2 * pair + i + 1:05d}/"
                    f"study{which}_{SIGN[i == ill]}/image{image}.png"
                    for i in range(2)
                ]
                pictures = _two_films(paths, pair, number, ill, (finding,))
                test = folder == "valid"
                twins.append(Twins("mura", number, study, part, view, sex, age, test, pictures))
            study += 1
        pair += 1
    return twins


def _two_films(paths, pair: int, number: int, ill: int | None, findings) -> tuple[Film, Film]:
    """Return the films of two twins; the one with index `ill` has the findings."""
    one, other = (
        Film(path, 2 * pair + i, 2 * number + i, findings if i == ill else ())
        for i, path in enumerate(paths)
    )
    return one, other


def _body_parts(rng: np.random.Generator) -> list[str]:
    """Return the body parts of a patient's 1-3 studies, mostly the same one."""
    names = list(arms.PARTS)
    parts = [str(rng.choice(names))]
    for _ in range(rng.choice(3, p=(0.6, 0.28, 0.12))):
        parts.append(parts[0] if rng.random() < 0.6 else str(rng.choice(names)))
    return parts


def _who_is_ill(rng: np.random.Generator, chance_of_first: float = 0.5) -> int | None:
    """Return the index (0 or 1) of the twin with a lesion, or None for neither."""
    neither, first = rng.random(2)
    return None if neither < BOTH_NORMAL else int(first > chance_of_first)


def nih(films: int, seed: int) -> list[Twins]:
    """Plan pairs of patients with 1-5 visits; every fourth pair is on the official test list."""
    rng = generator(seed, "nih", "plan")
    twins: list[Twins] = []
    for pair, visits in enumerate(_visits(films // 2, rng)):
        sex, age = str(rng.choice(("M", "F"))), int(rng.integers(18, 88))
        chance = rng.choice((0.2, 0.5, 0.8))
        for visit in range(visits):
            number, ill = len(twins), _who_is_ill(rng, chance)
            findings = _some(NIH_FINDINGS, 1 + (rng.random() < 0.2), rng)
            paths = [f"nih/images/{2 * pair + i + 1:08d}_{visit:03d}.png" for i in range(2)]
            pictures = _two_films(paths, pair, number, ill, findings)
            view = str(rng.choice(("PA", "AP"), p=(0.6, 0.4)))
            now, test = age + visit // 2, pair % 4 == 2
            twins.append(Twins("nih", number, number, "CHEST", view, sex, now, test, pictures))
    return twins


def _visits(total: int, rng: np.random.Generator) -> Iterator[int]:
    while total > 0:
        visits = min(int(rng.choice((1, 2, 3, 4, 5), p=(0.4, 0.25, 0.15, 0.12, 0.08))), total)
        total -= visits
        yield visits


def _some(chances: dict[str, float], count: int, rng: np.random.Generator) -> tuple[str, ...]:
    return tuple(
        sorted(rng.choice(list(chances), count, replace=False, p=list(chances.values())).tolist())
    )


def rsna(films: int, seed: int) -> list[Twins]:
    """Plan pairs of patients with one film each; a third of the ill have opacities, 1-3."""
    rng = generator(seed, "rsna", "plan")
    twins = []
    for number in range(films // 2):
        sex, age = str(rng.choice(("M", "F"))), int(rng.integers(12, 90))
        view, ill = str(rng.choice(("PA", "AP"), p=(0.55, 0.45))), _who_is_ill(rng)
        findings = _some(RSNA_NOT_NORMAL, 1, rng)
        if rng.random() < WITH_OPACITIES:
            number_of = int(rng.choice((1, 2, 3), p=(0.4, 0.5, 0.1)))
            kinds, shares = list(OPACITIES), list(OPACITIES.values())
            findings = tuple(str(kind) for kind in rng.choice(kinds, number_of, p=shares))
        names = [uuid.UUID(bytes=rng.bytes(16), version=4) for _ in range(2)]
        paths = [f"rsna/stage_2_train_images/{name}.dcm" for name in names]
        pictures = _two_films(paths, number, number, ill, findings)
        twins.append(Twins("rsna", number, number, "CHEST", view, sex, age, False, pictures))
    return twins


#: The plan of each data set.
PLANS = {"mura": mura, "nih": nih, "rsna": rsna}
