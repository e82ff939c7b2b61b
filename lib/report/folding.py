"""What a page shows folded up, to be opened by a reader who wants it."""

import html
from typing import TYPE_CHECKING

from IPython.display import HTML
from nbconvert.filters import markdown2html

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def folded(title: str, text: str) -> HTML:
    """Return Markdown under a title that opens it; the title is shown as it is."""
    return _details(title, markdown2html(text))


def folded_figure(title: str, figure: "Figure") -> HTML:
    """Return a figure with its description under a title that opens it."""
    from lib.figures import markup  # here, as it imports matplotlib

    return _details(title, markup(figure))


def _details(title: str, inner: str) -> HTML:
    return HTML(f"<details><summary>{html.escape(title)}</summary>{inner}</details>")
