"""DROCC-LF: its projection against brute force, its saliency, and what known anomalies teach."""

import numpy as np
import pytest
from by_hand import array, cross_entropy
from discs import discs
from sklearn.metrics import roc_auc_score
from small_spheres import DROCC_AT_8_PIXELS

from lib.collapse import Collapsed
from lib.methods.drocc import DROCC
from lib.methods.drocc_lf import DROCCLF, into_shell

TINY = DROCC_AT_8_PIXELS | {"epochs": 1}


def films(n=16, **options):
    return discs(n, size=8, **options)[0]


def mahalanobis(h, weights):
    """||h||_w, (n,)."""
    return np.sqrt((weights * np.square(h)).reshape(len(h), -1).sum(axis=1))


def test_the_projection_finds_the_nearest_point_of_the_shell():
    random = np.random.default_rng(0)
    weights = random.exponential(size=(30, 3, 1, 1)) * [[[1]], [[0.1]], [[3]]]
    h = random.normal(size=weights.shape) * np.repeat([0.1, 1.0, 5.0], 10)[:, None, None, None]
    inner, outer = 1.0, 2.0
    moved = array(into_shell(h.astype("float32"), weights.astype("float32"), inner, outer))
    length = mahalanobis(h, weights)
    assert (length < inner).any() and (length > outer).any()
    within = (length > inner) & (length < outer)
    assert within.any()
    np.testing.assert_allclose(moved[within], h[within], rtol=1e-4)
    np.testing.assert_allclose(mahalanobis(moved, weights), length.clip(inner, outer), rtol=1e-4)
    # every direction, stretched to the ellipsoid of the border that is nearer
    directions = random.normal(size=(100_000, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    for i in np.flatnonzero(~within):
        border = inner if length[i] < inner else outer
        ellipsoid = border * directions / np.sqrt(weights[i].ravel())
        nearest = np.linalg.norm(ellipsoid - h[i].ravel(), axis=1).min()
        distance = np.linalg.norm(moved[i] - h[i])
        assert distance <= nearest * (1 + 1e-5)
        assert nearest - distance < 0.02 * border / np.sqrt(weights[i].min())


def test_equal_weights_give_the_projection_of_drocc():
    x, h = films(), np.random.default_rng(0).normal(size=(16, 8, 8, 1)).astype("float32")
    for radius in (2, 6, 20):
        expected = DROCC(**TINY, radius=radius).projection(x)(h)
        moved = into_shell(h, np.ones_like(h), radius, 2 * radius)
        np.testing.assert_allclose(moved, expected, rtol=1e-4, atol=1e-5)


def test_pixels_that_do_not_count_are_not_moved():
    h = np.array([[3.0, 4.0, 5.0]], "float32").reshape(1, 1, 3, 1)
    weights = np.array([[0.0, 1.0, 0.0]], "float32").reshape(1, 1, 3, 1)
    moved = array(into_shell(h, weights, 8, 16)).ravel()
    np.testing.assert_allclose(moved, [3, 8, 5], rtol=1e-5)
    moved = array(into_shell(h, weights, 1, 2)).ravel()
    np.testing.assert_allclose(moved, [3, 2, 5], rtol=1e-5)
    np.testing.assert_allclose(into_shell(h, 0 * weights, 8, 16), h)  # nothing counts


@pytest.mark.parametrize(("radius", "gamma"), [(20, 1.5), (6, 2), (1, 2), (4, 1)])
def test_points_are_in_the_shell_after_every_step(radius, gamma):
    x, detector = films(), DROCCLF(**TINY, radius=radius, gamma=gamma)
    weights = array(detector.saliency(x))
    path = detector.ascend(x)
    assert len(path) == 6
    for points in path:
        length = mahalanobis(array(points) - x, weights)
        assert (length > radius * (1 - 1e-4)).all() and (length < gamma * radius * (1 + 1e-4)).all()


def test_saliency_is_the_size_of_the_gradient_with_mean_one():
    x, detector, step = films(2), DROCCLF(**TINY), 1e-2
    pixels = np.eye(64, dtype="float32").reshape(64, 8, 8, 1) * step
    up, down = (array(detector.logit(x[:1] + sign * pixels)) for sign in (1, -1))
    slope = np.abs(up - down) / (2 * step)
    weights = array(detector.saliency(x))
    np.testing.assert_allclose(weights.mean(axis=(1, 2, 3)), 1, rtol=1e-5)
    np.testing.assert_allclose(weights[0].ravel(), slope / slope.mean(), atol=0.1)
    assert np.corrcoef(weights[0].ravel(), slope)[0, 1] > 0.99


def test_every_step_raises_the_loss():
    detector = DROCCLF(image_size=32, width=8, epochs=5, batch_size=16, warm_up_epochs=1)
    detector.fit(discs(64)[0], verbose=0)
    path = detector.ascend(discs(64, seed=1)[0])
    loss = [cross_entropy(detector.logit(points), 1) for points in path]
    assert (np.diff(loss) > 0).all()


def test_losses_take_known_anomalies_and_seek_no_points_around_them():
    x, detector = films(6), DROCCLF(**TINY, mu=0.5)
    y = np.array([np.nan, 1, 0, np.nan, 1, 0], "float32")
    points = films(6, seed=1) - 0.5
    detector.ascend = lambda films: [points]
    known = y == 1
    logit = array(detector.logit(x))
    # a mean over six films, two of them abnormal
    of_films = (4 * cross_entropy(logit[~known], 0) + 2 * cross_entropy(logit[known], 1)) / 6
    of_points = cross_entropy(array(detector.logit(points))[~known], 1)
    loss = detector.compute_losses(x, y)
    assert float(loss["films"]) == pytest.approx(of_films, rel=1e-5)
    assert float(loss["points"]) == pytest.approx(of_points, rel=1e-5)
    assert float(loss["loss"]) == pytest.approx(of_films + 0.5 * of_points, rel=1e-5)


def weights_after(y):
    detector = DROCCLF(**TINY, ascent_steps=1)
    detector.fit(films(), y, verbose=0)
    return detector.encoder.get_weights()


def test_known_normals_count_as_unknown_ones_and_known_anomalies_do_not():
    unknown, none = np.full(16, np.nan), weights_after(None)
    for y in (unknown, np.where(np.arange(16) % 2, np.nan, 0)):
        assert all(np.array_equal(a, b) for a, b in zip(none, weights_after(y), strict=True))
    y = np.where(np.arange(16) == 3, 1, np.nan)
    assert not all(np.array_equal(a, b) for a, b in zip(none, weights_after(y), strict=True))


def test_known_anomalies_teach_what_noise_does_not():
    def faint(n, seed):  # the square is as dark as the border: no point is like that
        x, y, squares = discs(n, abnormal=0.5, seed=seed)
        return np.where(squares[..., None], -1, x).astype("float32"), y

    x, y = faint(160, seed=0)
    known = np.where(y == 1, 1, np.nan)
    few = (y == 0) | (np.cumsum(y) <= 16)
    check, labels = faint(80, seed=1)
    auroc = []
    for kept, known_labels in ((few, known[few]), (y == 0, None)):
        small = {"image_size": 32, "width": 8, "batch_size": 16, "ascent_steps": 2}
        detector = DROCCLF(**small, epochs=8, warm_up_epochs=4)
        detector.fit(x[kept], known_labels, verbose=0)
        auroc.append(roc_auc_score(labels, detector.predict(check, verbose=0)["score"]))
    assert auroc[0] > 0.9
    assert auroc[0] > auroc[1] + 0.1


def test_as_published_points_are_noise_of_one_step():
    x, detector = films(), DROCCLF(**TINY, as_published=True)
    path = [array(points) for points in detector.ascend(x)]
    for points in path[1:]:
        np.testing.assert_array_equal(points, path[0])
    assert np.std(path[0] - x) == pytest.approx(1, abs=0.1)
    length = mahalanobis(path[0] - x, array(detector.saliency(x)))
    assert not ((length > 3.99) & (length < 8.01)).all()  # r = 4, gamma r = 8


def test_the_published_search_finds_no_tau():
    """With saliency (of sum 1) and h exchanged: sum tau^2 w^2 h^3 / (1 + tau h)^2 against r^2."""
    random = np.random.default_rng(0)
    for pixels in (64, 128):
        radius = pixels / 2
        weights = random.exponential(size=pixels**2)
        weights /= weights.sum()
        h = random.normal(size=pixels**2)
        assert (h * weights**2).sum() < radius**2  # so that tau is sought
        largest = 0.0
        for tau in random.uniform(-1 / h.max(), 0, 500):
            reached = (tau**2 * weights**2 * h**3 / ((1 + tau * h) ** 2 + 1e-10)).sum()
            largest = max(largest, reached)
        assert largest < 0.01 * radius**2


def test_what_it_cannot_work_with_is_refused():
    with pytest.raises(
        ValueError, match="DROCCLF seeks points around normal films, but no film is"
    ):
        DROCCLF(**TINY).fit(films(), np.ones(16))
    with pytest.raises(ValueError, match="DROCCLF needs a positive radius"):
        DROCCLF(**TINY, radius=-1)
    with pytest.raises(Collapsed, match="DROCCLF, logit of normal films"):
        DROCCLF(**TINY).fit(np.full((16, 8, 8, 1), 0.3, "float32"), verbose=0)
