"""Lesion Deep SAD: how it describes films, what passes from stage to stage, what its labels do."""

import keras
import numpy as np
import pytest
from by_hand import array
from discs import discs
from sklearn.metrics import roc_auc_score

from lib import networks
from lib.methods.lesion_deep_sad import LesionDeepSAD
from lib.methods.synthetic_lesions import SyntheticLesions

TINY = {"image_size": 32, "width": 4, "members": 2, "latent_dim": 4, "batch_size": 16, "epochs": 2}


def weights(network):
    return [array(weight).copy() for weight in network.weights]


def same(first, second):
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_films_are_described_by_the_mean_and_maximum_of_each_map_on_the_way_down():
    unet, films = networks.unet(32, 4), discs(3)[0]
    described = array(networks.pooled_levels(unet)(films))
    expected = []
    for level in range(3):
        maps = keras.Model(unet.input, unet.get_layer(f"level_{level}").output)(films)
        maps = array(maps)
        assert maps.shape[1:] == (16 >> level, 16 >> level, 4 << level)
        expected += [maps.mean((1, 2)), maps.max((1, 2))]
    np.testing.assert_allclose(described, np.concatenate(expected, axis=1), rtol=1e-4, atol=1e-6)


def test_members_describe_a_film_one_after_another():
    films, detector = discs(3)[0], SyntheticLesions(image_size=32, width=4, members=2)
    unets = [part for part in detector.segmenters.layers if isinstance(part, keras.Model)]
    expected = [array(networks.pooled_levels(unet)(films)) for unet in unets]
    assert not np.allclose(*expected)
    described = array(detector.description()(films))
    np.testing.assert_allclose(described, np.concatenate(expected, axis=1), rtol=1e-5, atol=1e-6)


def test_the_first_stage_finds_lesions_in_films_that_are_not_known_to_be_abnormal():
    x, y, _ = discs(32, abnormal=0.25)
    y[y == 0] = np.nan
    detector = LesionDeepSAD(**TINY, pretraining_epochs=1, seed=3)
    history = detector.pretrain(x, y, epochs=7, batch_size=None, verbose=0)
    alone = SyntheticLesions(image_size=32, width=4, members=2, batch_size=16, seed=3)
    expected = alone.fit(x[y != 1], epochs=1, verbose=0).history
    assert history == {"pretraining_loss": expected["loss"]}
    assert same(weights(detector.description), weights(alone.description()))


def test_the_second_stage_trains_the_head_alone():
    x, y, _ = discs(32, abnormal=0.25)
    detector = LesionDeepSAD(**TINY, pretraining_epochs=0)
    before = weights(detector.description), weights(detector.head)
    detector.fit(x, y, verbose=0)
    assert same(weights(detector.description), before[0])
    assert not same(weights(detector.head), before[1])


def test_z_has_no_offset():
    head = networks.linear_head(6, 3)
    np.testing.assert_allclose(array(head(np.zeros((2, 6), "float32"))), 0, atol=1e-7)


@pytest.fixture(scope="module")
def described():
    """Return a detector after its first stage, training films with known anomalies, test films."""
    x, y, _ = discs(160, abnormal=0.5)
    kept = (y == 0) | (np.cumsum(y == 1) <= 8)
    x, y = x[kept], np.where(y == 1, 1, np.nan)[kept]
    detector = LesionDeepSAD(
        **TINY | {"width": 8, "members": 1, "epochs": 20},
        pretraining_epochs=30,
        pretraining_learning_rate=3e-3,
    )
    detector.pretrain(x, y, verbose=0)
    detector.pretraining_epochs = 0
    return detector, x, y, discs(80, abnormal=0.5, seed=1)


def auroc(detector, films):
    x, y, _ = films
    return roc_auc_score(y, detector.predict(x, verbose=0)["score"])


def test_a_few_known_anomalies_tell_more_than_none(described):
    detector, x, y, films = described
    start = detector.get_weights()
    detector.fit(x, np.full(len(x), np.nan), verbose=0)
    unlabelled = auroc(detector, films)
    detector.set_weights(start)
    detector.fit(x, y, verbose=0)
    assert auroc(detector, films) > max(0.9, unlabelled + 0.2)
