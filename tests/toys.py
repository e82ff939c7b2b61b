"""Toy films and toy methods, fitted in a copy of the study of their own within seconds."""

from typing import ClassVar

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers, ops

from lib import files, params
from lib.collapse import Collapsed
from lib.datasets.table import COLUMNS
from lib.detector import Detector

FIVE = {"normal": 0.05, "abnormal": 0.05}
STUDY = """
profile: toys
grids:
  one: &one
    seeds: [0]
    datasets: [toy]
    families:
      reconstruction: [{datasets: [toy], methods: [drawing]}]
    ablations:
      published:
        question: Does the defect matter?
        datasets: [toy]
        methods: [first]
        seeds: [0, 1]
        variants: [{as_published: false}, {as_published: true}]
      bias:
        question: What does a bias do?
        datasets: [toy]
        methods: [first, second]
        seeds: [0]
        variants: [{labels: none}, {name: far, epochs: 1, bias: 9.0}]
grid: *one
"""
PROFILE = """
images: {size: 16}
drawing: {epochs: 2, score_name: top}
first: {epochs: 1, bias: 3.0}
second: {epochs: 1, labels: {normal: 0.05, abnormal: 0.05}}
"""
DATASETS = "datasets: {toy: {layout: folder, folder: toy, body: limb, normal: n, abnormal: a}}"


class Drawing(Detector):
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


class Biased(Detector):
    """Learns a mean grey and adds `bias`; as published it collapses."""

    players: ClassVar = {"loss": ("network",)}

    def __init__(self, *, bias=0.0, as_published=False, **common):
        super().__init__(**{"batch_size": 16, **common})
        self.bias, self.as_published = bias, as_published
        film = keras.Input((self.image_size, self.image_size, 1))
        self.network = keras.Model(film, layers.Conv2D(1, 1)(film))

    def compute_losses(self, x, y=None, training=False):
        if self.as_published:
            raise Collapsed("all films are mapped to one point.")
        return {"loss": ops.mean(ops.square(x - self.network(x)))}

    def examine(self, x):
        return {"score": ops.mean(ops.square(x - self.network(x)), axis=(1, 2, 3)) + self.bias}


def index(number=120):
    """Return films of three splits in turn; every second one of a split abnormal."""
    row = np.arange(number)
    splits = np.array(["train", "validation", "test"])[row % 3]
    image_id = [f"film{n}" for n in row]
    return pd.DataFrame({"image_id": image_id, "split": splits, "label": (row // 3) % 2.0})


def leave_films(build):
    """Write the index, annotations and arrays of the data set `toy`."""
    films = index()
    films = films.assign(path="a.png", dataset="toy", patient_id=films["image_id"])
    films = films.assign(study_id=films["image_id"], body_part="hand", view="", sex="", age=np.nan)
    films = films.assign(finding="", width=16, height=16)[COLUMNS]
    for folder in ("index", "images"):
        (build / folder).mkdir(parents=True)
    films.to_csv(files.index("toy", build), index=False)
    films[["image_id"]][:9].to_csv(files.annotations("toy", build), index=False)
    arrays = np.random.default_rng(0).integers(0, 256, (120, 16, 16), np.uint8)
    for kind in ("", "lesions"):
        np.save(files.images("toy", kind, build), arrays)


def change_index(change):
    """Write the index of the data set `toy` again, as `change(films)` leaves it."""
    films = pd.read_csv(files.index("toy"))
    change(films)
    films.to_csv(files.index("toy"), index=False)
    return films


@pytest.fixture
def toys(tmp_path, monkeypatch):
    """Return a study of toy films and methods in a folder of its own; returns its folder build/."""
    build = tmp_path / "build"
    leave_films(build)
    (tmp_path / "params").mkdir()
    for name, text in {"study": STUDY, "toys": PROFILE, "datasets": DATASETS}.items():
        (tmp_path / f"params/{name}.yaml").write_text(text)
    monkeypatch.setattr(params, "ROOT", tmp_path)
    monkeypatch.setattr(files, "BUILD", build)
    entry = {"body": "limb"}
    monkeypatch.setattr("lib.fits.recipes.load_entry", lambda dataset: entry)
    monkeypatch.setattr("lib.methods.find", lambda name: Drawing if name == "drawing" else Biased)
    return build
