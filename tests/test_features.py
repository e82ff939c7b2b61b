"""Features are those of the backbone on each film of the index, and only those that are read."""

import json
from types import SimpleNamespace

import cv2
import numpy as np
import pandas as pd
import pytest

from lib import backbones, features, files
from lib.errors import BadData
from lib.films import UnreadableFilm, read_film
from lib.fits import films
from lib.grid import Features, Fit
from lib.preprocessing import prepare, to_float

ENTRY = {"layout": "folder", "folder": "ours", "normal": ["a"], "abnormal": ["b"], "body": "limb"}
FILMS = 5


@pytest.fixture
def root(tmp_path, monkeypatch):
    """Five films with an index, for which pooled features and two weights are read."""
    generator = np.random.default_rng(0)
    folder = tmp_path / "data/ours"
    folder.mkdir(parents=True)
    for number in range(FILMS):
        cv2.imwrite(str(folder / f"{number}.png"), generator.integers(0, 256, (60, 40), np.uint8))
    (tmp_path / "params").mkdir()
    (tmp_path / "params/datasets.yaml").write_text(json.dumps({"datasets": {"ours": ENTRY}}))
    paths = [f"ours/{number}.png" for number in (3, 1, 4, 0, 2)]
    table = pd.DataFrame({"image_id": paths, "path": paths})
    monkeypatch.setattr(features, "load_index", lambda _: table)
    monkeypatch.setattr(features, "FILMS_AT_ONCE", 2)
    monkeypatch.setattr(features.processes, "most_workers", lambda: 1)
    read = {Features("pooled", 64, "imagenet"), Features("coarse", 64, "random", 3)}
    fits = [SimpleNamespace(features=one) for one in (*read, None)]
    monkeypatch.setattr(features.ablations, "every_fit", lambda _: fits)
    return tmp_path


def arrays_of(root):
    folder = root / "build/features/ours"
    return {str(path.relative_to(folder)): np.load(path) for path in folder.rglob("*.npy")}


def test_rows_follow_the_index(root):
    features.write_features("ours", root)
    arrays = arrays_of(root)
    described = {"64px-imagenet/pooled": ("imagenet", 0), "64px-random-3/coarse": ("random", 3)}
    assert set(arrays) == {"64px/films.npy", *(f"{name}.npy" for name in described)}
    settings = features.arrays.settings("ours", {"size": 64}, ENTRY)
    expected = np.stack(
        [prepare(read_film(root / f"data/ours/{n}.png"), **settings).image for n in (3, 1, 4, 0, 2)]
    )
    np.testing.assert_array_equal(arrays["64px/films.npy"], expected)
    for name, network in described.items():
        values = backbones.describer(tuple(backbones.KINDS), 64, *network).predict_on_batch(
            to_float(expected)
        )
        array = arrays[f"{name}.npy"]
        assert array.dtype == np.float16
        np.testing.assert_allclose(array, values[name.split("/")[1]], rtol=2e-3, atol=2e-3)


def test_without_readers_there_is_an_empty_folder(root, monkeypatch):
    monkeypatch.setattr(features.ablations, "every_fit", lambda _: [])
    features.write_features("ours", root)
    assert (root / "build/features/ours").is_dir() and not arrays_of(root)


def test_a_damaged_film_is_named_and_nothing_half_done_is_left(root):
    (root / "data/ours/4.png").write_bytes(b"no film")
    with pytest.raises(UnreadableFilm, match=r"4\.png"):
        features.write_features("ours", root)
    assert not arrays_of(root)


def test_a_fit_reads_what_its_entry_asks_for(monkeypatch, tmp_path):
    """Of pre-trained weights the same for every seed, of random ones those of its seed."""
    assert Fit("rsna", "padim", seed=2).features == Features("coarse", 224, "imagenet")
    of_random = Fit("rsna", "padim", "random weights", seed=2).features
    assert of_random == Features("coarse", 224, "random", 2) and of_random.folder == "random-2"
    assert Fit("rsna", "feature_distance_448").features.folder == "448px-imagenet"
    assert Fit("rsna", "lesion_head").features == Features("films")
    assert Fit("rsna", "vae").features is None
    monkeypatch.setattr(files, "BUILD", tmp_path)
    with pytest.raises(BadData, match=r"coarse\.npy is missing: .*`python -m lib\.features rsna`"):
        films.hash_of_films(Fit("rsna", "padim"))
