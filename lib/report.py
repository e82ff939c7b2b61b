"""Run a notebook and render it to one self-contained HTML page, legible even when a cell fails.

    python -m lib.report NOTEBOOK OUTPUT.html -p name value ...

The page loads nothing from anywhere, runs no script, and ends with a trace of what made it.
"""

import argparse
import ast
import html
import os
import re
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

# jsonschema, which checks notebooks, would compile a grammar of web addresses that none needs: half
# the time that this file takes to import.
sys.modules.setdefault("rfc3987_syntax", None)

import bleach
import nbformat
import papermill
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpecManager
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbconvert import HTMLExporter
from nbconvert.filters import strip_ansi
from nbconvert.preprocessors import ClearOutputPreprocessor
from nbformat import NotebookNode
from papermill.exceptions import PapermillExecutionError
from traitlets.config import Config

from lib import ROOT, accidents, files, provenance

#: Where executed notebooks stay.
EXECUTED = ROOT / "build" / "notebooks"
#: What a page shows of an output, best first; pictures must carry an alternative text.
SHOWN = ["text/html", "text/markdown", "image/png", "image/jpeg", "text/plain"]
PICTURES = {"image/png", "image/jpeg"}
#: The path of a film: to the end of its quotation, else to a colon or the end of the line, as names
#: of folders and files, which may be a patient's, hold spaces and commas.
FILM = re.compile(
    r"""(?P<quote>['"])[^'"\n]*?\bdata/(?=\S)(?:(?!(?P=quote)).)+(?P=quote)"""
    r"""|(?:[^\s'"<>]*/)?\bdata/(?=\S)[^\n'"]+?(?=: |$)""",
    re.MULTILINE,
)
#: The markup that tables and prose may consist of; any other is shown as text.
TAGS = {
    *("h1", "h2", "h3", "h4", "h5", "h6", "p", "br", "hr", "div", "span", "blockquote", "pre"),
    *("a", "img", "em", "i", "strong", "b", "code", "del", "s", "u", "small", "sub", "sup", "abbr"),
    *("ul", "ol", "li", "dl", "dt", "dd", "details", "summary"),
    *("table", "caption", "thead", "tbody", "tfoot", "tr", "th", "td"),
}
ATTRIBUTES = {
    "*": ["class", "id"],
    "a": ["href", "title"],
    "img": lambda _, name, value: (
        name == "alt" or (name == "src" and value.startswith("data:image/"))
    ),
    "td": ["colspan", "rowspan"],
    "th": ["colspan", "rowspan", "scope"],
}


class OwnKernel(AsyncKernelManager):
    """Runs notebooks in this very Python, whatever kernels the machine calls python3."""

    def _kernel_spec_manager_default(self) -> KernelSpecManager:
        return KernelSpecManager(kernel_dirs=[])


def run(notebook: Path, output: Path, parameters: dict[str, str], timeout: int = 21600) -> str:
    """Run `notebook` and write the page `output`; return why the page is unfinished, or "".

    A page that tells why its cell of the study failed (lib.cells.CellFailed) is finished.

    `parameters` holds text, as from a command line; `timeout` is the longest time for one cell, in
    seconds. The executed notebook stays in `build/notebooks/`. Raises SystemExit with one sentence,
    before anything runs, when the notebook cannot be read or does not know a parameter.
    """
    defaults = known_parameters(notebook)
    values = typed(parameters, defaults, notebook)
    used = defaults | {name: repr(value) for name, value in values.items()}
    made = {
        "notebook": seen_from_root(notebook),
        "parameters": ", ".join(f"{name} = {value}" for name, value in used.items()) or "none",
        **provenance.trace(),
    }
    executed = EXECUTED / f"{output.stem}.ipynb"
    started = time.monotonic()
    error = execute(notebook, executed, values, timeout)
    made["duration"] = f"{time.monotonic() - started:.0f} s"
    result = nbformat.read(executed, as_version=4)
    number_cells(result, stopped=error is not None)
    hide_film_names(result)
    failure = explain(error, result) if error else undescribed_picture(result)
    write(output, render(result, output, failure=failure, made=made, pictures=notebook.parent))
    return "" if getattr(error, "ename", "") == "CellFailed" else failure


def known_parameters(notebook: Path) -> dict[str, str]:
    """Return name -> default, as source code, of the cell tagged `parameters`."""
    try:
        found = papermill.inspect_notebook(str(notebook))
    except FileNotFoundError:
        raise SystemExit(f"{notebook} does not exist.") from None
    except (ValueError, AttributeError, nbformat.ValidationError) as error:
        raise SystemExit(f"{notebook} is not a notebook that can be run: {error}") from None
    return {name: parameter["default"] for name, parameter in found.items()}


def typed(given: dict[str, str], defaults: dict[str, str], notebook: Path) -> dict[str, object]:
    """Return the given texts as values of the types that the notebook's defaults have."""
    unknown = [name for name in given if name not in defaults]
    if unknown:
        known = ", ".join(defaults) or "none"
        what = f"{notebook} has no parameter {', '.join(unknown)}"
        raise SystemExit(f"{what}; those it has: {known}.")
    return {name: _typed(name, text, defaults[name]) for name, text in given.items()}


def _typed(name: str, text: str, default: str) -> object:
    example = _literal(default)
    if isinstance(example, str):
        return text
    value = _literal({"true": "True", "false": "False"}.get(text, text))
    if isinstance(example, float) and type(value) is int:
        value = float(value)
    if example is not None and type(value) is not type(example):
        kind = type(example).__name__
        raise SystemExit(f"The parameter {name} must be of type {kind}, like {default}: {text!r}.")
    return value


def _literal(text: str) -> object:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def execute(notebook: Path, executed: Path, values: dict, timeout: int) -> Exception | None:
    """Run `notebook` into `executed` under a progress bar; return what stopped it, if anything."""
    executed.parent.mkdir(parents=True, exist_ok=True)
    # Something to render even when nothing runs, without what an earlier run left in the notebook.
    empty, _ = ClearOutputPreprocessor().preprocess(nbformat.read(notebook, as_version=4), {})
    nbformat.write(empty, executed)
    try:
        papermill.execute_notebook(
            notebook,
            executed,
            values,
            kernel_name="python3",
            language="python",
            cwd=ROOT,
            start_timeout=300,
            execution_timeout=timeout,
            kernel_manager_class=OwnKernel,
            config=Config(KernelManager={"transport_encryption": "auto"}),
        )
    except Exception as error:  # whatever it is, the page shall tell it
        return error
    return None


def number_cells(notebook: NotebookNode, stopped: bool) -> None:
    """Drop empty cells and papermill's banners; give each code cell its number and state.

    The state, "ran", "failed" or "not run", follows from the times at which cells began:
    papermill's own states call the cells after a kernel's death completed.
    """
    notebook.cells = [
        cell
        for cell in notebook.cells
        if cell.source.strip() and "papermill-error-cell-tag" not in cell.metadata.get("tags", [])
    ]
    last = None
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for number, cell in enumerate(code, start=1):
        begun = cell.metadata.get("papermill", {}).get("start_time")
        cell.metadata.page = NotebookNode(number=number, state="ran" if begun else "not run")
        last = cell if begun else last
    if stopped and last:
        last.metadata.page.state = "failed"


def explain(error: Exception, notebook: NotebookNode) -> str:
    """Return one sentence that says which cell failed and why."""
    if isinstance(error, PapermillExecutionError):
        told = error.ename in ("SystemExit", "CellFailed")
        reason = error.evalue if told else f"{error.ename}: {error.evalue}"
    elif isinstance(error, DeadKernelError):
        reason = "the kernel died (out of memory?)"
    elif isinstance(error, CellTimeoutError):
        reason = "the cell ran past its time limit"
    else:
        reason = f"{type(error).__name__}: {error}"
    reason = without_film_names(" ".join(strip_ansi(reason).split())).rstrip(".")
    heading = ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            heading = [heading, *(text for _, text in headings(cell))][-1]
        elif cell.cell_type == "code" and cell.metadata.page.state == "failed":
            under = f", under “{heading}”," if heading else ""
            return f"Cell {cell.metadata.page.number}{under} failed: {reason}."
    return f"No cell could run: {reason}."


def hide_film_names(notebook: NotebookNode) -> None:
    """Take paths of films out of what cells printed and of their errors."""
    for output in (output for cell in notebook.cells for output in cell.get("outputs", [])):
        for part in ("text", "evalue"):
            if part in output:
                output[part] = without_film_names(strip_ansi(output[part]))
        if "traceback" in output:
            lines = "\n".join(output.traceback)
            output.traceback = without_film_names(strip_ansi(lines)).split("\n")


def without_film_names(text: str) -> str:
    """Return the text with paths below data/ cut short: their names may be a patient's."""
    return FILM.sub(lambda found: "{0}data/…{0}".format(found["quote"] or ""), text)


def undescribed_picture(notebook: NotebookNode) -> str:
    """Return a sentence about the first picture without an alternative text, or ""."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            for kind in PICTURES & output.get("data", {}).keys():
                if not output.metadata.get(kind, {}).get("alt", "").strip():
                    cell.metadata.page.state = "failed"
                    what = f"Cell {cell.metadata.page.number} shows a picture without a description"
                    return f"{what} (alternative text); display it with figures.show."
    return ""


def headings(cell: NotebookNode) -> list[tuple[int, str]]:
    """Return (level, text) of each heading of a markdown cell."""
    prose = re.sub(r"^```.*?^```", "", cell.source, flags=re.MULTILINE | re.DOTALL)
    found = re.findall(r"^(#{1,6})\s+(.+?)[\s#]*$", prose, flags=re.MULTILINE)
    return [(len(marks), re.sub(r"[`*]", "", text)) for marks, text in found]


def render(
    notebook: NotebookNode, output: Path, *, failure: str, made: dict[str, str], pictures: Path
) -> str:
    """Return the page `output` of a run notebook as HTML, by templates/study.

    `failure` stands at its head, the trace `made` at its foot; `pictures` is the folder that the
    pictures of the prose are relative to.
    """
    prose = [cell for cell in notebook.cells if cell.cell_type == "markdown"]
    titles = [title for cell in prose for title in headings(cell)]
    states = [cell.metadata.page for cell in notebook.cells if cell.cell_type == "code"]
    page = {
        "title": next((text for level, text in titles if level == 1), output.stem),
        "sections": [(text, anchor(text)) for level, text in titles if level == 2],
        "home": home(output),
        "failure": failure,
        "failed_cell": next((cell.number for cell in states if cell.state == "failed"), None),
        "trace": made,
    }
    templates = {"extra_template_basedirs": [str(ROOT / "templates")], "template_name": "study"}
    exporter = HTMLExporter(
        config=Config(
            TemplateExporter=templates,
            NbConvertBase={"display_data_priority": SHOWN},
            CoalesceStreamsPreprocessor={"enabled": True},
        ),
        embed_images=True,
        filters={"safe_html": safe_html},
    )
    resources = {"page": page, "metadata": {"path": str(pictures), "name": output.stem}}
    text, _ = exporter.from_notebook_node(notebook, resources=resources)
    # A notebook may have many pages, or none here: a link to one leads to its place on the first.
    text = re.sub(r'href="[^":#]*?([\w-]+)\.ipynb"', rf'href="{home(output)}#\1"', text)
    return without_machine_paths(text)


def anchor(text: str) -> str:
    """Return the id that nbconvert gives to the heading `text`."""
    return quote(text.replace(" ", "-"), safe="?/:@!$&'()*+,;=")


def home(output: Path) -> str:
    """Return the link from the page `output` to the first page, `reports/index.html`."""
    folder, reports = output.resolve().parent, ROOT / "reports"
    way = os.path.relpath(reports, folder) if folder.is_relative_to(reports) else ""
    return Path(way, "index.html").as_posix()


def safe_html(text: str) -> str:
    """Return markup with everything beyond TAGS and ATTRIBUTES escaped or left out."""
    of_tables = r'<style (?:scoped|type="text/css")>.*?</style>'  # as pandas writes them
    text = re.sub(of_tables, "", text, flags=re.DOTALL)
    return bleach.clean(text, TAGS, ATTRIBUTES, protocols={"http", "https", "mailto", "data"})


def seen_from_root(path: Path) -> str:
    """Return `path` relative to the repository, or only its name when it lies elsewhere."""
    path = path.resolve()
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name


def without_machine_paths(text: str) -> str:
    """Return the page without this machine's folders; embedded pictures stay as they are."""
    names = {ROOT: ".", Path(sys.prefix): "python", Path.home(): "~", tempfile.gettempdir(): "tmp"}
    folders = {html.escape(str(folder)): name for folder, name in names.items()}
    parts = re.split(r"(data:image/[^\"]+)", text)
    for index in range(0, len(parts), 2):
        part = parts[index].replace(html.escape(f"{ROOT}/"), "")
        for folder in sorted(folders, key=len, reverse=True):
            if folder != "/":
                part = re.sub(rf"(?<![\w.-]){re.escape(folder)}(?![\w-])", folders[folder], part)
        parts[index] = part
    return "".join(parts)


def write(output: Path, text: str) -> None:
    """Write `text` to `output` whole or not at all."""
    with files.whole_file(output) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Make one page; return 1 when it is unfinished."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebook", type=Path)
    parser.add_argument("output", type=Path, help="the page to write, *.html")
    parser.add_argument("-p", nargs=2, metavar=("NAME", "VALUE"), action="append", default=[])
    parser.add_argument("--timeout", type=int, default=21600, help="seconds that one cell may take")
    given = parser.parse_args(arguments)
    failure = run(given.notebook, given.output, dict(given.p), given.timeout)
    if failure:
        print(f"{given.output}: {failure}", file=sys.stderr)
    return 1 if failure else 0


if __name__ == "__main__":
    with accidents.in_one_sentence():
        sys.exit(main())
