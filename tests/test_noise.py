"""Simplex noise: moments, spectrum, continuity, and the same noise when it is computed by hand."""

from itertools import pairwise

import keras
import numpy as np
import pytest
from keras import ops

from lib import noise


def fields(count=64, size=64, seed=0, calls=8, **options):
    """Return films of noise (calls * count, h, w); each call has another triangulation."""
    generator = keras.random.SeedGenerator(seed)
    drawn = [noise.simplex(count, size, generator, **options) for _ in range(calls)]
    return np.concatenate([ops.convert_to_numpy(films)[..., 0] for films in drawn])


def by_hand(points, permutation, angle):
    """Return Gustavson's noise at points (p, 2) for one film, one loop turn a point."""
    values = []
    for y, x in points:
        skewed = (x + y) * (3**0.5 - 1) / 2
        i, j = int(np.floor(y + skewed)), int(np.floor(x + skewed))
        value, inner = 0.0, np.array([y - i, x - j]) + (i + j) * (3 - 3**0.5) / 6
        between = (1, 0) if inner[0] > inner[1] else (0, 1)
        for a, b in ((0, 0), between, (1, 1)):
            d = inner - np.array([a, b]) + (a + b) * (3 - 3**0.5) / 6
            turn = angle[permutation[(permutation[(i + a) % 1024] + j + b) % 1024]]
            near = max(0, 0.5 - d @ d)
            value += near**4 * (d @ [np.cos(turn), np.sin(turn)])
        values.append(value)
    return np.array(values)


def sampled(points, seed=0, count=3):
    """Return one octave at points (p, 2) by lib.noise, (p, count), its permutation and angles."""
    random = np.random.default_rng(seed)
    permutation = random.permutation(noise.DIRECTIONS).astype("int32")
    angle = random.uniform(0, 2 * np.pi, (noise.DIRECTIONS, count)).astype("float32")
    points = ops.convert_to_tensor(points.T[None].astype("float32"))
    vertex, weights = noise.triangulation(points, ops.convert_to_tensor(permutation))
    values = noise.weighted_sum(vertex, weights, ops.convert_to_tensor(angle))
    return ops.convert_to_numpy(values), permutation, angle


def test_one_octave_is_simplex_noise_computed_by_hand():
    """In numpy, so both backends agree with it and with each other."""
    points = np.random.default_rng(1).uniform(0, 40, (300, 2))
    values, permutation, angle = sampled(points)
    for film in range(3):
        expected = by_hand(points, permutation, angle[:, film])
        np.testing.assert_allclose(values[:, film], expected, atol=2e-7)
    assert np.abs(values).max() > 5e-3


def test_a_field_is_continuous_and_zero_at_vertices():
    line = np.linspace([3.0, 4.0], [9.0, 5.5], 6000)  # crosses about a dozen triangles
    jumps = np.abs(np.diff(sampled(line)[0], axis=0)).max()
    assert jumps < 0.03 * np.sqrt(noise.VARIANCE), "one thousandth of a triangle on"
    corners = np.array(
        [[i, j] - np.full(2, (i + j) * noise.UNSKEW) for i in (7, 8) for j in (6, 9)]
    )
    assert np.abs(sampled(corners)[0]).max() < 1e-3 * np.sqrt(noise.VARIANCE)


@pytest.mark.parametrize("settings", [(6, 0.8, 64), (1, 0.8, 64), (3, 0.5, 32)])
def test_noise_has_mean_zero_and_variance_one(settings):
    octaves, persistence, frequency = settings
    drawn = fields(octaves=octaves, persistence=persistence, frequency=frequency, calls=24)
    assert abs(drawn.mean()) < 0.03
    assert drawn.var() == pytest.approx(1, abs=0.03)


def test_no_place_of_a_film_is_quieter_than_others():
    """As the first pixel would be if every triangulation began there."""
    variance = fields(count=32, size=32, calls=150).var(axis=0)
    assert variance.min() > 0.8 and variance.max() < 1.25


def test_power_falls_with_frequency_and_neighbours_agree():
    drawn = fields()
    power = np.square(np.abs(np.fft.fft2(drawn))).mean(axis=0)
    cycles = np.hypot(*np.meshgrid(*[np.fft.fftfreq(64, 1 / 64)] * 2))
    bands = [(3, 6), (6, 12), (12, 20), (20, 32)]
    falling = [power[(cycles >= low) & (cycles < high)].mean() for low, high in bands]
    assert all(high > 1.5 * low for high, low in pairwise(falling))
    correlations = [(drawn[:, lag:] * drawn[:, :-lag]).mean() for lag in (1, 4, 16)]
    assert correlations[0] > 0.5 and correlations[1] > 0.05 and abs(correlations[2]) < 0.05


def test_the_period_follows_the_size_of_the_film():
    """Half of a small film shows what half of a large one shows."""
    for size in (32, 64, 128):
        drawn = fields(count=16, size=size, octaves=1, calls=60)
        lag = size // 16
        assert (drawn[:, lag:] * drawn[:, :-lag]).mean() == pytest.approx(0.45, abs=0.05), size


def test_each_film_and_each_call_has_its_own_field():
    first, second = fields(count=200, size=32, calls=2).reshape(2, 200, -1)
    films = np.corrcoef(first)[np.triu_indices(200, 1)]
    assert abs(films.mean()) < 0.02 and np.abs(films).max() < 0.9
    assert abs(np.mean(first * second)) < 0.02
    np.testing.assert_array_equal(fields(count=4, calls=1, seed=5), fields(4, calls=1, seed=5))
    assert not np.array_equal(fields(count=4, calls=1, seed=5), fields(count=4, calls=1, seed=6))


def test_gaussian_noise_is_white():
    drawn = ops.convert_to_numpy(noise.gaussian(64, 64, keras.random.SeedGenerator(0)))[..., 0]
    assert drawn.mean() == pytest.approx(0, abs=0.01) and drawn.var() == pytest.approx(1, abs=0.01)
    assert (drawn[:, 1:] * drawn[:, :-1]).mean() == pytest.approx(0, abs=0.01)
