"""The page of a verification, its badge and its lines in a terminal."""

from collections.abc import Iterator
from typing import NamedTuple

import pandas as pd

from lib import files
from lib.templates import rendered
from lib.verify.rows import STATES, TOLERANCE, Compared, by_metric

PAGE, BADGE = files.REPORTS / "verify.html", files.REPORTS / "verify.svg"
SHOWN = 8  # most lines of a list in a terminal
COLOURS = {"equal": "#2d6a35", "within": "#00568f", "failed": "#a33200"}


class Verification(NamedTuple):
    """All that a verification finds."""

    recomputed: list[Compared]  # stored tables with those of the scores
    published: list[Compared]  # reports/results.csv with that of the commit, and of a given file
    broken: list[str]  # sentences on evidence
    machines: dict[str, dict[str, str]]  # what is known of each, by whose results

    @property
    def compared(self) -> list[Compared]:
        return [*self.published, *self.recomputed]

    @property
    def failed(self) -> int:
        """The rows that are not reproduced."""
        return sum(one.failed for one in self.compared)

    @property
    def answer(self) -> str:
        """How many of the published numbers are equal, in words."""
        last = self.published[-1] if self.published else self.recomputed[-1]
        return f"{last.count('equal'):,} of {last.total:,} numbers equal"


def sentences(verification: Verification) -> Iterator[str]:
    """Yield the answer in full: of the scores, then of each published table."""
    tables = len(verification.recomputed)
    rows = sum(one.total for one in verification.recomputed)
    words = _in_words(verification.recomputed)
    yield f"Recomputed from the scores, {tables} stored tables ({rows:,} rows): {words}."
    for one in verification.published:
        yield f"{one.title} ({one.total:,} rows): {_in_words([one])}."


def _in_words(compared: list[Compared]) -> str:
    counts = {state: sum(one.count(state) for one in compared) for state in STATES}
    words = {"equal": "equal to the last digit", "within": f"within {TOLERANCE}"}
    words |= {"outside": f"outside {TOLERANCE}"}
    named = [f"{count:,} {words.get(state, state)}" for state, count in counts.items() if count]
    return ", ".join(named) or "no rows"


def lines(verification: Verification) -> Iterator[str]:
    """Yield what a terminal shows, one screen."""
    yield f"{verification.answer}."
    yield from sentences(verification)
    yield from _first(verification.broken, "sentences on evidence")
    groups = by_metric(verification.compared).groupby(["dataset", "metric"])
    counts = groups[["outside", "missing"]].sum()
    counts = counts[counts.any(axis=1)].sort_values(["outside", "missing"], ascending=False)
    yield from _first(
        [
            f"  {dataset or 'all data sets'}, {metric or 'other tables'}: {row.outside:,} outside, "
            f"{row.missing:,} missing"
            for (dataset, metric), row in counts.iterrows()
        ],
        "kinds of number",
    )


def _first(items: list[str], unit: str) -> Iterator[str]:
    yield from items[:SHOWN]
    if len(items) > SHOWN:
        yield f"  and {len(items) - SHOWN} more {unit}, on the page"


def write(verification: Verification) -> None:
    """Write reports/verify.html and reports/verify.svg."""
    names = dict.fromkeys(name for known in verification.machines.values() for name in known)
    text = rendered(
        "verify",
        verification=verification,
        sentences=list(sentences(verification)),
        groups=by_metric(verification.compared),
        different=[(one.title, _listed(one)) for one in verification.compared if len(_listed(one))],
        machine_names=list(names),
        tolerance=TOLERANCE,
        states=STATES,
    )
    for path, content in {PAGE: text, BADGE: badge(verification)}.items():
        with files.whole_file(path) as unfinished:
            unfinished.write_text(content, encoding="utf-8")


def _listed(one: Compared) -> pd.DataFrame:
    return one.rows[~one.rows["state"].isin(["equal", "within"])]


def badge(verification: Verification) -> str:
    """Return the answer as an SVG: green if all are equal, blue within the tolerance, else red."""
    within = any(one.count("within") for one in verification.compared)
    state = "failed" if verification.failed else "within" if within else "equal"
    text = verification.answer
    width = 16 + 7 * len(text)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="20" role="img" '
        f'aria-label="{text}"><title>{text}</title>'
        f'<rect width="{width}" height="20" rx="3" fill="{COLOURS[state]}"/>'
        f'<text x="{width / 2:g}" y="14" fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" '
        f'font-size="11" text-anchor="middle" textLength="{width - 16}">{text}</text></svg>\n'
    )
