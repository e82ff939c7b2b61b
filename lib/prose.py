"""Words of the data in the prose and tables of pages: to the letter, and never a film's name."""

import html
import posixpath
import re
from collections.abc import Iterable

import pandas as pd

from lib import burned_in


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


def about_burned_in_text(protocol: pd.DataFrame) -> str:
    """Say how many films state and how many show burned-in text, and what that means.

    `protocol` has columns step and count, with the steps that lib.burned_in names.
    """
    counts = protocol.set_index("step")["count"]
    stated = counts.get(burned_in.STATED, 0)
    looked, shown = counts.get(burned_in.LOOKED_AT, 0), counts.get(burned_in.SHOWN, 0)
    sample = f"of {looked} films looked at, {shown} show text"
    sentence = f"{stated} films state that text is burned in"
    sentence += f"; {sample}. " if looked else "; no film was looked at. "
    if not stated + shown:
        return sentence + "That no name is on any film is not certain: look before you publish."
    return sentence + (
        "Pages cover it. The films, the arrays in `build/` and what a method has learnt keep it: "
        "see whether it names anybody before you give any of these to others."
    )


def table(frame: pd.DataFrame) -> str:
    """A table in Markdown, whole; its words are Markdown, and numbers have three decimals.

    What is missing is an empty cell. Returns "" for a table without rows.
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


def unbroken(text: str) -> str:
    """Text that stays on one line, as a number with its interval in a table."""
    return text.replace(" ", "&nbsp;")


def interval(value: float, low: float, high: float, form: str = ".3f") -> str:
    """A value with its interval, `0.841 [0.783, 0.900]`; for differences the form is `+z.3f`."""
    return f"{value:{form}} {ends(low, high, form)}"


def ends(low: float, high: float, form: str = ".3f") -> str:
    """The ends of an interval, or that there is none, as where all resamples agree."""
    if pd.isna(low) or pd.isna(high):
        return "[no interval]"
    return f"[{low:{form}}, {high:{form}}]"


def p_value(value: float) -> str:
    """A p value on one line, as tables show it."""
    return unbroken("< 0.0001") if value < 0.0001 else f"{value:.4f}"


def with_sign(p_value: float) -> str:
    """A p value in a sentence: `p = 0.0340` or `p < 0.0001`."""
    return "p < 0.0001" if p_value < 0.0001 else f"p = {p_value:.4f}"


def link(words: str, page: str, seen_from: str) -> str:
    """A link in Markdown from one page of reports/ to another; both as lib.grid names pages."""
    return f"[{words}]({posixpath.relpath(page, posixpath.dirname(seen_from))})"
