"""Lesions lie where they may, are as large as asked for, and leave the rest of a film as it was."""

import keras
import numpy as np
import pytest

from lib.lesions import drawn


@pytest.fixture
def random():
    return keras.random.SeedGenerator(0)


def films(n=32, size=64):
    rows, columns = np.mgrid[:size, :size] / size
    waves = [np.sin(6 * rows + k) * np.cos(5 * columns - k) / 2 for k in range(n)]
    return np.array(waves, "float32")


def disc(n=32, size=64, radius=0.3):
    rows, columns = np.mgrid[:size, :size] / size - 0.5
    return np.repeat((np.hypot(rows, columns) < radius)[None], n, axis=0).astype("float32")


@pytest.mark.parametrize("kind", sorted(drawn.KINDS))
def test_a_film_changes_where_the_lesion_is_and_nowhere_outside_the_body(kind, random):
    x, body = films(), disc()
    ill, masks = map(np.asarray, drawn.draw(x, body, random, (kind,), share=1.0))
    change = np.abs(ill - x)
    assert np.all(change[body == 0] == 0) and np.all(masks[body == 0] == 0)
    assert set(np.unique(masks)) == {0, 1}
    assert change[masks == 1].mean() > 0.1 > 20 * change[masks == 0].mean()
    assert np.abs(ill).max() <= 1


def test_the_share_of_films_with_lesions(random):
    x, body = films(400, 32), disc(400, 32)
    ill, masks = map(np.asarray, drawn.draw(x, body, random, ("opacity",), share=0.25))
    ill = np.abs(ill - x).max((1, 2)) > 0.02
    assert ill.mean() == pytest.approx(0.25, abs=0.07)
    assert np.all(masks[~ill] == 0)


def test_places_lie_in_the_body_and_have_the_size_asked_for(random):
    body = np.ones((200, 64, 64), "float32")
    for size in (0.1, 0.4):
        area = (np.asarray(drawn.places(body, random, (size, size))) > 0.5).sum((1, 2))
        # the long half-axis is size * 32 pixels, the short one 0.4 to 1 of it; edges cut some off
        assert 0.5 < area.mean() / (0.7 * np.pi * (size * 32) ** 2) < 1.6
    left = body * (np.arange(64) < 20)
    assert np.asarray(drawn.places(left, random, (0.1, 0.4)))[:, :, 20:].max() == 0


def test_each_film_has_lesions_of_its_own_and_each_call_new_ones(random):
    x, body = films()[:1].repeat(8, axis=0), disc(8)
    first, masks = map(np.asarray, drawn.draw(x, body, random, ("opacity",), share=1.0))
    second, _ = map(np.asarray, drawn.draw(x, body, random, ("opacity",), share=1.0))
    assert len(np.unique(masks.reshape(8, -1), axis=0)) == 8
    assert not np.array_equal(first, second)


def test_a_patch_is_made_of_another_films_grey_values(random):
    x = np.stack([np.full((64, 64), level, "float32") for level in (-0.8, 0.8)] * 8)
    place = np.ones((16, 64, 64), "float32")
    blended = np.asarray(drawn.patch(x, place, random))
    share = (blended[:, 0, 0] - x[:, 0, 0]) / (-2 * x[:, 0, 0])  # of the other level
    assert np.all((share > 0.29) & (share < 1.01))


@pytest.mark.parametrize(
    ("side", "cells", "tolerance"),
    # TensorFlow reads its weights from a table of 1,024 distances, among them not those of 96
    [(64, 8, 2e-6), (128, 16, 2e-6), (8, 16, 2e-6), (96, 8, 5e-3)],
)
def test_texture_is_resized_as_keras_does(side, cells, tolerance):
    coarse = np.random.default_rng(0).normal(size=(3, cells, cells)).astype("float32")
    weights = drawn.bicubic(side, cells)
    resized = keras.ops.image.resize(coarse[..., None], (side, side), interpolation="bicubic")
    expected = keras.ops.convert_to_numpy(resized)[..., 0]
    np.testing.assert_allclose(weights @ coarse @ weights.T, expected, atol=tolerance)
    assert expected.std() > 0.3


def test_a_place_is_an_ellipse_or_a_box_with_round_corners():
    a, b = np.abs(np.random.default_rng(0).normal(0, 5, (2, 100))).astype("float32")
    for is_ellipse, power in ((True, 2.0), (False, 6.0)):
        expected = (a.astype(float) ** power + b.astype(float) ** power + 1e-6) ** (1 / power)
        np.testing.assert_allclose(drawn._radius(a, b, is_ellipse), expected, rtol=1e-6)
