"""The families of methods in words and equations, from notebooks/families/*.md.

A file has a title, the idea, and a section `## Limitations`. Equations are written `$$ x_{t} $$`,
or `$x$` in a line, and typeset as plain HTML, without a script.
"""

import html
import re
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
    return Family(title.strip("# "), typeset(idea.strip()), typeset(limitations.strip()))


def typeset(text: str) -> str:
    """Typeset the equations of Markdown: letters in italics, x_{t} and x^{2} as indices."""
    text = re.sub(r"\$\$(.+?)\$\$", lambda match: _line(match[1]), text, flags=re.DOTALL)
    return re.sub(r"\$([^$\n]+)\$", lambda match: _italic(match[1]), text)


def _line(formula: str) -> str:
    return f'<p class="equation">{_formula(" ".join(formula.split()))}</p>'


def _formula(formula: str) -> str:
    formula = html.escape(_italic(formula))
    for mark, tag in (("_", "sub"), ("^", "sup")):
        formula = re.sub(re.escape(mark) + r"\{(.*?)\}", rf"<{tag}>\1</{tag}>", formula)
    return re.sub(r"\*(\w)\*", r"<em>\1</em>", formula).replace(" ~ ", " &nbsp; &nbsp; ")


def _italic(formula: str) -> str:
    """Set letters that are alone in italics, in Markdown."""
    return re.sub(r"(?<![A-Za-z])([A-Za-z])(?![A-Za-z])", r"*\1*", formula)
