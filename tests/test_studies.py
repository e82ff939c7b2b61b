"""What a study asks for, and what its fits leave: scores, outcomes, and failures among them."""

import json
import os
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from typing import ClassVar

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers, ops
from test_study import leave_toy_films

from lib import grid, study
from lib.collapse import Collapsed
from lib.datasets.entries import BadData
from lib.detector import Detector
from lib.studies import Study, find, percent, plan, run, variant_name

FIVE = {"normal": 0.05, "abnormal": 0.05}


class Toy(Detector):
    """Learns a mean grey and is fond of `bias`; as published it collapses."""

    players: ClassVar = {"loss": ("network",)}

    def __init__(self, *, bias=0.0, as_published=False, **common):
        super().__init__(**{"batch_size": 16, **common})
        self.bias, self.as_published = bias, as_published
        film = keras.Input((self.image_size, self.image_size, 1))
        self.network = keras.Model(film, layers.Conv2D(1, 1)(film))

    def compute_losses(self, x, y=None, training=False):
        return {"loss": ops.mean(ops.square(x - self.network(x)))}

    def examine(self, x):
        if self.as_published:
            raise Collapsed("all films are mapped to one point.")
        return {"score": ops.mean(ops.square(x - self.network(x)), axis=(1, 2, 3)) + self.bias}


ENTRIES = {"first": {"epochs": 1, "bias": 3.0}, "second": {"epochs": 1, "labels": FIVE}}


@pytest.fixture
def toys(tmp_path, monkeypatch):
    """A study of two toys on toy films in a folder of its own; its second variant collapses."""
    leave_toy_films(tmp_path)
    for module in (study, plan, run, grid):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(grid, "cell", lambda *name: grid.Cell("svdd", *name))
    monkeypatch.setattr(grid, "profile", lambda: ENTRIES)
    monkeypatch.setattr(grid, "profile_name", lambda: "toys")
    monkeypatch.setattr("lib.methods.find", lambda name: Toy)
    variants = [{"as_published": False}, {"as_published": True}]
    return Study("as_published", "toy", ["first"], [0], variants)


def left(toys):
    made = json.loads((toys.folder / "fits.json").read_text())
    return made, pd.read_csv(toys.folder / "scores.csv")


@pytest.mark.parametrize(
    ("change", "name", "number"),
    [
        ({"labels": "none"}, "unlabelled", 0),
        ({"labels": FIVE}, "5 % known normal + 5 % known abnormal", 5),
        ({"labels": {"normal": 0.5}}, "50 % known normal", 0),
        ({"labels": "all"}, "supervised", 100),
        ({"contamination": 0}, "0 % contamination", 0),
        ({"labels": "none", "contamination": 0.2}, "unlabelled, 20 % contamination", 20),
        ({"as_published": True}, "as published", None),
        ({"as_published": False}, "corrected", None),
        ({"latent_dim": 8, "contamination": 0.01}, "1 % contamination, latent dim 8", 1),
        ({"images": {"equalize": "clahe", "mask": True}}, "equalize clahe, mask", None),
        ({}, "unchanged", None),
        ({"name": "random features", "epochs": 0}, "random features", None),
    ],
)
def test_a_variant_is_named_by_what_it_changes(change, name, number):
    before = dict(change)
    assert (variant_name(change), percent(change)) == (name, number)
    assert change == before


def test_a_study_is_the_product_of_methods_variants_and_seeds(toys):
    fits = replace(toys, methods=["first", "second"], seeds=[0, 1]).fits()
    assert [fit[:2] for fit in fits[:3]] == [("first", "corrected")] * 2 + [
        ("first", "as published")
    ]
    assert len(fits) == 8 and {fit.seed for fit in fits} == {0, 1}
    assert str(toys) == "as_published of toy" and toys.page == "as_published-toy.html"


@pytest.mark.parametrize(
    "broken", [{"methods": []}, {"seeds": []}, {"variants": []}, {"variants": [{}, {}]}]
)
def test_a_study_without_fits_or_with_one_variant_twice_is_refused(toys, broken):
    with pytest.raises(BadData, match=r"The study as_published of .* needs methods, seeds"):
        run.run(replace(toys, **broken), workers=1)
    assert not toys.folder.exists()


def test_the_studies_of_the_grid():
    known = find("label_fraction", "rsna")
    assert known.dataset == "rsna" and variant_name(known.variants[0]) == "unlabelled"
    asked = {study.name for study in plan.asked()}
    assert asked <= set(grid.studies())
    with pytest.raises(BadData, match="has no study unheard_of; it has label_fraction"):
        find("unheard_of", "rsna")


def test_a_variant_is_put_over_the_methods_entry_and_changes_no_other(toys):
    variants = [{"labels": "none"}, {"name": "far", "epochs": 1, "bias": 9.0}]
    changed = replace(toys, methods=["first", "second"], variants=variants)
    run.run(changed, workers=1)
    made, scores = left(changed)
    parameters = [fit["parameters"] for fit in made["fits"]]
    assert parameters == [
        {"epochs": 1, "bias": 3.0, "labels": "none"},
        {"epochs": 1, "bias": 9.0},
        {"epochs": 1, "labels": "none"},
        {"epochs": 1, "labels": FIVE, "bias": 9.0},
    ]
    assert ENTRIES["first"] == {"epochs": 1, "bias": 3.0}
    told = [fit["films"]["with known label"] for fit in made["fits"]]
    assert told == [0, 0, 0, 2]
    assert [fit["setting"] for fit in made["fits"]] == [
        "unlabelled",
        "unlabelled, epochs 1, bias 9.0",
        "unlabelled",
        "5 % known normal + 5 % known abnormal, epochs 1, bias 9.0",
    ]
    first = scores[scores["method"].eq("first")].pivot(
        index="image_id", columns="variant", values="score"
    )
    np.testing.assert_allclose(first["far"] - first["unlabelled"], 6, rtol=1e-4)


def test_a_variant_may_prepare_films_otherwise_and_leaves_none_of_them(toys, monkeypatch):
    asked = []

    def black(index, annotations, data, target, settings):
        asked.append(settings)
        np.save(target.with_suffix(".npy"), np.zeros((len(index), 16, 16), np.uint8))

    monkeypatch.setattr(run.arrays, "settings", lambda dataset, change: {"size": 16, **change})
    monkeypatch.setattr(run.arrays, "write_films", black)
    variants = [{"bias": 0.0}, {"images": {"equalize": "none"}, "bias": 0.0}]
    prepared = replace(toys, variants=variants)
    run.run(prepared, workers=1)
    made, scores = left(prepared)
    assert asked == [{"size": 16, "equalize": "none"}]
    usual, otherwise = made["fits"]
    assert usual["status"] == "finished" and len(scores) > 0
    assert otherwise["reason"].startswith("Collapsed: score: the"), "black films score alike"
    assert not list((toys.folder.parents[2]).glob(".as_published-*"))


def test_a_fit_without_a_change_scores_as_its_cell_does(toys):
    alone = replace(toys, seeds=[1], variants=[{}])
    run.run(alone, workers=1)
    cell = grid.cell("toy", "first", 1)
    study.run(cell)
    of_cell = pd.read_csv(cell.folder / "scores.csv")[["image_id", "score"]]
    pd.testing.assert_frame_equal(left(alone)[1][["image_id", "score"]], of_cell)


def test_a_fit_that_fails_is_an_outcome_and_the_others_go_on(toys):
    toys = replace(toys, seeds=[0, 1])
    run.run(toys, workers=1)
    made, scores = left(toys)
    outcomes = {(fit["method"], fit["variant"], fit["seed"]): fit for fit in made["fits"]}
    assert len(outcomes) == 4 and "commit" in made["trace"]
    for (_, variant, _), fit in outcomes.items():
        failed = variant == "as published"
        assert fit["status"] == ("failed" if failed else "finished")
        assert ("one point" in fit["reason"]) == failed
        assert fit["duration_s"] >= 0
    assert list(scores) == ["method", "variant", "seed", "image_id", "score"]
    assert set(scores["variant"]) == {"corrected"}
    films = scores.groupby(["method", "seed"])["image_id"].agg(set)
    index = pd.read_csv(plan.ROOT / "build/index/toy.csv")
    wanted = set(index.loc[index["split"].ne("train"), "image_id"])
    assert len(films) == 2 and all(found == wanted for found in films)
    assert list(made["variants"]) == ["corrected", "as published"]


def test_a_study_whose_every_fit_fails_still_leaves_its_outcomes(toys):
    broken = replace(toys, variants=[{"as_published": True}])
    run.run(broken, workers=1)
    made, scores = left(broken)
    assert [fit["status"] for fit in made["fits"]] == ["failed"] and scores.empty


@pytest.mark.parametrize("stop", [MemoryError, KeyboardInterrupt, OSError])
def test_what_breaks_a_study_off_keeps_what_was_there(toys, monkeypatch, stop):
    run.run(toys, workers=1)
    before = (toys.folder / "fits.json").read_text()

    def broken_off(*_):
        raise stop

    monkeypatch.setattr(run, "score", broken_off)
    with pytest.raises(stop):
        run.run(toys, workers=1)
    assert {path.name for path in toys.folder.parent.iterdir()} == {".toy.lock", "toy"}
    assert (toys.folder / "fits.json").read_text() == before


def die(*_):
    """Stands for a fit whose process is killed."""
    os._exit(1)


def test_a_worker_that_dies_leaves_nothing(toys, monkeypatch):
    monkeypatch.setattr(run, "fit_and_score", die)
    with pytest.raises(BrokenProcessPool):
        run.run(toys, workers=2)
    assert not toys.folder.exists()
    assert [path.name for path in toys.folder.parent.iterdir()] == [".toy.lock"]


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"dataset": "nowhere"}, "nowhere.csv is missing"),
        ({"methods": ["first", "unheard_of"]}, "no entry unheard_of"),
    ],
)
def test_what_is_missing_is_said_before_anything_is_fitted(toys, changed, sentence):
    wrong = replace(toys, **changed)
    with pytest.raises(BadData, match=sentence):
        run.run(wrong, workers=1)
    assert not wrong.folder.exists()


def test_a_study_takes_all_cores_but_one_worker_on_a_gpu(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert run.most_workers() is None
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    assert run.most_workers() == 1
