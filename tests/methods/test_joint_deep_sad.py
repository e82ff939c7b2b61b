"""Joint Deep SAD: its loss by hand, what labels reach, and its twin without labels."""

import numpy as np
import pytest
from by_hand import array
from discs import discs
from small_spheres import AT_32_PIXELS, gain_by_labels

from lib.methods.joint_deep_sad import JointDeepSAD
from lib.methods.joint_deep_svdd import JointDeepSVDD

TINY = AT_32_PIXELS | {"latent_dim": 6}


def partly_known():
    """Films, half of them abnormal, and labels: unknown, normal and abnormal ones."""
    x, y, _ = discs(24, abnormal=0.5)
    return x, np.where(np.arange(24) % 2, y, np.nan).astype("float32")


@pytest.mark.parametrize("subspace", [None, 2])
def test_losses_are_their_formulas(subspace):
    x, y = partly_known()
    detector = JointDeepSAD(**TINY, eta=3.0, reconstruction_weight=0.25, subspace=subspace)
    detector.fit(x, y, verbose=0)
    z = detector.embed(x)
    d = np.square((z - array(detector.center)) @ array(detector.complement)).sum(axis=1)
    of_redrawing, of_distance = array(detector.scales)
    unit = max(1, 1 / of_distance)
    d = d / unit
    terms = np.where(np.isnan(y), d, np.where(y == 1, 3 / (d + 1e-6), 3 * (d + 1e-6)))
    residual = np.square(x - array(detector.reconstruction(x))).mean((1, 2, 3))
    redrawn = residual[y != 1].mean()
    parts = detector.compute_losses(x, y)
    assert float(parts["reconstruction"]) == pytest.approx(redrawn, rel=1e-3)
    assert float(parts["compactness"]) == pytest.approx(unit * terms.mean(), rel=1e-3)
    by_hand = 0.25 * of_redrawing * redrawn + 0.75 * of_distance * unit * terms.mean()
    assert float(parts["loss"]) == pytest.approx(by_hand, rel=1e-3)


def test_labels_weigh_alike_however_far_apart_codes_lie():
    x, y = partly_known()
    detector = JointDeepSAD(**TINY)
    away = detector.embed(x) + 1.0  # from the centre, which is at 0
    weighed = []
    for stretch in (1, 10):
        detector.scales.assign([1, 1 / np.square(stretch * away).sum(axis=1).mean()])
        weighed.append(float(detector.compactness(stretch * away, y) * detector.scales[1]))
    assert weighed[1] == pytest.approx(weighed[0], rel=1e-4)


def test_known_anomalies_are_not_redrawn_and_known_normals_are():
    x = discs(8)[0]
    detector = JointDeepSAD(**TINY)
    residual = np.square(x - array(detector.reconstruction(x))).mean((1, 2, 3))
    for y, expected in (
        (np.ones(8), 0.0),
        (np.zeros(8), residual.mean()),
        (np.full(8, np.nan), residual.mean()),
        (np.array([1, 1, 0, np.nan, 1, 1, 1, 1]), residual[2:4].mean()),
    ):
        loss = detector.compute_losses(x, y.astype("float32"))["reconstruction"]
        assert float(loss) == pytest.approx(expected, rel=1e-4)


def test_without_labels_it_is_joint_deep_svdd():
    x, _ = partly_known()
    fitted = [method(**TINY) for method in (JointDeepSAD, JointDeepSVDD)]
    for detector in fitted:
        detector.fit(x, verbose=0)
    for ours, twin in zip(*(detector.get_weights() for detector in fitted), strict=True):
        np.testing.assert_allclose(ours, twin, rtol=1e-4, atol=1e-6)


def test_what_is_measured_before_training_does_not_see_known_anomalies():
    x, y = partly_known()
    measured = []
    for films in (x, np.where(y[:, None, None, None] == 1, -x, x)):
        detector = JointDeepSAD(**TINY, subspace=2)
        detector.fit(films, y, verbose=0)
        measured.append([array(w) for w in (detector.center, detector.complement, detector.scales)])
    for some, others in zip(*measured, strict=True):
        np.testing.assert_array_equal(some, others)


def test_labels_push_known_anomalies_out():
    assert gain_by_labels(JointDeepSAD, "score", **TINY) > 1.5


def test_a_soft_boundary_is_refused():
    with pytest.raises(ValueError, match="boundary of JointDeepSAD is hard, not 'soft'"):
        JointDeepSAD(boundary="soft")
