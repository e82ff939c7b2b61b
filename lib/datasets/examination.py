"""Decode each film of a data set once: its size, facts and hashes, or why it cannot be used."""

import math
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from lib import burned_in, processes
from lib.datasets import copies, words
from lib.errors import BadData
from lib.films import NotAFilm, Reduced, UnreadableFilm, film_facts, read_reduced
from lib.films.workers import on_one_core

MOST_UNREADABLE = 0.05  # share of the films above which the copy of the data is defective
ONE_PATIENT = 0.2  # share of the films above which a patient id in DICOM files is a placeholder
FACTS = ["patient_id", "view", "sex", "age", "body_part"]  # read from DICOM if not in a table
FOUND = ["width", "height", "pixels", "appearance", "shows_text"]  # added to the listed films


class Further(NamedTuple):
    """What else is done with each film while it is decoded."""

    work: Callable[[str, Reduced], Any]  #: called with path and film, in any process
    keep: Callable[[str, Any], None]  #: called here with image_id and result, in order of listing
    at_least: float = math.inf  #: pixels that the shorter side of the films needs for it


class Examined(NamedTuple):
    """The films that can be used, and an account of the others."""

    films: pd.DataFrame  #: as listed, with paths below the data folder, FACTS and FOUND
    problems: pd.DataFrame  #: number, reason and path of each film that cannot be used
    counts: dict[str, int]  #: step of the protocol -> number of films


def examine(
    films: pd.DataFrame,
    name: str,
    data: Path,
    look_for_text: bool = False,
    further: Further | None = None,
) -> Examined:
    """Decode every listed film once, on all cores.

    data: the folder relative to which paths are recorded. look_for_text: look for burned-in text on
    a sample of the films (`shows_text`, NaN for the others). Raises BadData if too many films are
    unreadable or state one patient, and the errors of `further`.
    """
    facts = pd.DataFrame(_facts(films, name, look_for_text, further), index=films.index)
    facts = facts.reindex(columns=[*FACTS, *FOUND, "burned_in", "reason", "is_film"]).astype(object)
    films = films.assign(path=[relative(path, data) for path in films["path"]])
    left_out = facts["reason"].notna()
    unreadable = left_out & facts["is_film"].ne(False)
    problems = pd.DataFrame({"reason": facts["reason"], "path": films["path"]})[left_out]
    problems.insert(0, "number", range(1, len(problems) + 1))
    _check_readable(films, facts["reason"].where(unreadable), name)
    for fact in FACTS:
        films[fact] = films[fact].where(films[fact].ne(""), facts[fact].fillna(""))
    films = films.join(facts[FOUND])[~left_out]
    _check_patients(facts["patient_id"][~left_out], films["patient_id"], name)
    counts = {
        "left out: no films (reports, folders' lists, several frames)": (left_out & ~unreadable),
        "left out: unreadable": unreadable,
        burned_in.STATED: facts["burned_in"].eq("YES") & ~left_out,
    }
    needed = {step: int(which.sum()) for step, which in counts.items()}
    seen = {step: count for step, count in needed.items() if count or step.endswith("unreadable")}
    return Examined(films.astype({"width": int, "height": int}), problems, seen)


def relative(path: str, data: Path) -> str:
    """Return a path below the data folder relative to it, any other path as it is."""
    return Path(path).relative_to(data).as_posix() if Path(path).is_relative_to(data) else path


def _facts(
    films: pd.DataFrame, name: str, look_for_text: bool, further: Further | None
) -> Iterator[dict]:
    """Yield what is found out about each film, and keep the results of further work."""
    of_sample = burned_in.sample(len(films)) & look_for_text
    work, at_least = (further.work, further.at_least) if further else (None, math.inf)
    task = partial(_examine, work=work, at_least=at_least)
    items: Iterable = zip(films["path"], of_sample, strict=True)
    opened = processes.each(task, items, f"films of {name}", "film", chunk=64, start=on_one_core)
    for (facts, result), image_id in zip(opened, films["image_id"], strict=True):
        if further and "reason" not in facts:
            further.keep(image_id, result)
        yield facts


def _examine(item: tuple[str, bool], work: Callable | None, at_least: float) -> tuple[dict, Any]:
    """Return size, facts and hashes of a film, or why it cannot be used; and the result of work."""
    path, is_of_sample = item
    try:
        film = read_reduced(path, at_least)
        facts: dict[str, Any] = dict(film_facts(path))
    except NotAFilm as error:
        return {"reason": str(error), "is_film": False}, None
    except UnreadableFilm as error:
        return {"reason": str(error)}, None
    except (OSError, ValueError):  # an invalid name, or a file without permission to read
        return {"reason": "cannot be opened"}, None
    height, width = film.shape
    norms = {"body_part": words.body_part, "view": words.view, "patient_id": str.upper}
    facts |= {fact: word(facts.get(fact, "")) for fact, word in norms.items()}
    facts |= {"width": width, "height": height, **copies.hashes(film.grey)}
    if is_of_sample:
        facts["shows_text"] = burned_in.shows_text(film.grey)
    return facts, work(path, film) if work else None


def _check_readable(films: pd.DataFrame, reasons: pd.Series, name: str) -> None:
    """Raise BadData if more than a few films cannot be read."""
    reasons = reasons.dropna()
    if len(reasons) > MOST_UNREADABLE * len(films):
        raise BadData(
            f"{films['path'][reasons.index[0]]}: {reasons.iloc[0]}; {len(reasons)} of the "
            f"{len(films)} films of {name} cannot be used, more than 5 %: get them again, or "
            "correct the table that lists them."
        )


def _check_patients(stated: pd.Series, used: pd.Series, name: str) -> None:
    """Raise BadData if the patient ids in DICOM files are placeholders, such as ANONYMOUS."""
    own_words = stated[stated.eq(used) & stated.ne("")].dropna()
    most = own_words.value_counts().max() if len(own_words) else 0
    if most > max(ONE_PATIENT * len(used), 9):
        raise BadData(
            f"{name}: {most} of the {len(used)} films state one and the same patient id, so that "
            "they cannot be split by patient: let `patient` of its entry in params/datasets.yaml "
            "find the patient in the files' names."
        )
