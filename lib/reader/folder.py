"""Read a film or a folder of films into one table and one page.

The table names the files and stays with whoever has the films; the page has no names.
"""

import csv
from collections import Counter
from pathlib import Path

import pandas as pd

from lib import files
from lib.datasets.listing import files_below
from lib.datasets.table import ODD_NAMES
from lib.errors import BadData
from lib.reader.answers import Answered, Answers, ranked, table
from lib.reader.page import PICTURES, page
from lib.reader.reading import Reader

OUTPUT = files.BUILD / "read"
TABLE, PAGE = "answers.csv", "answers.html"


def files_in(place: Path) -> list[Path]:
    """Return the files of a folder and those below it, or the one file. Raises BadData."""
    if not place.exists():
        raise BadData(f"{place} is missing: name a film or a folder of films.")
    paths = files_below(place) if place.is_dir() else [place]
    if not paths:
        raise BadData(f"{place} is empty: name a film or a folder of films.")
    return paths


def check_output(place: Path, output: Path) -> None:
    """Raise BadData if the output would lie among the user's films, or cannot be written."""
    folder, into = _root(place).resolve(), output.resolve()
    if into.is_relative_to(folder) if place.is_dir() else into == folder:
        raise BadData(
            f"{output} lies in the folder of the films, into which nothing is written: name "
            "another folder with --output."
        )
    nearest = next(one for one in (into, *into.parents) if one.exists())
    if not nearest.is_dir():
        raise BadData(f"{nearest} is a file: name a folder with --output.")
    for name in (TABLE, PAGE):
        if (output / name).is_dir():
            raise BadData(f"{output / name} is a folder: name another folder with --output.")


def read(place: Path, reader: Reader, output: Path = OUTPUT) -> Answers:
    """Read the films of `place`; write the table and the page into `output`.

    Either replaces an earlier one as a whole. Both state when the films were read, by which a table
    belongs to a page, should the process be killed between the two.
    """
    check_output(place, output)
    answers = ranked(reader.read_all(files_in(place)), reader.context)
    answers = _with_reconstructions(answers, reader)
    read_at = f"{pd.Timestamp.now('UTC'):%Y-%m-%d %H:%M:%S} UTC"
    text = page(answers, TABLE, read_at)
    with (
        files.whole_file(output / PAGE) as unfinished_page,
        files.whole_file(output / TABLE) as unfinished_table,
    ):
        unfinished_page.write_text(text, encoding="utf-8")
        rows = table(answers, _root(place)).assign(**{"read at": read_at})
        quoting = csv.QUOTE_NONNUMERIC  # a name may hold the end of a line
        rows.to_csv(unfinished_table, index=False, errors=ODD_NAMES, quoting=quoting)
    return answers


def _with_reconstructions(answers: Answers, reader: Reader) -> Answers:
    """Return the answers; those that have a picture on the page also have a reconstruction."""
    shown, others = answers.read[:PICTURES], answers.read[PICTURES:]
    completed = reader.reconstructed([one.answer for one in shown])
    numbered = [Answered(one.number, new) for one, new in zip(shown, completed, strict=True)]
    return answers._replace(read=[*numbered, *others])


def summary(answers: Answers, output: Path) -> str:
    """Return what is printed at the end: counts, and where the table and the page are."""
    context = answers.context
    lines = [f"Films read by {context.detector}: {len(answers.read)}, of these"]
    lines += [
        f"- flagged at “{one.name}” (set with labels of {one.labels}): {answers.flagged(one.name)}"
        for one in context.thresholds
    ]
    lines.append(f"- unlike the films that the detector learned from: {answers.unlike}")
    reasons = Counter(file.reason for _, file in answers.refused)
    lines += [f"- not read, {reason}: {number}" for reason, number in reasons.most_common()]
    lines += [f"Table: {output / TABLE}", f"Page:  {output / PAGE}", *context.cautions]
    return "\n".join(lines)


def _root(place: Path) -> Path:
    return place if place.is_dir() else place.parent
