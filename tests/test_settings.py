"""A person's own settings of Keras, matplotlib, IPython and Jupyter do not reach the study."""

import json
import os
import subprocess
import sys

import nbformat
import pytest

from lib import ROOT

RC = "axes.facecolor: black\ntext.usetex: True\n"


@pytest.fixture
def hostile(tmp_path):
    """Return an environment in which everything that can be set is set otherwise."""
    home, jupyter = tmp_path / "home", tmp_path / "jupyter"
    keras = {"floatx": "float16", "backend": "torch", "image_data_format": "channels_first"}
    kernel = {
        "argv": ["/bin/false", "{connection_file}"],
        "display_name": "x",
        "language": "python",
    }
    files = {
        home / ".keras/keras.json": json.dumps(keras),
        home / ".config/matplotlib/matplotlibrc": RC,
        home / ".matplotlib/matplotlibrc": RC,
        home / ".ipython/profile_default/startup/00.py": "STARTED = 'ipython'",
        home / ".local/share/jupyter/kernels/python3/kernel.json": json.dumps(kernel),
        jupyter / "kernels/python3/kernel.json": json.dumps(kernel),
        tmp_path / "startup.py": "STARTED = 'python'",
        tmp_path / "matplotlibrc": RC,  # where Python is started
    }
    for file, text in files.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return os.environ | {
        "HOME": str(home),
        "JUPYTER_PATH": str(jupyter),
        "MATPLOTLIBRC": str(tmp_path / "matplotlibrc"),
        "PYTHONSTARTUP": str(tmp_path / "startup.py"),
        "MPLBACKEND": "tkagg",
        "KERAS_HOME": str(home / ".keras"),
        "KERAS_MAX_EPOCHS": "1",
        "PYTHONPATH": str(ROOT),
    }


def output_of(code: str, environment: dict, folder) -> str:
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_keras_trains_as_on_a_machine_without_settings(hostile, tmp_path):
    code = """
import lib, keras
print(keras.config.floatx(), keras.config.backend(), keras.config.image_data_format())
print(keras.config.max_epochs())
"""
    assert output_of(code, hostile, tmp_path).split() == [
        "float32",
        "tensorflow",
        "channels_last",
        "None",
    ]


def test_figures_are_drawn_as_on_a_machine_without_settings(hostile, tmp_path):
    code = """
from lib.figures import style
import hashlib

@style.styled
def draw():
    figure, (axes,) = style.panels(1)
    axes.plot([1, 2])
    return figure

print(hashlib.sha256(style.encode(draw())[1]).hexdigest())
"""
    plain = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    plain |= {"HOME": str(tmp_path / "empty"), "PYTHONPATH": str(ROOT)}
    assert output_of(code, hostile, tmp_path) == output_of(code, plain, ROOT)


def test_a_page_runs_in_this_python_and_starts_with_nothing(hostile, tmp_path):
    cells = [
        ("code", "seed = 0", ["parameters"]),
        ("code", "import sys\nprint(sys.executable, 'STARTED' in globals())", []),
    ]
    notebook = nbformat.v4.new_notebook(
        metadata={"kernelspec": {"name": "python3", "display_name": "", "language": "python"}},
        cells=[nbformat.v4.new_code_cell(text, metadata={"tags": tags}) for _, text, tags in cells],
    )
    nbformat.write(notebook, tmp_path / "page.ipynb")
    command = [sys.executable, "-m", "lib.report", "page.ipynb", "page.html"]
    run = subprocess.run(command, cwd=tmp_path, env=hostile, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    executed = nbformat.read(ROOT / "build/notebooks/page.ipynb", as_version=4)
    assert executed.cells[-1].outputs[0].text.split() == [sys.executable, "False"]
