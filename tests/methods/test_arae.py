"""ARAE: how far its attack goes, what its loss is, and that its code then holds still."""

from itertools import pairwise

import numpy as np
import pytest
from by_hand import array
from discs import discs

from lib.collapse import Collapsed
from lib.engine import input_gradient
from lib.methods.arae import ARAE

TINY = {"image_size": 8, "width": 2, "latent_dim": 3, "batch_size": 8, "epochs": 2}


def films(n=16, **options):
    return discs(n, size=8, **options)[0]


def shift(detector, x, points):
    """Mean squared distance of the codes, (n,)."""
    return np.square(detector.embed(array(points)) - detector.embed(x)).mean(axis=1)


@pytest.mark.parametrize("attack_steps", [1, 2, 5])
def test_the_attack_stays_within_epsilon_and_moves_the_code_further(attack_steps):
    x, detector = films(), ARAE(**TINY, epsilon=0.07, attack_steps=attack_steps)
    path = detector.attack(x)
    assert len(path) == attack_steps + 1
    for points in path:
        assert np.abs(array(points) - x).max() <= 0.07 + 1e-6
    moved = [shift(detector, x, points) for points in path]
    assert (moved[1] > moved[0]).all()
    assert (np.diff([of_step.mean() for of_step in moved]) > 0).all()
    noise = x + 0.07 * np.random.default_rng(0).choice([-1, 1], x.shape).astype("float32")
    assert moved[-1].mean() > 2 * shift(detector, x, noise).mean()


@pytest.mark.parametrize(("attack_steps", "step"), [(1, 1.25), (2, 1.25), (5, 0.5)])
def test_steps_are_clipped_signs_of_the_gradient(attack_steps, step):
    x, detector = films(4), ARAE(**TINY, epsilon=0.2, attack_steps=attack_steps)
    path = [array(points) for points in detector.attack(x)]
    assert np.abs(path[0] - x).mean() == pytest.approx(0.1, abs=0.02)  # uniform in +-0.2
    z = detector.encoder(x, training=False)
    for before, after in pairwise(path):
        gradient = input_gradient(
            lambda point: (detector.encoder(point, training=False) - z) ** 2, before
        )
        moved = (before - x) + step * 0.2 * np.sign(array(gradient))
        np.testing.assert_allclose(after - x, moved.clip(-0.2, 0.2), atol=1e-5)


def losses_by_hand(detector, x, points):
    """Mean squared residuals of x and of the attacked films, and that of the codes."""
    redrawn = array(detector.reconstruction(points))
    latent = np.square(detector.embed(points) - detector.embed(x)).mean()
    return np.square(x - redrawn).mean(), np.square(points - redrawn).mean(), latent


@pytest.mark.parametrize("as_published", [False, True])
def test_losses_ask_for_the_film_and_as_published_for_what_the_attack_made_of_it(as_published):
    x, detector = films(), ARAE(**TINY, gamma=0.3, epsilon=0.3, as_published=as_published)
    points = array(detector.attack(x)[-1])
    detector.attack = lambda films: [films, points]
    of_film, of_attacked, latent = losses_by_hand(detector, x, points)
    assert abs(of_film - of_attacked) > 0.01 * of_film
    residual = of_attacked if as_published else of_film
    loss = detector.compute_losses(x)
    assert float(loss["reconstruction_loss"]) == pytest.approx(residual, rel=1e-4)
    assert float(loss["latent_loss"]) == pytest.approx(latent, rel=1e-4)
    assert float(loss["loss"]) == pytest.approx(residual + 0.3 * latent, rel=1e-4)


def test_without_an_attack_it_is_an_autoencoder():
    x, detector = films(), ARAE(**TINY, epsilon=0.0)
    loss = detector.compute_losses(x)
    assert float(loss["latent_loss"]) == 0
    residual = np.square(x - array(detector.reconstruction(x))).mean()
    assert float(loss["loss"]) == pytest.approx(residual, rel=1e-5)


def test_the_score_is_the_residual_of_the_film_as_it_is():
    x, detector = films(), ARAE(**TINY)
    by_hand = np.square(x - array(detector.decoder(detector.encoder(x))))[..., 0]
    first, second = (detector.predict(x, verbose=0) for _ in range(2))
    np.testing.assert_allclose(first["map"], by_hand, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(first["score"], by_hand.mean((1, 2)), rtol=1e-4)
    np.testing.assert_array_equal(first["score"], second["score"])


def test_training_makes_the_code_hold_still():
    x, check = discs(64)[0], discs(32, seed=1)[0]
    moved = {}
    for epsilon in (0.0, 0.3):
        detector = ARAE(
            image_size=32, width=4, epochs=15, batch_size=16, learning_rate=3e-3, epsilon=epsilon
        )
        detector.fit(x, verbose=0)
        detector.epsilon = 0.3
        spread = detector.embed(check).var(axis=0).mean()
        moved[epsilon] = shift(detector, check, detector.attack(check)[-1]).mean() / spread
    assert moved[0.3] < 0.5 * moved[0.0]


def test_labels_change_nothing_and_the_spread_of_the_codes_is_watched():
    x, weights = films(), []
    for y in (None, np.arange(16) % 2):
        detector = ARAE(**TINY)
        history = detector.fit(x, y, (x,), verbose=0).history
        weights.append(detector.encoder.get_weights())
    assert all(np.array_equal(a, b) for a, b in zip(*weights, strict=True))
    spread = detector.embed(x).std(axis=0).mean()
    assert history["embedding_spread"][-1] == pytest.approx(spread, rel=1e-4)
    assert np.isfinite(history["val_latent_loss"]).all()


def test_codes_that_do_not_differ_collapse():
    with pytest.raises(Collapsed, match=r"ARAE, length of the codes: .* constant"):
        ARAE(**TINY).fit(np.full((16, 8, 8, 1), 0.3, "float32"), verbose=0)


@pytest.mark.parametrize("wrong", [{"epsilon": -0.1}, {"attack_steps": 0}])
def test_what_it_cannot_work_with_is_refused(wrong):
    with pytest.raises(ValueError, match="ARAE needs an epsilon of at least 0 and attack_steps"):
        ARAE(**TINY, **wrong)
