"""Loss and score inside the body: means by hand, and what outside cannot change."""

import numpy as np
import pytest
from discs import discs
from keras import ops
from test_detector import on_tensorflow, run_on_jax

from lib import bodies
from lib.methods.ae_u import AEU
from lib.methods.alpha_gan import AlphaGAN
from lib.methods.anoddpm import AnoDDPM
from lib.methods.autoencoder import Autoencoder
from lib.methods.bigan import BiGAN
from lib.methods.ddad import DDAD
from lib.methods.f_anogan import FAnoGAN
from lib.methods.vae import VAE
from lib.methods.vae_gan import VAEGAN
from lib.preprocessing.network_input import augmentation

SMALL = {"image_size": 32, "latent_dim": 4, "width": 4, "batch_size": 8}
METHODS = [Autoencoder, VAE, AEU]


def test_means_are_over_the_pixels_inside():
    pixels = np.arange(18, dtype="float32").reshape(2, 3, 3)
    inside = np.zeros((2, 3, 3), "float32")
    inside[0, 0, :2], inside[1, 2, 2] = 1, 1
    np.testing.assert_allclose(bodies.means_over(pixels, inside), [0.5, 17])
    assert float(bodies.mean_over(pixels, inside)) == pytest.approx(8.75)
    np.testing.assert_allclose(bodies.means_over(pixels), [4, 13])
    assert float(bodies.mean_over(pixels)) == pytest.approx(8.5)
    kept = ops.convert_to_numpy(bodies.confined(pixels - 5, inside))
    np.testing.assert_array_equal(kept[inside > 0], [-5, -4, 12])
    np.testing.assert_array_equal(kept[1][inside[1] == 0], 4, err_msg="the least of the film")
    assert bodies.confined(pixels) is pixels


@pytest.mark.parametrize("method", METHODS)
def test_what_lies_outside_changes_neither_loss_nor_score(method):
    """With networks that see nothing: a reconstruction depends on the whole film."""
    x = discs(6)[0]
    inside = bodies.bodies(x)
    assert 0.1 < inside.mean() < 0.6
    # Noise that no threshold takes for a body, on films whose surroundings were all but black.
    noise = np.random.default_rng(0).uniform(0, 0.12, x.shape).astype("float32")
    disturbed = np.where(inside[..., None] > 0, x, -1 + noise)
    quiet = np.where(inside[..., None] > 0, x, np.float32(-1))
    np.testing.assert_array_equal(bodies.bodies(quiet), bodies.bodies(disturbed))
    keyword = {"inside_body": True}
    for options, same in ((keyword, True), ({}, False)):
        detector = method(**SMALL, **options)
        for network in (detector.encoder, detector.decoder):
            for weight in network.trainable_weights:
                weight.assign(0 * weight)
        outputs = [detector.predict(films, verbose=0) for films in (quiet, disturbed)]
        losses = [float(detector.compute_losses(films)["loss"]) for films in (quiet, disturbed)]
        assert (losses[0] == pytest.approx(losses[1], rel=1e-6)) == same
        name = "top_k" if method is Autoencoder else detector.score_name
        for score in {name, detector.score_name}:
            alike = np.allclose(outputs[0][score], outputs[1][score], rtol=1e-6)
            assert alike == same or score == "top_k"


@pytest.mark.parametrize(
    ("method", "options"),
    [
        *((method, SMALL) for method in METHODS),
        (AlphaGAN, SMALL | {"score_name": "mse"}),
        (AnoDDPM, {"image_size": 32, "width": 16, "fields": 8, "steps": 2, "noise": "gaussian"}),
        (DDAD, SMALL),
        (VAEGAN, SMALL),
    ],
)
def test_the_score_is_the_mean_of_the_map_inside(method, options):
    x = discs(5, abnormal=0.4)[0]
    detector, whole = method(**options, inside_body=True), method(**options)
    detector.set_weights(whole.get_weights())
    pixels = whole.predict(x, verbose=0)["map"]
    outputs, inside = detector.predict(x, verbose=0), bodies.bodies(x)
    expected = (pixels * inside).sum((1, 2)) / inside.sum((1, 2))
    np.testing.assert_allclose(outputs["score"], expected, rtol=1e-4)
    np.testing.assert_allclose(outputs["map"] * inside, pixels * inside, rtol=1e-4, atol=1e-6)
    assert (outputs["map"][inside == 0] <= pixels[inside == 0] + 1e-6).all()


@pytest.mark.parametrize(("method", "score"), [(BiGAN, "residual"), (FAnoGAN, "image")])
def test_residuals_of_gans_are_those_inside(method, score):
    """As if the generator had drawn the film itself outside the body."""
    x = discs(5, abnormal=0.4)[0]
    detector, whole = method(**SMALL, inside_body=True), method(**SMALL)
    detector.set_weights(whole.get_weights())
    residual = np.abs(x - ops.convert_to_numpy(whole.reconstruction(x)))[..., 0]
    within = bodies.bodies(x) * residual
    expected = {
        "residual": within.sum((1, 2)),
        "image": (within**2).sum((1, 2)) / bodies.bodies(x).sum((1, 2)),
    }
    np.testing.assert_allclose(detector.predict(x, verbose=0)[score], expected[score], rtol=1e-4)


@pytest.mark.parametrize("method", [AlphaGAN, AnoDDPM, BiGAN, DDAD, FAnoGAN, VAEGAN])
def test_it_trains_inside_the_body(method):
    """The loss of an update inside the body is finite and is not that of the whole film."""
    own = {"width": 16, "fields": 8} if method is AnoDDPM else {"latent_dim": 4, "width": 4}
    options = {"image_size": 32, "batch_size": 8, **own}
    x = discs(8)[0]
    losses = [method(**options, inside_body=inside).compute_losses(x) for inside in (True, False)]
    first, second = (np.array([float(value) for value in each.values()]) for each in losses)
    assert np.isfinite(first).all()
    assert (first != second).any() == (method not in (BiGAN, VAEGAN)), "whose losses have no map"


def test_it_learns_inside_the_body_from_augmented_films(monkeypatch):
    """The masks follow the films; XLA, which cannot call numpy, is left out."""
    monkeypatch.setattr("lib.engine.XLA", True)
    layers = augmentation(rotation_degrees=0, zoom=0, shift=0.2)
    detector = Autoencoder(
        **SMALL, inside_body=True, augmentation=layers, epochs=12, learning_rate=1e-2
    )
    loss = detector.fit(discs(64)[0], verbose=0).history["loss"]
    assert loss[-1] < 0.5 * loss[0]
    moved = ops.convert_to_numpy(layers(discs(4)[0], training=True))
    masks = ops.convert_to_numpy(bodies.bodies_in_graph(moved))
    np.testing.assert_array_equal(masks, bodies.bodies(moved))


@on_tensorflow
def test_the_body_is_the_same_on_jax(tmp_path):
    pytest.importorskip("jax")
    selected = "augmented or (mean_of_the_map and Autoencoder)"
    run_on_jax("-m", "pytest", "-p", "no:cacheprovider", __file__, "-k", selected, folder=tmp_path)
