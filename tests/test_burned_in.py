"""A name that is burned into a film can be read before, and not after."""

import subprocess
import sys

import numpy as np
import pytest
from burned import burned, film, is_legible
from PIL import Image

from lib import ROOT, burned_in
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


def test_phantoms_show_no_text(tmp_path):
    draw(tmp_path / "phantoms", films=6, workers=1)
    paths = [path for path in tmp_path.rglob("*.*g") if "masks" not in path.parts]
    assert len(paths) >= 10
    assert [path for path in paths if len(burned_in.text_boxes(read_film(path)))] == []


def test_the_share_of_films_with_text_is_that_of_a_sample_over_all(tmp_path):
    paths = [tmp_path / f"{number:02}.png" for number in range(20)]
    for number, path in enumerate(paths):
        grey = film(200, number)
        Image.fromarray(grey if number < 10 else burned(grey, share=0.05)).save(path)
    assert burned_in.share_with_text(paths, most=6) == (3, 6)
    paths[0].write_bytes(b"no film")
    assert burned_in.share_with_text(paths[:1] + paths[-1:]) == (1, 1)
    assert burned_in.share_with_text([]) == (0, 0)


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
