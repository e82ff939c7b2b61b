"""The reason why a page is incomplete, in one sentence."""

from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbconvert.filters import strip_ansi
from nbformat import NotebookNode
from papermill.exceptions import PapermillExecutionError

from lib.report.privacy import without_film_names
from lib.report.rendering import headings

#: Kinds of output that need an alternative text.
PICTURES = {"image/png", "image/jpeg"}


def explain(error: Exception, notebook: NotebookNode) -> str:
    """Return one sentence with the failed cell and the reason."""
    if isinstance(error, PapermillExecutionError):
        is_sentence = error.ename in ("SystemExit", "FitFailed")
        reason = error.evalue if is_sentence else f"{error.ename}: {error.evalue}"
    elif isinstance(error, DeadKernelError):
        reason = "the kernel died, perhaps for lack of memory"
    elif isinstance(error, CellTimeoutError):
        reason = "the cell exceeded its time limit"
    else:
        reason = f"{type(error).__name__}: {error}"
    reason = without_film_names(" ".join(strip_ansi(reason).split())).rstrip(".")
    heading = ""
    for cell in notebook.cells:
        heading = [heading, *(text for _, text in headings(cell))][-1]
        if cell.cell_type == "code" and cell.metadata.page.state == "failed":
            location = f", under “{heading}”," if heading else ""
            return f"Cell {cell.metadata.page.number}{location} failed: {reason}."
    return f"No cell could run: {reason}."


def undescribed_picture(notebook: NotebookNode) -> str:
    """Return a sentence about the first picture without an alternative text, or ""."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            for kind in PICTURES & output.get("data", {}).keys():
                if not output.metadata.get(kind, {}).get("alt", "").strip():
                    cell.metadata.page.state = "failed"
                    problem = (
                        f"Cell {cell.metadata.page.number} shows a picture without a description"
                    )
                    return f"{problem} (alternative text); display it with figures.show."
    return ""
