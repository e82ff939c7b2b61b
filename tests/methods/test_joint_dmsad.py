"""Joint DMSAD: its loss by hand, which films are reconstructed, and its twin without labels."""

import numpy as np
import pytest
from by_hand import array
from discs import discs
from small_spheres import AT_32_PIXELS, gain_by_labels

from lib.methods.autoencoder import Autoencoder
from lib.methods.joint_dmsad import JointDMSAD
from lib.methods.joint_dmsvdd import JointDMSVDD

TINY = AT_32_PIXELS | {"spheres": 4, "pretraining_epochs": 2}


def partly_known():
    """Films, half of them abnormal, and labels: unknown, normal and abnormal ones."""
    x, y, _ = discs(24, abnormal=0.5)
    return x, np.where(np.arange(24) % 2, y, np.nan).astype("float32")


@pytest.mark.parametrize("sphere_loss", ["quadratic", "sigmoid"])
def test_losses_are_their_formulas(sphere_loss):
    x, y = partly_known()
    detector = JointDMSAD(
        **TINY, eta=3.0, reconstruction_weight=0.25, sphere_loss=sphere_loss, learning_rate=1e-3
    )
    detector.fit(x, y, verbose=0)
    centers = array(detector.centers)[array(detector.alive) > 0]
    d = np.square(detector.embed(x)[:, None] - centers).sum(axis=2).min(axis=1)
    far = 3 / (d + 1e-6) if sphere_loss == "quadratic" else -3 * np.log(1 - np.exp(-d) + 1e-6)
    terms = np.where(np.isnan(y), d, np.where(y == 1, far, 3 * d))
    residual = np.square(x - array(detector.reconstruction(x))).mean((1, 2, 3))
    redrawn = residual[y != 1].mean()
    parts = detector.compute_losses(x, y)
    assert float(parts["reconstruction"]) == pytest.approx(redrawn, rel=1e-3)
    assert float(parts["compactness"]) == pytest.approx(terms.mean(), rel=1e-3)
    of_redrawing, of_distance = array(detector.scales)
    by_hand = 0.25 * of_redrawing * redrawn + 0.75 * of_distance * terms.mean()
    assert float(parts["loss"]) == pytest.approx(by_hand, rel=1e-3)


@pytest.mark.parametrize(("as_published", "left_out"), [(False, 1), (True, 0)])
def test_as_published_known_anomalies_are_redrawn_and_known_normals_are_not(as_published, left_out):
    x, y = partly_known()
    detector = JointDMSAD(**TINY, as_published=as_published)
    residual = np.square(x - array(detector.reconstruction(x))).mean((1, 2, 3))
    expected = residual[y != left_out].mean()  # NaN differs from both
    loss = detector.compute_losses(x, y)["reconstruction"]
    assert float(loss) == pytest.approx(expected, rel=1e-4)
    assert expected != pytest.approx(residual[y != 1 - left_out].mean(), rel=1e-4)


@pytest.mark.parametrize("as_published", [False, True])
def test_before_its_training_no_known_anomaly_is_seen(as_published, monkeypatch):
    x, y = partly_known()
    trained_on, fit = [], Autoencoder.fit

    def remember(self, x, *arguments, **options):
        trained_on.append(x)
        return fit(self, x, *arguments, **options)

    monkeypatch.setattr(Autoencoder, "fit", remember)
    JointDMSAD(**TINY, as_published=as_published).pretrain(x, y, (x, y), verbose=0)
    np.testing.assert_array_equal(trained_on[0], x[y != 1])


def test_without_labels_it_is_joint_dmsvdd_with_a_hard_boundary():
    x, _ = partly_known()
    ours = JointDMSAD(**TINY, gamma=0.2, rebalancing_epochs=0)
    twin = JointDMSVDD(**TINY, nu=0.2, boundary="hard", warm_up_epochs=0)
    for detector in (ours, twin):
        detector.fit(x, verbose=0)
    for a, b in zip(ours.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_scales_are_measured_again_once_spheres_were_removed():
    x, y = partly_known()
    options = TINY | {"epochs": 3, "learning_rate": 1e-3, "gamma": 0.6}
    again, once = (JointDMSAD(**options, rebalancing_epochs=epochs) for epochs in (3, 0))
    for detector in (again, once):
        detector.fit(x, y, verbose=0)
    normal = x[y != 1]

    def parts(detector):
        losses = detector.compute_losses(normal)
        sizes = np.array([float(losses[name]) for name in detector.terms])
        return sizes * array(detector.scales)

    np.testing.assert_allclose(parts(again), 1, rtol=1e-3)
    assert np.abs(parts(once) - 1).max() > 0.05


def test_labels_push_known_anomalies_out():
    assert gain_by_labels(JointDMSAD, "distance", **TINY) > 1.5
