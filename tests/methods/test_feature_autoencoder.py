"""FAE: its loss and map by hand, SSIM of several channels, standardised features."""

import numpy as np
import pytest
from by_hand import array

from lib import losses
from lib.grid_detector import LEAST
from lib.methods.feature_autoencoder import FeatureAutoencoder, sides

SMALL = {"film_size": 64, "image_size": 32, "batch_size": 8, "width": 16, "latent_dim": 8}


def features(n, seed=0):
    """Grid features of films of 64 pixels that share a pattern, (n, 4, 4, 176)."""
    random = np.random.default_rng(seed)
    pattern = np.random.default_rng(9).normal(size=(3, 4, 4, 176))
    x = 5 + 2 * np.tensordot(random.normal(size=(n, 3)), pattern, 1)
    return (x + 0.1 * random.normal(size=x.shape)).astype("float32")


def test_loss_and_map_are_one_minus_ssim_of_the_features():
    detector, x = FeatureAutoencoder(**SMALL, window=3), features(5)
    detector.before_training(x)
    f = (x - x.mean((0, 1, 2))) / x.std((0, 1, 2))
    np.testing.assert_allclose(detector.standardised(x), f, rtol=1e-3, atol=1e-4)
    redrawn = array(detector.decoder(detector.encoder(f, training=False), training=False))
    each = [losses.ssim(f[..., [c]], redrawn[..., [c]], 3, 0.6, 10.0) for c in range(176)]
    by_hand = 1 - np.mean([array(channel) for channel in each], axis=0)
    np.testing.assert_allclose(detector.dissimilarity(x), by_hand, rtol=1e-3, atol=1e-4)
    assert float(detector.compute_losses(x)["loss"]) == pytest.approx(by_hand.mean(), rel=1e-3)
    outputs = detector.predict(x, verbose=0)
    np.testing.assert_allclose(outputs["mean"], by_hand.mean((1, 2)), rtol=1e-3)
    np.testing.assert_allclose(outputs["maximum"], by_hand.max((1, 2)), rtol=1e-3)
    np.testing.assert_allclose(outputs["score"], outputs["mean"])
    assert outputs["map"].shape == (5, 32, 32)


def test_a_perfect_reconstruction_is_not_abnormal(monkeypatch):
    detector, x = FeatureAutoencoder(**SMALL), features(3)
    monkeypatch.setattr(detector, "encoder", lambda f, training: f)
    monkeypatch.setattr(detector, "decoder", lambda f, training: f)
    np.testing.assert_allclose(detector.dissimilarity(x), 0, atol=1e-4)


def test_abnormal_and_constant_channels_do_not_set_the_scale():
    x = features(6)
    x[..., 7] = 3.0
    detector = FeatureAutoencoder(**SMALL)
    detector.before_training(np.concatenate([x, x[:1] + 100]), np.array([0.0] * 6 + [1.0]))
    np.testing.assert_allclose(detector.mean, x.mean((0, 1, 2)), rtol=1e-4)
    deviation = x.std((0, 1, 2))
    assert array(detector.deviation)[7] == pytest.approx(LEAST * deviation.mean(), rel=1e-3)
    assert np.isfinite(detector.predict(x, verbose=0)["score"]).all()


@pytest.mark.parametrize(
    ("side", "expected"), [(14, [14, 7, 4]), (4, [4, 2]), (8, [8, 4]), (16, [16, 8, 4])]
)
def test_the_decoder_mirrors_the_encoder(side, expected):
    assert sides(side) == expected
    detector = FeatureAutoencoder(**SMALL | {"film_size": 16 * side})
    assert detector.encoder.output.shape == (None, expected[-1], expected[-1], 8)
    assert detector.decoder.output.shape == (None, side, side, 176)


def test_learns_and_gives_the_same_scores_from_a_file(tmp_path):
    x = features(40)
    detector = FeatureAutoencoder(**SMALL, epochs=30, learning_rate=1e-2, dropout=0.0)
    loss = detector.fit(x, verbose=0).history["loss"]
    assert loss[-1] < 0.75 * loss[0]
    scores = detector.predict(np.concatenate([features(10, 1), x[:10, ::-1]]), verbose=0)["score"]
    assert scores[:10].max() < scores[10:].min(), "films upside down are not reconstructed"
    detector.save_weights(tmp_path / "a.weights.h5")
    other = FeatureAutoencoder(**SMALL, dropout=0.0, seed=1)
    other.load_weights(tmp_path / "a.weights.h5")
    again = other.predict(features(10, 1), verbose=0)["score"]
    np.testing.assert_allclose(again, scores[:10], rtol=1e-4)
