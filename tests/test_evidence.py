"""What a card shows of a detector: of which films, in which files, and only what there is."""

import numpy as np
import pandas as pd
import pytest

from lib.collapse import Collapsed
from lib.detector import Detector
from lib.fits import evidence
from lib.preprocessing.network_input import to_float

SIZE = 8
FILMS = np.random.default_rng(0).integers(0, 256, (60, SIZE, SIZE), np.uint8)


class Silent:
    """A detector without map, pictures or settings; at most 7 films reach it at a time."""

    batch_size = 7
    batches, batchwise, as_graph = Detector.batches, Detector.batchwise, Detector.as_graph

    def predict(self, x, verbose):
        return {"score": x.mean(axis=(1, 2, 3))}

    def reconstruction(self, x):
        assert x.shape[0] is None or x.shape[0] <= 7
        return None

    def chain(self, x):
        return None

    def embed(self, x):
        return None

    def sphere(self, x):
        return None

    def sweep(self, x):
        return []


class Complete(Silent):
    """Maps are the films, reconstructions their negatives, and half a call halves the score.

    A film is embedded as its first row, in the sphere of its first pixel's sign.
    """

    def predict(self, x, verbose):
        return {**super().predict(x, verbose), "map": x[..., 0]}

    def reconstruction(self, x):
        super().reconstruction(x)
        return -x

    def chain(self, x):
        return np.stack([x, 0 * x, -x])

    def embed(self, x):
        return x[:, 0, :, 0]

    def sphere(self, x):
        return (x[:, 0, 0, 0] > 0).astype(int)

    def sweep(self, x):
        score = self.predict(x, verbose=0)["score"]
        return [({"lambda": 250, "calls": calls}, calls * score) for calls in (2, 10)]


def index(number=60):
    """Return films of three splits in turn."""
    splits = np.array(["train", "validation", "test"])[np.arange(number) % 3]
    return pd.DataFrame({"image_id": [f"film{n}" for n in range(number)], "split": splits})


def ranked():
    """Return the 20 test films, the last of the index scored lowest."""
    films = index()
    scores = films[["image_id"]].assign(score=np.arange(60)[::-1] / 10)
    return evidence.ranked_test_films(films, scores[films["split"].ne("train")])


def keep(detector, folder):
    evidence.keep(detector, FILMS, ranked(), pd.Series(["film2", "film3"]), folder)
    return {path.name for path in folder.iterdir()}


def test_test_films_are_ranked_by_their_score():
    films = ranked()
    assert films["row"].tolist() == list(range(59, 0, -3))
    assert films["image_id"].tolist() == [f"film{row}" for row in films["row"]]


def test_maps_are_kept_of_quiet_and_of_loud_films(monkeypatch):
    monkeypatch.setattr(evidence, "FILMS_WITH_MAPS", 10)
    films = ranked()
    annotated = films["image_id"][films["row"] < 40]
    selected = evidence.films_with_maps(films, annotated)
    assert selected["row"].is_monotonic_increasing and selected["row"].is_unique
    assert 10 <= len(selected) <= 17
    noted = selected["row"][selected["image_id"].isin(annotated)]
    assert noted.min() == 2 and noted.max() == 38
    assert selected["row"].max() == 59, "films without a lesion too"


def test_what_is_kept_is_of_the_films_it_names(tmp_path):
    assert keep(Complete(), tmp_path) == {
        *("maps.npz", "chain.npz", "embedding.npz"),
        "sweep.csv",
    }
    row = {f"film{n}": n for n in range(60)}

    maps = np.load(tmp_path / "maps.npz")
    shown = FILMS[[row[image_id] for image_id in maps["image_id"]]]
    assert len(shown) == 20
    np.testing.assert_allclose(maps["map"], to_float(shown)[..., 0], atol=1e-3)
    stretched = (to_float(shown)[..., 0] + 1) * 127.5
    np.testing.assert_allclose(maps["reconstruction"], 255 - stretched, atol=1)

    chain = np.load(tmp_path / "chain.npz")
    assert chain["chain_image_id"].tolist() == ["film59", "film41", "film23", "film2"]
    first, last = chain["chain"][0].astype(int), chain["chain"][-1].astype(int)
    assert chain["chain"].shape == (3, 4, SIZE, SIZE)
    np.testing.assert_allclose(first + last, 255, atol=1)
    np.testing.assert_allclose(first[0], (to_float(FILMS[59:60])[0, ..., 0] + 1) * 127.5, atol=1)

    embedding = np.load(tmp_path / "embedding.npz")
    rows = to_float(FILMS[[row[image_id] for image_id in embedding["image_id"]]])[:, 0, :, 0]
    assert len(rows) == 20
    np.testing.assert_array_equal(embedding["embedding"], rows)
    np.testing.assert_array_equal(embedding["sphere"], rows[:, 0] > 0)

    sweep = pd.read_csv(tmp_path / "sweep.csv")
    assert list(sweep) == ["image_id", "lambda", "calls", "score"] and len(sweep) == 40
    score = sweep.pivot(index="image_id", columns="calls", values="score")
    np.testing.assert_allclose(score[10], 5 * score[2], rtol=1e-5)
    film = score.loc["film5", 2]
    assert film == pytest.approx(2 * float(to_float(FILMS[5:6]).mean()), rel=1e-4)


@pytest.mark.parametrize(("largest", "kind"), [(65504, "float16"), (250_000, "float32")])
def test_maps_are_kept_whatever_their_range(largest, kind, tmp_path):
    """AE-U without a floor of the variance: beyond 65504 float16 has infinity alone."""

    class Loud(Complete):
        def predict(self, x, verbose):
            outputs = super().predict(x, verbose)
            return outputs | {"map": outputs["map"] * np.float32(largest)}

    keep(Loud(), tmp_path)
    kept = np.load(tmp_path / "maps.npz")["map"]
    assert kept.dtype == kind and np.isfinite(kept).all()
    rows = [int(name.removeprefix("film")) for name in np.load(tmp_path / "maps.npz")["image_id"]]
    np.testing.assert_allclose(
        kept.astype("float32") / largest, to_float(FILMS[rows])[..., 0], atol=1e-3
    )


def test_a_detector_that_shows_nothing_leaves_nothing(tmp_path):
    assert keep(Silent(), tmp_path) == set()


def test_a_sweep_keeps_to_so_many_films_of_all_ranks(monkeypatch):
    monkeypatch.setattr(evidence, "FILMS_IN_SWEEP", 5)
    selected = evidence.evenly(ranked(), evidence.FILMS_IN_SWEEP)
    assert selected["row"].tolist() == [59, 47, 32, 17, 2]


def test_scores_that_are_not_finite_are_named(tmp_path):
    class Broken(Complete):
        def sweep(self, x):
            setting, score = super().sweep(x)[0]
            return [(setting, np.where(np.arange(len(score)) < 3, np.nan, score))]

    with pytest.raises(Collapsed, match="score: 3 of 20 values are not finite"):
        keep(Broken(), tmp_path)
    table = pd.DataFrame({"image_id": ["a", "b"], "score": [1.0, 2.0], "top_k": [np.inf, 1.0]})
    with pytest.raises(Collapsed, match="top_k: 1 of 2 values are not finite"):
        evidence.check_finite(table)
