"""The page of the answers for a folder: films have numbers and pictures, and no names.

The names of an export's files are often those of patients.
"""

from pathlib import Path

import pandas as pd

from lib import params, processes, provenance
from lib.films import UnreadableFilm
from lib.prose import by_reason
from lib.reader.answer import DISCLAIMER, Map
from lib.reader.answers import Answered, Answers
from lib.reader.drawing import compared, thumbnail
from lib.reader.gate import LIMIT
from lib.templates import rendered

PICTURES = 100  # films with a picture; the others are in a table
SIDE = 256  # pixels of the longer side of a picture


def page(answers: Answers, table: str, read_at: str) -> str:
    """Return the page as HTML, which loads nothing and runs no script.

    `table` is the name of the file that says which number is which file, `read_at` when the films
    were read, as that file says, too.
    """
    problems = pd.DataFrame(
        [(number, file.reason) for number, file in answers.refused], columns=["number", "reason"]
    )
    return rendered(
        "reader",
        answers=answers,
        pictures=_pictures(answers.read[:PICTURES]),
        reconstructions=_reconstructions(answers.read[:PICTURES]),
        problems=by_reason(problems).to_dict("records") if len(problems) else [],
        context=answers.context,
        unlabelled=params.setting(),
        mapped=any(answer.small_map for _, answer in answers.read),
        limit=LIMIT,
        disclaimer=DISCLAIMER,
        trace=provenance.trace(),
        table=table,
        read_at=read_at,
    )


def _pictures(answers: list[Answered]) -> dict[int, str]:
    """Return the picture of each film by its number."""
    films = [(one.answer.path, one.answer.shape, one.answer.small_map) for one in answers]
    drawn = processes.each(_picture, films, "pictures", "film", chunk=16)
    return {one.number: picture for one, picture in zip(answers, drawn, strict=True)}


def _reconstructions(answers: list[Answered]) -> dict[int, str]:
    """Return of each film that is reconstructed, by its number, what was seen and what was made."""
    return {
        number: compared(answer.prepared, answer.reconstruction)
        for number, answer in answers
        if answer.prepared is not None and answer.reconstruction is not None
    }


def _picture(of_film: tuple[Path, tuple[int, int], Map | None]) -> str:
    """Return the picture of a film; "" if the film was removed since it was read."""
    try:
        return thumbnail(*of_film, SIDE)
    except UnreadableFilm:
        return ""
