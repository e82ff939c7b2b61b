"""Fits: what they may see of the films, what they leave, what stops them, and how they go on."""

import errno
import json
import os
import re
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from keras import ops
from toys import FIVE, Drawing, change_index, index

from lib import ablations, files, metrics, params, processes, variants
from lib.errors import BadData
from lib.fits import examples, films, landing, queue, recipes, score, store, train, work
from lib.grid import Fit
from lib.methods.resnet import ResNet
from lib.preprocessing import phantoms

pytest_plugins = ["toys"]

DRAWING, FIRST = Fit("toy", "drawing"), Fit("toy", "first")
PUBLISHED = Fit("toy", "first", "as published")


def fitted(fit):
    """Train and score a fit; returns its record."""
    work.train(fit)
    work.score(fit)
    return store.record(fit)


def scores_of(fit):
    return pd.read_csv(files.scored(fit) / "scores.csv")


def with_entry(build, **parameters):
    """Put parameters over the entry of `drawing` in the profile."""
    profile = build.parent / "params/toys.yaml"
    entry = params.put_over(parameters, {"epochs": 1})
    profile.write_text(f"images: {{size: 16}}\ndrawing: {json.dumps(entry)}\n")


# --- what training may see


def test_without_labels_training_watches_normal_validation_films_only():
    watched = train.validation_set(index(600), "none")
    watched_films = index(600).iloc[watched["row"]]
    assert set(watched_films["split"]) == {"validation"} and set(watched_films["label"]) == {0}
    assert watched["y"].isna().all()


def test_with_labels_training_watches_all_validation_films():
    table = index(600)
    watched = train.validation_set(table, "all")
    assert watched["y"].tolist() == table.loc[table["split"].eq("validation"), "label"].tolist()


def test_films_without_a_label_are_scored_and_neither_watched_nor_trained_on(toys):
    def forget_labels(table):
        table.loc[:9, ["split", "label"]] = "unlabelled", np.nan

    table = change_index(forget_labels)
    record = fitted(FIRST)
    assert set(scores_of(FIRST)["image_id"]) == set(
        table.loc[table["split"].ne("train"), "image_id"]
    )
    known = table["split"].eq("train") & table["label"].eq(0)
    assert record["status"] == "finished" and record["films"]["training"] == known.sum()


@pytest.mark.parametrize(
    ("entry", "mirrors"),
    [
        ({"body": "chest"}, "horizontal"),
        ({"body": "limb", "upright": True}, "horizontal"),
        ({"body": "limb"}, "horizontal_and_vertical"),
    ],
)
def test_who_trains_on_mirrored_films_scores_them_mirrored_too(monkeypatch, entry, mirrors):
    monkeypatch.setattr(recipes, "load_entry", lambda name: entry)
    body = recipes.body("films")

    def built(**parameters):
        return train.build(Fit("films", "vae"), params.part("vae", parameters), body, 16, 100)

    varied = built(augment=True)
    assert varied.mirrored and varied.augmentation.layers[0].mode == mirrors
    assert not built(augment=True, mirrored=False).mirrored
    assert not built().mirrored and built().augmentation is None
    brighter = built(augment={"brightness": 0.2})
    assert brighter.mirrored and brighter.augmentation.layers[-1].reach == 0.2
    assert len(brighter.augmentation.layers) == len(varied.augmentation.layers) + 1
    with pytest.raises(BadData, match="unknown key 'contrast': use brightness"):
        built(augment={"contrast": 0.2})


def test_updates_become_epochs_over_the_training_films():
    entry = {"updates": 375, "pretraining_updates": 0, "batch_size": 32, "width": 8}
    epochs = train.epochs_of(params.part("any", entry), films=802)
    assert epochs == {"epochs": 15, "pretraining_epochs": 0}
    assert train.epochs_of(params.part("any", entry), films=100)["epochs"] == 94  # 376 updates
    named = params.part("any", entry | {"epochs": 0})
    assert train.epochs_of(named, films=802) == {"pretraining_epochs": 0}
    assert named.keywords["epochs"] == 0, "what a variant counts in epochs holds"
    with pytest.raises(BadData, match="updates in params/ also needs a batch_size"):
        train.epochs_of(params.part("any", {"updates": 3}), films=10)


# --- what a fit leaves


def test_a_fit_keeps_what_its_card_shows(toys):
    fit = store.load("toy", "drawing")
    assert fit.info["score_name"] == "top"
    assert fit.info["parameters"] == {"epochs": 2, "score_name": "top"}
    assert fit.info["memory_mb"] > 100 and fit.info["duration_s"] > 0
    assert (fit.scores["score"] == fit.scores["top"]).all()
    assert set(fit.scores["split"]) == {"validation", "test"}
    assert fit.drawn["samples"].shape == (2, 6, 16, 16) and len(fit.history) == 2
    assert fit.chain["chain"].shape == (2, 4, 16, 16)
    assert fit.maps["map"].shape == fit.maps["reconstruction"].shape
    swept = fit.sweep.merge(fit.scores[["image_id", "score", "split"]], on="image_id")
    assert set(swept["split"]) == {"test"} and set(swept["calls"]) == {1, 5}
    np.testing.assert_allclose(swept["score_x"], swept["calls"] * swept["score_y"], rtol=1e-4)
    assert examples.examples(fit).titles[0].startswith("normal: ")
    near_and_far = examples.near_and_far(fit)
    test = fit.scores[fit.scores["split"].eq("test")].sort_values("score")
    shown = [float(title.rsplit(", ", 1)[1]) for title in near_and_far.titles]
    np.testing.assert_allclose(shown, test["score"].iloc[[0, 1, -2, -1]], rtol=0.01)
    arrays = np.load(files.images("toy"))
    np.testing.assert_array_equal(near_and_far.films, arrays[test.index[[0, 1, -2, -1]]])


def test_the_trained_detector_comes_back_and_scores_as_it_did(toys):
    fit = store.load("toy", "drawing")
    detector = store.detector(DRAWING)
    _, arrays = films.index_and_images(DRAWING)
    scored = detector.predict(train.to_float(arrays[fit.scores.index]), verbose=0)["score"]
    np.testing.assert_allclose(scored, fit.scores["score"], rtol=1e-5)
    with pytest.raises(BadData, match="toy/second/0 has not been trained: run `python"):
        store.detector(Fit("toy", "second"))


def test_a_fit_of_an_ablation_keeps_scores_alone(toys):
    far = Fit("toy", "first", "far")
    fitted(far)
    assert {path.name for path in files.scored(far).iterdir()} == {"scores.csv", files.RECORD}


def test_a_variant_is_put_over_the_methods_entry_and_changes_no_other(toys):
    ablation = ablations.find("bias", "toy")
    named = ablation.fits()
    assert named["first", "unlabelled", 0] == FIRST, "it changes nothing"
    records = {name: fitted(fit) for name, fit in named.items()}
    assert [record["parameters"] for record in records.values()] == [
        {"epochs": 1, "bias": 3.0},
        {"epochs": 1, "bias": 9.0},
        {"epochs": 1, "labels": "none"},
        {"epochs": 1, "labels": FIVE, "bias": 9.0},
    ]
    known = [record["films"]["with known label"] for record in records.values()]
    assert known == [0, 0, 0, 2]
    near, far = (scores_of(named["first", variant, 0]) for variant in ("unlabelled", "far"))
    np.testing.assert_allclose(far["score"] - near["score"], 6, rtol=1e-4)


def test_a_variant_may_prepare_films_otherwise(toys, monkeypatch):
    asked = []

    def black(index, data, path, settings):
        asked.append(settings)
        np.save(path, np.zeros((len(index), 16, 16), np.uint8))

    monkeypatch.setattr(films.arrays, "settings", lambda dataset, change: {"size": 16, **change})
    monkeypatch.setattr(films.arrays, "write_films", black)
    monkeypatch.setattr(
        variants, "changes", lambda: {"unequalised": {"images": {"equalize": "none"}}}
    )
    record = fitted(Fit("toy", "first", "unequalised"))
    assert asked == [{"size": 16, "equalize": "none"}], "once, for training and scoring"
    assert record["reason"].startswith("Collapsed: score: the"), "black films score alike"
    assert fitted(FIRST)["status"] == "finished"


# --- trained on phantoms


@pytest.fixture
def toys_and_phantoms(toys, monkeypatch):
    """Toy films as if of chests, and 20 phantoms of chests, which are prepared likewise."""
    with (toys.parent / "params/datasets.yaml").open("a") as file:
        file.write("\nphantoms: {films: {mura: 2, rsna: 20}}\n")
    prepared_as = {"size": 16, "body": "chest"}
    monkeypatch.setattr(films.arrays, "settings", lambda dataset, change: prepared_as | change)
    return toys


def trained_on(build, phantoms, again=False, **parameters):
    """Train `drawing` on phantoms, or without; returns its record, history and weights."""
    with_entry(build, phantoms=phantoms, **parameters)
    record = work.train(DRAWING, again)
    assert record["status"] == "finished", record["reason"]
    history = pd.read_csv(files.trained(DRAWING) / files.HISTORY)
    return record, history, store.detector(DRAWING).get_weights()


def same(some, others):
    return all(np.array_equal(one, other) for one, other in zip(some, others, strict=True))


def test_a_fit_on_phantoms_alone_uses_no_film_of_its_data_set_and_scores_them(toys_and_phantoms):
    record, _, weights = trained_on(toys_and_phantoms, "alone")
    work.score(DRAWING)
    before = scores_of(DRAWING)
    index, _ = films.index_and_phantoms(DRAWING)
    normal = index["split"].eq("train") & index["label"].eq(0)
    assert record["films"] == {"training": normal.sum(), "with known label": 0}
    assert record["setting"] == "unlabelled, phantoms alone"
    np.save(files.images("toy"), 255 - np.load(files.images("toy")))
    change_index(lambda table: table.__setitem__("label", 1 - table["label"]))
    assert not work.is_trained(DRAWING), "its scores are of these films"
    assert same(trained_on(toys_and_phantoms, "alone")[2], weights)
    work.score(DRAWING)
    after = scores_of(DRAWING)
    assert after["image_id"].equals(before["image_id"])
    assert not np.allclose(after["score"], before["score"])


def test_phantoms_first_differs_from_both_and_goes_on_from_the_weights_of_the_first_stage(
    toys_and_phantoms,
):
    lengths = {"updates": 6, "batch_size": 8}
    given = {name: trained_on(toys_and_phantoms, name, **lengths) for name in ("", "alone")}
    record, history, weights = trained_on(toys_and_phantoms, "first", **lengths)
    assert not any(same(weights, other[2]) for other in given.values())
    assert same(trained_on(toys_and_phantoms, "first", again=True, **lengths)[2], weights)
    assert record["films"] == given[""][0]["films"], "of the data set"

    def losses(name):
        table, prefix = given[name][1], "phantoms_" if name else ""
        return table.drop(columns="epoch").add_prefix(prefix)

    n_phantoms, n_films = len(losses("alone")), len(losses(""))
    assert (n_phantoms, n_films) == (3, 2), "6 updates, over some 9 phantoms and over 20 films"
    assert len(history) == n_phantoms + n_films
    pd.testing.assert_frame_equal(history[losses("alone").columns][:n_phantoms], losses("alone"))
    rest = history[losses("").columns]
    assert rest[:n_phantoms].isna().all(axis=None) and rest[n_phantoms:].notna().all(axis=None)

    trained_on(toys_and_phantoms, "alone", **lengths)
    by_hand = train.build(DRAWING, params.part("drawing", lengths), recipes.body("toy"), 16, 20)
    by_hand.load_weights(files.trained(DRAWING) / files.WEIGHTS)
    index, pixels = films.index_and_images(DRAWING)
    rows = np.flatnonzero(index["split"].eq("train") & index["label"].eq(0))
    by_hand.fit(train.to_float(pixels[rows]), verbose=0)
    assert same(by_hand.get_weights(), weights)


def test_methods_share_the_phantoms_of_one_seed_and_preparation(toys_and_phantoms, monkeypatch):
    index, pixels = films.index_and_phantoms(DRAWING)
    assert pixels.shape == (20, 16, 16) == (len(index), 16, 16)
    split_of_twins = index["split"].to_numpy().reshape(-1, 2)
    assert (split_of_twins[:, 0] == split_of_twins[:, 1]).all()
    assert index["split"].value_counts().to_dict() == {"train": 16, "validation": 4}
    pd.testing.assert_frame_equal(films.index_and_phantoms(FIRST)[0], index)
    prepared = toys_and_phantoms / "prepared"
    assert len(list(prepared.glob("*.npy"))) == 1
    _, others = films.index_and_phantoms(Fit("toy", "first", seed=1))
    assert len(list(prepared.glob("*.npy"))) == 2 and not np.array_equal(others, pixels)


def test_a_network_with_labels_of_phantoms_alone_finds_disease_on_films(toys, monkeypatch):
    """The films are phantoms of another seed, so that the stages fit together."""
    chest, seed = {"size": 64, "body": "chest"}, 9
    monkeypatch.setattr(films.arrays, "settings", lambda dataset, change: chest)
    monkeypatch.setattr("lib.methods.find", lambda name: ResNet)
    with (toys.parent / "params/datasets.yaml").open("a") as file:
        file.write("\nphantoms: {films: 1000}\n")
    phantoms.write_chests(files.images("toy"), 120, seed, chest)
    truth = phantoms.index_of_chests(120, seed)

    def are_phantoms(table):
        table[["image_id", "label"]] = truth[["image_id", "label"]]
        table["patient_id"], table["split"] = truth["patient_id"], "test"

    change_index(are_phantoms)
    network = {
        "width": 8,
        "blocks": [1, 1, 1],
        "epochs": 12,
        "batch_size": 16,
        "learning_rate": 0.003,
    }
    with_entry(toys, phantoms="alone", labels=FIVE, **network)
    record = work.train(DRAWING)
    assert record["films"] == {"training": 800, "with known label": 800}
    scores = score.score(store.detector(DRAWING), *films.index_and_images(DRAWING)[::-1])
    assert metrics.auroc(truth["label"], scores["score"]) > 0.7
    with pytest.raises(BadData, match=r"other films than those of toy, .* of seed 9 themselves"):
        films.index_and_phantoms(Fit("toy", "drawing", seed=seed))


@pytest.mark.parametrize(
    ("body", "entry", "sentence"),
    [
        ("limb", {}, "`phantoms: alone` of drawing .* needs films of chests, .* toy are of a limb"),
        (
            "chest",
            {"features": "pooled"},
            "`phantoms: alone` of drawing .* this one reads features",
        ),
    ],
)
def test_what_cannot_be_trained_on_phantoms_is_one_sentence(
    toys_and_phantoms, monkeypatch, body, entry, sentence
):
    settings = {"size": 16, "body": body}
    monkeypatch.setattr(films.arrays, "settings", lambda dataset, change: settings)
    with_entry(toys_and_phantoms, phantoms="alone", **entry)
    with pytest.raises(BadData, match=sentence):
        films.index_and_phantoms(DRAWING)
    if not entry:
        assert re.match(f"BadData: {sentence}", fitted(DRAWING)["reason"]), "the others go on"


def test_only_fits_on_phantoms_depend_on_how_these_are_drawn(toys_and_phantoms, monkeypatch):
    def all_recipes():
        made = {}
        for name in params.ON_PHANTOMS:
            with_entry(toys_and_phantoms, phantoms=name)
            made[name] = recipes.recipe(DRAWING)
        return made

    usual = all_recipes()
    with_entry(toys_and_phantoms)
    assert usual[""] == recipes.recipe(DRAWING) and len(set(usual.values())) == 3
    fingerprint = recipes.provenance.fingerprint

    def changed_where(module):
        """Return the recipes that change with the code of a module."""

        def of_other_code(*roots):
            text = fingerprint(*roots)
            return text.replace(f"{module} ", f"{module} other")

        monkeypatch.setattr(recipes.provenance, "fingerprint", of_other_code)
        return {name for name, recipe in all_recipes().items() if recipe != usual[name]}

    assert changed_where("lib.phantoms.thorax") == {"alone", "first"}
    assert changed_where("lib.preprocessing.phantoms") == {"alone", "first"}
    assert changed_where("lib.engine") == {"", "alone", "first"}
    monkeypatch.setattr(recipes.provenance, "fingerprint", fingerprint)
    datasets = toys_and_phantoms.parent / "params/datasets.yaml"
    datasets.write_text(datasets.read_text().replace("rsna: 20", "rsna: 22"))
    assert {name for name, one in all_recipes().items() if one != usual[name]} == {"alone", "first"}


# --- once, whole or not at all


def moments(fit):
    """When the files of a fit were written."""
    folders = (files.trained(fit), files.scored(fit))
    return {path: path.stat().st_mtime_ns for folder in folders for path in folder.iterdir()}


def test_a_fit_is_made_once_for_the_same_code_parameters_data_and_seed(toys):
    fitted(FIRST)
    before = moments(FIRST)
    fitted(FIRST)
    assert moments(FIRST) == before
    assert work.is_up_to_date(FIRST) and not work.is_up_to_date(DRAWING)


@pytest.mark.parametrize("changed", ["code", "parameters", "index", "films", "body"])
def test_a_fit_is_made_again_when_what_decides_it_has_changed(toys, monkeypatch, changed):
    with_entry(toys)
    key = work.key_of_training(DRAWING)
    if changed == "code":
        monkeypatch.setattr("lib.provenance.fingerprint", lambda *roots: "other code")
    elif changed == "parameters":
        with_entry(toys, learning_rate=0.1)
    elif changed == "index":
        change_index(lambda table: table.__setitem__("label", 1 - table["label"]))
    elif changed == "films":
        np.save(files.images("toy"), np.load(files.images("toy"))[::-1])
    else:
        monkeypatch.setattr(recipes, "load_entry", lambda dataset: {"body": "chest"})
    assert work.key_of_training(DRAWING) != key
    assert work.key_of_training(Fit("toy", "drawing", seed=1)) != key


def test_what_no_fit_can_see_makes_none_again(toys):
    key = work.key_of_training(FIRST)
    change_index(lambda table: table.__setitem__("path", "elsewhere/b.png"))
    assert work.key_of_training(FIRST) == key


def test_what_a_card_shows_is_made_again_without_training(toys, monkeypatch):
    fitted(DRAWING)
    trained = (files.trained(DRAWING) / files.RECORD).read_text()
    files.annotations("toy").write_text("image_id\nfilm2\n")
    assert work.TASKS["train"].is_done(DRAWING) and not work.is_up_to_date(DRAWING)
    fitted(DRAWING)
    assert (files.trained(DRAWING) / files.RECORD).read_text() == trained


def test_scores_of_earlier_weights_are_those_of_no_fit(toys):
    fitted(DRAWING)
    with_entry(toys, learning_rate=0.1)
    work.train(DRAWING)
    assert store.record(DRAWING) == {}
    assert fitted(DRAWING)["status"] == "finished"


def test_missing_weights_are_made_again_and_an_earlier_score_is_none_of_theirs(toys):
    fitted(DRAWING)
    (files.trained(DRAWING) / files.WEIGHTS).unlink()
    assert not work.TASKS["train"].is_done(DRAWING)
    work.train(DRAWING)
    assert (files.trained(DRAWING) / files.WEIGHTS).exists()
    assert store.record(DRAWING) == {}, "the scores are of other weights, though by the same key"
    assert fitted(DRAWING)["status"] == "finished"


def test_films_prepared_for_a_variant_are_identified_by_films_and_code(toys, monkeypatch):
    monkeypatch.setattr(films.arrays, "settings", lambda dataset, change: {"size": 16, **change})
    change = {"unequalised": {"images": {"equalize": "none"}}}
    monkeypatch.setattr(variants, "changes", lambda: change)
    key = recipes.recipe(Fit("toy", "first", "unequalised"))
    usual = recipes.recipe(FIRST)
    fingerprint = recipes.provenance.fingerprint

    def other_preparation(*roots):
        return fingerprint(*roots) + ("new" if "lib.preprocessing.arrays" in roots else "")

    monkeypatch.setattr(recipes.provenance, "fingerprint", other_preparation)
    assert recipes.recipe(Fit("toy", "first", "unequalised")) != key
    assert recipes.recipe(FIRST) == usual


def test_another_backend_makes_another_fit(toys, monkeypatch):
    key = work.key_of_training(FIRST)
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert work.key_of_training(FIRST) != key


# --- what is a result and what is none


def accident_of_tensorflow():
    return tf.errors.ResourceExhaustedError(None, None, "out of memory")


def mistake_on_a_full_disk():
    """Raise what closing a file raises that could not be written."""
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
        landing.attempt(broken_off)


@pytest.mark.parametrize("stop", [MemoryError, KeyboardInterrupt, PermissionError])
def test_what_breaks_a_fit_off_leaves_no_trace_and_the_fit_that_was_there(
    toys,
    monkeypatch,
    stop,
):
    fitted(DRAWING)
    before = moments(DRAWING)

    def broken_off(*_):
        raise stop

    with_entry(toys, learning_rate=0.1)
    monkeypatch.setattr("lib.fits.train.train", broken_off)
    with pytest.raises(stop):
        work.train(DRAWING)
    assert {path.name for path in files.trained(DRAWING).parent.iterdir()} == {".0.lock", "0"}
    assert moments(DRAWING) == before


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"labels": "all"}, "BadData: toy has no abnormal training film"),
        ({"widht": 8}, "TypeError: .* keyword argument 'widht'"),
        ({"score_name": "bottom"}, "ValueError: Drawing has no score 'bottom'"),
        ({"learning_rate": 1e30}, "Collapsed: .* became nan"),
    ],
)
def test_what_speaks_of_the_method_is_a_result(toys, parameters, reason):
    def normals_alone(table):
        table.loc[table["split"].eq("train"), "label"] = 0.0

    change_index(normals_alone)
    with_entry(toys, **parameters)
    record = fitted(DRAWING)
    assert record["status"] == "failed" and re.match(reason, record["reason"])
    assert [path.name for path in files.trained(DRAWING).iterdir()] == [files.RECORD]
    with pytest.raises(store.FitFailed, match="toy/drawing/0 failed"):
        store.load("toy", "drawing")


def test_scores_that_are_not_finite_fail_the_fit_and_keep_its_weights(toys, monkeypatch):
    def unscored(self, x):
        pixels = ops.square(x - self.network(x))[..., 0]
        return {"mean": ops.mean(pixels, axis=(1, 2)), "top": np.nan * pixels[:, 0, 0]}

    with_entry(toys)
    monkeypatch.setattr(Drawing, "examine", unscored)
    fitted(DRAWING)
    assert [path.name for path in files.scored(DRAWING).iterdir()] == [files.RECORD]
    assert (files.trained(DRAWING) / files.WEIGHTS).exists()
    with pytest.raises(store.FitFailed, match="Collapsed: top: 80 of 80 values are not finite"):
        store.load("toy", "drawing")


@pytest.mark.parametrize(
    ("fit", "sentence"),
    [
        (Fit("nowhere", "drawing"), "nowhere"),
        (Fit("toy", "unheard_of"), "toys.yaml has no entry unheard_of"),
        (Fit("toy", "first", "unheard of"), "no variant 'unheard of'"),
    ],
)
def test_what_is_no_fault_of_a_method_stops_the_fit_and_leaves_nothing(toys, fit, sentence):
    with pytest.raises(BadData, match=sentence):
        work.train(fit)
    assert not files.trained(fit).exists()


@pytest.mark.parametrize("backend", ["torch", "nonsense"])
def test_another_backend_is_named_and_no_result(toys, monkeypatch, backend):
    monkeypatch.setenv("KERAS_BACKEND", backend)
    with pytest.raises(BadData, match=backend):
        work.train(DRAWING)
    assert not files.trained(DRAWING).exists()


# --- many fits


def everyone():
    return ablations.every_fit("toy")


def test_the_fits_on_a_data_set_are_those_of_grid_and_ablations_each_once(toys):
    names = [str(fit) for fit in everyone()]
    assert names == [
        *("toy/drawing/0", "toy/first/0", "toy/first/1"),
        *("toy/first/as published/0", "toy/first/as published/1", "toy/first/far/0"),
        *("toy/second/unlabelled/0", "toy/second/far/0"),
    ]
    assert work.fits_on("toy", "second", 0) == everyone()[-2:]
    assert work.fits_on("toy", "unheard_of") == [Fit("toy", "unheard_of")]


def test_a_fit_that_fails_is_an_outcome_and_the_others_go_on(toys):
    """An executor of threads represents any other."""
    fits = everyone()[1:6]
    with ThreadPoolExecutor(1) as executor:
        records = list(queue.work_through("train", fits, "toy", executor))
        assert len(records) == 5
        scored = list(queue.work_through("score", fits, "toy", executor))
    assert len(scored) == 3, "two have nothing to score"
    for fit in fits:
        record = store.record(fit)
        assert record["status"] == ("failed" if fit.variant == "as published" else "finished")
    with ThreadPoolExecutor(1) as executor:
        assert list(queue.work_through("train", fits, "toy", executor)) == []


def test_after_an_interruption_only_what_had_not_landed_is_made(toys, monkeypatch):
    fits = everyone()[:3]
    trained = train.train

    def interrupted_at_the_second(fit, *rest):
        if fit == fits[1]:
            raise KeyboardInterrupt
        return trained(fit, *rest)

    monkeypatch.setattr(train, "train", interrupted_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        for fit in fits:
            queue.run("train", fit)
    before = moments_of_training(fits[0])
    monkeypatch.setattr(train, "train", trained)
    waiting = [fit for fit in fits if not work.TASKS["train"].is_done(fit)]
    assert waiting == fits[1:]
    for fit in fits:
        queue.run("train", fit)
    assert moments_of_training(fits[0]) == before


def moments_of_training(fit):
    return {path: path.stat().st_mtime_ns for path in files.trained(fit).iterdir()}


def die(*_):
    """End the process, as a kill ends that of a fit."""
    os._exit(1)


def test_an_accident_of_one_fit_stops_the_others_not_and_is_raised(toys, monkeypatch):
    trained = train.train

    def full_at_the_first(fit, *rest):
        if fit == DRAWING:
            raise OSError(errno.ENOSPC, "No space left on device")
        return trained(fit, *rest)

    monkeypatch.setattr(train, "train", full_at_the_first)
    with ThreadPoolExecutor(1) as executor, pytest.raises(OSError, match="No space left"):
        list(queue.work_through("train", everyone()[:3], "toy", executor))
    assert [work.TASKS["train"].is_done(fit) for fit in everyone()[:3]] == [False, True, True]


def test_a_worker_that_dies_leaves_nothing(toys, monkeypatch):
    monkeypatch.setattr(queue, "run", die)
    with pytest.raises(BrokenProcessPool):
        list(queue.work_through("train", everyone()[:2], "toy"))
    assert not files.trained(DRAWING).exists()


def test_all_cores_but_one_worker_on_a_gpu(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert processes.most_workers() is None
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    assert processes.most_workers() == 1


def test_a_runtime_error_of_a_method_is_a_result():
    def breaks():
        raise RuntimeError("shapes differ")

    assert landing.attempt(breaks)["reason"] == "RuntimeError: shapes differ"


def test_a_stage_that_lacks_a_fit_trains_nothing(toys, monkeypatch):
    monkeypatch.setenv("DVC_STAGE", "cards@toy")
    with pytest.raises(store.FitFailed, match="toy/drawing/0 has not run: run"):
        store.load("toy", "drawing")
    assert not files.trained(DRAWING).exists()


def test_a_fit_of_other_parameters_is_returned_with_a_warning(toys):
    fitted(DRAWING)
    with_entry(toys, epochs=3)
    with pytest.warns(UserWarning, match="toy/drawing/0 was trained with other parameters"):
        assert store.load("toy", "drawing").info["parameters"]["epochs"] == 2, "as it was trained"


def test_a_record_of_an_earlier_form_counts_as_none(tmp_path):
    (tmp_path / files.RECORD).write_text("{}")
    assert landing.read(tmp_path) == {}
