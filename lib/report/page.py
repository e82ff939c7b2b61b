"""Make the page of a notebook: run it, hide what no page may show, and render it."""

import time
from pathlib import Path

import nbformat

from lib import ROOT, files, provenance
from lib.report.failures import explain, undescribed_picture
from lib.report.parameters import known_parameters, typed
from lib.report.privacy import hide_film_names, seen_from_root, without_machine_paths
from lib.report.rendering import render
from lib.report.running import execute, number_cells

#: Where executed notebooks stay.
EXECUTED = ROOT / "build" / "notebooks"


def run(
    notebook: Path,
    output: Path,
    parameters: dict[str, str],
    timeout: int = 21600,
    many: bool = False,
) -> str:
    """Run `notebook` and write the page `output`; return why the page is unfinished, or "".

    A page that says why its fit failed (lib.fits.store.FitFailed) is finished.

    `parameters` holds text, as from a command line; `timeout` is the longest time for one cell, in
    seconds; the kernels of `many` pages that one process makes are forked (lib.report.kernels). The
    executed notebook stays in `build/notebooks/`. Raises SystemExit with one sentence, before
    anything runs, when the notebook cannot be read or does not know a parameter.
    """
    defaults = known_parameters(notebook)
    values = typed(parameters, defaults, notebook)
    all_values = defaults | {name: repr(value) for name, value in values.items()}
    trace = {
        "notebook": seen_from_root(notebook),
        "parameters": ", ".join(f"{name} = {value}" for name, value in all_values.items())
        or "none",
        **provenance.trace(),
    }
    place = Path(seen_from_root(output)).with_suffix(".ipynb")
    executed = EXECUTED / Path(*place.parts[1:] or place.parts)  # as below reports/
    started = time.monotonic()
    error = execute(notebook, executed, values, timeout, many)
    trace["duration"] = f"{time.monotonic() - started:.0f} s"
    result = nbformat.read(executed, as_version=4)
    number_cells(result, stopped=error is not None)
    hide_film_names(result)
    failure = explain(error, result) if error else undescribed_picture(result)
    text = render(result, output, failure=failure, made=trace, pictures=notebook.parent)
    with files.whole_file(output) as unfinished:
        unfinished.write_text(without_machine_paths(text), encoding="utf-8")
    return "" if getattr(error, "ename", "") == "FitFailed" else failure
