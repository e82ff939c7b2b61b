"""Deep SAD on features: its loss by hand, standardisation, centre, no bias, weights file."""

import numpy as np
import pytest
from by_hand import array
from discs import discs

from lib.methods.feature_deep_sad import FeatureDeepSAD
from lib.methods.resnet import ResNet


def features(n=40, seed=0):
    """Return features of films, the last quarter abnormal and shifted, and their labels."""
    random = np.random.default_rng(seed)
    offset, scale = random.normal(0, 5, 512), random.uniform(0.5, 3, 512)
    x = offset + scale * random.normal(size=(n, 512))
    x[-n // 4 :, :50] += 4 * scale[:50]
    y = np.full(n, np.nan)
    y[:6], y[-n // 4 :] = 0, 1
    return x.astype("float32"), y.astype("float32")


def test_the_loss_is_equation_7_of_deep_sad_in_units_of_the_first_distance():
    x, y = features()
    detector = FeatureDeepSAD(eta=2.0)
    detector.before_training(x, y)
    d = np.square(detector.embed(x) - array(detector.center)).sum(axis=1)
    u = d[y != 1].mean()
    assert u > 10, "at a unit of 1 the known anomalies would hardly have a gradient"
    known = np.where(y == 1, 2 * u / (d / u + 1e-6), 2 * (d + 1e-6 * u))
    by_hand = np.where(np.isnan(y), d, known).mean()
    assert float(detector.compute_losses(x, y)["loss"]) == pytest.approx(by_hand, rel=1e-4)
    np.testing.assert_allclose(detector.predict(x, verbose=0)["score"], d, rtol=1e-3)
    assert "map" not in detector.predict(x, verbose=0) and detector.anomaly_map(x) is None


def test_features_are_standardised_by_films_not_known_to_be_abnormal():
    x, y = features()
    x[:, 7] = 3.0  # a channel that does not vary
    detector = FeatureDeepSAD()
    detector.before_training(x, y)
    normal = x[y != 1].astype(float)
    u = array(detector.encoder.get_layer("standardisation")(x))
    deviation = np.maximum(normal.std(axis=0), 1e-3)
    np.testing.assert_allclose(u, (x - normal.mean(axis=0)) / deviation, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(u[y != 1].std(axis=0)[:7], 1, rtol=1e-3)


def test_phi_is_its_equation_and_has_no_bias():
    x, y = features()
    detector = FeatureDeepSAD(latent_dim=3, width=5)
    detector.before_training(x, y)
    kernels = [array(weight) for weight in detector.encoder.trainable_weights]
    assert [kernel.shape for kernel in kernels] == [(512, 5), (5, 3)]
    u = array(detector.encoder.get_layer("standardisation")(x))
    hidden = u @ kernels[0]
    z = np.maximum(hidden, hidden / 10) @ kernels[1]
    np.testing.assert_allclose(detector.embed(x), z, rtol=1e-3, atol=1e-3)


def test_the_center_is_the_mean_embedding_of_normal_films():
    x, y = features()
    detector = FeatureDeepSAD(epsilon=0)
    detector.before_training(x, y)
    mean = detector.embed(x)[y != 1].mean(axis=0)
    np.testing.assert_allclose(array(detector.center), mean, rtol=1e-3, atol=1e-5)


def test_known_anomalies_are_repelled_and_weights_are_kept(tmp_path):
    x, y = features(80)
    detector = FeatureDeepSAD(epochs=20, batch_size=16)
    detector.fit(x, y, verbose=0)
    score = detector.predict(x, verbose=0)["score"]
    assert score[y == 1].min() > score[y != 1].max()
    detector.save_weights(tmp_path / "a.weights.h5")
    other = FeatureDeepSAD(seed=1)
    other.predict(x, verbose=0)  # compiled before weights are read
    other.load_weights(tmp_path / "a.weights.h5")
    np.testing.assert_allclose(other.predict(x, verbose=0)["score"], score, rtol=1e-5)


def test_the_seed_determines_phi():
    first, twin, other = (FeatureDeepSAD(seed=seed).encoder.get_weights() for seed in (0, 0, 1))
    for ours, same, another in zip(first, twin, other, strict=True):
        np.testing.assert_array_equal(ours, same)
        assert ours.ndim == 1 or not np.allclose(ours, another)


def test_stored_features_and_films_give_the_same_scores():
    films, _, _ = discs(4, size=64)
    detector = FeatureDeepSAD(film_size=64, backbone="random")
    stored = detector.features(films)
    np.testing.assert_allclose(
        detector.predict(films, verbose=0)["score"], detector.predict(stored, verbose=0)["score"]
    )
    assert detector.embed(films).shape == (4, 32)


def test_it_neither_augments_nor_pretrains():
    with pytest.raises(ValueError, match="leave `augment` and `mirrored` out"):
        FeatureDeepSAD(mirrored=True)
    with pytest.raises(TypeError, match="pretraining_epochs"):
        FeatureDeepSAD(pretraining_epochs=3)
    with pytest.raises(ValueError, match=r"ResNet learns .* 0 normal and 0 abnormal"):
        ResNet(image_size=32).fit(discs(4)[0], verbose=0)
