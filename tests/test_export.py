"""An exported detector gives the scores of the study, with onnxruntime alone."""

import json
import os
import re
import subprocess
import sys
from functools import cache

import cv2
import keras
import numpy as np
import pytest
from discs import discs
from exported import report
from keras import layers
from test_methods import options
from test_reader import chest, study  # noqa: F401, a fixture

from lib import ROOT, backbones, files, methods
from lib.errors import BadData
from lib.export import agreement, folder, graph
from lib.films import read_film
from lib.grid import Fit
from lib.methods.autoencoder import Autoencoder
from lib.preprocessing import prepare, to_float
from lib.reader import Reader
from lib.reader.gate import _seen

pytestmark = pytest.mark.seconds(90)

SIZE = 32
#: Methods whose scores no graph computes, and why.
REFUSED = {"anoddpm": "a chain of many steps"}
#: Methods whose maps are gradients, and methods on pooled features, which have none.
GRADIENTS = {"contrastive_dmsad", "deep_sad", "deep_svdd", "dmsad", "dmsvdd", "drocc", "drocc_lf"}
GRADIENTS |= {"lesion_deep_sad", "lesion_logistic"}
LARGER = {"synthetic_lesions": 1.0}  # weights, for scores that are not too alike
NO_MAP = {"feature_deep_sad", "feature_distance", "linear_probe"}


def random_films(count, size):
    """Random grey levels in squares of one to many pixels, float32 (n, size, size, 1)."""
    draw = np.random.default_rng(0)
    films = []
    for number in range(count):
        few = draw.integers(0, 256, (2 + number % size, 2 + number % size), np.uint8)
        films.append(cv2.resize(few, (size, size), interpolation=cv2.INTER_NEAREST))
    return to_float(np.array(films))


@pytest.fixture
def small_backbone(monkeypatch):
    """In place of the backbone, whose conversion takes seconds, one layer per kind of features."""

    def describer(kinds, size=224, weights="imagenet", seed=0):
        film, features = keras.Input((size, size, 1)), {}
        keras.utils.set_random_seed(0)
        for kind in kinds:
            *place, channels = backbones.shape_of(kind, size)
            stride = size // place[0] if place else size // 4
            maps = layers.Conv2D(channels, stride, stride, activation="relu")(film)
            features[kind] = maps if place else layers.GlobalAveragePooling2D()(maps)
        return keras.Model(film, features)

    # Cached as the backbone is: a compiled function cannot create weights.
    monkeypatch.setattr(backbones, "describer", cache(describer))


def detector_of(name):
    """Return a detector with random weights, or statistics of random films; its film size."""
    detector = methods.find(name)(**options(name))
    size = getattr(detector, "film_size", SIZE) if hasattr(detector, "reads") else SIZE
    if name == "patchcore":
        detector.fit(random_films(20, size), verbose=0)
        return detector, size
    draw = np.random.default_rng(1)
    for weight in detector.weights:
        if weight.dtype == "float32" and "variance" not in weight.path:
            values = np.asarray(weight)
            weight.assign(
                values + LARGER.get(name, 0.3) * draw.normal(0, values.std() + 0.1, values.shape)
            )
    return detector, size


def outputs(model, films):
    """Return the outputs of a Keras model as arrays."""
    batches = [model(films[start : start + 100]) for start in range(0, len(films), 100)]
    return {name: np.concatenate([np.asarray(one[name]) for one in batches]) for name in batches[0]}


def ways_of_scoring():
    """Return one method per `examine`, which subclasses share, and one with another network."""

    def way(name):
        method = methods.find(name)
        return method.examine, getattr(method, "abnormality", None)

    return sorted(
        {"transfer_resnet", *{way(name): name for name in methods.names()[::-1]}.values()}
    )


@pytest.mark.parametrize("name", ways_of_scoring())
def test_scores_of_random_films_are_those_of_keras(name, small_backbone, tmp_path):
    detector, size = detector_of(name)
    path = tmp_path / "detector.onnx"
    if name in REFUSED:
        with pytest.raises(BadData, match=REFUSED[name]):
            graph.write(detector, size, path)
        assert not path.exists()
        return
    written = graph.write(detector, size, path)
    films = random_films(500 if size <= 64 else 60, size)
    exported = agreement.run(path, films)
    expected = outputs(graph.Graph(detector), films)
    spread = np.ptp(expected["score"])
    assert spread > 1e-3 * np.abs(expected["score"]).max(), "too alike to be compared"
    np.testing.assert_allclose(exported["score"], expected["score"], rtol=0, atol=1e-4 * spread)
    assert set(exported) == set(written.outputs)
    assert len(exported["score"]) == len(films)
    assert ("map" in exported) == (name not in GRADIENTS | NO_MAP)
    assert bool(written.without_map) == (name in GRADIENTS)
    for other in set(exported) - {"score"}:
        spread = np.ptp(expected[other])
        np.testing.assert_allclose(exported[other], expected[other], rtol=0, atol=1e-3 * spread)


def test_a_score_within_the_body_is_refused(tmp_path):
    detector = Autoencoder(image_size=SIZE, inside_body=True)
    with pytest.raises(BadData, match="Autoencoder cannot be exported: its scores are confined"):
        graph.write(detector, SIZE, tmp_path / "detector.onnx")


def test_a_method_that_draws_at_random_is_refused(tmp_path):
    class Drawing(Autoencoder):
        def examine(self, x):
            return {"score": keras.random.normal((x.shape[0] or 2,))}

    Drawing.scores = ()
    with pytest.raises(BadData, match="draw at random"):
        graph.write(Drawing(image_size=SIZE), SIZE, tmp_path / "detector.onnx")


def test_scores_are_means_over_mirror_images_where_the_detector_takes_them(tmp_path):
    detector = Autoencoder(image_size=SIZE, mirrored=True)
    films = discs(20, abnormal=0.5)[0]
    graph.write(detector, SIZE, tmp_path / "detector.onnx")
    exported = agreement.run(tmp_path / "detector.onnx", films)["score"]
    np.testing.assert_allclose(exported, detector.predict(films, verbose=0)["score"], rtol=1e-5)
    flipped = agreement.run(tmp_path / "detector.onnx", np.ascontiguousarray(films[:, :, ::-1]))
    np.testing.assert_allclose(flipped["score"], exported, rtol=1e-5)


@pytest.fixture(scope="module")
def exported(study):  # noqa: F811
    """Return folders of a fit and of a fusion."""
    output = study / "build/export"
    return {name: folder.export(f"chests/{name}/0", output) for name in ("autoencoder", "joined")}


def about(place):
    return json.loads((place / "detector.json").read_text())


def test_the_folder_says_what_the_reader_answers(exported, study, tmp_path):  # noqa: F811
    facts, reader = about(exported["autoencoder"]), Reader("chests/autoencoder/0")
    assert facts["note"] == "Not a medical device; for research."
    assert facts["size"] == 32 and facts["preprocessing"] == reader.parts[0].settings
    cv2.imwrite(str(tmp_path / "film.png"), chest(901, abnormal=True))
    answer = reader.read(tmp_path / "film.png")
    picture = prepare(read_film(tmp_path / "film.png"), **facts["preprocessing"]).image
    outputs = agreement.run(exported["autoencoder"] / facts["file"], to_float(picture[None]))
    spread = np.ptp(facts["normals"] + facts["abnormals"])
    score = outputs["score"][0]
    assert abs(score - answer.score) < 1e-4 * spread
    values = answer.small_map.values
    np.testing.assert_allclose(outputs["map"][0], values, atol=1e-3 * np.ptp(values))
    drawn = (outputs["reconstruction"][0, ..., 0] + 1) * 127.5
    np.testing.assert_allclose(drawn.clip(0, 255), answer.reconstruction, atol=0.6)
    assert facts["map_scale"] == pytest.approx(answer.small_map.scale)
    assert {name: score >= at for name, at in facts["thresholds"].items()} == answer.flags
    lower = 100 * np.mean(np.less(facts["normals"], score))
    assert lower == pytest.approx(answer.percentile, abs=0.1)
    constants = facts["calibration"]
    chance = 1 / (1 + np.exp(-(constants["slope"] * score + constants["intercept"])))
    probability = reader.context.probability([answer.score])[0]
    assert chance == pytest.approx(probability, abs=1e-4)
    assert constants["base_rate"] == answer.context.base_rate


def test_the_gate_is_that_of_the_reader(exported):
    facts, reader = about(exported["autoencoder"])["gate"], Reader("chests/autoencoder/0")
    films = [chest(number) for number in range(4)]
    films.append(np.random.default_rng(0).integers(0, 256, (90, 90), np.uint8))
    pictures = np.stack([prepare(film, **facts["preprocessing"]).image for film in films])
    scores = agreement.run(exported["autoencoder"] / facts["file"], _seen(pictures))["score"]
    unlikeness = (scores - facts["middle"]) / facts["spread"]
    np.testing.assert_allclose(unlikeness, reader.gate.unlikeness(pictures), atol=1e-3)
    assert (unlikeness > facts["limit"]).tolist() == [False] * 4 + [True]


@pytest.mark.parametrize("name", ["autoencoder", "joined"])
def test_the_program_of_the_folder_scores_films(name, exported, study, tmp_path):  # noqa: F811
    facts, reader = about(exported[name]), Reader(f"chests/{name}/0")
    films = [str(tmp_path / f"film{number}.png") for number in (902, 903)]
    for number, film in zip((902, 903), films, strict=True):
        cv2.imwrite(film, chest(number, abnormal=True))
    card = (exported[name] / "README.md").read_text()
    (line,) = re.findall(r"```sh\npython (\S+) film.dcm\n```", card)
    coloured = np.random.default_rng(0).integers(0, 256, (80, 60, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "photo.png"), coloured)
    (tmp_path / "words.png").write_text("words")
    others = [str(tmp_path / other) for other in ("photo.png", "words.png")]
    run = [sys.executable, exported[name] / line, *films, *others]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    run = subprocess.run(run, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    spread = np.ptp(facts["normals"] + facts["abnormals"])
    disclaimer, *lines, photo, words = run.stdout.splitlines()
    assert disclaimer == "Not a medical device; for research."
    assert "unlike the films" in photo and words.endswith("not read: not an image")
    for film, printed in zip(films, lines, strict=True):
        path, score = re.match(r"(.+): score ([-+.e0-9]+),", printed).groups()
        answer = reader.read(film)
        assert path == film and abs(float(score) - answer.score) < 1e-4 * spread
        assert ("unlike" in printed) == answer.unlike
    assert "Not a medical device; for research." in card


@pytest.mark.parametrize("rule", ["rank average", "normalised sum", "soft maximum", "logistic"])
def test_the_formula_of_a_rule_is_that_of_the_comparison(rule, study):  # noqa: F811
    from lib.export.description import rule as constants_of

    reader = Reader("chests/joined/0")
    reader.choice = reader.choice._replace(rule=rule)
    normals = [part.scored.split("validation")["score"] for part in reader.parts]
    films = np.column_stack([np.quantile(scores, [0.02, 0.5, 0.97]) for scores in normals])
    known = json.loads(json.dumps(constants_of(reader)))
    for scores, fused in zip(films, reader.fused(films), strict=True):
        names = {"np": np, "rule": known, "scores": scores}
        if "mean" in known:
            names["z"] = (scores - known["mean"]) / np.array(known["deviation"])
        assert eval(known["formula"], names) == pytest.approx(fused, rel=1e-6)


@pytest.mark.parametrize(
    "method", ["autoencoder", pytest.param("padim", marks=pytest.mark.extended)]
)
def test_many_films_are_compared_with_keras(method, study, capsys, monkeypatch):  # noqa: F811
    """As `python -m tests.exported` does for all detectors of a study."""
    assert report(Fit("chests", method), 100)
    keras, record = map(float, re.findall(r"\d\.\de-\d+", capsys.readouterr().out))
    assert keras < 1e-4
    assert record < (1e-4 if method == "autoencoder" else 5e-3), "stored features are rounded"
    monkeypatch.setattr(agreement, "LARGEST", 0)
    assert not report(Fit("chests", method), 10)


def test_every_file_has_its_hash(exported):
    for place in exported.values():
        hashes = about(place)["sha256"]
        assert set(hashes) == {path.name for path in place.iterdir()} - {"detector.json"}
        for name, expected in hashes.items():
            assert files.hash_of(place / name) == expected


def test_a_request_that_cannot_be_met_leaves_nothing(exported, study, monkeypatch):  # noqa: F811
    output = exported["autoencoder"].parent
    before = {path: path.read_bytes() for path in output.rglob("*.*")}
    for name, reason in {
        "chests/autoencoder/0": "exists: remove or rename it",
        "elbows/padim/0": "elbows is not a data set",
        "chests/unheard_of/0": "is not a method",
        "chests/untrained/0": "has not been trained",
    }.items():
        with pytest.raises(BadData, match=reason):
            folder.export(name, output)
    monkeypatch.setattr(agreement, "LARGEST", -1)
    with pytest.raises(BadData, match="differ by"):
        folder.export("chests/autoencoder/0", output / "elsewhere")
    assert before == {path: path.read_bytes() for path in output.rglob("*.*")}
    assert not list((output / "elsewhere").iterdir())
