"""Running of a notebook with papermill, and numbers and states of its cells."""

from pathlib import Path

import nbformat
import papermill
from nbconvert.preprocessors import ClearOutputPreprocessor
from nbformat import NotebookNode
from papermill.engines import NBClientEngine, papermill_engines
from traitlets.config import Config

from lib import ROOT
from lib.report import kernels

SAVED_AT_END = "saved at the end"


class SavedAtEnd(NBClientEngine):
    """Papermill's engine, which writes a notebook once, not before and after each cell.

    A page of 50 cells takes half of its time for that otherwise. Also after an error papermill
    writes the notebook, with the states of its cells.
    """

    @classmethod
    def execute_managed_notebook(cls, nb_man, kernel_name, **options):
        executed, nb_man.output_path = nb_man.output_path, None
        try:
            return super().execute_managed_notebook(nb_man, kernel_name, **options)
        finally:
            nb_man.output_path = executed


papermill_engines.register(SAVED_AT_END, SavedAtEnd)


def execute(
    notebook: Path, executed: Path, values: dict, timeout: int, many: bool
) -> Exception | None:
    """Run `notebook` into `executed` under a progress bar; return its error, if any."""
    executed.parent.mkdir(parents=True, exist_ok=True)
    # Something to render even if nothing runs, without output of an earlier run.
    empty, _ = ClearOutputPreprocessor().preprocess(nbformat.read(notebook, as_version=4), {})
    nbformat.write(empty, executed)
    if many:
        kernels.import_first(empty)
    try:
        papermill.execute_notebook(
            notebook,
            executed,
            values,
            engine_name=SAVED_AT_END,
            kernel_name="python3",
            language="python",
            cwd=ROOT,
            start_timeout=300,
            execution_timeout=timeout,
            kernel_manager_class=kernels.ForkedKernel if many else kernels.OwnKernel,
            config=Config(KernelManager={"transport_encryption": "auto"}),
        )
    except Exception as error:  # any error is reported on the page
        return error
    return None


def number_cells(notebook: NotebookNode, stopped: bool) -> None:
    """Drop empty cells and papermill's banners; give each code cell its number and state.

    The state, "ran", "failed" or "not run", follows from the start times of cells: papermill's own
    states mark the cells after a kernel's death as completed.
    """
    notebook.cells = [
        cell
        for cell in notebook.cells
        if cell.source.strip() and "papermill-error-cell-tag" not in cell.metadata.get("tags", [])
    ]
    last = None
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for number, cell in enumerate(code, start=1):
        start_time = cell.metadata.get("papermill", {}).get("start_time")
        cell.metadata.page = NotebookNode(number=number, state="ran" if start_time else "not run")
        last = cell if start_time else last
    if stopped and last:
        last.metadata.page.state = "failed"
