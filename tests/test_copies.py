"""The same film under two names: in one class, in both, next to the test list, saved again."""

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter
from test_datasets import (
    NIH,
    OURS,
    counts,
    index_of,
    nih_rows,
    write_nih,
    write_ours,
    write_parts,
)

from lib.datasets.copies import hashes, near_groups
from lib.errors import BadData

ALONE = {key: value for key, value in OURS.items() if key != "patient"}


def film(seed, height=200, width=160):
    """Anatomy that all films share, with noise of its own."""
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    body = 140 * np.exp(-((x / 0.6) ** 4) - y**4) - 60 * np.exp(-(((abs(x) - 0.4) / 0.2) ** 2))
    noise = np.random.default_rng(seed).normal(0, 1, (height, width))
    grey = 40 + body + 6 * gaussian_filter(noise, 2) * 5 + 4 * noise
    return np.clip(grey, 0, 255).astype(np.uint8)


def saved_again(grey, quality, scale):
    small = Image.fromarray(grey).resize([round(side * scale) for side in grey.shape[::-1]])
    small.save(file := io.BytesIO(), "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def groups(films):
    return near_groups(pd.Series([hashes(grey)["appearance"] for grey in films])).tolist()


@pytest.mark.parametrize(("quality", "scale"), [(95, 1), (75, 1), (60, 1), (75, 0.5)])
def test_a_film_saved_again_is_found(quality, scale):
    films = [film(seed) for seed in range(6)]
    again = [saved_again(grey, quality, scale) for grey in films]
    assert groups([*films, *again])[6:] == groups([*films, *again])[:6]
    assert len(set(groups([*films, *again]))) == 6


def test_films_that_share_anatomy_and_a_frame_are_no_copies():
    films = [np.pad(film(seed), 60, constant_values=255) for seed in range(20)]
    assert len(set(groups(films))) == 20


def test_films_that_agree_at_512_pixels_are_one_film():
    grey = film(0, 1400, 1100)
    hidden, seen = grey.copy(), grey.copy()
    hidden[700, 550] += 1  # a seventh of a grey level at that size
    seen[696:704, 546:554] += 8
    of = [hashes(one)["pixels"] for one in (grey, hidden, seen, grey.astype(np.uint16))]
    assert of[0] == of[1] and len({*of}) == 3


def test_copies_are_one_patients_and_of_one_split(tmp_path):
    write_ours(tmp_path, range(30))
    for patient in range(0, 30, 2):
        original = (tmp_path / f"ours/healthy/ada{patient}_1.png").read_bytes()
        (tmp_path / f"ours/healthy/copy of {patient}.png").write_bytes(original)
    tables = index_of(tmp_path, ALONE)
    index = tables[""]
    assert len(index) == 75 and index["patient_id"].nunique() == 60
    assert index.groupby("patient_id")["split"].nunique().max() == 1
    assert counts(tables)["the same film, or nearly, as another: one patient's"] == 30


def test_a_copy_of_a_test_film_leaves_training(tmp_path):
    write_parts(tmp_path, train=range(10), test=range(10, 16))
    tested = (tmp_path / "ours/test/healthy/p10_1.png").read_bytes()
    (tmp_path / "ours/train/healthy/p99_1.png").write_bytes(tested)
    entry = OURS | {"normal": "*/healthy", "abnormal": "*/broken", "test": "test"}
    tables = index_of(tmp_path, entry)
    assert not tables[""]["path"].str.contains("p99").any() and len(tables[""]) == 32
    assert counts(tables)["left out: the same film, or nearly, as one of the test list"] == 1


def test_a_film_of_both_classes_is_an_error_that_names_both(tmp_path):
    write_ours(tmp_path)
    original = (tmp_path / "ours/healthy/ada4_1.png").read_bytes()
    (tmp_path / "ours/broken/x.png").write_bytes(original)
    sentence = r"ours/broken/x.png and ours/healthy/ada4_1.png of films are the same film"
    with pytest.raises(BadData, match=sentence):
        index_of(tmp_path, ALONE)


def test_a_film_saved_again_in_the_other_class_is_named_and_counted(tmp_path):
    for number in range(24):
        path = tmp_path / f"ours/{('healthy', 'broken')[number % 2]}/{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(film(number)).save(path)
    Image.fromarray(saved_again(film(4), 75, 1)).save(tmp_path / "ours/broken/again.png")
    with pytest.warns(UserWarning, match=r"2 films are in both .* ours/broken/again.png and ours"):
        tables = index_of(tmp_path, ALONE)
    assert counts(tables)["in both classes in nearly the same form"] == 2


def test_a_film_without_a_label_may_be_a_copy_of_a_test_film(tmp_path):
    write_parts(tmp_path, train=range(10), test=range(10, 16))
    (tmp_path / "ours/new").mkdir()
    tested = (tmp_path / "ours/test/healthy/p10_1.png").read_bytes()
    (tmp_path / "ours/new/q.png").write_bytes(tested)
    entry = OURS | {"normal": "*/healthy", "abnormal": "*/broken", "test": "test"}
    index = index_of(tmp_path, entry | {"unlabelled": "new"})[""]
    assert index["split"].eq("unlabelled").sum() == 1 and len(index) == 33


def test_an_owners_film_with_two_labels_is_left_out_and_counted(tmp_path):
    write_nih(tmp_path, rows=nih_rows())
    normal = (tmp_path / "nih/images/00000003_000.png").read_bytes()
    (tmp_path / "nih/images/00000007_001.png").write_bytes(normal)
    tables = index_of(tmp_path, NIH)
    assert len(tables[""]) == 22
    assert counts(tables)["left out: the same film in both classes"] == 2
