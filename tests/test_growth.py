"""What grows with the films is measured: DVC's looks, floors and memory, and where time goes."""

import subprocess
import sys
from functools import partial

import numpy as np
import pytest

from lib.benchmark import growth, study
from lib.errors import BadData

BURN = "import time\nwhile time.process_time() < {seconds}: pass"


def test_links_to_films_are_looked_at_and_a_changed_film_is_seen(tmp_path):
    growth._link_films(tmp_path, 30)
    status = partial(subprocess.run, ["dvc", "status", "--quiet"], cwd=tmp_path)
    assert status().returncode == 0, "as measured, there is nothing to do"
    (tmp_path / "films/00/7.png").write_text("another film")
    assert status().returncode == 1
    many, links = growth.nothing_to_do(30)
    assert links["subject"] == "links to 30 films"
    assert 0.1 < links["seconds"] < 60 and 0.1 < many["seconds"] < 60


def test_memory_is_that_of_the_work_alone():
    taken = np.ones(10**7)  # 80 MB, of this process
    _, little = growth.alone(partial(np.ones, 10))
    _, much = growth.alone(partial(np.ones, 4 * 10**7))
    assert 0.3 < much - little < 0.35, "320 MB"
    assert len(taken)


def test_floors_of_many_films_need_no_more_memory_than_of_a_few():
    few, many = (growth.alone(partial(growth._floors_of, films))[1] for films in (11_000, 22_000))
    of_the_array = 11_000 * growth.SIDE**2 / 1e9
    assert many - few < of_the_array + 0.1


def test_time_is_counted_for_the_part_that_took_it(tmp_path):
    fit = [sys.executable, "-c", BURN.format(seconds=2), "-m lib.fits run rsna"]
    page = [sys.executable, "-c", BURN.format(seconds=1), "-m lib.report 00"]
    other = [sys.executable, "-c", f"import subprocess\nfor c in {[fit, page]}: subprocess.run(c)"]
    of_part, workers = study.watched(other, tmp_path)
    assert 1.2 < of_part["fits"] < 2.5 and 0.4 < of_part["pages"] < 1.5
    assert of_part["fits"] > of_part["pages"] and workers == 0
    with pytest.raises(BadData, match="failed in"):
        study.watched([sys.executable, "-c", "raise SystemExit(3)"], tmp_path)


def test_a_folder_that_exists_is_not_taken_for_the_copy(tmp_path):
    with pytest.raises(BadData, match="exists already"):
        study.rows(tmp_path)
    assert not list(tmp_path.iterdir())
