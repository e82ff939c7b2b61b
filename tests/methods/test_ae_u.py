"""AE-U: loss and scores by hand, what its variance learns, and the published form without floor."""

import numpy as np
import pytest
from discs import discs
from keras import ops
from scipy.stats import norm

from lib.methods.ae_u import AEU

SMALL = {"image_size": 32, "latent_dim": 4, "width": 4, "batch_size": 16}


def by_hand(detector, x):
    """(x - r)^2 and v of each pixel, (n, h, w)."""
    r, log_variance = detector.decoder(detector.encoder(x, training=False), training=False)
    r, log_variance = (ops.convert_to_numpy(values)[..., 0] for values in (r, log_variance))
    return np.square(x[..., 0] - r), np.exp(log_variance) + detector.variance_floor


def noisy(n, seed=0):
    """Grey films: their upper half has noise of 0.3, their lower half of 0.1."""
    spread = np.where(np.arange(32) < 16, 0.3, 0.1)[:, None]
    noise = np.random.default_rng(seed).normal(size=(n, 32, 32)) * spread
    return noise.astype("float32")[..., None]


@pytest.mark.parametrize("floor", [0, 0.01, 0.5])
def test_loss_is_twice_the_negative_log_likelihood(floor):
    detector, (x, _, _) = AEU(**SMALL, variance_floor=floor), discs(5)
    values = {name: float(value) for name, value in detector.compute_losses(x).items()}
    residual, variance = by_hand(detector, x)
    likelihood = norm.logpdf(np.sqrt(residual), scale=np.sqrt(variance))
    expected = -2 * likelihood.mean() - np.log(2 * np.pi)
    assert values["loss"] == pytest.approx(expected, rel=1e-4)
    assert values["loss"] == pytest.approx(values["normalised"] + values["log_variance"], rel=1e-5)
    assert values["residual"] == pytest.approx(residual.mean(), rel=1e-4)


@pytest.mark.parametrize("score", AEU.scores)
def test_scores_and_the_map_are_their_formulas(score):
    detector, (x, _, _) = AEU(**SMALL, score_name=score), discs(5, abnormal=0.5)
    outputs = detector.predict(x, verbose=0)
    residual, variance = by_hand(detector, x)
    maps = {
        "normalised": residual / variance,
        "residual": residual,
        "log_variance": np.log(variance),
    }
    np.testing.assert_allclose(outputs["map"], maps[score], rtol=1e-3, atol=1e-5)
    for name, pixels in maps.items():
        np.testing.assert_allclose(outputs[name], pixels.mean((1, 2)), rtol=1e-3, err_msg=name)
    np.testing.assert_array_equal(outputs["score"], outputs[score])


def test_the_variance_learns_the_noise_of_each_pixel():
    detector = AEU(**SMALL, epochs=40, learning_rate=1e-2)
    detector.fit(noisy(64), verbose=0)
    maps = detector.maps(noisy(64, seed=1))
    maps = {name: ops.convert_to_numpy(pixels) for name, pixels in maps.items()}
    variance = np.exp(maps["log_variance"]).mean(axis=(0, 2))  # of each row
    assert variance[:14].mean() == pytest.approx(0.09, rel=0.25)
    assert variance[18:].mean() == pytest.approx(0.01, rel=0.6)  # and that is the floor
    upper, lower = (maps["residual"][:, rows].mean() for rows in (slice(14), slice(18, None)))
    assert upper > 6 * lower
    upper, lower = (maps["normalised"][:, rows].mean() for rows in (slice(14), slice(18, None)))
    assert 0.6 < upper / lower < 1.7, "an error counts in units of the noise that is due there"


def test_without_a_floor_dark_pixels_outweigh_a_film():
    x = noisy(64)
    x[:, 16:] = -0.9  # nothing ever differs here
    film = x[:1].copy()
    film[0, 24, 16] = -0.7  # a speck
    share = {}
    for floor in (0, 0.01):
        detector = AEU(**SMALL, epochs=25, learning_rate=1e-2, variance_floor=floor)
        detector.fit(x, verbose=0)
        pixels = ops.convert_to_numpy(detector.maps(film)["normalised"])[0]
        share[floor] = pixels[24, 16] / pixels.sum()
    assert share[0] > 4 * share[0.01]
    assert share[0.01] < 0.03


def test_a_negative_floor_is_refused():
    with pytest.raises(ValueError, match="0 or more, not -1"):
        AEU(variance_floor=-1)
