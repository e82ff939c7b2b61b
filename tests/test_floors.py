"""Floors find what they should, and learn from training films only."""

import runpy

import numpy as np
import pandas as pd
import pytest

from lib import floors, metrics
from lib.errors import BadData
from lib.floors import shortcuts, write_floors

FILMS = 600


@pytest.fixture
def dataset():
    """Return an index and films of noise, in which nothing tells normal from abnormal."""
    rng = np.random.default_rng(0)
    index = pd.DataFrame(
        {
            "image_id": [f"{film:04}" for film in range(FILMS)],
            "path": "film.png",
            "dataset": "noise",
            "patient_id": [f"p{film // 2}" for film in range(FILMS)],
            "study_id": [f"s{film}" for film in range(FILMS)],
            "body_part": rng.choice(["hand", "wrist"], FILMS),
            "view": rng.choice(["PA", "AP", ""], FILMS),
            "sex": "",
            "age": np.nan,
            "finding": "",
            "label": rng.integers(0, 2, FILMS),
            "split": rng.choice(["train", "validation", "test"], FILMS, p=[0.6, 0.1, 0.3]),
            "width": rng.integers(400, 600, FILMS),
            "height": 500,
        }
    )
    return index, rng.integers(0, 200, (FILMS, 16, 16)).astype(np.uint8)


@pytest.fixture
def floors_of(tmp_path):
    """Write a data set to disk and return its floors and their test AUROCs."""

    def run(index, films):
        for folder in ("index", "images"):
            (tmp_path / folder).mkdir(exist_ok=True)
        index.to_csv(tmp_path / "index/noise.csv", index=False)
        np.save(tmp_path / "images/noise.npy", films)
        write_floors("noise", build=tmp_path)
        floors = pd.read_csv(tmp_path / "floors/noise.csv", dtype={"image_id": str})
        test = index[index["split"].eq("test")].merge(floors, on="image_id")
        names = floors.columns.drop("image_id")
        return floors, {name: float(metrics.auroc(test["label"], test[name])) for name in names}

    return run


def test_noise_scores_at_chance(dataset, floors_of):
    index, _ = dataset
    floors, aurocs = floors_of(*dataset)
    assert set(floors["image_id"]) == set(index.loc[index["split"].ne("train"), "image_id"])
    assert len(aurocs) == 11
    assert all(0.35 < value < 0.65 for value in aurocs.values()), aurocs


def test_unknown_and_constant_facts_are_left_out(dataset, floors_of):
    _, aurocs = floors_of(*dataset)
    assert {"shortcut_view", "shortcut_body_part", "shortcut_film_size"} <= set(aurocs)
    assert not {"shortcut_sex", "shortcut_age"} & set(aurocs)
    dataset[0]["width"] = 500
    assert not {"shortcut_aspect_ratio", "shortcut_film_size"} & set(floors_of(*dataset)[1])


@pytest.mark.parametrize("brighter", [20, -20])
def test_brightness_is_found_on_either_side(dataset, floors_of, brighter):
    index, films = dataset
    films = films.astype(int) + 25 + brighter * index["label"].to_numpy()[:, None, None]
    _, aurocs = floors_of(index, films.astype(np.uint8))
    assert aurocs["mean_grey"] > 0.95
    assert aurocs["shortcut_mean_grey"] > 0.95
    assert aurocs["shortcut_view"] < 0.65


def test_pixel_detectors_find_a_bright_square(dataset, floors_of):
    index, films = dataset
    films = films // 8
    films[index["label"].eq(1), 2:14, 2:14] = 120
    _, aurocs = floors_of(index, films)
    detectors = ("pca_reconstruction", "knn", "isolation_forest")
    assert min(aurocs[name] for name in detectors) > 0.9


def test_films_are_scored_alike_however_many_at_once(dataset, monkeypatch):
    index, films = dataset
    rows = [np.flatnonzero(index["split"].eq(split)) for split in ("train", "test")]
    whole = floors.pixel_detectors(films, *rows)
    monkeypatch.setattr(floors, "TOGETHER", 7)
    assert len(rows[1]) > 14
    pd.testing.assert_frame_equal(floors.pixel_detectors(films, *rows), whole, rtol=1e-5)


def test_a_view_that_gives_the_label_away_is_found(dataset, floors_of):
    index, films = dataset
    index["view"] = np.where(index["label"].eq(1), "AP", "PA")
    _, aurocs = floors_of(index, films)
    assert aurocs["shortcut_view"] == 1


def test_without_abnormal_training_films_there_are_detectors_and_no_shortcuts(dataset, floors_of):
    index, films = dataset
    index = index[index["split"].ne("train") | index["label"].eq(0)]
    _, aurocs = floors_of(index, films[index.index])
    assert {"mean_grey", "knn"} <= set(aurocs)
    assert not any(name.startswith("shortcut_") for name in aurocs)


def test_labels_of_scored_films_change_nothing(dataset, floors_of):
    index, films = dataset
    before, _ = floors_of(index, films)
    index.loc[index["split"].ne("train"), "label"] = 1 - index["label"]
    after, _ = floors_of(index, films)
    pd.testing.assert_frame_equal(before, after)


def test_detectors_never_see_abnormal_training_films(dataset, floors_of):
    index, films = dataset
    before, _ = floors_of(index, films)
    films[index["split"].eq("train") & index["label"].eq(1)] = 255
    after, _ = floors_of(index, films)
    simple = [name for name in before if not name.startswith("shortcut_")]
    pd.testing.assert_frame_equal(before[simple], after[simple])


def test_shortcut_of_words_by_hand():
    facts = pd.DataFrame({"view": ["AP", "AP", "PA", "PA", "AP", "LL"]})
    label = pd.Series([1.0, 1.0, 0.0, 1.0, np.nan, 0.0])
    average = 3 / 5  # AP 2 of 2, PA 1 of 2, LL 0 of 1, each with one more film of `average`
    expected = [(2 + average) / 3] * 2 + [(1 + average) / 3] * 2
    expected += [(2 + average) / 3, average / 2]
    assert shortcuts(facts, label)["shortcut_view"].tolist() == pytest.approx(expected)


def test_an_age_that_few_state_is_still_learnt():
    age = pd.Series([np.nan, 80, 81, 82, 20, 21, 22, np.nan] * 5)
    label = pd.Series([0.0, 1, 1, 1, 0, 0, 0, 1] * 5)
    learnt = shortcuts(pd.DataFrame({"age": age}), label)["shortcut_age"]
    assert learnt[1] == 1 and learnt[4] == 0


def test_films_that_do_not_fit_the_index_are_refused(dataset, floors_of):
    index, films = dataset
    with pytest.raises(BadData, match="has 599 films and the index 600: run"):
        floors_of(index, films[1:])


@pytest.mark.filterwarnings("ignore:.*found in sys.modules")
def test_a_missing_data_set_is_one_sentence(monkeypatch):
    monkeypatch.setattr("sys.argv", ["floors", "no_such_set"])
    with pytest.raises(SystemExit, match=r"no_such_set\.csv is missing: create it"):
        runpy.run_module("lib.floors", run_name="__main__")


def test_normals_alone_and_films_without_a_label_have_floors(dataset, tmp_path):
    index, films = dataset
    new = index["split"].eq("test") & (index.index % 2 == 0)
    index = index.assign(
        label=pd.Series(0.0, index.index).mask(new), split=index["split"].mask(new, "unlabelled")
    )
    for folder in ("index", "images"):
        (tmp_path / folder).mkdir()
    index.to_csv(tmp_path / "index/noise.csv", index=False)
    np.save(tmp_path / "images/noise.npy", films)
    floors = write_floors("noise", build=tmp_path)
    assert set(floors["image_id"]) == set(index.loc[index["split"].ne("train"), "image_id"])
    assert not floors.isna().any(axis=None)
    assert not floors.columns.str.startswith("shortcut_").any(), "no label, so nothing to learn"
