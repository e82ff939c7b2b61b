"""Losses and residuals against values worked out by hand."""

import keras
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


def test_ssim_of_channels_is_their_mean():
    random = np.random.default_rng(0)
    x, y = random.normal(size=(2, 3, 6, 5, 4)).astype("float32")
    each = [losses.ssim(x[..., [c]], y[..., [c]], 5, 1.0, 4.0) for c in range(4)]
    assert each[0].shape == (3, 6, 5)
    by_hand = np.mean([ops.convert_to_numpy(channel) for channel in each], axis=0)
    np.testing.assert_allclose(losses.ssim(x, y, 5, 1.0, 4.0), by_hand, atol=1e-5)


def test_kl_divergence_is_the_mean_log_ratio_of_the_densities():
    mean, log_var = np.array([[0.5, -1.0]], "float32"), np.array([[0.3, -0.7]], "float32")
    z = mean + np.exp(log_var / 2) * np.random.default_rng(0).normal(size=(200_000, 2))
    log_q = -0.5 * ((z - mean) ** 2 / np.exp(log_var) + log_var).sum(1)
    log_p = -0.5 * (z**2).sum(1)
    by_sampling = (log_q - log_p).mean()
    np.testing.assert_allclose(losses.kl_divergence(mean, log_var), [by_sampling], rtol=0.01)
    np.testing.assert_allclose(losses.kl_divergence(np.zeros((3, 2)), np.zeros((3, 2))), 0)


def test_gaussian_samples_have_the_mean_and_the_spread_asked_for():
    mean, log_var = np.full((20_000, 2), 0.7, "float32"), np.full((20_000, 2), -1.0, "float32")
    z = losses.sample_gaussian(mean, log_var, keras.random.SeedGenerator(0))
    assert float(ops.mean(z)) == pytest.approx(0.7, abs=0.02)
    assert float(ops.std(z)) == pytest.approx(np.exp(-0.5), rel=0.02)


def test_gradient_penalty_of_a_linear_critic():
    weight = films(1)
    penalty = losses.gradient_penalty(
        lambda u: ops.sum(u * weight, axis=(1, 2, 3)),
        ops.convert_to_tensor(films(3, seed=1)),
        ops.convert_to_tensor(films(3, seed=2)),
        keras.random.SeedGenerator(0),
    )
    assert float(penalty) == pytest.approx((np.linalg.norm(weight) - 1) ** 2, rel=1e-4)


def test_cross_entropy_against_a_target_by_hand():
    logit = np.array([0.0, 2.0], "float32")
    p = 1 / (1 + np.exp(-logit))
    assert float(losses.cross_entropy(logit, 1.0)) == pytest.approx(-np.log(p).mean(), rel=1e-5)
    assert float(losses.cross_entropy(logit, 0.0)) == pytest.approx(-np.log(1 - p).mean(), rel=1e-5)


def test_mean_of_the_largest_pixels_and_of_all_where_there_are_fewer():
    pixels = np.arange(18, dtype="float32").reshape(2, 3, 3)
    np.testing.assert_allclose(losses.mean_of_largest(pixels, 2), [7.5, 16.5])
    np.testing.assert_allclose(losses.mean_of_largest(pixels, 200), [4.0, 13.0])


def test_semi_supervised_by_hand():
    d = np.array([4.0, 2.0, 0.5, 0.0], "float32")
    y = np.array([np.nan, 0, 1, 1], "float32")
    by_hand = (4 + 3 * (2 + 1e-6) + 3 / (0.5 + 1e-6) + 3 / 1e-6) / 4
    assert float(losses.semi_supervised(d, y, 3.0)) == pytest.approx(by_hand, rel=1e-5)
    unknown = np.full(4, np.nan, "float32")
    assert float(losses.semi_supervised(d, unknown, 3.0)) == pytest.approx(6.5 / 4)


def test_radial_cross_entropy_by_hand():
    d = np.array([4.0, 2.0, 0.5], "float32")
    y = np.array([np.nan, 0, 1], "float32")
    by_hand = (4 + 3 * 2 - 3 * np.log(1 - np.exp(-0.5))) / 3
    assert float(losses.radial_cross_entropy(d, y, 3.0)) == pytest.approx(by_hand, rel=1e-4)
    for extreme in (0.0, 1e4):
        value = losses.radial_cross_entropy(np.full(1, extreme, "float32"), np.ones(1), 1.0)
        assert np.isfinite(value)


def test_contrastive_with_one_partner_is_nt_xent():
    n, tau = 5, 0.5
    z = np.random.default_rng(0).normal(size=(2 * n, 3))  # views of film k: rows k and n + k

    def similarity(i, j):
        return z[i] @ z[j] / np.linalg.norm(z[i]) / np.linalg.norm(z[j])

    def of_pair(i, j):
        others = [np.exp(similarity(i, k) / tau) for k in range(2 * n) if k != i]
        return -np.log(np.exp(similarity(i, j) / tau) / sum(others))

    by_hand = np.mean([of_pair(k, n + k) + of_pair(n + k, k) for k in range(n)]) / 2
    alike = np.tile(np.eye(n), (2, 2))
    for scale in (1.0, 7.0):
        loss = losses.contrastive((scale * z).astype("float32"), alike, tau)
        assert float(loss) == pytest.approx(by_hand, rel=1e-4)


def test_contrastive_averages_over_partners_outside_the_logarithm():
    z = np.eye(3, dtype="float32")[[0, 0, 1, 2]]
    alike = np.array([[1, 1, 1, 0], [1, 1, 0, 0], [1, 0, 1, 0], [0, 0, 1, 1]])
    near, far = np.e / (np.e + 2), 1 / (np.e + 2)
    third = 1 / 3  # rows 2 and 3 are as far from all others
    by_hand = -np.mean([np.log(near) / 2 + np.log(far) / 2, np.log(near), *[np.log(third)] * 2])
    assert float(losses.contrastive(z, alike, 1.0)) == pytest.approx(by_hand, rel=1e-5)
