"""Words of the data in the prose and tables of pages: to the letter, and never a film's name."""

import html
import posixpath
import re
from collections.abc import Iterable
from urllib.parse import quote

import pandas as pd

from lib import burned_in, provenance

#: The kind of an output with decisions at many thresholds: on a page, a slider over their table.
DECISIONS = "application/vnd.decisions+json"


def literal(text: str) -> str:
    """Write a word of the data so that Markdown and HTML show it as it is."""
    whole = html.escape(str(text).encode("utf-8", "replace").decode())
    return re.sub(r"[^\w\s&;]|_", lambda mark: f"&#{ord(mark[0])};", whole)


def by_reason(problems: pd.DataFrame) -> pd.DataFrame:
    """Sum up films that were left out: reason, films, numbers, the commonest reason first.

    `problems` has columns number and reason; a path in it is not used.
    """
    groups = problems.groupby("reason", sort=False)["number"]
    table = groups.agg(films="size", numbers=ranges).reset_index()
    return table.sort_values("films", ascending=False, kind="stable")


def ranges(numbers: Iterable[int]) -> str:
    """Write whole numbers in short: 1-4, 9."""
    runs: list[list[int]] = []
    for number in sorted(set(numbers)):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(f"{first}" if first == last else f"{first}-{last}" for first, last in runs)


def about_left_out(protocol: pd.DataFrame, problems: pd.DataFrame) -> str:
    """Say how many films are left out by the protocol, why, and how many of them have a problem.

    `protocol` has columns step and count; `problems` has a row per film that cannot be used.
    """
    head = "left out: "
    steps = protocol[protocol["step"].str.startswith(head) & protocol["count"].gt(0)]
    reasons = [
        f"{step.removeprefix(head)}: {count}"
        for step, count in zip(steps["step"], steps["count"], strict=True)
    ]
    listed = f" ({'; '.join(reasons)})" if reasons else ""
    return (
        f"Films left out in all: {steps['count'].sum()}{listed}. Of these, {len(problems)} "
        "cannot be used as they are and have a number."
    )


def about_burned_in_text(protocol: pd.DataFrame) -> str:
    """Say how many films are marked with or show burned-in text, and what that means.

    `protocol` has columns step and count, with the steps that lib.burned_in names.
    """
    counts = protocol.set_index("step")["count"]
    stated = counts.get(burned_in.STATED, 0)
    examined, with_text = counts.get(burned_in.LOOKED_AT, 0), counts.get(burned_in.SHOWN, 0)
    sentence = f"{stated} films are marked as having burned-in text"
    if not examined and provenance.holds_phantoms():
        return sentence + ". Phantoms bear no names, and no text was searched for on them."
    detected = f"of {examined} films on which a detector searched for text, {with_text} show some"
    sentence += f"; {detected}. " if examined else "; on none was text searched for. "
    if not stated + with_text:
        return sentence + "A name on some film cannot be excluded: check before you publish."
    return sentence + (
        "It is covered on pages, but remains on the films and in the arrays in `build/`, and a "
        "method may learn it: check whether it names anybody before you share any of these."
    )


def table(frame: pd.DataFrame) -> str:
    """Return a table in Markdown, whole; its words are Markdown, and numbers have three decimals.

    Missing values are empty cells; "" for a table without rows.
    """
    if frame.empty:
        return ""
    rows = [[_cell(name) for name in frame.columns], ["---"] * frame.shape[1]]
    rows += [[_cell(value) for value in row] for row in frame.itertuples(index=False)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _cell(value) -> str:
    if isinstance(value, float):
        return "" if pd.isna(value) else f"{value:.3f}"
    text = "" if value is None or value is pd.NA else str(value)
    return " ".join(text.replace("|", "\\|").split())


def anchor(heading: str) -> str:
    """Return the id that nbconvert gives to a heading."""
    return quote(heading.replace(" ", "-"), safe="?/:@!$&'()*+,;=")


def unbroken(text: str) -> str:
    """Return text that stays on one line, as a number with its interval in a table."""
    return text.replace(" ", "&nbsp;")


def interval(value: float, low: float, high: float, form: str = ".3f") -> str:
    """Return a value with its interval, `0.841 [0.783, 0.900]`; of differences `+z.3f`."""
    return f"{value:{form}} {ends(low, high, form)}"


def ends(low: float, high: float, form: str = ".3f") -> str:
    """Return the ends of an interval, or that there is none, as where all resamples agree."""
    if pd.isna(low) or pd.isna(high):
        return "[no interval]"
    return f"[{low:{form}}, {high:{form}}]"


def p_value(value: float) -> str:
    """Return a p value on one line, as tables show it."""
    return unbroken("< 0.0001") if value < 0.0001 else f"{value:.4f}"


def with_sign(p_value: float) -> str:
    """Return a p value in a sentence: `p = 0.0340` or `p < 0.0001`."""
    return "p < 0.0001" if p_value < 0.0001 else f"p = {p_value:.4f}"


def link(words: str, page: str, seen_from: str) -> str:
    """Return a Markdown link from one page of reports/ to another; both as lib.grid names pages."""
    return f"[{words}]({posixpath.relpath(page, posixpath.dirname(seen_from))})"
