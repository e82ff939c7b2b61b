"""What a cell may see of the films, what it keeps, and what stops it."""

import errno
import json
import re
from typing import ClassVar

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from keras import layers, ops

from lib import cells, grid, study
from lib.datasets.entries import BadData
from lib.datasets.table import COLUMNS
from lib.detector import Detector


def index(number=600):
    """Films of three splits in turn; every second one abnormal."""
    row = np.arange(number)
    splits = np.array(["train", "validation", "test"])[row % 3]
    image_id = [f"film{n}" for n in row]
    return pd.DataFrame({"image_id": image_id, "split": splits, "label": (row // 3) % 2.0})


def test_without_labels_training_watches_normal_validation_films_only():
    films = index()
    watched = study._validation_set(films, "none")
    chosen = films.iloc[watched["row"]]
    assert set(chosen["split"]) == {"validation"} and set(chosen["label"]) == {0}
    assert watched["y"].isna().all()


def test_with_labels_training_watches_all_validation_films():
    films = index()
    watched = study._validation_set(films, "all")
    assert watched["y"].tolist() == films.loc[films["split"].eq("validation"), "label"].tolist()


@pytest.mark.parametrize(
    ("dataset", "method", "sentence"),
    [
        ("nowhere", "resnet", "nowhere.csv is missing"),
        ("rsna", "unheard_of", "no entry unheard_of"),
    ],
)
def test_what_is_no_fault_of_a_method_stops_the_cell_and_leaves_nothing(dataset, method, sentence):
    cell = grid.Cell("svdd", dataset, method, 0)
    with pytest.raises(BadData, match=sentence):
        study.run(cell)
    assert not cell.folder.exists()


class DrawingToy(Detector):
    """Redraws a film as its mean grey; draws, shows its way and tries other settings."""

    players: ClassVar = {"loss": ("network",)}
    scores: ClassVar = ("mean", "top")

    def __init__(self, **common):
        super().__init__(**{"batch_size": 16, **common})
        film = keras.Input((self.image_size, self.image_size, 1))
        self.network = keras.Model(film, layers.Conv2D(1, 1)(film))

    def compute_losses(self, x, y=None, training=False):
        return {"loss": ops.mean(ops.square(x - self.network(x)))}

    def reconstruction(self, x):
        return self.network(x)

    def examine(self, x):
        pixels = ops.square(x - self.network(x))[..., 0]
        means = {"mean": ops.mean(pixels, axis=(1, 2)), "top": ops.mean(pixels**2, axis=(1, 2))}
        return {"map": pixels, **means}

    def samples(self, x):
        return self.network(x)

    def chain(self, x):
        return ops.stack([x, self.network(x)])

    def sweep(self, x):
        score = self.anomaly_score(x)
        return [({"calls": calls}, calls * score) for calls in (1, 5)]


def leave_toy_films(root):
    """The index, annotations and pictures of the data set `toy` below root/build."""
    films = index(120)
    films = films.assign(path="a.png", dataset="toy", patient_id=films["image_id"])
    films = films.assign(study_id=films["image_id"], body_part="hand", view="", sex="", age=np.nan)
    films = films.assign(finding="", width=16, height=16)[COLUMNS]
    for folder in ("index", "images"):
        (root / "build" / folder).mkdir(parents=True)
    films.to_csv(root / "build/index/toy.csv", index=False)
    films[["image_id"]][:9].to_csv(root / "build/index/toy.annotations.csv", index=False)
    pictures = np.random.default_rng(0).integers(0, 256, (120, 16, 16), np.uint8)
    for name in ("toy", "toy.lesions"):
        np.save(root / f"build/images/{name}.npy", pictures)


@pytest.fixture
def toy_study(tmp_path, monkeypatch):
    """A cell of toy films in a folder of its own, whose method is the one above."""
    leave_toy_films(tmp_path)
    for module in (study, cells, grid):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(grid, "cell", lambda *name: grid.Cell("reconstruction", *name))
    monkeypatch.setattr("lib.methods.find", lambda name: DrawingToy)
    return grid.Cell("reconstruction", "toy", "drawing", 0)


def test_a_cell_keeps_what_a_page_shows(toy_study):
    study.run(toy_study, {"epochs": 2, "score": "top"})
    cell = cells.load("toy", "drawing", 0)
    assert cell.info["score"] == "top" and cell.info["parameters"] == {"epochs": 2, "score": "top"}
    assert (cell.scores["score"] == cell.scores["top"]).all()
    assert set(cell.scores["split"]) == {"validation", "test"}
    assert cell.pictures["samples"].shape == (2, 6, 16, 16)
    assert cell.pictures["chain"].shape == (2, 4, 16, 16)
    assert cell.maps["map"].shape == cell.maps["reconstruction"].shape
    swept = cell.sweep.merge(cell.scores[["image_id", "score", "split"]], on="image_id")
    assert set(swept["split"]) == {"test"} and set(swept["calls"]) == {1, 5}
    np.testing.assert_allclose(swept["score_x"], swept["calls"] * swept["score_y"], rtol=1e-4)
    assert cells.examples(cell).titles[0].startswith("normal: ")
    near_and_far = cells.near_and_far(cell)
    test = cell.scores[cell.scores["split"].eq("test")].sort_values("score")
    shown = [float(title.rsplit(", ", 1)[1]) for title in near_and_far.titles]
    np.testing.assert_allclose(shown, test["score"].iloc[[0, 1, -2, -1]], rtol=0.01)
    pictures = np.load(cells.ROOT / "build/images/toy.npy")
    np.testing.assert_array_equal(near_and_far.films, pictures[test.index[[0, 1, -2, -1]]])


def accident_of_tensorflow():
    return tf.errors.ResourceExhaustedError(None, None, "out of memory")


def mistake_on_a_full_disk():
    """What closing a file raises that could not be written."""
    error = ValueError("the file cannot be closed")
    error.__context__ = OSError(errno.ENOSPC, "No space left on device")
    return error


@pytest.mark.parametrize(
    "accident",
    [
        MemoryError(),
        OSError(errno.ENOSPC, "No space left on device"),
        mistake_on_a_full_disk(),
        PermissionError(),
        ModuleNotFoundError("No module named 'torch'"),
        accident_of_tensorflow(),
        RuntimeError("can't start new thread"),
    ],
    ids=repr,
)
def test_an_accident_is_no_result(accident):
    def broken_off():
        raise accident

    with pytest.raises(type(accident)):
        study.attempt(broken_off)


@pytest.mark.parametrize("stop", [MemoryError, KeyboardInterrupt, PermissionError])
def test_what_breaks_a_cell_off_leaves_no_trace_and_the_cell_that_was_there(
    toy_study, monkeypatch, stop
):
    study.run(toy_study, {"epochs": 1})
    before = (toy_study.folder / "cell.json").read_text()

    def broken_off(*_):
        raise stop

    monkeypatch.setattr(study, "score", broken_off)
    with pytest.raises(stop):
        study.run(toy_study, {"epochs": 1})
    assert {path.name for path in toy_study.folder.parent.iterdir()} == {".0.lock", "0"}
    assert (toy_study.folder / "cell.json").read_text() == before


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"epochs": 1, "labels": "all"}, "BadData: toy has no abnormal training film"),
        ({"epochs": 1, "widht": 8}, "TypeError: .* keyword argument 'widht'"),
        ({"epochs": 1, "score": "bottom"}, "ValueError: DrawingToy has no score 'bottom'"),
        ({"epochs": 1, "learning_rate": 1e30}, "Collapsed: .* became nan"),
    ],
)
def test_what_speaks_of_the_method_is_a_result(toy_study, parameters, reason):
    path = study.ROOT / "build/index/toy.csv"
    films = pd.read_csv(path)
    films.loc[films["split"].eq("train"), "label"] = 0
    films.to_csv(path, index=False)
    study.run(toy_study, parameters)
    outcome = json.loads((toy_study.folder / "cell.json").read_text())
    assert outcome["status"] == "failed" and re.match(reason, outcome["reason"])


@pytest.mark.parametrize("backend", ["torch", "nonsense"])
def test_another_backend_is_named_and_no_result(toy_study, monkeypatch, backend):
    monkeypatch.setenv("KERAS_BACKEND", backend)
    with pytest.raises(BadData, match=backend):
        study.run(toy_study, {"epochs": 1})
    assert not toy_study.folder.exists()


def test_a_method_that_fails_leaves_its_reason_and_nothing_else(toy_study, monkeypatch):
    def unscored(self, x):
        pixels = ops.square(x - self.network(x))[..., 0]
        return {"mean": ops.mean(pixels, axis=(1, 2)), "top": np.nan * pixels[:, 0, 0]}

    monkeypatch.setattr(DrawingToy, "examine", unscored)
    study.run(toy_study, {"epochs": 1})
    assert [path.name for path in toy_study.folder.iterdir()] == ["cell.json"]
    with pytest.raises(cells.CellFailed, match="Collapsed: top: 80 of 80 values are not finite"):
        cells.load("toy", "drawing", 0)


def test_films_without_a_label_are_scored_and_neither_watched_nor_trained_on(toy_study):
    path = study.ROOT / "build/index/toy.csv"
    films = pd.read_csv(path)
    films.loc[:9, ["split", "label"]] = "unlabelled", np.nan
    films.to_csv(path, index=False)
    study.run(toy_study, {"epochs": 1})
    scores = pd.read_csv(toy_study.folder / "scores.csv")
    assert set(scores["image_id"]) == set(films.loc[films["split"].ne("train"), "image_id"])
    known = films["split"].eq("train") & films["label"].eq(0)
    outcome = json.loads((toy_study.folder / "cell.json").read_text())
    assert outcome["status"] == "finished" and outcome["films"]["training"] == known.sum()


@pytest.mark.parametrize(
    ("entry", "mirrors"),
    [
        ({"body": "chest"}, "horizontal"),
        ({"body": "limb", "upright": True}, "horizontal"),
        ({"body": "limb"}, "horizontal_and_vertical"),
    ],
)
def test_who_trains_on_mirrored_films_scores_them_mirrored_too(monkeypatch, entry, mirrors):
    monkeypatch.setattr(study, "load_entry", lambda name: entry)
    cell = grid.Cell("svdd", "films", "deep_svdd", 0)
    varied = study._build(cell, 16, {"augment": True})
    assert varied.mirrored and varied.augmentation.layers[0].mode == mirrors
    assert not study._build(cell, 16, {"augment": True, "mirrored": False}).mirrored
    plain = study._build(cell, 16, {})
    assert not plain.mirrored and plain.augmentation is None


def test_updates_are_told_as_epochs_over_the_training_films():
    entry = {"updates": 375, "pretraining_updates": 0, "batch_size": 32, "width": 8}
    told = study.in_epochs(entry, films=802)
    assert told == {"epochs": 15, "pretraining_epochs": 0, "batch_size": 32, "width": 8}
    assert study.in_epochs(entry, films=100)["epochs"] == 94  # 376 updates
    assert study.in_epochs(entry | {"epochs": 0}, films=802)["epochs"] == 0
