"""DROCC: where its points lie, that they are hard, what its loss is, and what was published."""

import numpy as np
import pytest
from by_hand import array, cross_entropy
from discs import discs
from small_spheres import DROCC_AT_8_PIXELS

from lib.collapse import Collapsed
from lib.methods.drocc import DROCC

TINY = DROCC_AT_8_PIXELS | {"epochs": 2}


def films(n=16, **options):
    return discs(n, size=8, **options)[0]


def lengths(x, points):
    """||h||, (n,)."""
    return np.sqrt(np.square(array(points) - x).sum(axis=(1, 2, 3)))


@pytest.fixture(scope="module")
def trained():
    detector = DROCC(image_size=32, width=8, epochs=5, batch_size=16, warm_up_epochs=1)
    detector.fit(discs(64)[0], verbose=0)
    return detector


# Noise of 64 pixels is 8 long: the shell lies beyond it, around it, within it, and is a sphere.
@pytest.mark.parametrize(("radius", "gamma"), [(20, 1.5), (6, 2), (1, 2), (4, 1)])
def test_points_are_in_the_shell_after_every_step(radius, gamma):
    x, detector = films(), DROCC(**TINY, radius=radius, gamma=gamma)
    path = detector.ascend(x)
    assert len(path) == 6
    for points in path:
        length = lengths(x, points)
        assert (length > radius * (1 - 1e-5)).all() and (length < gamma * radius * (1 + 1e-5)).all()


def test_the_projection_keeps_the_direction_and_what_is_in_the_shell():
    x = np.zeros((3, 2, 2, 1), "float32")
    h = np.array([[3, 0, 4, 0], [1, 1, 1, 1], [0, 0, 0, 12]], "float32").reshape(3, 2, 2, 1)
    moved = array(DROCC(**TINY, radius=4, gamma=2).projection(x)(h)).reshape(3, 4)
    expected = [[3, 0, 4, 0], [2, 2, 2, 2], [0, 0, 0, 8]]
    np.testing.assert_allclose(moved, expected, rtol=1e-5)


def test_the_radius_is_the_authors_share_of_an_image():
    assert DROCC(image_size=64, width=2).radius == pytest.approx(9.24, abs=0.01)
    assert DROCC(**TINY).radius == pytest.approx(8 * np.sqrt(8**2 / (3 * 32**2)))  # 8 on CIFAR-10
    assert DROCC(**TINY, as_published=True).radius == 4  # half the root of the number of pixels
    assert DROCC(**TINY, radius=3).radius == DROCC(**TINY, radius=3, as_published=True).radius == 3


def test_every_step_raises_the_loss(trained):
    x = discs(64, seed=1)[0]
    loss = [cross_entropy(trained.logit(points), 1) for points in trained.ascend(x)]
    assert (np.diff(loss) > 0).all()


def test_a_step_goes_up_the_gradient_of_the_cross_entropy(trained):
    x = discs(2, seed=1)[0]
    g = array(trained.towards_normal(x))
    row, column = np.unravel_index(np.abs(g[0, ..., 0]).argmax(), (32, 32))
    moved = x.copy()
    moved[0, row, column, 0] += 0.02 * np.sign(g[0, row, column, 0])
    assert cross_entropy(trained.logit(moved[:1]), 1) > cross_entropy(trained.logit(x[:1]), 1)


def test_losses_are_cross_entropies_of_films_and_points():
    x = films(6)
    detector = DROCC(**TINY, mu=0.25)
    points = films(6, seed=1) - 0.5
    detector.ascend = lambda films: [films, points]
    of_films, of_points = (
        cross_entropy(detector.logit(x), 0),
        cross_entropy(detector.logit(points), 1),
    )
    loss = detector.compute_losses(x)
    assert float(loss["films"]) == pytest.approx(of_films, rel=1e-5)
    assert float(loss["points"]) == pytest.approx(of_points, rel=1e-5)
    assert float(loss["loss"]) == pytest.approx(of_films + 0.25 * of_points, rel=1e-5)


def test_films_and_points_share_a_batch_and_the_decay_is_decoupled(monkeypatch):
    """As the table of differences says; batch norm sees the statistics of both."""
    x, detector, sizes = films(6), DROCC(**TINY), []
    logit = detector.logit

    def counted(x, training=False):
        sizes.extend([len(x)] * training)
        return logit(x, training)

    monkeypatch.setattr(detector, "logit", counted)
    detector.compute_losses(x, training=True)
    assert sizes == [12]
    optimizer = detector.make_optimizers(steps=10)["loss"]
    assert type(optimizer).__name__ == "AdamW" and optimizer.weight_decay == 1e-6


def test_as_published_the_squared_norm_throws_points_out_of_the_shell():
    detector = DROCC(image_size=512, width=1, latent_dim=1, as_published=True)
    assert detector.radius == 256
    x = np.zeros((1, 512, 512, 1), "float32")
    h, reached = x + 1, []  # as long as the noise: 512
    for _ in range(6):
        h = detector.projection(x)(h)
        reached.append(float(lengths(x, h)[0]))
    np.testing.assert_allclose(reached, [0.5, 256, 1, 128, 2, 64], rtol=1e-3)


def test_as_published_only_the_first_step_has_an_effect():
    x = films()
    towards = {}
    for as_published in (True, False):
        path = DROCC(**TINY, as_published=as_published, ascent_step=0.2).ascend(x)
        h = np.stack([(array(points) - x).reshape(16, -1) for points in path])
        h /= np.linalg.norm(h, axis=2, keepdims=True)
        towards[as_published] = (h[0] * h).sum(axis=2)  # cosines with the first, (steps, n)
    np.testing.assert_allclose(towards[True], 1, atol=1e-3)
    assert (np.diff(towards[False].mean(axis=1)) < -1e-3).all()


def test_as_published_points_leave_the_shell():
    x = films()
    last = lengths(x, DROCC(**TINY, as_published=True).ascend(x)[-1])
    assert (last < 2.1).all()  # 1, 2, 2 ...: r is 4, r / gamma 2


def test_points_differ_from_call_to_call_and_with_the_seed():
    x = films()
    detector, other = DROCC(**TINY), DROCC(**TINY, seed=1)
    first, second, third = (array(d.ascend(x)[-1]) for d in (detector, detector, other))
    assert np.abs(first - second).mean() > 0.1 and np.abs(first - third).mean() > 0.1
    np.testing.assert_array_equal(array(DROCC(**TINY).ascend(x)[-1]), first)


def test_the_warm_up_seeks_no_points_and_precedes_in_the_history(monkeypatch):
    x = films()
    history = DROCC(**TINY).fit(x, validation_data=(x,), verbose=0)
    assert history.epoch == [0, 1, 2]
    for name in ("warm_up_loss", "warm_up_val_loss"):
        assert np.isfinite(history.history[name]).tolist() == [True, False, False]
    for name in ("loss", "val_points", "logit_spread", "embedding_spread"):
        assert np.isfinite(history.history[name]).tolist() == [False, True, True]
    assert "warm_up_loss" not in DROCC(**TINY | {"warm_up_epochs": 0}).fit(x, verbose=0).history

    def fail(self, x):
        raise AssertionError("sought points")

    monkeypatch.setattr(DROCC, "ascend", fail)
    with pytest.raises(AssertionError, match="sought points"):
        DROCC(**TINY | {"warm_up_epochs": 0}).fit(x, verbose=0)
    detector, end = DROCC(**TINY), RuntimeError("the warm-up is over")
    monkeypatch.setattr(detector, "compute_losses", lambda *_, **__: (_ for _ in ()).throw(end))
    with pytest.raises(RuntimeError, match="warm-up is over"):
        detector.fit(x, verbose=0)


def test_the_learning_rate_falls_twice():
    rate = DROCC(**TINY).make_optimizers(steps=50)["loss"]._learning_rate
    np.testing.assert_allclose([float(rate(step)) for step in (0, 30, 45)], [1e-3, 1e-4, 1e-5])


def test_labels_are_ignored():
    x = films()
    weights = []
    for y in (None, np.arange(16) % 2):
        detector = DROCC(**TINY)
        detector.fit(x, y, verbose=0)
        weights.append(detector.encoder.get_weights())
    assert all(np.array_equal(a, b) for a, b in zip(*weights, strict=True))


def test_the_embedding_is_the_layer_before_the_score(trained):
    x = discs(20, seed=2)[0]
    z = trained.embed(x)
    assert z.shape == (20, 32)
    score = trained.predict(x, verbose=0)["score"]
    np.testing.assert_allclose(array(trained.head(z))[:, 0], score, rtol=1e-4, atol=1e-4)
    seen = trained.after_epoch(x, 1)
    assert seen["logit_spread"] == pytest.approx(score.std(), rel=1e-3)
    assert seen["embedding_spread"] == pytest.approx(z.std(axis=0).mean(), rel=1e-3)


def test_logits_that_do_not_differ_collapse():
    detector = DROCC(**TINY)
    detector.encoder.set_weights([w * 0 for w in detector.encoder.get_weights()])
    with pytest.raises(Collapsed, match=r"DROCC, logit of normal films: .* constant"):
        detector.after_epoch(films(), 1)
    with pytest.raises(Collapsed, match="logit of normal films"):
        DROCC(**TINY).fit(np.full((16, 8, 8, 1), 0.3, "float32"), verbose=0)


@pytest.mark.parametrize("wrong", [{"radius": 0}, {"gamma": 0.5}, {"ascent_steps": 0}])
def test_what_it_cannot_work_with_is_refused(wrong):
    with pytest.raises(ValueError, match="DROCC needs a positive radius, gamma and ascent_steps"):
        DROCC(**TINY, **wrong)
