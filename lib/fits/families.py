"""The families of methods in words and equations, from notebooks/families/*.md.

A file has a title, the idea, and a section `## Limitations`. Equations are LaTeX, `$$ x_t $$` or
`$x$` in a line, which lib.report typesets.
"""

from typing import NamedTuple

from lib import ROOT

FOLDER = ROOT / "notebooks/families"


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
