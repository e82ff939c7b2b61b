"""The first fit runs from nothing: its films, its notebook, and the lines of the README."""

import re
import subprocess
import sys

import numpy as np
import pytest
from bs4 import BeautifulSoup

from lib import ROOT, report
from lib.preprocessing.phantoms import chests


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Return the page of the notebook with few films and epochs."""
    folder = tmp_path_factory.mktemp("first_fit")
    tiny = {"films": "24", "epochs": "2", "batch_size": "2"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lib.report.page.EXECUTED", folder)
        failure = report.run(ROOT / "notebooks/03_first_fit.ipynb", folder / "page.html", tiny)
    assert not failure
    return BeautifulSoup((folder / "page.html").read_text(), "html.parser")


def test_films_of_a_pair_are_on_one_side_and_lesions_are_those_of_abnormal_films():
    train, test = chests(12, size=32, seed=1)
    assert train.x.shape == (8, 32, 32, 1) and test.x.shape == (4, 32, 32, 1)
    assert train.x.dtype == np.float32 and train.x.min() == -1 and train.x.max() == 1
    for films in (train, test):
        assert np.array_equal(films.lesions.any(axis=(1, 2)), films.y == 1)
        assert (films.y.reshape(-1, 2).sum(axis=1) < 2).all(), "one of a pair at most is abnormal"
    again, _ = chests(12, size=32, seed=1)
    assert np.array_equal(again.x, train.x)
    other, _ = chests(12, size=32, seed=2)
    assert not np.array_equal(other.x, train.x)


def test_the_page_measures_both_detectors_and_the_floor(page):
    rows = [
        [cell.text for cell in row(["th", "td"])] for row in page.find(class_="dataframe")("tr")
    ]
    table = {row[0]: [float(number) for number in row[1:]] for row in rows if row[0]}
    assert set(table) == {"VAE", "Mirror", "floor: mean grey"}
    for value, low, high in table.values():
        assert 0 <= low <= value <= high <= 1
    assert "the same." in page.text, "weights on disk give the same scores"


def test_the_figures_of_the_page_are_described(page):
    described = [image["alt"] for image in page("img")]
    assert len(described) == 5 and all(described)
    assert sum("each with its map in red" in text for text in described) == 2


def test_the_lines_of_the_readme_run(tmp_path):
    readme = (ROOT / "README.md").read_text()
    (lines,) = re.findall(r"^```python\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    assert len([line for line in lines.splitlines() if line.strip()]) == 8
    short = lines.replace("chests(300)", "chests(24)")
    short = short.replace("epochs=5, batch_size=8", "epochs=2, batch_size=2")
    assert "24" in short and "epochs=2" in short
    (tmp_path / "first.py").write_text(short)
    run = subprocess.run(
        [sys.executable, str(tmp_path / "first.py")], cwd=ROOT, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr[-2000:]
    assert 0 <= float(run.stdout.split()[-1]) <= 1
