"""DMSVDD: where its spheres are, which survive, their radii, and what it scores, by hand."""

import numpy as np
import pytest
from by_hand import array
from discs import discs
from small_spheres import AT_8_PIXELS

from lib.methods.deep_svdd import DeepSVDD
from lib.methods.dmsvdd import DMSVDD

TINY = AT_8_PIXELS
CORNERS = np.array([[0, 0], [10, 0], [0, 10], [10, 10]], "float32")


def with_spheres(centers=CORNERS, **options):
    """Return a small DMSVDD whose spheres are put where the centres (spheres, 2) are."""
    detector = DMSVDD(**TINY | {"spheres": len(centers)} | options)
    detector.centers.assign(centers)
    return detector


def points(*films_in_sphere, spread=1.0, seed=0):
    """Return embeddings around the corners, so many in each."""
    around = np.repeat(CORNERS, films_in_sphere, axis=0)
    noise = np.random.default_rng(seed).uniform(-spread, spread, around.shape)
    return (around + noise).astype("float32")


def distances(z, centers):
    """||z - c_k||^2, (n, spheres), one by one."""
    return np.array([[sum((p - c) ** 2) for c in centers.astype(float)] for p in z.astype(float)])


def survivors(detector):
    """Return the numbers of the surviving spheres."""
    return np.flatnonzero(array(detector.alive)).tolist()


def test_centers_are_the_means_of_clusters_off_zero(monkeypatch):
    detector, z = with_spheres(), points(5, 5, 5, 5)
    monkeypatch.setattr(detector, "embed", lambda x: z)
    detector.start(None)
    means = z.reshape(4, 5, 2).mean(axis=1)
    assert (np.abs(means) < 0.1).any(), "or the next line would not test what is pushed off zero"
    expected = np.where(np.abs(means) < 0.1, np.where(means < 0, -0.1, 0.1), means)
    centers = array(detector.centers)
    np.testing.assert_allclose(
        centers[np.lexsort(centers.T)], expected[np.lexsort(expected.T)], 1e-5
    )
    assert survivors(detector) == [0, 1, 2, 3]


def test_there_are_no_more_spheres_than_different_embeddings(monkeypatch):
    detector = with_spheres()
    monkeypatch.setattr(detector, "embed", lambda x: np.repeat(CORNERS[:2], 5, axis=0))
    detector.start(None)
    assert survivors(detector) == [0, 1]
    np.testing.assert_array_equal(np.unique(detector.nearest_sphere(points(3, 3, 0, 0))), [0, 1])


def test_the_nearest_sphere_is_one_that_survives():
    detector, z = with_spheres(), points(7, 7, 7, 7, spread=8)
    detector.alive.assign([1, 0, 1, 0])
    by_hand = distances(z, CORNERS)
    d, nearest = detector.nearest(z)
    assert set(by_hand.argmin(axis=1)) == {0, 1, 2, 3}
    np.testing.assert_array_equal(nearest, by_hand[:, [0, 2]].argmin(axis=1) * 2)
    np.testing.assert_allclose(d, by_hand[:, [0, 2]].min(axis=1), rtol=1e-4)


def test_pruning_keeps_the_spheres_in_use():
    detector = with_spheres(nu=0.2)
    detector.prune(points(20, 3, 0, 4))  # fewer than 0.2 * 20 leave sphere 1, none sphere 2
    assert survivors(detector) == [0, 3]
    detector.prune(points(3, 20, 20, 1))  # what is nearest to a dropped sphere is another's now
    assert survivors(detector) == [0, 3]


def test_an_empty_sphere_is_dropped_even_where_a_share_of_the_fullest_is_less_than_a_film():
    detector = with_spheres(nu=0.01)
    detector.prune(points(20, 1, 0, 1))
    assert survivors(detector) == [0, 1, 3]


def test_no_sphere_that_stays_is_empty_and_the_last_one_stays():
    random = np.random.default_rng(0)
    for trial in range(30):
        centers = random.normal(size=(12, 2)).astype("float32")
        detector = with_spheres(centers, nu=random.uniform(0.01, 0.99))
        z = random.normal(size=(random.integers(1, 40), 2)).astype("float32")
        for _ in range(3):
            films = np.bincount(distances(z, centers).argmin(axis=1), minlength=12)
            detector.prune(z)
            stay = survivors(detector)
            assert stay, f"trial {trial}: no sphere is left"
            assert (films[stay] > 0).all() and films.max() == films[stay].max()
            centers[np.setdiff1d(range(12), stay)] = np.inf
            z = (z + random.normal(size=2)).astype("float32")


def test_a_radius_is_the_quantile_of_its_own_films():
    detector = with_spheres(nu=0.25)
    z = points(20, 9, 0, 2)
    detector.alive.assign([1, 1, 0, 0])
    detector.set_radii(z)
    by_hand = distances(z, CORNERS)[:, :2]
    expected = [
        np.quantile(by_hand[by_hand.argmin(axis=1) == k, k], 0.75) if k < 2 else 0 for k in range(4)
    ]
    np.testing.assert_allclose(array(detector.squared_radii), expected, rtol=1e-4)
    assert detector.radius() == pytest.approx(np.sqrt(expected[:2]).mean(), rel=1e-4)


@pytest.mark.parametrize("boundary", ["hard", "soft"])
def test_one_sphere_is_deep_svdd(boundary):
    x, options = discs(40, size=8)[0], TINY | {"boundary": boundary, "warm_up_epochs": 1}
    one, deep_svdd = DMSVDD(**options, spheres=1), DeepSVDD(**options)
    for detector in (one, deep_svdd):
        detector.fit(x, verbose=0)
    for a, b in zip(one.encoder.get_weights(), deep_svdd.encoder.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    expected = deep_svdd.predict(x, verbose=0)
    outputs = one.predict(x, verbose=0)
    np.testing.assert_allclose(outputs["score"], expected["score"], rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(outputs["map"], expected["map"], rtol=1e-2, atol=1e-4)


@pytest.mark.parametrize("boundary", ["hard", "soft"])
def test_loss_and_scores_are_their_formulas(boundary):
    x, detector = discs(40, size=8)[0], with_spheres(boundary=boundary, nu=0.2)
    z = detector.embed(x)
    centers = z[:4]  # so that several spheres have films
    detector.centers.assign(centers)
    radii = np.quantile(distances(z, centers[:3]).min(axis=1), [0.2, 0.4, 0.6])
    detector.squared_radii.assign([*radii, 9.0])
    detector.alive.assign([1, 1, 1, 0])
    d = distances(z, centers[:3])
    k, d = d.argmin(axis=1), d.min(axis=1)
    beyond = d - radii[k]
    assert len(set(k)) > 1 and (beyond > 0).any()
    soft = radii.mean() + np.maximum(0, beyond).mean() / 0.2
    loss = float(detector.compute_losses(x)["loss"])
    assert loss == pytest.approx({"hard": d.mean(), "soft": soft}[boundary], rel=1e-3)
    outputs = detector.predict(x, verbose=0)
    np.testing.assert_allclose(outputs["distance"], d, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(outputs["beyond"], beyond, rtol=1e-3, atol=1e-4)
    default = {"hard": "distance", "soft": "beyond"}[boundary]
    np.testing.assert_array_equal(outputs["score"], outputs[default])
    np.testing.assert_array_equal(detector.sphere(x), k)


def test_spheres_wait_for_the_warm_up_and_then_only_fall():
    x = discs(40, size=8)[0]
    detector = DMSVDD(**TINY | {"spheres": 10, "warm_up_epochs": 3, "epochs": 6, "nu": 0.4})
    history = detector.fit(x, verbose=0).history
    seen = np.array(history["spheres"])[~np.isnan(history["spheres"])]
    assert seen[:2].tolist() == [10, 10] and 1 <= seen[-1] < 10
    assert (np.diff(seen) <= 0).all()
    assert seen[-1] == array(detector.alive).sum() == len(np.unique(detector.sphere(x)))
    d = array(detector.squared_distance(detector.embed(x)))
    for k in survivors(detector):
        expected = np.quantile(d[detector.sphere(x) == k], 0.6)
        assert array(detector.squared_radii)[k] == pytest.approx(expected, rel=1e-3)


def test_saved_weights_hold_the_spheres(tmp_path):
    x = discs(40, size=8)[0]
    detector = DMSVDD(**TINY | {"spheres": 10, "warm_up_epochs": 1, "nu": 0.4})
    detector.fit(x, verbose=0)
    detector.save_weights(tmp_path / "a.weights.h5")
    other = DMSVDD(**TINY | {"spheres": 10, "seed": 1})
    other.load_weights(tmp_path / "a.weights.h5")
    assert 0 < len(survivors(other)) < 10
    for name in ("centers", "squared_radii", "alive"):
        np.testing.assert_array_equal(array(getattr(other, name)), array(getattr(detector, name)))
    np.testing.assert_array_equal(other.sphere(x), detector.sphere(x))


def test_the_soft_boundary_keeps_and_measures_spheres_as_the_xray_code_does():
    detector, z = with_spheres(boundary="soft", nu=0.2), points(21, 0, 6, 0)
    nearest = distances(z, CORNERS).argmin(axis=1)
    length = np.sqrt(distances(z, CORNERS).min(axis=1))
    films = np.bincount(nearest, minlength=4)
    radii = np.array([np.quantile(length[nearest == k], 0.8) if films[k] else 0 for k in range(4)])
    radii[films < 0.2 * films.max()] = 0  # a radius of 0 marks what is removed
    detector.set_spheres(z)
    assert survivors(detector) == np.flatnonzero(radii > 0).tolist() == [0, 2]
    np.testing.assert_allclose(array(detector.squared_radii), radii**2, rtol=1e-4)


def test_what_it_cannot_work_with_is_refused():
    for wrong in ({"spheres": 0}, {"nu": 0.0}, {"nu": 1.0}):
        with pytest.raises(ValueError, match="DMSVDD needs at least one sphere and a share"):
            DMSVDD(**wrong)
    with pytest.raises(ValueError, match="hard or soft, not 'firm'"):
        DMSVDD(boundary="firm")
    with pytest.raises(ValueError, match="no score 'sum': use one of distance, beyond"):
        DMSVDD(score_name="sum")
