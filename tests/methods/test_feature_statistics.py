"""Methods on pretrained features by their formulas: distances, coresets and planes."""

import numpy as np
import pytest
from by_hand import array
from discs import discs
from sklearn.covariance import LedoitWolf
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from lib.backbones import LEVELS
from lib.methods.feature_distance import FeatureDistance
from lib.methods.linear_probe import LinearProbe, sampled
from lib.methods.padim import PaDiM
from lib.methods.patchcore import PatchCore, coreset

SMALL = {"image_size": 32, "film_size": 64}


def pooled(n, seed=0):
    """Correlated features (n, 512) of various scales."""
    random = np.random.default_rng(seed)
    mixed = random.normal(size=(n, 40)) @ np.random.default_rng(9).normal(size=(40, sum(LEVELS)))
    return (3 + mixed + random.normal(size=mixed.shape)).astype("float32")


def grid(n, seed=0):
    """Return features (n, 4, 4, 176)."""
    return np.random.default_rng(seed).normal(2, 1.5, (n, 4, 4, sum(LEVELS[1:4]))).astype("float32")


def coarse(n, seed=0):
    """Return features (n, 2, 2, 496)."""
    return np.random.default_rng(seed).normal(2, 1.5, (n, 2, 2, sum(LEVELS[1:]))).astype("float32")


def test_mahalanobis_is_that_of_scikit_learn():
    normal, x = pooled(60), pooled(7, seed=1)
    detector = FeatureDistance(**SMALL, memory=80)
    detector.fit(normal, verbose=0)
    outputs = detector.predict(x, verbose=0)
    squared, start = [], 0
    for number, channels in enumerate(LEVELS, start=1):
        part = slice(start, start := start + channels)
        model = LedoitWolf().fit(normal[:, part].astype(float))
        squared.append(model.mahalanobis(x[:, part].astype(float)))
        np.testing.assert_allclose(outputs[f"level_{number}"], squared[-1], rtol=1e-3)
    np.testing.assert_allclose(outputs["mahalanobis"], np.log(squared[2:]).sum(axis=0), rtol=1e-4)
    with pytest.raises(ValueError, match=r"FeatureDistance has levels 1 to 5, not levels=\(0,\)"):
        FeatureDistance(levels=(0,))


def test_neighbours_are_the_nearest_normal_films_and_no_empty_row():
    normal, x = pooled(30), pooled(5, seed=1)
    detector = FeatureDistance(**SMALL, neighbours=3, memory=50)
    detector.fit(normal, verbose=0)
    scores = detector.predict(x, verbose=0)
    offsets = (x[:, None] - normal[None]) * array(detector.scale)
    ends = np.cumsum(LEVELS)
    parts = {"neighbours": slice(None), "neighbours_1": slice(ends[0])}
    parts["neighbours_4"] = slice(ends[2], ends[3])
    for name, part in parts.items():
        distances = np.linalg.norm(offsets[..., part], axis=-1)
        expected = np.sort(distances, axis=1)[:, :3].mean(axis=1)
        np.testing.assert_allclose(scores[name], expected, rtol=1e-3)


def test_a_known_anomaly_is_not_normal():
    """Statistics are those of films not labelled abnormal."""
    normal, ill = pooled(40), 50 + pooled(10, seed=1)
    x, y = np.concatenate([normal, ill]), np.array([np.nan] * 40 + [1.0] * 10)
    scores = []
    for films, labels in ((normal, None), (x, y)):
        detector = FeatureDistance(**SMALL)
        detector.uses_labels = True
        detector.fit(films, labels, verbose=0)
        scores.append(detector.predict(ill, verbose=0)["score"])
    np.testing.assert_allclose(*scores, rtol=1e-5)
    with pytest.raises(ValueError, match=r"FeatureDistance needs two films or more .* not 1"):
        FeatureDistance(**SMALL).fit(normal[:1], verbose=0)


def test_padim_is_a_mahalanobis_distance_at_each_place():
    normal, x = coarse(40), coarse(3, seed=1)
    detector = PaDiM(**SMALL, channels=20, epsilon=0.1)
    detector.fit(normal, verbose=0)
    chosen = array(detector.selected)
    assert len(set(chosen)) == 20
    by_hand = np.zeros((3, 2, 2))
    for row, column in np.ndindex(2, 2):
        cells, own = normal[:, row, column][:, chosen], x[:, row, column][:, chosen]
        inverse = np.linalg.inv(np.cov(cells.T) + 0.1 * np.eye(20))
        centred = own - cells.mean(axis=0)
        by_hand[:, row, column] = np.sqrt(np.einsum("nc,cd,nd->n", centred, inverse, centred))
    np.testing.assert_allclose(array(detector.distances(x)), by_hand, rtol=1e-3)
    outputs = detector.predict(x, verbose=0)
    np.testing.assert_allclose(outputs["mean"], by_hand.mean((1, 2)), rtol=1e-3)
    np.testing.assert_allclose(outputs["maximum"], by_hand.max((1, 2)), rtol=1e-3)
    np.testing.assert_allclose(outputs["score"], by_hand.mean((1, 2)), rtol=1e-3)
    np.testing.assert_allclose(outputs["top_tenth"], by_hand.max((1, 2)), rtol=1e-3)  # 1 of 4
    assert outputs["map"].shape == (3, 32, 32)


def test_a_coreset_covers():
    """Of three far clusters one cell each, whatever their sizes; then the farthest cell left."""
    random = np.random.default_rng(0)
    cells = np.concatenate([random.normal(100 * k, 1, (n, 4)) for k, n in enumerate((50, 3, 1))])
    assert set(np.searchsorted([50, 53], coreset(cells, 3), side="right")) == {0, 1, 2}
    chosen = coreset(cells, 10)
    distances = np.linalg.norm(cells[:, None] - cells[chosen[:9]], axis=-1).min(axis=1)
    assert chosen[9] == distances.argmax() and len(set(chosen)) == 10
    assert sorted(coreset(cells[:5], 10)) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("same_place", [True, False])
def test_patchcore_is_the_distance_to_the_nearest_normal_cell(same_place):
    normal, x = grid(6), grid(3, seed=1)
    detector = PatchCore(**SMALL, same_place=same_place, memory=8)  # all cells fit
    detector.fit(normal, verbose=0)
    memory, p = array(detector.patches(normal)), array(detector.patches(x))
    distances = np.linalg.norm(p[:, :, None, None] - memory[None, None], axis=-1)
    if same_place:  # (n, places, films)
        distances = np.stack([distances[:, place, :, place] for place in range(16)], axis=1)
    nearest = np.sort(distances.reshape(3, 16, -1), axis=-1)
    outputs = detector.predict(x, verbose=0)
    np.testing.assert_allclose(outputs["mean"], nearest[..., 0].mean(axis=1), rtol=1e-5)
    place = nearest[..., 0].argmax(axis=1)
    largest = nearest[np.arange(3), place, :3]
    powers = np.exp(largest / np.sqrt(176))
    expected = (1 - powers[:, 0] / powers.sum(axis=1)) * largest[:, 0]
    np.testing.assert_allclose(outputs["maximum"], expected, rtol=1e-5)
    own = detector.predict(normal, verbose=0)["mean"]
    assert own.max() < 1e-4 * outputs["mean"].min(), "a film of the memory is at no distance"


def test_a_patch_is_the_mean_of_a_cell_and_its_neighbours():
    detector = PatchCore(**SMALL)
    detector.scale.assign(np.ones(176))
    x = grid(2)
    patches = array(detector.patches(x)).reshape(2, 4, 4, 176)
    np.testing.assert_allclose(patches[:, 1, 2], x[:, 0:3, 1:4].mean(axis=(1, 2)), rtol=1e-4)
    np.testing.assert_allclose(patches[:, 0, 0], x[:, :2, :2].mean(axis=(1, 2)), rtol=1e-4)


def test_linear_probe_is_scikit_learns_plane_with_unknown_films_as_normal():
    x = pooled(60)
    y = np.where(np.arange(60) < 8, 1.0, np.nan)
    detector = LinearProbe(**SMALL, penalty=10.0)
    detector.fit(x, y, verbose=0)
    z = StandardScaler().fit(x.astype(float))
    plane = LogisticRegression(C=0.1, class_weight="balanced", max_iter=10_000)
    plane.fit(z.transform(x.astype(float)), np.nan_to_num(y))
    expected = plane.decision_function(z.transform(x.astype(float)))
    np.testing.assert_allclose(detector.predict(x, verbose=0)["score"], expected, atol=2e-3)
    for labels in (np.full(60, np.nan), np.ones(60)):
        with pytest.raises(ValueError, match="LinearProbe learns from films labelled abnormal and"):
            LinearProbe(**SMALL).fit(x, labels, verbose=0)


def test_the_penalty_is_chosen_on_training_films():
    """Where labels are noise the strongest penalty is as good as any; a clear class needs none."""
    x = pooled(80)
    y = np.where(np.arange(80) < 20, 1.0, np.nan)
    detector = LinearProbe(**SMALL)
    assert detector.plane(20).param_grid == {"C": [1.0, 0.1, 0.01, 0.001, 0.0001]}
    assert detector.plane(1).C == 1e-4, "one anomaly cannot be held out"
    detector.fit(x + 5 * np.nan_to_num(y)[:, None].astype("float32"), y, verbose=0)
    scores = detector.predict(x + 5 * np.nan_to_num(y)[:, None].astype("float32"), verbose=0)
    assert scores["score"][:20].min() > scores["score"][20:].max()


def test_a_linear_probe_takes_a_sample_of_many_films():
    """Few known anomalies all count; the plane is that of the films in the sample alone."""
    rare, half = np.arange(100) % 20 == 0, np.arange(100) % 2 == 0
    for labels, most, abnormal, taken in (
        (rare, 40, 5, 40),
        (half, 40, 20, 40),
        (half, 200, 50, 100),
    ):
        rows = sampled(labels.astype(float), most)
        assert len(rows) == len(set(rows)) == taken and labels[rows].sum() == abnormal
        assert (np.diff(rows) > 0).all() and rows[0] < 5 and rows[-1] > 94
    x, y = pooled(100), rare.astype(float)
    of_sample, whole = (LinearProbe(**SMALL, penalty=10.0, memory=m) for m in (40, 40))
    of_sample.fit(x, y, verbose=0)
    rows = sampled(y, 40)
    whole.fit(x[rows], y[rows], verbose=0)
    np.testing.assert_array_equal(array(of_sample.coefficients), array(whole.coefficients))


def test_films_and_their_features_score_alike():
    films = discs(12)[0]
    detector = PaDiM(**SMALL)
    detector.fit(films, verbose=0)
    features = detector.features(films)
    assert features.shape == (12, 2, 2, 496)
    of_films, of_features = (detector.predict(x, verbose=0) for x in (films, features))
    np.testing.assert_allclose(of_films["score"], of_features["score"], rtol=1e-5)
    np.testing.assert_allclose(array(detector.anomaly_map(films)), of_films["map"], rtol=1e-4)
    np.testing.assert_allclose(array(detector.anomaly_score(films)), of_films["score"], rtol=1e-4)


def test_what_is_refused():
    with pytest.raises(ValueError, match="backbone of PaDiM is imagenet or random, not 'vgg'"):
        PaDiM(backbone="vgg")
    with pytest.raises(ValueError, match="PaDiM is not trained in epochs: leave `epochs` out"):
        PaDiM(epochs=3)
    with pytest.raises(ValueError, match="leave `augment` and `mirrored` out"):
        PaDiM(mirrored=True)
    with pytest.raises(
        ValueError, match=r"takes films .* or coarse features of shape \(n, 2, 2, 4"
    ):
        PaDiM(**SMALL).predict(np.zeros((2, 5, 5, 176), "float32"))
