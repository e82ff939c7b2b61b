"""The answers for a folder of films, the most suspicious first, and their table.

Films that are unlike those the detector learned from come last, since their scores mean little.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from lib.reader.answer import Answer, Context
from lib.reader.film import Refused

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # how a formula begins


class Answered(NamedTuple):
    """The answer for the film of this number."""

    number: int
    answer: Answer


class NotRead(NamedTuple):
    """Why the file of this number has no answer."""

    number: int
    file: Refused


class Answers(NamedTuple):
    """Answers for numbered files."""

    context: Context
    read: list[Answered]  # the most suspicious first, those unlike the films learned from last
    refused: list[NotRead]  # those that look like films first

    @property
    def unlike(self) -> int:
        """The number of films that are unlike those that the detector learned from."""
        return sum(one.answer.unlike for one in self.read)

    def flagged(self, name: str) -> int:
        """Return the number of films that are flagged at a threshold; unlike ones are not."""
        return sum(one.answer.flags[name] for one in self.read)


def ranked(files: Iterable[Answer | Refused], context: Context) -> Answers:
    """Give answers numbers from 1, in the order of the files, and rank them."""
    read, refused = [], []
    for number, one in enumerate(files, start=1):
        if isinstance(one, Answer):
            read.append(Answered(number, one))
        else:
            refused.append(NotRead(number, one))
    read.sort(key=lambda one: (one.answer.unlike, -one.answer.score))
    refused.sort(key=lambda one: not one.file.is_film)
    return Answers(context, read, refused)


def table(answers: Answers, root: Path) -> pd.DataFrame:
    """Return one row per file; paths are relative to the folder `root`."""
    rows = [{"number": number, **_row(answer, root)} for number, answer in answers.read]
    rows += [
        {"number": number, "path": _path(file.path, root), "not read because": file.reason}
        for number, file in answers.refused
    ]
    flags = [f"flagged at {one.name}" for one in answers.context.thresholds]
    columns = ["number", "path", "score", "percentile", *flags, "probability", "unlike"]
    columns += ["unlikeness", "not read because"]
    note = " ".join(answers.context.cautions)
    shared = {"detector": answers.context.detector, "note": note}
    return pd.DataFrame(rows, columns=columns).assign(**shared)


def _row(answer: Answer, root: Path) -> dict:
    flags = {} if answer.unlike else answer.flags
    return {
        "path": _path(answer.path, root),
        "score": answer.score,
        "percentile": None if answer.percentile is None else round(answer.percentile, 2),
        **{f"flagged at {name}": flag for name, flag in flags.items()},
        "probability": answer.probability,
        "unlike": answer.unlike,
        "unlikeness": round(answer.unlikeness, 2),
    }


def _path(path: Path, root: Path) -> str:
    """Return the path below `root`, with ./ before a name that spreadsheets read as a formula."""
    name = path.relative_to(root).as_posix()
    return f"./{name}" if name.startswith(FORMULA) else name
