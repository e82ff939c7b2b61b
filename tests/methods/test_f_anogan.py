"""f-AnoGAN: losses and scores by hand, the critic's turns, what rests when, published defects."""

import numpy as np
import pytest
from by_hand import array
from discs import discs
from keras import ops

from lib.collapse import Collapsed
from lib.engine import input_gradient
from lib.methods.f_anogan import FAnoGAN, _WassersteinGAN

SMALL = {"image_size": 32, "latent_dim": 4, "width": 4, "batch_size": 8, "epochs": 1}


def snapshot(network):
    """Return all weights, those of batch norm too, but no state of random numbers."""
    return [array(w).copy() for w in network.weights if "seed" not in w.path]


def same(old, new):
    return all(np.array_equal(a, b) for a, b in zip(old, new, strict=True))


def test_scores_are_their_formulas():
    detector, (x, _, _) = FAnoGAN(**SMALL, kappa=0.3), discs(6)
    scores = detector.predict(x, verbose=0)
    r = array(detector.generator(detector.encoder(x, training=False), training=False))
    of_film, of_rebuilt = (array(detector.critic(film, training=False)[1]) for film in (x, r))
    image = np.square(x - r).mean((1, 2, 3))
    feature = np.square(of_film - of_rebuilt).mean((1, 2, 3))
    np.testing.assert_allclose(scores["image"], image, rtol=1e-4)
    np.testing.assert_allclose(scores["feature"], feature, rtol=1e-3)
    np.testing.assert_allclose(scores["sum"], image + 0.3 * feature, rtol=1e-4)
    np.testing.assert_array_equal(scores["score"], scores["sum"])
    np.testing.assert_allclose(scores["map"], np.abs(x - r)[..., 0], atol=1e-5)
    losses = {name: float(value) for name, value in detector.compute_losses(x).items()}
    assert losses["loss"] == pytest.approx(scores["sum"].mean(), rel=1e-4)
    assert losses["image"] == pytest.approx(image.mean(), rel=1e-4)


def test_losses_of_stage_1_are_those_of_wgan_gp():
    gan, (x, _, _) = _WassersteinGAN(FAnoGAN(**SMALL, penalty_weight=7.0)), discs(8)
    # A critic that is linear: its gradient is its kernel, wherever the penalty looks.
    kernel = np.random.default_rng(0).normal(size=(32, 32, 1)).astype("float32")

    def linear(films, training=False):
        return ops.sum(films * kernel, axis=(1, 2, 3))[:, None], None

    pictures = array(gan.generator(np.zeros((8, 4), "float32"), training=False))
    gan.critic, gan.generator = linear, lambda z, training: ops.convert_to_tensor(pictures)
    losses = {name: float(value) for name, value in gan.compute_losses(x, None, True).items()}
    real, generated = ((films * kernel).sum((1, 2, 3)).mean() for films in (x, pictures))
    penalty = (np.sqrt(np.square(kernel).sum()) - 1) ** 2
    expected = {
        "critic": generated - real + 7.0 * penalty,
        "generator": -generated,
        "wasserstein_distance": real - generated,
        "gradient_penalty": penalty,
    }
    assert losses == pytest.approx(expected, rel=1e-4)


def test_the_critic_has_n_turns_to_one_of_the_generator():
    detector, (x, _, _) = FAnoGAN(**SMALL, n_critic=3), discs(8)
    gan = _WassersteinGAN(detector)
    gan.compile(gan.make_optimizers(steps=1))
    gan.update(ops.convert_to_tensor(x), None)
    optimizers = gan.optimizer.by_player
    steps = {player: int(optimizers[player].iterations) for player in optimizers}
    assert steps == {"critic": 3, "generator": 1}


@pytest.mark.parametrize("as_published", [False, True])
def test_each_stage_trains_its_own_networks(monkeypatch, as_published):
    detector, (x, _, _) = FAnoGAN(**SMALL, n_critic=1, as_published=as_published), discs(8)
    monkeypatch.setattr("lib.engine.check_samples", lambda *_: None)  # one epoch teaches little
    networks = (detector.generator, detector.critic, detector.encoder)
    start = [snapshot(network) for network in networks]
    detector.before_training(x, verbose=0)
    between = [snapshot(network) for network in networks]
    assert [same(*pair) for pair in zip(start, between, strict=True)] == [False, False, True]
    monkeypatch.setattr(detector, "before_training", lambda *_, **__: {})
    detector.fit(x, verbose=0)
    end = [snapshot(network) for network in networks]
    assert [same(*pair) for pair in zip(between, end, strict=True)] == [True, True, False]


def test_history_holds_both_stages_and_callbacks_see_both():
    from keras.callbacks import LambdaCallback

    x, _, _ = discs(16)
    seen = []
    watch = LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(sorted(logs)[0]))
    detector = FAnoGAN(**SMALL | {"epochs": 2}, gan_epochs=3, n_critic=1)
    history = detector.fit(x, validation_data=(x,), callbacks=[watch], verbose=0)
    assert seen == ["critic"] * 3 + ["feature"] * 2
    assert history.epoch == [0, 1, 2, 3, 4]
    finite = {name: np.isfinite(values).tolist() for name, values in history.history.items()}
    for name in ("critic", "generator", "wasserstein_distance", "gradient_penalty", "val_critic"):
        assert finite[f"gan_{name}"] == [True] * 3 + [False] * 2
    for name in ("loss", "image", "feature", "val_loss"):
        assert finite[name] == [False] * 3 + [True] * 2


def test_samples_are_drawn_in_stage_1_and_reconstructed_in_stage_2():
    detector, (x, _, _) = FAnoGAN(**SMALL), discs(8)
    gan = _WassersteinGAN(detector)
    drawn = array(gan.samples(x))
    np.testing.assert_array_equal(drawn, array(gan.samples(x[4:])))
    assert drawn.shape[0] == 6 and drawn.std(axis=0).max() > 1e-3
    rebuilt = detector.predict(x, verbose=0)["map"][:6]
    np.testing.assert_allclose(
        np.abs(x[:6] - array(detector.samples(x)))[..., 0], rebuilt, atol=1e-5
    )


def test_published_critic_couples_the_films_of_a_batch():
    x, _, _ = discs(8)
    drift = {}
    for as_published in (False, True):
        gan = _WassersteinGAN(FAnoGAN(**SMALL, as_published=as_published))

        def gradient(films, gan=gan):
            return array(input_gradient(lambda u: gan.judge(u, training=True), films))

        alone = gradient(x)[:4]
        beside_others = gradient(np.concatenate([x[:4], -x[4:]]))[:4]
        drift[as_published] = np.abs(alone - beside_others).max() / np.abs(alone).max()
    assert drift[False] < 1e-5
    assert drift[True] > 0.01


def test_the_published_penalty_changes_no_state():
    gan, (x, _, _) = _WassersteinGAN(FAnoGAN(**SMALL, as_published=True)), discs(8)
    before = [array(w).copy() for w in gan.critic.weights]
    input_gradient(lambda u: gan.judge(u, training=True), x)
    assert same(before, [array(w) for w in gan.critic.weights])


def test_published_encoder_cannot_reach_a_third_of_the_codes():
    x, _, _ = discs(6)
    films = 50 * x
    free, bounded = FAnoGAN(**SMALL), FAnoGAN(**SMALL, as_published=True)
    bounded.encoder.set_weights(free.encoder.get_weights())
    assert np.abs(array(free.encode(films))).max() > 1
    np.testing.assert_allclose(bounded.encode(films), np.tanh(free.encode(films)), rtol=1e-5)
    codes = np.random.default_rng(0).normal(size=100_000)
    assert np.mean(np.abs(codes) > 1) == pytest.approx(0.32, abs=0.01)


def test_a_generator_that_draws_one_picture_collapses():
    detector, (x, _, _) = FAnoGAN(**SMALL, n_critic=1, learning_rate=1e-6), discs(8)
    detector.generator.set_weights([w * 0 for w in detector.generator.get_weights()])
    with pytest.raises(Collapsed, match="all generated images are equal"):
        detector.fit(x, verbose=0)


@pytest.mark.parametrize("wrong", [{"n_critic": 0}, {"gan_epochs": 0}])
def test_bad_parameters_are_refused(wrong):
    with pytest.raises(ValueError, match="n_critic and gan_epochs of at least 1"):
        FAnoGAN(**wrong)
