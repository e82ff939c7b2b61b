"""FastFlow: inverse and determinant of the flow, likelihood in closed form, and what it learns."""

import keras
import numpy as np
import pytest
from by_hand import array
from test_feature_autoencoder import features

from lib.methods.feature_flow import FeatureFlow, _Coupling

SMALL = {"film_size": 64, "image_size": 32, "batch_size": 8, "width": 8, "steps": 4}


def disturb(model, spread=0.1, seed=0):
    """Give every trainable weight a random value, as the flow is the identity at first."""
    random = np.random.default_rng(seed)
    for weight in model.trainable_weights:
        weight.assign(random.normal(0, spread, weight.shape))


@pytest.mark.parametrize("located", [True, False])
def test_the_inverse_of_the_flow_returns_the_features(located):
    detector = FeatureFlow(**SMALL, located=located)
    disturb(detector.flow)
    x = np.random.default_rng(1).normal(size=(3, 4, 4, 176)).astype("float32")
    z, s = detector.flow(x)
    assert np.abs(array(z) - x).max() > 1 and np.abs(array(s)).max() > 1
    np.testing.assert_allclose(detector.inverse(z), x, atol=1e-4)


def test_the_sum_of_s_is_the_logarithm_of_the_determinant():
    """Of a tiny flow of 2 x 2 cells and 5 channels, by central differences."""
    draw = np.random.default_rng(0)
    steps = [_Coupling(draw.permutation(5), 3, kernel, 2.0, True) for kernel in (3, 1, 3)]
    film = keras.Input((2, 2, 5))
    z, total = film, 0.0
    for step in steps:
        z, s = step(z)
        total = total + s
    flow = keras.Model(film, [z, total])
    disturb(flow, spread=0.3)
    x, h = draw.normal(size=20), 1e-3  # small, as ReLU has kinks
    moved = np.concatenate([x + h * np.eye(20), x - h * np.eye(20)]).reshape(-1, 2, 2, 5)
    image = array(flow(moved.astype("float32"))[0]).reshape(2, 20, 20).astype(float)
    jacobian = (image[0] - image[1]) / (2 * h)
    _, expected = np.linalg.slogdet(jacobian)
    total = array(flow(x.reshape(1, 2, 2, 5).astype("float32"))[1]).sum()
    assert abs(total) > 0.3
    assert total == pytest.approx(expected, abs=0.02)


def test_at_first_the_surprise_is_that_of_a_normal_distribution():
    detector, x = FeatureFlow(**SMALL), features(5)
    detector.before_training(x)
    f = array(detector.standardised(x)).astype(float)
    by_hand = -np.log(np.exp(-(f**2) / 2) / np.sqrt(2 * np.pi)).mean(axis=-1)
    np.testing.assert_allclose(detector.abnormality(x), by_hand, rtol=1e-4)
    assert float(detector.compute_losses(x)["loss"]) == pytest.approx(by_hand.mean(), rel=1e-4)
    noisy = float(detector.compute_losses(x, training=True)["loss"])
    assert noisy == pytest.approx(by_hand.mean() + 0.2**2 / 2, abs=0.01)
    outputs = detector.predict(x, verbose=0)
    np.testing.assert_allclose(outputs["score"], by_hand.mean((1, 2)), rtol=1e-4)
    np.testing.assert_allclose(outputs["maximum"], by_hand.max((1, 2)), rtol=1e-4)


def test_the_surprise_counts_z_and_s():
    detector, x = FeatureFlow(**SMALL), features(3)
    disturb(detector.flow)
    z, s = (array(part).astype(float) for part in detector.flow(x))
    by_hand = ((z**2 / 2 + np.log(2 * np.pi) / 2).sum(-1) - s) / 176
    np.testing.assert_allclose(detector.surprise(x), by_hand, rtol=1e-3)


def test_no_step_scales_by_more_than_the_clamp():
    detector = FeatureFlow(**SMALL, clamp=0.5)
    disturb(detector.flow)
    s, _ = detector.couplings[0].subnet(100 * np.ones((1, 4, 4, 88), "float32"))
    assert 0.4 < np.abs(array(s)).max() <= 0.5


def test_learns_and_gives_the_same_scores_from_a_file(tmp_path):
    x = features(40)
    detector = FeatureFlow(**SMALL, epochs=15, learning_rate=5e-3)
    loss = detector.fit(x, verbose=0).history["loss"]
    assert loss[-1] < loss[0] - 0.3
    scores = detector.predict(np.concatenate([features(10, 1), x[:10, ::-1]]), verbose=0)["score"]
    assert np.median(scores[:10]) < np.median(scores[10:]) - 0.3, "films upside down are unlikely"
    detector.save_weights(tmp_path / "a.weights.h5")
    other = FeatureFlow(**SMALL)
    other.load_weights(tmp_path / "a.weights.h5")
    again = other.predict(features(10, 1), verbose=0)["score"]
    np.testing.assert_allclose(again, scores[:10], rtol=1e-4)
