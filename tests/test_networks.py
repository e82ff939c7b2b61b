"""Networks: shapes for every size, no bias where none may be, refusal of sizes that do not fit."""

import keras
import numpy as np
import pytest

from lib import networks


@pytest.fixture(autouse=True)
def seed():
    """Seed the weights, whatever ran before."""
    keras.utils.set_random_seed(0)


@pytest.mark.parametrize(("size", "cells"), [(32, 4), (64, 4), (96, 6), (224, 7), (256, 4)])
def test_encoder_and_decoder_mirror_each_other(size, cells):
    encoder = networks.encoder(size, latent_dim=3, width=2)
    decoder = networks.decoder(size, latent_dim=3, width=2)
    assert encoder.output_shape == (None, 3)
    assert encoder.layers[-2].input.shape[1] == cells
    assert decoder.output_shape == (None, size, size, 1)


def test_decoder_gives_the_log_variance_beside_the_same_films():
    decoder = networks.decoder(32, latent_dim=3, width=2, log_variance=True)
    plain = networks.decoder(32, latent_dim=3, width=2)
    weights = decoder.get_weights()
    plain.set_weights(weights[: len(plain.weights)])
    codes = 100 * np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
    films, log_variance = (np.asarray(output) for output in decoder(codes, training=False))
    np.testing.assert_allclose(films, plain(codes, training=False), rtol=1e-5, atol=1e-6)
    assert films.shape == log_variance.shape and np.abs(log_variance).max() > 1


@pytest.mark.parametrize(("size", "cells"), [(32, 2), (64, 4), (128, 8)])
def test_resnet_keeps_one_cell_for_16_pixels(size, cells):
    assert networks.resnet(size, width=4).output_shape == (None, cells, cells, 32)


def test_resnet18_has_the_parameters_of_the_paper():
    # Without its last layer: 11,176,512, of which 9,600 are batch norm (as torchvision counts).
    convolutions = sum(
        np.prod(weight.shape)
        for weight in networks.resnet(64, width=64).trainable_weights
        if len(weight.shape) == 4
    )
    stem_here, stem_there = 3 * 3 * 1 * 64, 7 * 7 * 3 * 64
    assert convolutions - stem_here + stem_there == 11_166_912


def test_residual_encoder_has_no_offsets_and_sends_zero_to_zero():
    encoder = networks.residual_encoder(32, latent_dim=5, width=4)
    names = ("bias", "beta", "gamma")
    assert not any(name in w.path for name in names for w in encoder.trainable_weights)
    nothing = encoder(np.zeros((2, 32, 32, 1), "float32"), training=False)
    np.testing.assert_array_equal(nothing, 0.0)


def test_a_size_that_does_not_halve_is_refused():
    with pytest.raises(ValueError, match="100 pixels do not halve"):
        networks.encoder(100)


def test_discriminator_judges_each_film_alone():
    network = networks.discriminator(32, width=4)
    films = np.random.default_rng(0).normal(size=(4, 32, 32, 1)).astype("float32")
    together, alone = network(films, training=True)[0], network(films[:1], training=True)[0]
    np.testing.assert_allclose(together[:1], alone, rtol=1e-4, atol=1e-6)
    assert network.output_shape == [(None, 1), (None, 4, 4, 16)]


def test_joint_discriminator_judges_each_pair_alone_by_film_and_code():
    network = networks.joint_discriminator(32, latent_dim=3, width=4)
    random = np.random.default_rng(0)
    films = random.normal(size=(4, 32, 32, 1)).astype("float32")
    codes = random.normal(size=(4, 3)).astype("float32")
    logit, features = (np.asarray(output) for output in network([films, codes], training=False))
    alone = network([films[:1], codes[:1]], training=False)[0]
    np.testing.assert_allclose(logit[:1], alone, rtol=1e-4, atol=1e-6)
    for other in ([films, codes[::-1]], [films[::-1], codes]):
        assert np.abs(np.asarray(network(other, training=False)[0]) - logit).min() > 1e-4
    assert features.shape == (4, 64)


@pytest.mark.parametrize("size", [32, 64, 96])
def test_unet_answers_in_the_size_of_the_film(size):
    assert networks.unet(size, width=2).output_shape == (None, size, size, 1)


def test_code_discriminator_judges_each_code_alone():
    network = networks.code_discriminator(5, width=8)
    codes = np.random.default_rng(0).normal(size=(4, 5)).astype("float32")
    together, alone = network(codes, training=True), network(codes[:1], training=True)
    np.testing.assert_allclose(together[:1], alone, rtol=1e-4, atol=1e-6)
    assert [w.shape[-1] for w in network.trainable_weights[::2]] == [8, 4, 2, 1]


def test_denoiser_looks_at_the_time_and_at_each_film_alone():
    network = networks.denoiser(32, width=8)
    assert network.output_shape == (None, 32, 32, 1)
    films = np.random.default_rng(0).normal(size=(4, 32, 32, 1)).astype("float32")
    times = np.array([1, 250, 500, 1000], "float32")
    np.testing.assert_array_equal(network([films, times]), 0.0)  # before it learns, no noise
    last = network.layers[-1].kernel
    last.assign(np.random.default_rng(1).normal(size=last.shape))
    together, alone = network([films, times]), network([films[:1], times[:1]])
    np.testing.assert_allclose(together[:1], alone, rtol=1e-4, atol=1e-4)
    assert np.abs(network([films[:1], times[1:2]]) - alone).max() > 0.01
    attending = [layer for layer in network.layers if "attention" in layer.name]
    assert len(attending) == 4, "down, in the middle and up again at 8 pixels; at 16 on either side"
