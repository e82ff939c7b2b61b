"""BiGAN: losses and scores by hand, who moves, averaged weights with their own batch norm."""

import keras
import numpy as np
import pytest
from by_hand import array, cross_entropy
from discs import discs
from keras import ops

from lib.methods.bigan import BiGAN

TINY = {"image_size": 32, "latent_dim": 3, "width": 4}


def test_losses_by_hand():
    detector, (x, _, _) = BiGAN(**TINY), discs(6)
    values = {name: float(value) for name, value in detector.compute_losses(x).items()}
    code = array(detector.encoder(x, training=False))
    z = keras.random.normal((6, 3), seed=keras.random.SeedGenerator(0))  # what the losses drew
    encoded = detector.discriminator([x, code], training=False)[0]
    film = detector.generator(z, training=False)
    generated = detector.discriminator([film, z], training=False)[0]
    by_hand = {
        "encoder": cross_entropy(encoded, 0),
        "generator": cross_entropy(generated, 1),
        "discriminator": cross_entropy(encoded, 1) + cross_entropy(generated, 0),
        "residual": np.abs(x - array(detector.generator(code, training=False))).mean(),
    }
    assert values == pytest.approx(by_hand, rel=1e-4)


def test_a_player_with_a_learning_rate_of_zero_stays_and_the_others_move():
    rates = {"encoder": 1e-3, "generator": 0.0, "discriminator": 1e-3}
    detector, (x, _, _) = BiGAN(**TINY, learning_rate=rates), discs(16)
    detector.compile(detector.make_optimizers(steps=10))
    before = {player: detector._snapshot(player) for player in rates}
    detector.update(x, np.full(16, np.nan, "float32"))
    for player, rate in rates.items():
        pairs = zip(before[player], detector._snapshot(player), strict=True)
        moved = any(not np.array_equal(old, new) for old, new in pairs)
        assert moved == (rate > 0), player


def test_scores_by_hand():
    detector, (x, _, _) = BiGAN(**TINY, feature_weight=0.3), discs(5)
    outputs = detector.predict(x, verbose=0)
    films = ops.convert_to_tensor(x)
    code = detector.encoder(films, training=False)
    r = detector.generator(code, training=False)
    logit, of_film = detector.discriminator([films, code], training=False)
    _, of_rebuilt = detector.discriminator([r, code], training=False)
    residual = np.abs(x - array(r)).sum((1, 2, 3))
    matching = np.abs(array(of_film) - array(of_rebuilt)).sum(1)
    np.testing.assert_allclose(outputs["map"], np.abs(x - array(r))[..., 0], atol=1e-5)
    np.testing.assert_allclose(outputs["residual"], residual, rtol=1e-4)
    np.testing.assert_allclose(outputs["feature_matching"], matching, rtol=1e-3)
    np.testing.assert_allclose(outputs["sum"], 0.7 * residual + 0.3 * matching, rtol=1e-4)
    np.testing.assert_array_equal(outputs["score"], outputs["sum"])
    by_hand = -array(logit)[:, 0]
    np.testing.assert_allclose(outputs["discriminator"], by_hand, rtol=1e-3, atol=1e-5)


def test_published_code_scores_the_reconstruction_instead_of_the_film():
    published, (x, _, _) = BiGAN(**TINY, as_published=True), discs(5)
    x = ops.convert_to_tensor(x)
    code = published.encoder(x, training=False)
    r = published.generator(code, training=False)
    logit = array(published.examine(x)["discriminator"])
    of_rebuilt = -array(published.discriminator([r, code], training=False)[0])[:, 0]
    of_film = -array(published.discriminator([x, code], training=False)[0])[:, 0]
    np.testing.assert_allclose(logit, of_rebuilt, rtol=1e-3, atol=1e-5)
    assert np.abs(logit - of_film).min() > 1e-4


def test_averaged_weights_score_and_have_codes_of_their_own_spread():
    x, _, _ = discs(64)
    options = {**TINY, "epochs": 4, "batch_size": 16, "learning_rate": 2e-3}
    last, averaged = BiGAN(**options, ema=0.0), BiGAN(**options, ema=0.9)
    for detector in (last, averaged):
        detector.fit(x, verbose=0)
    assert not np.allclose(last.encoder.get_weights()[0], averaged.encoder.get_weights()[0])
    code = array(averaged.encoder(x, training=False))
    np.testing.assert_allclose(code.std(0), 1, atol=0.25)
    np.testing.assert_allclose(code.mean(0), 0, atol=0.25)


def test_samples_are_of_fixed_codes():
    detector, (x, _, _) = BiGAN(**TINY), discs(4)
    first = array(detector.samples(x))
    np.testing.assert_array_equal(first, detector.samples(x[:1]))
    assert len(first) == 6 and np.ptp(first, axis=0).max() > 1e-3


def test_a_feature_weight_beyond_one_is_refused():
    with pytest.raises(ValueError, match=r"feature_weight of BiGAN is in \[0, 1\], not 1.5"):
        BiGAN(**TINY, feature_weight=1.5)
