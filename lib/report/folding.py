"""What a page shows folded up, to be opened by a reader who wants it."""

import html

from IPython.display import HTML
from nbconvert.filters import markdown2html


def folded(title: str, text: str) -> HTML:
    """Return Markdown under a title that opens it; the title is shown as it is."""
    inner = markdown2html(text)
    return HTML(f"<details><summary>{html.escape(title)}</summary>{inner}</details>")
