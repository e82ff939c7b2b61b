"""Losses and residuals against values worked out by hand."""

import numpy as np
import pytest
from keras import ops

from lib import losses


def films(n=2, size=16, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (n, size, size, 1)).astype("float32")


def test_cross_entropy_by_hand():
    y = np.array([1, 0, 1, np.nan], "float32")
    logit = np.array([0.0, 2.0, -3.0, 50.0], "float32")
    probability = 1 / (1 + np.exp(-logit))
    by_hand = -(
        4 * np.log(probability[0]) + 0.5 * np.log(1 - probability[1]) + 4 * np.log(probability[2])
    )
    loss = losses.weighted_cross_entropy(y, logit, ops.convert_to_tensor([0.5, 4.0]))
    assert float(loss) == pytest.approx(by_hand / 3, rel=1e-5)


def test_cross_entropy_survives_large_logits_and_films_without_labels():
    weights = ops.convert_to_tensor([1.0, 1.0])
    y, logit = np.array([0, 1], "float32"), np.array([100.0, -100.0], "float32")
    assert float(losses.weighted_cross_entropy(y, logit, weights)) == pytest.approx(100.0)
    unknown = np.full(2, np.nan, "float32")
    assert float(losses.weighted_cross_entropy(unknown, logit, weights)) == 0.0


def test_absolute_and_squared_residual():
    x, r = films(), films(seed=1)
    np.testing.assert_allclose(losses.absolute_residual(x, r), np.abs(x - r)[..., 0], atol=1e-6)
    np.testing.assert_allclose(losses.squared_residual(x, r), ((x - r) ** 2)[..., 0], atol=1e-6)


def test_ssim_of_equal_films_is_one():
    x = films()
    np.testing.assert_allclose(losses.ssim(x, x), 1.0, atol=1e-4)
    np.testing.assert_allclose(losses.ssim_residual(x, x), 0.0, atol=1e-4)


def test_ssim_of_flat_films_compares_their_means():
    a, b = np.full((1, 16, 16, 1), 0.5, "float32"), np.full((1, 16, 16, 1), -0.2, "float32")
    c1 = 0.02**2
    by_hand = (2 * 0.5 * -0.2 + c1) / (0.5**2 + 0.2**2 + c1)
    np.testing.assert_allclose(losses.ssim(a, b), by_hand, rtol=1e-3)


def test_ssim_of_one_pixel_by_hand():
    x, y = films(1, 11).astype(float), films(1, 11, seed=1).astype(float)
    offsets = np.arange(-5, 6)
    window = np.exp(-(offsets[:, None] ** 2 + offsets[None] ** 2) / (2 * 1.5**2))
    window /= window.sum()
    a, b = x[0, ..., 0], y[0, ..., 0]
    mean_a, mean_b = (window * a).sum(), (window * b).sum()
    variance_a = (window * (a - mean_a) ** 2).sum()
    variance_b = (window * (b - mean_b) ** 2).sum()
    covariance = (window * (a - mean_a) * (b - mean_b)).sum()
    c1, c2 = 0.02**2, 0.06**2
    by_hand = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    by_hand /= (mean_a**2 + mean_b**2 + c1) * (variance_a + variance_b + c2)
    value = losses.ssim(x.astype("float32"), y.astype("float32"))
    assert float(value[0, 5, 5]) == pytest.approx(by_hand, abs=1e-4)
