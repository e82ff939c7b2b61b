"""The families of methods in words and equations, from notebooks/families/*.md.

A file has a title, the idea, and a section `## Limitations`: first those of all its methods, then,
below headings such as "### Of `nsa` and `fpi`", of these alone; "### Of all others" is of methods
that no heading names. Equations are LaTeX, `$$ x_t $$` or `$x$` in a line, which lib.report
typesets.
"""

import re
from typing import NamedTuple

from lib import ROOT

FOLDER = ROOT / "notebooks/families"
OTHERS = "all others"


class Family(NamedTuple):
    """What the methods of a family have in common, in Markdown."""

    title: str
    idea: str
    limitations: str


def family(name: str) -> Family:
    """Return a family of the grids; one without a file has its name alone."""
    path = FOLDER / f"{name}.md"
    if not path.exists():
        return Family(f"{name.replace('_', ' ').capitalize()} methods", "", "")
    title, _, text = path.read_text().partition("\n")
    idea, _, limitations = text.partition("## Limitations")
    return Family(title.strip("# "), idea.strip(), limitations.strip())


def limitations(name: str, method: str) -> str:
    """Return the limitations of a family that are those of one of its methods, without headings."""
    of_all, *parts = re.split(r"^### Of (.+)\n", family(name).limitations, flags=re.MULTILINE)
    below = dict(zip(parts[::2], parts[1::2], strict=True))
    mine = [items for heading, items in below.items() if f"`{method}`" in heading]
    return "\n".join(part.strip() for part in [of_all, *(mine or [below.get(OTHERS, "")])]).strip()
