"""Render an executed notebook as one self-contained HTML page, by templates/study."""

import base64
import hashlib
import os
import re
from pathlib import Path

import bleach
from nbconvert import HTMLExporter
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell
from traitlets.config import Config

from lib import ROOT
from lib.prose import DECISIONS, anchor
from lib.report.equations import markdown2html

#: The formats of an output that a page shows, best first.
SHOWN = [DECISIONS, "text/html", "text/markdown", "image/png", "image/jpeg", "text/plain"]
#: Tags of cells that a page leaves out: what introduces the notebook, where its code displays a
#: title for this page, and a section of which there is nothing.
NOTEBOOK_ONLY, IF_ANY = "notebook-only", "if-any"
#: Tags of cells that a page shows elsewhere: the answer below the title, set-up at its end.
ANSWER, SETUP, INJECTED = "answer", "setup", "injected-parameters"
PROSE = "text/markdown"
#: The pages of notebooks that have but one; of the others the first page lists all.
ONLY_PAGE = {
    "00_index": "index.html",
    "03_first_fit": "first-fit.html",
    "06_comparison": "comparison.html",
    "09_one_film": "one-film.html",
    "10_real_films": "real-films.html",
}
#: The markup that tables and prose may consist of; any other is shown as text.
TAGS = {
    *("h1", "h2", "h3", "h4", "h5", "h6", "p", "br", "hr", "div", "span", "blockquote", "pre"),
    *("a", "img", "em", "i", "strong", "b", "code", "del", "s", "u", "small", "sub", "sup", "abbr"),
    *("ul", "ol", "li", "dl", "dt", "dd", "details", "summary", "figure", "figcaption"),
    *("table", "caption", "thead", "tbody", "tfoot", "tr", "th", "td"),
}
CELL = re.compile(r"<(t[dh])\b[^>]*>.*?</\1>", re.DOTALL)
UNDERSCORE = re.compile(r"(_|&#95;)(?=\w)(?![^<]*>)")  # within a word, and within no tag
#: MathML's elements for equations, as lib.report.equations writes them.
MATH = {
    *("math", "mrow", "mi", "mn", "mo", "mtext", "mspace"),
    *("mfrac", "msqrt", "msub", "msup", "msubsup", "mover", "munder", "munderover"),
}
ATTRIBUTES = {
    "*": ["class", "id"],
    "math": ["display"],
    "mi": ["mathvariant"],
    "mo": ["stretchy", "fence", "form", "minsize", "maxsize"],
    "mspace": ["width"],
    "a": ["href", "title"],
    "img": lambda _, name, value: (
        name == "alt" or (name == "src" and value.startswith("data:image/"))
    ),
    "ol": ["start"],
    "td": ["colspan", "rowspan"],
    "th": ["colspan", "rowspan", "scope"],
}


def render(
    notebook: NotebookNode, output: Path, *, failure: str, made: dict[str, str], pictures: Path
) -> str:
    """Return the page `output` of a run notebook as HTML, by templates/study.

    `failure` is shown at its head, the trace `made` at its foot; `pictures` is the folder that the
    pictures of the prose are relative to.
    """
    own_title(notebook)
    drop_empty_sections(notebook)
    answer_first(notebook)
    titles = [title for cell in notebook.cells for title in headings(cell)]
    states = [cell.metadata.page for cell in notebook.cells if cell.cell_type == "code"]
    page = {
        "title": next((text for level, text in titles if level == 1), output.stem),
        "sections": [(text, anchor(text)) for level, text in titles if level == 2],
        "home": "" if output.resolve() == ROOT / "reports/index.html" else home(output),
        "failure": failure,
        "failed_cell": next((cell.number for cell in states if cell.state == "failed"), None),
        "trace": made,
        **script(),
    }
    templates = {"extra_template_basedirs": [str(ROOT / "templates")], "template_name": "study"}
    exporter = HTMLExporter(
        config=Config(
            TemplateExporter=templates,
            NbConvertBase={"display_data_priority": SHOWN},
            CoalesceStreamsPreprocessor={"enabled": True},
        ),
        embed_images=True,
        filters={
            "safe_html": safe_html,
            "markdown2html": lambda text: markdown2html(text, pictures),
        },
    )
    resources = {"page": page, "metadata": {"path": str(pictures), "name": output.stem}}
    text, _ = exporter.from_notebook_node(notebook, resources=resources)
    return re.sub(r'href="[^":#]*?([\w-]+)\.ipynb"', lambda to: _link(to[1], output), text)


def _link(notebook: str, output: Path) -> str:
    """Return the link from a page to a notebook's only page, or to its place in the first page."""
    page = ONLY_PAGE.get(notebook, f"index.html#{notebook}")
    return f'href="{Path(home(output)).with_name(page).as_posix()}"'


def script() -> dict[str, str]:
    """Return the script of pages and its hash, by which their content policy lets it alone run."""
    text = (ROOT / "templates/study/script.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return {"script": text, "script_hash": f"sha256-{digest}"}


def own_title(notebook: NotebookNode) -> None:
    """Open the page with the title that a code cell displayed, which names what was run.

    It takes the place of all cells tagged `notebook-only`, which stay where code displays none.
    """
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if any(level == 1 for level, _ in _headings(output.get("data", {}).get(PROSE, ""))):
                cell.outputs.remove(output)
                rest = [cell for cell in notebook.cells if NOTEBOOK_ONLY not in _tags(cell)]
                notebook.cells = [new_markdown_cell(output["data"][PROSE]), *rest]
                return


def drop_empty_sections(notebook: NotebookNode) -> None:
    """Drop cells tagged `if-any` that displayed nothing, each with the prose before it.

    A cell that failed stays; those after it, which did not run, have nothing to display.
    """
    kept: list[NotebookNode] = []
    for cell in notebook.cells:
        failed = cell.cell_type == "code" and cell.metadata.page.state == "failed"
        if IF_ANY in _tags(cell) and not failed and not cell.outputs:
            if kept and kept[-1].cell_type == "markdown":
                kept.pop()
        else:
            kept.append(cell)
    notebook.cells = kept


def answer_first(notebook: NotebookNode) -> None:
    """Order the cells for readers: title, answer, everything else, set-up.

    A notebook has to run its set-up first, and often computes its answer last. The table of its
    title card (inputs, outputs, run time) is shown with the set-up. A notebook without cells tagged
    `answer` or `setup` stays as it is.
    """
    tagged = any({ANSWER, SETUP} & set(_tags(cell)) for cell in notebook.cells)
    if not tagged or notebook.cells[0].cell_type != "markdown":
        return
    title, *rest = notebook.cells
    places = [_place(cell) for cell in rest]
    answer, setup, others = (
        [cell for cell, place in zip(rest, places, strict=True) if place == wanted]
        for wanted in (ANSWER, SETUP, "")
    )
    head, about, card = map(_prose, _parts_of_title(title.source))
    notebook.cells = [*head, *answer, *about, *others, *setup[:1], *card, *setup[1:]]


def _place(cell: NotebookNode) -> str:
    """Return the tag that moves a cell, "" if it stays; parameters given to a run are set-up."""
    tags = _tags(cell)
    return next((tag for tag in (ANSWER, SETUP) if tag in tags), SETUP if INJECTED in tags else "")


def _parts_of_title(source: str) -> tuple[str, str, str]:
    """Return what comes before the table of a title card, what comes after it, and the table."""
    before, bar, table = source.partition("\n\n|")
    table, _, after = table.partition("\n\n")
    return before, after, f"|{table}" if bar else ""


def _prose(source: str) -> list[NotebookNode]:
    return [new_markdown_cell(source)] if source else []


def _tags(cell: NotebookNode) -> list[str]:
    return cell.metadata.get("tags", [])


def headings(cell: NotebookNode) -> list[tuple[int, str]]:
    """Return (level, text) of each heading of a markdown cell, or of what a code cell displayed."""
    if cell.cell_type == "markdown":
        return _headings(cell.source)
    shown = [output.get("data", {}).get(PROSE, "") for output in cell.get("outputs", [])]
    return [heading for prose in shown for heading in _headings(prose)]


def _headings(prose: str) -> list[tuple[int, str]]:
    prose = re.sub(r"^```.*?^```", "", prose, flags=re.MULTILINE | re.DOTALL)
    matches = re.findall(r"^(#{1,6})\s+(.+?)[\s#]*$", prose, flags=re.MULTILINE)
    return [(len(marks), re.sub(r"[`*]", "", text)) for marks, text in matches]


def home(output: Path) -> str:
    """Return the link from the page `output` to the first page, `reports/index.html`."""
    folder, reports = output.resolve().parent, ROOT / "reports"
    path = os.path.relpath(reports, folder) if folder.is_relative_to(reports) else ""
    return Path(path, "index.html").as_posix()


def safe_html(text: str) -> str:
    """Return markup with everything beyond TAGS, MATH and ATTRIBUTES escaped or left out."""
    style = r'<style (?:scoped|type="text/css")>.*?</style>'  # as pandas writes them
    text = re.sub(style, "", text, flags=re.DOTALL)
    text = bleach.clean(
        text, TAGS | MATH, ATTRIBUTES, protocols={"http", "https", "mailto", "data"}
    )
    return breakable(text)


def breakable(text: str) -> str:
    """Let names in cells of tables break after an underscore, rather than anywhere, on a phone."""
    return CELL.sub(lambda cell: UNDERSCORE.sub(r"\1<wbr>", cell[0]), text)
