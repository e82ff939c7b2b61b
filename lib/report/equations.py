"""Markdown as the HTML of a page, with its equations as MathML, which needs no script."""

import html
from pathlib import Path

from latex2mathml.converter import convert
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath


class WithMathML(IPythonRenderer):
    """nbconvert's own rendering, except for equations in LaTeX: `$x$`, or `$$x$$` on a line."""

    def inline_math(self, body: str) -> str:
        """Return an equation within a line."""
        return _mathml(body, "inline")

    def block_math(self, body: str) -> str:
        """Return an equation on a line of its own, within the paragraph that it is parsed as."""
        return f'<span class="equation">{_mathml(body, "block")}</span>'


def markdown2html(text: str, pictures: Path) -> str:
    """Return Markdown as HTML; paths of pictures are relative to the folder `pictures`."""
    renderer = WithMathML(escape=False, embed_images=True, path=str(pictures))
    return MarkdownWithMath(renderer=renderer).render(text)


def _mathml(latex: str, display: str) -> str:
    """Return an equation as MathML; one that is not understood as it is written."""
    try:
        return convert(" ".join(latex.split()), display=display)
    except Exception:  # of latex2mathml, whose errors have no class in common
        return f"<code>{html.escape(latex)}</code>"
