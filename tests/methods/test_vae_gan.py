"""VAE-GAN: the losses of algorithm 1 and the scores by hand, who moves, and the published draw."""

import keras
import numpy as np
import pytest
from by_hand import array, cross_entropy
from discs import discs

from lib.methods.vae_gan import BANK, VAEGAN
from lib.noise import number_in_bank

TINY = {"image_size": 32, "latent_dim": 3, "width": 4}


def test_losses_by_hand():
    detector, (x, _, _) = VAEGAN(**TINY, beta=2.0, gamma=7.0), discs(6)
    values = {name: float(value) for name, value in detector.compute_losses(x).items()}
    z_mean, z_log_var = (array(part) for part in detector.encode(x))
    seed = keras.random.SeedGenerator(0)  # draws once more what the losses drew
    z = z_mean + np.exp(z_log_var / 2) * array(keras.random.normal((6, 3), seed=seed))
    r, x_p = (
        detector.decoder(codes, training=False)
        for codes in (z, keras.random.normal((6, 3), seed=seed))
    )
    (real, of_film), (rebuilt, of_rebuilt), (sampled, _) = (
        detector.discriminator(films, training=False) for films in (x, r, x_p)
    )
    kl = 0.5 * (z_mean**2 + np.exp(z_log_var) - 1 - z_log_var).sum(axis=1).mean()
    feature_error = np.square(of_film - of_rebuilt).mean() / np.square(of_film).mean()
    gan = cross_entropy(real, 1) + cross_entropy(rebuilt, 0) + cross_entropy(sampled, 0)
    by_hand = {
        "kl": kl,
        "feature_error": feature_error,
        "encoder": kl / 3 + 2 * feature_error,
        "decoder": 7 * feature_error - gan,
        "discriminator": gan,
    }
    assert values == pytest.approx(by_hand, rel=1e-4)


def test_a_player_with_a_learning_rate_of_zero_stays_and_the_others_move():
    rates = {"encoder": 0.0, "decoder": 1e-3, "discriminator": 1e-3}
    detector, (x, _, _) = VAEGAN(**TINY, learning_rate=rates, epochs=1), discs(16)
    detector.compile(detector.make_optimizers(steps=10))
    before = {player: detector._snapshot(player) for player in rates}
    detector.update(x, np.full(16, np.nan, "float32"))
    for player, rate in rates.items():
        pairs = zip(before[player], detector._snapshot(player), strict=True)
        moved = any(not np.array_equal(old, new) for old, new in pairs)
        assert moved == (rate > 0), player


def test_learning_rates_fall_to_zero_each_from_its_own():
    optimizers = VAEGAN(**TINY).make_optimizers(steps=40)
    rates = {
        player: [float(optimizer._learning_rate(step)) for step in (0, 20, 40)]
        for player, optimizer in optimizers.items()
    }
    np.testing.assert_allclose(rates["decoder"], [3e-4, 1.5e-4, 0], atol=1e-9)
    np.testing.assert_allclose(rates["discriminator"], [3e-5, 1.5e-5, 0], atol=1e-9)
    same = VAEGAN(**TINY, learning_rate=1e-2).make_optimizers(steps=40)
    starts = [float(optimizer._learning_rate(0)) for optimizer in same.values()]
    np.testing.assert_allclose(starts, [1e-2] * 3, rtol=1e-5)


def test_scores_by_hand():
    detector, (x, _, _) = VAEGAN(**TINY), discs(5)
    outputs = detector.predict(x, verbose=0)
    r = array(detector.decoder(detector.encode(x)[0], training=False))
    np.testing.assert_allclose(outputs["map"], np.abs(x - r)[..., 0], atol=1e-5)
    np.testing.assert_allclose(outputs["residual"], np.abs(x - r).mean((1, 2, 3)), rtol=1e-4)
    np.testing.assert_array_equal(outputs["score"], outputs["residual"])
    logit, of_film = (array(part) for part in detector.discriminator(x, training=False))
    of_rebuilt = array(detector.discriminator(r, training=False)[1])
    by_hand = np.square(of_film - of_rebuilt).sum((1, 2, 3)) / np.square(of_film).sum((1, 2, 3))
    np.testing.assert_allclose(outputs["feature_error"], by_hand, rtol=1e-3)
    np.testing.assert_allclose(outputs["discriminator"], -logit[:, 0], rtol=1e-4, atol=1e-6)


def test_published_scoring_draws_around_the_mean_but_the_same_for_the_same_film():
    published, (x, _, _) = VAEGAN(**TINY, as_published=True), discs(40)
    numbers = array(number_in_bank(x, BANK))
    assert len(set(numbers)) > 35 and numbers.min() >= 0 and numbers.max() < BANK
    z_mean, z_log_var = (array(part) for part in published.encode(x))
    z = z_mean + np.exp(z_log_var / 2) * array(published.codes)[numbers]
    expected = array(published.decoder(z, training=False))
    np.testing.assert_allclose(published.reconstruction(x), expected, atol=1e-5)
    reverse = array(published.reconstruction(x[::-1]))[::-1]
    np.testing.assert_allclose(reverse, expected, atol=1e-5)
    corrected = VAEGAN(**TINY)
    corrected.set_weights(published.get_weights())
    difference = np.abs(array(corrected.reconstruction(x)) - expected).mean((1, 2, 3))
    assert difference.min() > 1e-3


def test_drawn_codes_are_standard_normal_and_saved(tmp_path):
    detector = VAEGAN(**TINY, as_published=True)
    codes = array(detector.codes)
    assert abs(codes.mean()) < 0.1 and codes.std() == pytest.approx(1, abs=0.05)
    detector.save_weights(tmp_path / "a.weights.h5")
    other = VAEGAN(**TINY, as_published=True, seed=5)
    other.load_weights(tmp_path / "a.weights.h5")
    x, _, _ = discs(4)
    np.testing.assert_allclose(other.samples(x), detector.samples(x), atol=1e-5)
    np.testing.assert_allclose(other.reconstruction(x), detector.reconstruction(x), atol=1e-5)


@pytest.mark.parametrize("weights", [{"gamma": 0}, {"beta": -1.0}])
def test_weights_that_leave_a_player_without_the_feature_error_are_refused(weights):
    with pytest.raises(ValueError, match="beta and gamma above 0"):
        VAEGAN(**TINY, **weights)
