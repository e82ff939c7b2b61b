"""Joint Deep SVDD: losses and scores by hand, balanced parts, and the two projectors."""

import numpy as np
import pytest
from by_hand import array
from discs import discs
from sklearn.decomposition import PCA
from small_spheres import AT_32_PIXELS

from lib.methods.joint_deep_svdd import JointDeepSVDD, projector

TINY = AT_32_PIXELS | {"latent_dim": 6}
FORMS = [
    {"boundary": "hard"},
    {"boundary": "soft", "nu": 0.2, "warm_up_epochs": 1},
    {"subspace": 2},
    {"boundary": "soft", "subspace": 0.9, "warm_up_epochs": 1},
    {"subspace": 2, "as_published": True},
]


def started(x, **options):
    """Return a detector as it is between pre-training and training."""
    detector = JointDeepSVDD(**TINY, **options)
    detector.pretrain(x, verbose=0)
    detector.start(x)
    return detector


def outside(detector):
    """I - P as an array of doubles."""
    return array(detector.complement).astype(float)


@pytest.mark.parametrize("form", FORMS)
def test_both_parts_start_at_one(form):
    x = discs(16)[0]
    parts = started(x, **form, reconstruction_weight=0.3).compute_losses(x)
    assert float(parts["loss"]) == pytest.approx(1, rel=1e-3)
    alone = started(x, **form, reconstruction_weight=1.0).compute_losses(x)
    assert float(alone["loss"]) == pytest.approx(1, rel=1e-3)


@pytest.mark.parametrize("form", FORMS)
def test_losses_and_scores_are_their_formulas(form):
    x = discs(24)[0]
    detector = JointDeepSVDD(**TINY, **form, learning_rate=1e-3)
    detector.fit(x, verbose=0)
    z = detector.embed(x)
    r = array(detector.decoder(z, training=False))
    np.testing.assert_allclose(array(detector.reconstruction(x)), r, atol=1e-5)
    residual = np.square(x - r)[..., 0]
    d = np.square((z - array(detector.center)) @ outside(detector)).sum(axis=1)
    squared_radius = float(detector.squared_radius)
    assert (squared_radius > 0) == (form.get("boundary") == "soft")

    outputs = detector.predict(x, verbose=0)
    np.testing.assert_allclose(outputs["map"], residual, atol=1e-5)
    np.testing.assert_allclose(outputs["reconstruction"], residual.mean((1, 2)), rtol=1e-3)
    np.testing.assert_allclose(
        outputs["embedding"], d - squared_radius, rtol=1e-3, atol=1e-4 * d.mean()
    )
    np.testing.assert_array_equal(outputs["score"], outputs["embedding"])

    compactness = d.mean()
    if form.get("boundary") == "soft":
        over = np.maximum(0, d - squared_radius).mean()
        compactness = squared_radius + over / detector.nu
    of_redrawing, of_distance = array(detector.scales)
    by_hand = 0.6 * of_redrawing * residual.mean() + 0.4 * of_distance * compactness
    parts = detector.compute_losses(x)
    assert float(parts["loss"]) == pytest.approx(by_hand, rel=1e-3)
    assert float(parts["reconstruction"]) == pytest.approx(residual.mean(), rel=1e-3)
    assert float(parts["compactness"]) == pytest.approx(compactness, rel=1e-3)


def test_pretraining_trains_both_networks_themselves():
    detector, fresh = JointDeepSVDD(**TINY), JointDeepSVDD(**TINY)
    log = detector.pretrain(discs(16)[0], verbose=0)
    assert len(log["pretraining_loss"]) == 5
    for name in ("encoder", "decoder"):
        after = getattr(detector, name).get_weights()
        for old, new in zip(getattr(fresh, name).get_weights(), after, strict=True):
            assert not np.array_equal(old, new)


def test_projector_is_orthogonal_idempotent_and_of_its_rank():
    x = discs(32)[0]
    detector = started(x, subspace=2)
    p = np.eye(6) - outside(detector)
    np.testing.assert_allclose(p @ p, p, atol=1e-6)
    np.testing.assert_allclose(p, p.T, atol=1e-6)
    np.testing.assert_allclose(np.linalg.eigvalsh(p), [0, 0, 0, 0, 1, 1], atol=1e-6)
    z = detector.embed(x)
    pca = PCA(2).fit(z)
    error = np.square(z - pca.inverse_transform(pca.transform(z))).sum(axis=1)
    distance = array(detector.squared_distance(z))
    np.testing.assert_allclose(distance, error, rtol=1e-3, atol=1e-4 * error.mean())


def test_a_share_of_the_variance_gives_the_least_rank_that_holds_it():
    random = np.random.default_rng(0)
    z = random.normal(size=(500, 5)) * [10, 5, 2, 1, 0.1] @ np.linalg.qr(np.eye(5) + 0.3)[0]
    z -= z.mean(axis=0)
    held = np.cumsum(PCA().fit(z).explained_variance_ratio_)
    for rank, share in ((1, held[0] - 0.01), (2, held[0] + 0.01), (3, held[2] - 1e-4)):
        assert np.trace(projector(z, float(share))) == pytest.approx(rank)
        np.testing.assert_allclose(projector(z, float(share)), projector(z, rank), atol=1e-9)
    assert np.trace(projector(z, 1 - 1e-12)) == pytest.approx(4), "something lies outside"


def test_the_projector_as_published_is_nearly_the_identity():
    x = discs(48)[0]
    published, corrected = (started(x, subspace=2, as_published=flag) for flag in (True, False))
    s = published.embed(x).astype(float).T  # S, as in the code
    p = s @ np.linalg.inv(s.T @ s + 1e-3 * np.eye(48)) @ s.T
    np.testing.assert_allclose(np.eye(6) - outside(published), p, atol=1e-6)
    np.testing.assert_allclose(p, np.eye(6), atol=0.02)
    z = published.embed(x)
    length = np.square(z).sum(axis=1).mean()
    assert array(published.squared_distance(z)).mean() < 1e-5 * length
    assert array(corrected.squared_distance(z)).mean() > 1e-3 * length
    assert float(published.scales[1]) > 1e3 * float(corrected.scales[1])


def test_subspace_is_saved_with_the_weights(tmp_path):
    x = discs(16)[0]
    detector = started(x, subspace=3)
    detector.save_weights(tmp_path / "a.weights.h5")
    other = JointDeepSVDD(**TINY, subspace=3, seed=5)
    other.load_weights(tmp_path / "a.weights.h5")
    expected = detector.predict(x, verbose=0)["score"]
    np.testing.assert_allclose(other.predict(x, verbose=0)["score"], expected, rtol=1e-5)


@pytest.mark.parametrize("subspace", [0, 6, 0.0, 1.0, -1, "half", True])
def test_a_subspace_that_is_none_is_refused(subspace):
    with pytest.raises(ValueError, match="a rank from 1 to latent_dim - 1 or a share"):
        JointDeepSVDD(**TINY, subspace=subspace)


def test_other_wrong_choices_are_refused():
    with pytest.raises(ValueError, match="give a subspace with it"):
        JointDeepSVDD(as_published=True)
    with pytest.raises(ValueError, match="reconstruction_weight is from 0 to 1, not 2"):
        JointDeepSVDD(reconstruction_weight=2)
