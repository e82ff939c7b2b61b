"""Deep SAD: its loss by hand, what labels reach, and its twin without labels."""

import numpy as np
import pytest
from by_hand import array
from discs import discs
from small_spheres import AT_32_PIXELS

from lib import losses
from lib.methods.deep_sad import DeepSAD
from lib.methods.deep_svdd import DeepSVDD

TINY = AT_32_PIXELS
NAN = np.nan


def partly_known(n=24):
    """Films, half of them abnormal, and labels of which every other one is known."""
    x, y, _ = discs(n, abnormal=0.5)
    return x, np.where(np.arange(n) % 2, y, NAN).astype("float32")


def test_loss_is_distance_and_for_known_anomalies_its_inverse():
    d = np.array([4.0, 4.0, 4.0, 0.0, 0.0], "float32")
    y = np.array([NAN, 0, 1, NAN, 1], "float32")
    expected = [4, 3 * (4 + 1e-6), 3 / (4 + 1e-6), 0, 3e6]
    one_by_one = [float(losses.semi_supervised(d[[i]], y[[i]], eta=3.0)) for i in range(5)]
    np.testing.assert_allclose(one_by_one, expected, rtol=1e-5)


def test_loss_is_the_mean_over_all_films():
    x, y = partly_known()
    detector = DeepSAD(**TINY, eta=2.5)
    detector.place_center(x[y != 1])
    d = np.square(detector.embed(x) - array(detector.center)).sum(axis=1)
    terms = [
        of_film if np.isnan(label) else 2.5 * (of_film + 1e-6) ** (-1 if label else 1)
        for of_film, label in zip(d, y, strict=True)
    ]
    assert float(detector.compute_losses(x, y)["loss"]) == pytest.approx(np.mean(terms), rel=1e-4)
    np.testing.assert_allclose(detector.predict(x, verbose=0)["score"], d, rtol=1e-4)


@pytest.mark.parametrize("labels", ["none", "all unknown"])
def test_without_labels_it_is_deep_svdd(labels):
    x, _ = partly_known()
    y = None if labels == "none" else np.full(len(x), NAN)
    fitted = [method(**TINY) for method in (DeepSAD, DeepSVDD)]
    for detector in fitted:
        detector.fit(x, y, verbose=0)
    for ours, twin in zip(*(detector.get_weights() for detector in fitted), strict=True):
        np.testing.assert_allclose(ours, twin, rtol=1e-5, atol=1e-6)


def test_center_and_pretraining_do_not_see_known_anomalies():
    x, y = partly_known()
    centers, weights = [], []
    for films in (x, np.where(y[:, None, None, None] == 1, -x, x)):
        detector = DeepSAD(**TINY)
        detector.pretrain(films, y, verbose=0)
        weights.append(np.concatenate([w.ravel() for w in detector.encoder.get_weights()]))
        detector.fit(films, y, verbose=0)
        centers.append(array(detector.center))
    np.testing.assert_array_equal(*weights)
    np.testing.assert_array_equal(*centers)


def test_known_anomalies_are_pushed_out_and_known_normals_drawn_in():
    x, y, _ = discs(48, abnormal=0.25)
    settings = TINY | {"epochs": 12, "learning_rate": 5e-3, "pretraining_epochs": 2}
    share = {}
    for given, labels in {"true": y, "none": np.full_like(y, NAN), "swapped": 1 - y}.items():
        detector = DeepSAD(**settings)
        detector.fit(x, labels, verbose=0)
        score = detector.predict(x, verbose=0)["score"]
        share[given] = score[y == 1].mean() / score[y == 0].mean()
    assert share["true"] > 2 * share["none"]
    assert share["swapped"] < 0.5 * share["none"]


def test_validation_films_are_judged_by_their_labels():
    x, y = partly_known()
    history = DeepSAD(**TINY).fit(x, y, (x, y), verbose=0).history
    without = DeepSAD(**TINY).fit(x, y, (x,), verbose=0).history
    assert history["loss"][-1] == without["loss"][-1]
    assert history["val_loss"][-1] != without["val_loss"][-1]


def test_what_it_cannot_work_with_is_refused():
    with pytest.raises(ValueError, match="boundary of DeepSAD is hard, not 'soft'"):
        DeepSAD(boundary="soft")
    with pytest.raises(ValueError, match="eta of DeepSAD must be at least 0, not -1"):
        DeepSAD(eta=-1)
