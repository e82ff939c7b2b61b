"""A name that is burned into a film can be read before, and not after."""

import subprocess
import sys

import numpy as np
import pytest
from burned import burned, film, is_legible
from PIL import Image

from lib import ROOT, burned_in
from lib.datasets.index import build_index
from lib.films import read_film
from lib.phantoms import draw


@pytest.mark.parametrize(
    ("side", "share", "ink"), [(1200, 0.02, 255), (600, 0.06, 0), (256, 0.04, 255)]
)
def test_a_burned_in_name_is_legible_before_and_not_after(side, share, ink):
    named = burned(film(side), share=share, ink=ink)
    assert is_legible(named)
    shown = burned_in.without_text(named)
    assert not is_legible(shown)
    assert shown.shape == named.shape and shown.dtype == named.dtype
    assert np.mean(shown != named) < 0.1, "the rest of the film stays as it is"


@pytest.mark.parametrize("turn", [1, 2, 3])
def test_text_is_found_on_turned_and_inverted_films_of_any_depth(turn):
    named = np.rot90(burned(film()), turn)
    for grey in (named, 255 - named, named.astype(np.uint16) * 16, named / np.float32(127.5) - 1):
        (box,) = burned_in.text_boxes(grey)
        across, down = box[2] - box[0], box[3] - box[1]
        assert (across > down) == (turn == 2)


def test_a_plain_film_and_a_marker_of_one_letter_stay_as_they_are():
    for grey in (film(), burned(film(), "L"), np.zeros((16, 16), np.uint8), film(64)):
        assert burned_in.text_boxes(grey).shape == (0, 4)
        np.testing.assert_array_equal(burned_in.without_text(grey), grey)


@pytest.mark.parametrize("initials", ["MIA", "JON", "A.B.", "WSK"])
def test_three_initials_are_text(initials):
    for share in (0.02, 0.05):
        assert len(burned_in.text_boxes(burned(film(1200), initials, share=share))) == 1


def test_phantoms_show_no_text(tmp_path):
    draw(tmp_path / "phantoms", films=6, workers=1)
    paths = [path for path in tmp_path.rglob("*.*g") if "masks" not in path.parts]
    assert len(paths) >= 10
    assert [path for path in paths if len(burned_in.text_boxes(read_film(path)))] == []


def test_a_sample_is_spread_over_all_films():
    assert np.flatnonzero(burned_in.sample(20, most=6)).tolist() == [0, 3, 7, 11, 15, 19]
    assert burned_in.sample(3).tolist() == [True] * 3 and burned_in.sample(0).size == 0


def test_the_protocol_counts_films_with_text_among_those_looked_at(tmp_path, monkeypatch):
    for number in range(24):
        grey = film(200, number)
        path = tmp_path / "ours" / ("healthy", "broken")[number % 2] / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(grey if number < 12 else burned(grey, share=0.05)).save(path)
    path.write_bytes(b"no film")  # the last of the listing, and thus of the sample
    sample = burned_in.sample
    monkeypatch.setattr(burned_in, "sample", lambda films: sample(films, most=7))
    entry = {"layout": "folder", "folder": "ours", "normal": "healthy", "abnormal": "broken"}
    tables = build_index("ours", entry | {"body": "limb"}, tmp_path, "salt", look_for_text=True)
    counts = tables["protocol"].set_index("step")["count"]
    assert (counts[burned_in.LOOKED_AT], counts[burned_in.SHOWN]) == (6, 3)
    tables = build_index("ours", entry | {"body": "limb"}, tmp_path, "salt")
    assert burned_in.LOOKED_AT not in set(tables["protocol"]["step"])


def test_a_hidden_box_has_one_grey_level():
    grey = np.arange(48, dtype=np.uint8).reshape(6, 8)
    shown = burned_in.hidden(grey, [(1, 2, 5, 4)])
    assert len(np.unique(shown[2:4, 1:5])) == 1
    changed = shown != grey
    assert not changed[[0, 1, 4, 5]].any() and not changed[:, [0, 5, 6, 7]].any()


def test_the_detector_is_loaded_only_where_it_is_asked():
    code = "import sys, lib.burned_in; print({'rapidocr', 'onnxruntime'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert run.stdout.strip() == "set()", run.stderr
