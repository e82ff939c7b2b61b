"""VAE: loss and scores by hand, scoring without chance, and the published weight of the KL."""

import keras
import numpy as np
import pytest
from by_hand import array
from discs import discs
from keras import ops

from lib.collapse import Collapsed
from lib.methods.vae import VAE

SMALL = {"image_size": 32, "latent_dim": 3, "width": 4, "batch_size": 16}


def posterior(detector, x):
    """z_mean, z_log_var (n, d) and the KL of each film (n,)."""
    z_mean, z_log_var = np.split(array(detector.encoder(x, training=False)), 2, axis=1)
    kl = 0.5 * (z_mean**2 + np.exp(z_log_var) - 1 - z_log_var).sum(axis=1)
    return z_mean, z_log_var, kl


def test_loss_is_the_bound_with_a_drawn_code(monkeypatch):
    detector, (x, _, _) = VAE(**SMALL, kl_weight=0.3), discs(6)
    epsilon = np.random.default_rng(0).normal(size=(6, 3)).astype("float32")
    monkeypatch.setattr(keras.random, "normal", lambda *_, **__: ops.convert_to_tensor(epsilon))
    values = {name: float(value) for name, value in detector.compute_losses(x).items()}
    z_mean, z_log_var, kl = posterior(detector, x)
    drawn = array(detector.decoder(z_mean + np.exp(z_log_var / 2) * epsilon, training=False))
    error = np.square(x - drawn).mean()
    by_hand = {"loss": error + 0.3 * kl.mean() / 3, "reconstruction": error, "kl": kl.mean()}
    assert values == pytest.approx(by_hand, rel=1e-4)


def test_the_weight_is_that_of_normal_noise():
    # -log p(x|z) = sum (x - r)^2 / (2 s^2) + constant; in units of 2 s^2 / pixels it is the error.
    s, pixels = 0.2, 32 * 32
    detector = VAE(**SMALL, kl_weight=2 * s**2 * 3 / pixels)
    error, kl = 0.04, 7.0
    bound = error * pixels / (2 * s**2) + kl
    assert detector.bound(error, kl) == pytest.approx(bound * 2 * s**2 / pixels)


def test_scores_are_their_formulas_and_draw_nothing():
    detector, (x, _, _) = VAE(**SMALL), discs(6, abnormal=0.5)
    outputs, again = (detector.predict(x, verbose=0) for _ in range(2))
    z_mean, _, kl = posterior(detector, x)
    residual = np.square(x - array(detector.decoder(z_mean, training=False)))[..., 0]
    by_hand = {
        "residual": residual.mean((1, 2)),
        "kl": kl,
        "elbo": residual.mean((1, 2)) + 0.005 * kl / 3,
        "map": residual,
    }
    for name, values in by_hand.items():
        np.testing.assert_allclose(outputs[name], values, rtol=1e-3, atol=1e-6, err_msg=name)
        np.testing.assert_array_equal(outputs[name], again[name])


def test_samples_come_from_the_same_codes_each_time():
    detector, (x, _, _) = VAE(**SMALL), discs(2)
    drawn = array(detector.samples(x))
    assert drawn.shape == (6, 32, 32, 1)
    np.testing.assert_array_equal(drawn, array(detector.samples(x[:1])))
    assert all(np.abs(drawn[0] - other).max() > 1e-3 for other in drawn[1:])


def test_the_published_weight_gives_all_films_one_reconstruction():
    x = discs(96)[0]
    spread = {}
    for as_published in (False, True):
        detector = VAE(**SMALL, epochs=20, learning_rate=3e-3, as_published=as_published)
        assert detector.kl_weight == (16 * 3 if as_published else 0.005)
        detector.fit(x, verbose=0)  # where as published, it does not raise
        spread[as_published] = array(detector.reconstruction(x)).std(axis=0).max()
    assert spread[True] < 0.15 < 0.25 < spread[False]


def test_a_collapsed_posterior_is_reported():
    with pytest.raises(Collapsed, match=r"no code .* lower kl_weight"):
        VAE(**SMALL, epochs=20, learning_rate=3e-3, kl_weight=50.0).fit(discs(96)[0], verbose=0)


def test_a_weight_of_zero_is_refused():
    with pytest.raises(ValueError, match="kl_weight above 0, not 0"):
        VAE(kl_weight=0)
