"""AnoDDPM: the schedule and the sampler against closed forms, the bank, chain, sweep, refusals."""

import numpy as np
import pytest
from discs import discs
from keras import ops

from lib.methods.anoddpm import AnoDDPM
from lib.noise import number_in_bank

FILMS = discs(6, abnormal=0.5)[0]
PUBLISHED = {"as_published": True}


def tiny(**options):
    return AnoDDPM(**{"image_size": 32, "width": 8, "attention": (), "fields": 40, **options})


def perfect(x):
    """Return a denoiser that knows the films: it finds exactly the noise that is in x_t."""
    alpha_bar = tiny().alpha_bar

    def predicted(inputs, training):
        kept = ops.reshape(ops.take(alpha_bar, ops.cast(inputs[1], "int32")), (-1, 1, 1, 1))
        return (inputs[0] - ops.sqrt(kept) * x) / ops.sqrt(1 - kept)

    return predicted


def random_denoiser(detector):
    """Give the last convolution, which starts at zero, weights, so that the network finds noise."""
    kernel = detector.denoiser.layers[-1].kernel
    kernel.assign(np.random.default_rng(0).normal(0, 0.2, kernel.shape))
    return detector


def test_alpha_bar_is_the_product_of_what_each_step_keeps():
    detector = tiny()
    assert detector.alpha_bar.shape == (1001,) and detector.alpha_bar[0] == 1
    product = 1.0
    for t in range(1, 1001):
        product *= 1 - (1e-4 + (2e-2 - 1e-4) * (t - 1) / 999)
        if t in (1, 250, 1000):
            assert detector.alpha_bar[t] == pytest.approx(product, rel=1e-5)
    # Fewer steps go as far.
    np.testing.assert_allclose(tiny(timesteps=500).alpha_bar[125], product_at(250), rtol=0.01)


def product_at(t):
    return np.prod(1 - np.linspace(1e-4, 2e-2, 1000)[:t])


@pytest.mark.parametrize("kind", ["simplex", "gaussian"])
def test_noised_films_have_the_moments_of_equation_4(kind):
    detector = tiny(noise=kind)
    x = np.full((2000, 32, 32, 1), 0.5, "float32")
    t = np.repeat([100, 700], 1000)
    x_t = ops.convert_to_numpy(detector.diffuse(x, t, detector.draw(2000)))
    for level in (100, 700):
        kept = product_at(level)
        assert x_t[t == level].mean() == pytest.approx(0.5 * kept**0.5, abs=0.03)
        # One triangulation for all: its first octaves are not yet averaged over places.
        assert x_t[t == level].var() == pytest.approx(1 - kept, rel=0.1)


@pytest.mark.parametrize(("steps", "eta"), [(1, 0.0), (3, 0.0), (10, 0.5), (100, 1.0)])
def test_a_perfect_denoiser_gives_the_film_back(steps, eta):
    detector = tiny(noise_level=100, steps=steps, eta=eta)
    detector.denoiser = perfect(FILMS)
    np.testing.assert_allclose(detector.reconstruction(FILMS), FILMS, atol=2e-5)


def test_with_eta_0_noise_plays_no_part_on_the_way():
    detector = random_denoiser(tiny())
    x_t = detector.diffuse(FILMS, 200, detector.draw(6))
    quiet = detector.step(x_t, 200, 150, ops.zeros_like(x_t))
    np.testing.assert_array_equal(quiet, detector.step(x_t, 200, 150, detector.draw(6)))


@pytest.mark.parametrize("t", [2, 60, 250])
def test_a_step_with_eta_1_has_the_posterior_of_ddpm(t):
    """Mean and variance of DDPM's equation 7, from beta_t."""
    detector = random_denoiser(tiny(eta=1.0))
    x_t = detector.diffuse(FILMS, t, detector.draw(6))
    predicted = detector.denoiser([x_t, ops.full((6,), float(t))], training=False)
    quiet = ops.convert_to_numpy(detector.step(x_t, t, t - 1, ops.zeros_like(x_t)))
    loud = ops.convert_to_numpy(detector.step(x_t, t, t - 1, ops.ones_like(x_t)))
    x_t, predicted = ops.convert_to_numpy(x_t), ops.convert_to_numpy(predicted)
    kept, before = product_at(t), product_at(t - 1)
    beta = 1 - kept / before
    x_0 = np.clip((x_t - (1 - kept) ** 0.5 * predicted) / kept**0.5, -1, 1)
    mean = before**0.5 * beta / (1 - kept) * x_0
    mean += (1 - beta) ** 0.5 * (1 - before) / (1 - kept) * x_t
    spread = (beta * (1 - before) / (1 - kept)) ** 0.5
    np.testing.assert_allclose(quiet, mean, atol=2e-3)
    np.testing.assert_allclose(loud - quiet, spread, rtol=0.02)


def test_the_last_ancestral_step_adds_no_noise():
    detector = random_denoiser(tiny(eta=1.0))
    x_t = detector.diffuse(FILMS, 1, detector.draw(6))
    np.testing.assert_allclose(
        detector.step(x_t, 1, 0, ops.zeros_like(x_t)),
        detector.step(x_t, 1, 0, ops.ones_like(x_t)),
        atol=1e-6,
    )


def test_a_film_takes_its_own_field_whatever_is_next_to_it():
    detector = random_denoiser(tiny(eta=1.0))
    films = discs(40, abnormal=0.5, seed=2)[0]
    numbers = ops.convert_to_numpy(number_in_bank(films, 40))
    grey = np.round((films.reshape(40, -1).astype("float64") + 1) * 127.5)
    np.testing.assert_array_equal(numbers, (grey * (np.arange(1024) % 61)).sum(1) % 40)
    assert len(np.unique(numbers)) > 15
    np.testing.assert_array_equal(number_in_bank(films[::-1], 40), numbers[::-1])
    together = detector.predict(films, verbose=0)["score"]
    np.testing.assert_array_equal(detector.predict(films, verbose=0)["score"], together)
    alone = [detector.predict(films[i : i + 1], verbose=0)["score"][0] for i in range(3)]
    np.testing.assert_allclose(together[:3], alone, rtol=1e-4)


def test_each_step_of_a_film_takes_another_field():
    detector = tiny()
    number = number_in_bank(FILMS, 40)
    first, second = detector.field(number + 1), detector.field(number + 2)
    assert not np.allclose(first, second)
    np.testing.assert_array_equal(detector.field(number + 1 + 40), first)


def test_scores_are_their_formulas():
    detector = random_denoiser(tiny(top_k=10))
    outputs = detector.predict(FILMS, verbose=0)
    error = FILMS[..., 0] - ops.convert_to_numpy(detector.reconstruction(FILMS))[..., 0]
    np.testing.assert_allclose(outputs["map"], error**2, atol=1e-4)
    np.testing.assert_allclose(outputs["score"], (error**2).mean((1, 2)), rtol=1e-3)
    np.testing.assert_allclose(outputs["l1"], np.abs(error).mean((1, 2)), rtol=1e-3)
    largest = np.sort((error**2).reshape(6, -1))[:, -10:].mean(1)
    np.testing.assert_allclose(outputs["top_k"], largest, rtol=1e-3)


def test_the_chain_goes_from_the_film_to_its_reconstruction():
    detector = random_denoiser(tiny())
    chain = ops.convert_to_numpy(detector.chain(FILMS))
    assert chain.shape == (6, 6, 32, 32, 1)
    np.testing.assert_array_equal(chain[0], FILMS)
    noised = chain[1] - product_at(250) ** 0.5 * FILMS
    expected = detector.field(number_in_bank(FILMS, 40)) * (1 - product_at(250)) ** 0.5
    np.testing.assert_allclose(noised, expected, atol=1e-5)
    np.testing.assert_allclose(chain[-1], detector.reconstruction(FILMS), atol=1e-4)
    assert tiny(steps=1).chain(FILMS[:1]).shape[0] == 3


def test_the_sweep_scores_as_a_detector_with_those_settings_would():
    options = {"noise_level": 20, "score_name": "l1"}
    detector = random_denoiser(tiny(swept_calls=(30, 20, 4), swept_levels=(40,), **options))
    before = detector.predict(FILMS, verbose=0)["score"]
    swept = detector.sweep(FILMS)
    assert [setting for setting, _ in swept] == [  # no more calls than lambda
        {"lambda": 20, "calls": 20},
        {"lambda": 20, "calls": 10},
        {"lambda": 20, "calls": 4},
        {"lambda": 40, "calls": 10},
    ]
    settings = ({"steps": 20, "eta": 1.0}, {}, {"steps": 4}, {"noise_level": 40})
    for (_, score), setting in zip(swept, settings, strict=True):
        other = tiny(**{**options, **setting})
        other.set_weights(detector.get_weights())
        np.testing.assert_allclose(score, other.anomaly_score(FILMS), rtol=1e-3)
    np.testing.assert_array_equal(detector.predict(FILMS, verbose=0)["score"], before)
    assert tiny(swept_calls=(), swept_levels=()).sweep(FILMS) == []


def test_the_loss_of_a_network_that_finds_nothing_is_the_variance_of_the_noise():
    films = discs(64)[0]
    losses = [float(tiny(seed=seed).compute_losses(films)["loss"]) for seed in range(4)]
    assert np.mean(losses) == pytest.approx(1, abs=0.1)


def test_as_published_draws_one_quieter_field_for_a_batch(monkeypatch):
    films = discs(64)[0]
    for options, count in (({}, 64), (PUBLISHED, 1), (PUBLISHED | {"noise": "gaussian"}, 64)):
        detector, drawn = tiny(**options), []
        draw = detector.draw
        monkeypatch.setattr(
            detector, "draw", lambda count, d=draw, to=drawn: to.append(d(count)) or to[-1]
        )
        loss = float(detector.compute_losses(films)["loss"])
        fields = ops.convert_to_numpy(drawn[-1])
        assert fields.shape[0] == count
        assert loss == pytest.approx(np.square(fields).mean(), rel=1e-4)
    bank = ops.convert_to_numpy(tiny(**PUBLISHED, octaves=1, fields=512).bank)
    assert bank.std() == pytest.approx(0.5, abs=0.05)


def test_as_published_is_the_setting_of_the_study_on_rsna():
    """T 2000, t 200, one call per step, a period of 64 pixels whatever the film, the L1 norm."""
    detector = AnoDDPM(image_size=64, as_published=True, noise_level=20, fields=2, attention=())
    assert (detector.timesteps, detector.noise_level, detector.steps) == (2000, 200, 200)
    assert detector.alpha_bar.shape == (2001,) and detector.score_name == "l1"
    assert tiny(**PUBLISHED, score_name="mse").score_name == "mse"
    assert detector.frequency * 64 / 256 == tiny(**PUBLISHED).frequency * 32 / 256 == 64
    assert detector.make_optimizers(10)["loss"].global_clipnorm == 1
    assert tiny().make_optimizers(10)["loss"].global_clipnorm is None


def test_noise_to_signal_is_what_the_table_says():
    """Twice that of the paper, 5.6 times that of the study on RSNA."""

    def noise_to_signal(detector, spread, level):
        kept = detector.alpha_bar[level]
        return spread * ((1 - kept) / kept) ** 0.5

    ours, paper = noise_to_signal(tiny(), 1, 250), noise_to_signal(tiny(), 0.5, 250)
    study = noise_to_signal(tiny(**PUBLISHED), 0.5, 200)
    assert [round(float(ratio), 2) for ratio in (ours, paper, study)] == [0.95, 0.48, 0.17]
    assert ours / paper == pytest.approx(2) and ours / study == pytest.approx(5.6, abs=0.05)
    assert noise_to_signal(tiny(), 1, 139) == pytest.approx(paper, rel=0.01)
    assert noise_to_signal(tiny(), 1, 49) == pytest.approx(study, rel=0.01)


def test_as_published_no_t_above_800_is_trained(monkeypatch):
    for options, largest in ((PUBLISHED, 800), ({}, 1000), ({"trained_steps": 30}, 30)):
        detector, seen = tiny(**options, fields=2), []
        detector.denoiser = lambda inputs, training, to=seen: to.append(inputs[1]) or inputs[0]
        monkeypatch.setattr(detector, "draw", lambda count: ops.zeros((count, 1, 1, 1)))
        detector.compute_losses(np.zeros((4000, 32, 32, 1), "float32"))
        t = ops.convert_to_numpy(seen[0])
        assert 0.96 * largest < t.max() <= largest and t.min() >= 1


@pytest.mark.parametrize("t", [2, 60, 200])
def test_a_step_as_published_adds_noise_of_variance_beta(t):
    detector = random_denoiser(tiny(**PUBLISHED))
    x_t = detector.diffuse(FILMS, t, detector.draw(6))
    quiet = ops.convert_to_numpy(detector.step(x_t, t, t - 1, ops.zeros_like(x_t)))
    loud = ops.convert_to_numpy(detector.step(x_t, t, t - 1, ops.ones_like(x_t)))
    beta = (1e-4 + (2e-2 - 1e-4) * (t - 1) / 1999) / 2
    np.testing.assert_allclose(loud - quiet, beta**0.5, rtol=0.02)
    ancestral = tiny(timesteps=2000, eta=1.0)
    ancestral.set_weights(detector.get_weights())
    mean = ancestral.step(x_t, t, t - 1, ops.zeros_like(x_t))
    np.testing.assert_allclose(quiet, mean, atol=1e-5, err_msg="the mean is that of the posterior")
    last = [detector.step(x_t, 1, 0, e) for e in (ops.zeros_like(x_t), ops.ones_like(x_t))]
    np.testing.assert_array_equal(*last)


def test_frequency_octaves_and_persistence_are_those_of_the_noise():
    """One octave of period 16 varies by little from pixel to pixel, six octaves by much more."""

    def roughness(**options):
        bank = ops.convert_to_numpy(tiny(fields=64, **options).bank)
        return np.square(np.diff(bank, axis=2)).mean() / np.square(bank).mean()

    assert roughness(octaves=1, frequency=128) < 0.2
    assert roughness() > 3 * roughness(octaves=1)
    assert roughness(persistence=0.2) < 0.7 * roughness()
    assert roughness(frequency=256) < 0.7 * roughness()


def test_weights_become_moving_averages():
    optimizer = tiny(ema=0.9, learning_rate=0.01).make_optimizers(steps=10)["loss"]
    assert optimizer.use_ema and optimizer.ema_momentum == 0.9
    assert float(optimizer.learning_rate) == pytest.approx(0.01)


def test_bad_settings_are_refused():
    with pytest.raises(ValueError, match="gaussian or simplex, not 'perlin'"):
        AnoDDPM(noise="perlin")
    for wrong in ({"steps": 300}, {"steps": 0}, {"noise_level": 1001}):
        with pytest.raises(ValueError, match="1 <= steps <= noise_level <= timesteps"):
            AnoDDPM(**wrong)
    with pytest.raises(ValueError, match="1 <= trained_steps <= timesteps, not 0, 1000"):
        AnoDDPM(trained_steps=0)
    for wrong in ({"octaves": 0}, {"persistence": 0}, {"frequency": -1}):
        with pytest.raises(ValueError, match="octaves of at least 1, persistence and frequency"):
            AnoDDPM(**wrong)
    with pytest.raises(ValueError, match="no score 'mean': use one of mse, l1, top_k"):
        AnoDDPM(score_name="mean")
