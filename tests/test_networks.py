"""Networks: shapes for every size, no bias where none may be, refusal of sizes that do not fit."""

import numpy as np
import pytest

from lib import networks


@pytest.mark.parametrize(("size", "cells"), [(32, 4), (64, 4), (96, 6), (224, 7), (256, 4)])
def test_encoder_and_decoder_mirror_each_other(size, cells):
    encoder = networks.encoder(size, latent_dim=3, width=2)
    decoder = networks.decoder(size, latent_dim=3, width=2)
    assert encoder.output_shape == (None, 3)
    assert encoder.layers[-2].input.shape[1] == cells
    assert decoder.output_shape == (None, size, size, 1)


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


def test_encoder_without_bias_sends_zero_to_zero():
    encoder = networks.encoder(32, latent_dim=5, bias=False)
    assert not any("bias" in w.path or "beta" in w.path for w in encoder.trainable_weights)
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


@pytest.mark.parametrize("size", [32, 64, 96])
def test_unet_answers_in_the_size_of_the_film(size):
    assert networks.unet(size, width=2).output_shape == (None, size, size, 1)
