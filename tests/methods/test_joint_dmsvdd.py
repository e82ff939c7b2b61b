"""Joint DMSVDD: its loss and scores by hand, and its twin of one sphere."""

import numpy as np
import pytest
from by_hand import array
from discs import discs
from small_spheres import AT_32_PIXELS

from lib.methods.joint_deep_svdd import JointDeepSVDD
from lib.methods.joint_dmsvdd import JointDMSVDD

TINY = AT_32_PIXELS | {"spheres": 5}


def distances(detector, x):
    """d and k of films, by hand, among the surviving spheres."""
    alive = np.flatnonzero(array(detector.alive))
    offsets = detector.embed(x)[:, None] - array(detector.centers)[alive]
    d = np.square(offsets.astype(float)).sum(axis=2)
    return d.min(axis=1), alive[d.argmin(axis=1)]


@pytest.mark.parametrize("boundary", ["soft", "hard"])
def test_both_parts_start_at_one(boundary):
    x, detector = discs(24)[0], JointDMSVDD(**TINY, boundary=boundary)
    detector.pretrain(x, verbose=0)
    detector.start(x)
    assert array(detector.alive).sum() == 5
    parts = detector.compute_losses(x)
    of_redrawing, of_distance = array(detector.scales)
    assert float(parts["reconstruction"]) * of_redrawing == pytest.approx(1, rel=1e-3)
    assert float(parts["compactness"]) * of_distance == pytest.approx(1, rel=1e-3)
    assert float(parts["loss"]) == pytest.approx(1, rel=1e-3)


@pytest.mark.parametrize("boundary", ["soft", "hard"])
def test_losses_and_scores_are_their_formulas(boundary):
    x, options = discs(40)[0], {"boundary": boundary, "nu": 0.3, "reconstruction_weight": 0.25}
    detector = JointDMSVDD(**TINY | options, warm_up_epochs=1, learning_rate=1e-3)
    detector.fit(x, verbose=0)
    d, k = distances(detector, x)
    radii = array(detector.squared_radii)[k]
    residual = np.square(x - array(detector.reconstruction(x))).mean((1, 2, 3))
    compactness = d.mean()
    if boundary == "soft":
        of_alive = array(detector.squared_radii)[array(detector.alive) > 0]
        compactness = of_alive.mean() + np.maximum(0, d - radii).mean() / 0.3
    assert (d > radii).any() and (radii > 0).all()
    parts = detector.compute_losses(x)
    assert float(parts["compactness"]) == pytest.approx(compactness, rel=1e-3)
    of_redrawing, of_distance = array(detector.scales)
    by_hand = 0.25 * of_redrawing * residual.mean() + 0.75 * of_distance * compactness
    assert float(parts["loss"]) == pytest.approx(by_hand, rel=1e-3)

    outputs = detector.predict(x, verbose=0)
    np.testing.assert_allclose(outputs["distance"], d, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(outputs["beyond"], d - radii, rtol=1e-3, atol=1e-3 * d.mean())
    np.testing.assert_allclose(outputs["reconstruction"], residual, rtol=1e-3)
    np.testing.assert_allclose(outputs["map"].mean((1, 2)), residual, rtol=1e-3)
    default = {"soft": "beyond", "hard": "distance"}[boundary]
    np.testing.assert_array_equal(outputs["score"], outputs[default])


@pytest.mark.parametrize("boundary", ["soft", "hard"])
def test_one_sphere_is_joint_deep_svdd(boundary):
    x = discs(32)[0]
    options = AT_32_PIXELS | {"boundary": boundary, "nu": 0.1, "warm_up_epochs": 1}
    one, twin = JointDMSVDD(**options, spheres=1), JointDeepSVDD(**options)
    for detector in (one, twin):
        detector.fit(x, verbose=0)
    for name in ("encoder", "decoder"):
        weights = (getattr(detector, name).get_weights() for detector in (one, twin))
        for ours, others in zip(*weights, strict=True):
            np.testing.assert_allclose(ours, others, rtol=1e-3, atol=1e-5)
    expected, outputs = (detector.predict(x, verbose=0) for detector in (twin, one))
    np.testing.assert_allclose(outputs["score"], expected["score"], rtol=1e-2, atol=1e-3)


def test_the_defaults_are_those_of_the_xray_code():
    detector = JointDMSVDD(image_size=32, width=4, blocks=(1, 1))
    assert (detector.boundary, detector.nu, detector.spheres) == ("soft", 0.01, 100)
    assert (detector.pretraining_epochs, detector.warm_up_epochs) == (5, 5)
    assert detector.reconstruction_weight == 0.6


def test_a_subspace_has_no_spheres():
    with pytest.raises(TypeError, match="subspace"):
        JointDMSVDD(subspace=2)
