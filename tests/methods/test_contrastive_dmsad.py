"""Contrastive DMSAD: which views are partners, what its first stage minimises, how views vary."""

import numpy as np
import pytest
from by_hand import array
from discs import discs
from small_spheres import AT_8_PIXELS

from lib.methods.contrastive_dmsad import ContrastiveDMSAD, _Contrast, random_view

TINY = AT_8_PIXELS | {"image_size": 32, "latent_dim": 4, "spheres": 3}


def stage(**options):
    """Return the first stage of a small detector."""
    return _Contrast(ContrastiveDMSAD(**TINY, **options))


def test_partners_are_the_views_of_a_film():
    y = np.array([1, np.nan, 1], "float32")
    np.testing.assert_array_equal(stage().partners(y), np.tile(np.eye(3), (2, 2)))


def test_supervised_all_views_of_known_anomalies_are_partners():
    y = np.array([1, np.nan, 1, 0, 0], "float32")
    expected = np.eye(5)
    expected[0, 2] = expected[2, 0] = 1
    partners_of_views = stage(contrast="supervised").partners(y)
    np.testing.assert_array_equal(partners_of_views, np.tile(expected, (2, 2)))


@pytest.mark.parametrize("contrast", ["simclr", "supervised"])
def test_the_loss_is_the_mean_over_views_and_partners(contrast):
    first = stage(contrast=contrast, temperature=0.3)
    x, y = discs(6)[0], np.array([1, np.nan, 1, 0, 1, 0], "float32")
    views = array(first._augment(x))
    z = array(first.head(first.encoder(views, training=True))).astype(float)
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    film, label = np.tile(np.arange(6), 2), np.tile(y, 2)
    per_view = []
    for i in range(12):
        weights = np.exp(z @ z[i] / 0.3)
        total = weights.sum() - weights[i]
        partners = [
            j
            for j in range(12)
            if j != i
            and (film[i] == film[j] or (contrast == "supervised" and label[i] == label[j] == 1))
        ]
        per_view.append(np.mean([-np.log(weights[j] / total) for j in partners]))
    loss = float(first.compute_losses(views, y, training=True)["loss"])
    assert loss == pytest.approx(np.mean(per_view), rel=1e-4)


def rounds(n=48):
    """Return films (n, 32, 32, 1) of one disc, which differ by its size and grey level."""
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[:32, :32] - 15.5
    radius, grey = (random.uniform(*ends, (n, 1, 1)) for ends in ((3, 15), (-0.6, 1)))
    return np.where(np.hypot(rows, columns) < radius, grey, -1)[..., None].astype("float32")


@pytest.mark.parametrize("contrast", ["simclr", "supervised"])
def test_the_first_stage_teaches_the_encoder(contrast):
    x = rounds()
    y = np.where(np.arange(48) < 5, 1, np.nan)
    options = TINY | {"width": 8, "latent_dim": 16}
    detector = ContrastiveDMSAD(**options, contrast=contrast, pretraining_epochs=15)
    before = detector.encoder.get_weights()
    history = detector.pretrain(x, y, (x, y), verbose=0)
    for name, fall in (("pretraining_loss", 0.2), ("pretraining_val_loss", 0.1)):
        assert np.mean(history[name][-3:]) < history[name][0] - fall
    trained = zip(before, detector.encoder.get_weights(), strict=True)
    assert not any(np.array_equal(old, new) for old, new in trained)


def test_labels_matter_to_the_supervised_contrast_alone():
    x, y = rounds(16), np.where(np.arange(16) < 5, 1, np.nan)
    for contrast in ("simclr", "supervised"):
        after = []
        for labels in (y, None):
            detector = ContrastiveDMSAD(**TINY, contrast=contrast)
            detector.pretrain(x, labels, verbose=0)
            after.append(detector.encoder.get_weights())
        same = all(np.array_equal(a, b) for a, b in zip(*after, strict=True))
        assert same == (contrast == "simclr")


def test_no_pretraining_leaves_the_encoder():
    detector = ContrastiveDMSAD(**TINY, pretraining_epochs=0)
    # batch norm's averages may follow the films before centres are placed
    weights = detector.encoder.trainable_variables
    before = [array(weight) for weight in weights]
    assert detector.before_training(rounds(8)) == {}
    for old, weight in zip(before, weights, strict=True):
        np.testing.assert_array_equal(old, array(weight))


def test_views_vary_each_film_every_time_and_stay_films():
    x = np.repeat(discs(1)[0], 6, axis=0)
    view = random_view(32, seed=0)
    first, second = (array(view(x, training=True)) for _ in range(2))
    assert first.shape == x.shape and first.min() >= -1 and first.max() <= 1
    for varied in (first, second):
        assert all(np.abs(varied[i] - varied[j]).mean() > 0.01 for i in range(6) for j in range(i))
    assert (np.abs(first - second).mean(axis=(1, 2, 3)) > 0.01).all()
    np.testing.assert_array_equal(array(view(x, training=False)), x)
    np.testing.assert_array_equal(array(random_view(32, seed=0)(x, training=True)), first)


def test_the_same_seed_gives_the_same_weights():
    x = rounds(16)
    weights = []
    for _ in range(2):
        detector = ContrastiveDMSAD(**TINY, seed=3)
        detector.fit(x, verbose=0)
        weights.append(detector.get_weights())
    for a, b in zip(*weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_an_unknown_contrast_is_refused():
    with pytest.raises(ValueError, match="simclr or supervised, not 'moco'"):
        ContrastiveDMSAD(contrast="moco")
