"""alpha-GAN: its four losses and five scores by hand, who moves, and the published defects."""

import keras
import numpy as np
import pytest
from by_hand import array
from discs import discs
from keras import ops

from lib.collapse import Collapsed
from lib.methods.alpha_gan import AlphaGAN

SMALL = {"image_size": 32, "latent_dim": 4, "width": 4, "code_width": 8, "batch_size": 8}


def minus_log(logit):
    """-log of a probability given by its logit."""
    return np.logaddexp(0, -array(logit))


@pytest.mark.parametrize("as_published", [False, True])
def test_losses_are_those_of_algorithm_1(monkeypatch, as_published):
    detector, (x, _, _) = AlphaGAN(**SMALL, as_published=as_published), discs(8)
    epsilon, z = np.random.default_rng(0).normal(size=(2, 8, 4)).astype("float32")
    drawn = iter([epsilon, z])
    monkeypatch.setattr(keras.random, "normal", lambda *_, **__: ops.convert_to_tensor(next(drawn)))
    values = {name: float(value) for name, value in detector.compute_losses(x).items()}

    z_mean, z_log_var = np.split(array(detector.encoder(x, training=False)), 2, axis=1)
    if as_published:
        z_hat = np.tanh(z_mean) + np.tanh(z_log_var) * epsilon
    else:
        z_hat = z_mean + np.exp(z_log_var / 2) * epsilon
    r, generated = (detector.generator(code, training=False) for code in (z_hat, z))
    real, rebuilt, sampled = (
        detector.discriminator(films, training=False)[0] for films in (x, r, generated)
    )
    posterior, prior = (detector.code_discriminator(code, training=False) for code in (z_hat, z))
    pull = (0.01 if as_published else 10.0) * np.abs(x - array(r)).mean()

    def ratio(logit):  # R(p) = -log p + log(1 - p)
        return (minus_log(logit) - minus_log(-logit)).mean()

    by_hand = {
        "encoder": pull + ratio(posterior),
        "generator": pull + ratio(rebuilt) + ratio(sampled),
        "discriminator": (minus_log(real) + minus_log(-rebuilt) + minus_log(-sampled)).mean(),
        "code_discriminator": (minus_log(prior) + minus_log(-posterior)).mean(),
    }
    assert {name: values[name] for name in by_hand} == pytest.approx(by_hand, rel=1e-3, abs=1e-5)


def test_scores_are_their_formulas():
    detector, (x, _, _) = AlphaGAN(**SMALL, top_k=10), discs(6)
    scores = detector.predict(x, verbose=0)
    z_mean = array(detector.encoder(x, training=False))[:, :4]
    residual = np.square(x - array(detector.generator(z_mean, training=False)))[..., 0]
    largest = np.sort(residual.reshape(6, -1))[:, -10:]
    np.testing.assert_allclose(scores["map"], residual, atol=1e-5)
    np.testing.assert_allclose(scores["mse"], residual.mean((1, 2)), rtol=1e-4)
    np.testing.assert_allclose(scores["top_k"], largest.mean(1), rtol=1e-4)
    film, code = scores["discriminator"], scores["code_discriminator"]
    d = detector.discriminator(x, training=False)[0][:, 0]
    c = detector.code_discriminator(z_mean, training=False)[:, 0]
    np.testing.assert_allclose(1 / (1 + np.exp(-film)), 1 - array(ops.sigmoid(d)), rtol=1e-3)
    np.testing.assert_allclose(1 / (1 + np.exp(-code)), 1 - array(ops.sigmoid(c)), rtol=1e-3)
    np.testing.assert_allclose(scores["mean_of_discriminators"], (film + code) / 2, atol=1e-5)


def test_a_confident_discriminator_still_ranks_films():
    detector, (x, _, _) = AlphaGAN(**SMALL), discs(40)
    last = detector.discriminator.layers[-1]
    kernel, bias = last.get_weights()
    last.set_weights([kernel, bias + 40.0])
    score = detector.predict(x, verbose=0)["discriminator"]
    assert len(np.unique(1 - array(ops.sigmoid(-score)))) == 1, "1 - D is the same for every film"
    assert len(np.unique(score)) > 30


@pytest.mark.parametrize("player", ["encoder", "generator", "discriminator", "code_discriminator"])
def test_a_loss_moves_its_own_player_alone(player):
    detector, (x, _, _) = AlphaGAN(**SMALL), discs(8)
    rates = {name: 0.1 if name == player else 0.0 for name in detector.players}
    detector.compile({name: keras.optimizers.SGD(rate) for name, rate in rates.items()})
    before = {name: [array(w).copy() for w in detector.weights_of(name)] for name in rates}
    detector.update(ops.convert_to_tensor(x), None)
    moved = {
        name: any(
            not np.array_equal(old, array(new))
            for old, new in zip(before[name], detector.weights_of(name), strict=True)
        )
        for name in rates
    }
    assert moved == {name: name == player for name in rates}


def test_encoder_is_pulled_towards_codes_that_pass_for_the_prior():
    # Without a reconstruction term its loss is the code discriminator's verdict alone.
    detector, (x, _, _) = AlphaGAN(**SMALL, reconstruction_weight=0.0), discs(16)
    losses = {name: float(value) for name, value in detector.compute_losses(x).items()}
    assert losses["encoder"] == losses["code_loss"]
    assert losses["generator"] == pytest.approx(losses["rebuilt_loss"] + losses["drawn_loss"])


def test_published_codes_do_not_spread_as_asked_for():
    z_mean, z_log_var = np.zeros((4000, 4), "float32"), np.full((4000, 4), -0.02, "float32")
    right, published = (
        array(AlphaGAN(**SMALL, as_published=flag).draw_code(z_mean, z_log_var)).std()
        for flag in (False, True)
    )
    assert right == pytest.approx(np.exp(-0.01), rel=0.05)
    assert published == pytest.approx(0.02, rel=0.05), "a standard deviation of 0.99 became 0.02"


def test_samples_come_from_fixed_codes():
    detector, (x, _, _) = AlphaGAN(**SMALL), discs(8)
    first = array(detector.samples(x))
    np.testing.assert_array_equal(first, array(detector.samples(x[4:])))
    assert first.std(axis=0).max() > 1e-3, "six codes, six pictures"


def test_a_generator_that_draws_one_picture_collapses():
    detector, (x, _, _) = AlphaGAN(**SMALL, epochs=1, learning_rate=1e-6), discs(8)
    detector.generator.set_weights([w * 0 for w in detector.generator.get_weights()])
    with pytest.raises(Collapsed, match="all generated images are equal"):
        detector.fit(x, verbose=0)


def test_bad_parameters_are_refused():
    with pytest.raises(ValueError, match="reconstruction_weight of at least 0, not -1"):
        AlphaGAN(reconstruction_weight=-1)
    with pytest.raises(ValueError, match="no score 'kld': use one of discriminator"):
        AlphaGAN(score_name="kld")
