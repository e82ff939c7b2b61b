"""How long the profile `full` takes on a GPU: hours of its fits, for docs/cluster.md."""

import math

import pandas as pd

from lib import ROOT, files
from lib.benchmark import table

#: Films of which the hours are those of one fit: the normal training films of NIH ChestX-ray14.
FILMS = 39_615
PAGE = ROOT / "docs/cluster.md"
BEGIN, END = "<!-- hours of full: begin -->\n", "<!-- hours of full: end -->\n"
NONE = "No GPU has been measured yet.\n"


def of_stage(epochs: int, batch_size: int, seconds: float, films: int = FILMS) -> float:
    """Return the hours of a stage: its epochs over so many films, at so many seconds an update."""
    return epochs * math.ceil(films / batch_size) * seconds / 3600


def section(rows: pd.DataFrame) -> str:
    """Return Markdown: the hours of a fit per method and precision, a table per card."""
    training = rows[(rows["task"] == "training") & rows["hours_of_full"].notna()]
    parts = [_of_card(card, some) for card, some in training.groupby("machine")]
    return "\n".join(parts) or NONE


def write() -> None:
    """Write the section into docs/cluster.md, in the place of the earlier one."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    with files.whole_file(PAGE) as unfinished:
        unfinished.write_text(before + BEGIN + section(table.load()) + END + after)


def _of_card(card: str, training: pd.DataFrame) -> str:
    precisions = sorted(training["precision"].unique())
    lines = [
        f"{card}:\n",
        f"| method | stages | {' | '.join(f'hours in {name}' for name in precisions)} |",
        f"| --- | --- {'| ---: ' * len(precisions)}|",
    ]
    for method, stages in training.groupby("subject"):
        hours = [_hours(stages[stages["precision"] == name]) for name in precisions]
        names = ", ".join(dict.fromkeys(stages["stage"]))
        lines.append(f"| {method} | {names} | {' | '.join(hours)} |")
    return "\n".join(lines) + "\n"


def _hours(stages: pd.DataFrame) -> str:
    """Return the hours of all stages of a method, or nothing if its last one was not measured."""
    if "training" not in set(stages["stage"]):
        return ""
    hours = stages["hours_of_full"].sum()
    return f"{hours:.1f}" if hours >= 1 else f"{hours:.2f}"
