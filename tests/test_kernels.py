"""A forked kernel makes the page that a started one makes, knows of no other page, and ends."""

import os
import signal
import subprocess
import sys
import time

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from lib import ROOT, report
from lib.report import kernels

SHOWN = """
import json, os, pathlib
import pandas as pd
from matplotlib.figure import Figure
from lib import figures
figure = Figure((2, 1))
figure.subplots().plot([1, 2])
figures.show(figure, alt="a line")
seen = hasattr(json, "seen")
json.seen = True
print(seen, os.getcwd() == str(pathlib.Path(figures.__file__).parents[2]))
pd.DataFrame({"x": [1]})
"""


def notebook_of(*sources):
    notebook = new_notebook(cells=[new_code_cell(source) for source in sources])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "", "language": "python"}
    return notebook


def page_of(folder, many, *sources):
    """Return why the page of a notebook is unfinished, its text, and its outputs."""
    nbformat.write(notebook_of(*sources), folder / "sample.ipynb")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lib.report.page.EXECUTED", folder / "executed")
        page = folder / "sample.html"
        failure = report.run(folder / "sample.ipynb", page, {}, timeout=5, many=many)
    (executed,) = (folder / "executed").rglob("*.ipynb")
    cells = nbformat.read(executed, as_version=4).cells
    return (
        failure,
        page.read_text(),
        [output for cell in cells for output in cell.get("outputs", [])],
    )


def test_a_forked_kernel_makes_the_same_page_and_knows_of_no_other(tmp_path):
    started, forked, again = (page_of(tmp_path, many, SHOWN) for many in (False, True, True))
    assert started[2] == forked[2] == again[2]
    assert started[2][1]["text"].startswith("False True")
    assert not started[0] and not forked[0]
    of_duration = slice(None, started[1].index("duration"))
    assert started[1][of_duration] == forked[1][of_duration]


@pytest.mark.parametrize("many", [False, True])
def test_a_kernel_takes_no_port_that_another_may_have_found_free(tmp_path, many):
    source = "from ipykernel.kernelapp import IPKernelApp\nprint(IPKernelApp.instance().transport)"
    failure, _, (output,) = page_of(tmp_path, many, source)
    assert not failure and output["text"] == "ipc\n"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import os; os._exit(9)", "the kernel died, perhaps for lack of memory."),
        ("while True: pass", "the cell exceeded its time limit."),
        ("1 / 0", "ZeroDivisionError: division by zero"),
    ],
)
def test_a_dead_or_endless_fork_leaves_a_page_and_the_next_is_made(tmp_path, source, reason):
    failure, text, _ = page_of(tmp_path, True, source)
    assert reason in failure and reason in text
    assert not page_of(tmp_path, True, "print(1)")[0]


def test_a_fork_ends_with_the_process_that_makes_the_pages(tmp_path):
    endless = (
        f"import os\nopen({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\nwhile True: pass"
    )
    nbformat.write(notebook_of(endless), tmp_path / "sample.ipynb")
    program = (
        "from pathlib import Path; from lib import report; "
        f"report.run(Path({str(tmp_path / 'sample.ipynb')!r}), "
        f"Path({str(tmp_path / 'sample.html')!r}), {{}}, many=True)"
    )
    run = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stderr=subprocess.DEVNULL)
    wait_until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text(), 60)
    run.send_signal(signal.SIGKILL)
    run.wait()
    wait_until(lambda: not is_running(int((tmp_path / "pid").read_text())), 30)


def wait_until(condition, seconds):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "in vain"
        time.sleep(0.1)


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_what_a_notebook_imports_is_imported_first():
    notebook = notebook_of(
        "import numpy as np, os\nx = 1", "from lib import figures, prose\nimport a.b"
    )
    assert kernels.modules(notebook) == ["numpy", "os", "lib.figures", "lib.prose", "a.b"]


def test_no_notebook_of_many_pages_imports_what_a_fork_does_not_survive():
    """TensorFlow starts threads."""
    program = """
import sys, nbformat
from lib.report import kernels
for name in ("04_family", "05_fit", "07_ablation"):
    for module in kernels.modules(nbformat.read(f"notebooks/{name}.ipynb", as_version=4)):
        try:
            __import__(module)
        except ImportError:
            pass
assert not {"tensorflow", "keras", "jax"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)
