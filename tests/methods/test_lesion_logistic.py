"""The logistic regression on lesion features: its minimum, its features, what unknown films are."""

import numpy as np
import pytest
from by_hand import array
from discs import discs
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from lib.methods.lesion_deep_sad import LesionDeepSAD
from lib.methods.lesion_logistic import LesionLogistic
from lib.preprocessing.network_input import augmentation

TINY = {"image_size": 32, "width": 4, "members": 2, "batch_size": 16}


def few_known(n=48):
    """Return films: a quarter are known anomalies, some known normal and the rest unknown."""
    x, y, _ = discs(n, abnormal=0.25)
    y[np.flatnonzero(y == 0)[4:]] = np.nan
    return x, y


def test_the_features_are_those_of_lesion_deep_sad():
    x, y = few_known()
    detectors = [
        kind(**TINY, pretraining_epochs=1, seed=3) for kind in (LesionLogistic, LesionDeepSAD)
    ]
    for detector in detectors:
        detector.pretrain(x, y, verbose=0)
    ours, theirs = (array(detector.description(x)) for detector in detectors)
    np.testing.assert_array_equal(ours, theirs)


def test_the_score_is_the_decision_function_of_scikit_learn_with_unknown_films_normal():
    x, y = few_known()
    detector = LesionLogistic(**TINY, pretraining_epochs=0, penalty=4.0)
    detector.fit(x, y, verbose=0)
    h = StandardScaler().fit_transform(array(detector.description(x)).astype(float))
    plane = LogisticRegression(C=0.25, class_weight="balanced", max_iter=10_000).fit(h, y == 1)
    score = detector.predict(x, verbose=0)["score"]
    np.testing.assert_allclose(score, plane.decision_function(h), rtol=1e-2, atol=1e-3)


def test_the_gradient_vanishes_at_the_minimum():
    """Of the loss in the docstring, by its closed form: sum w (p - y) z + penalty v = 0."""
    x, y = few_known()
    detector = LesionLogistic(**TINY, pretraining_epochs=0, penalty=2.0)
    detector.fit(x, y, verbose=0)
    h, label = array(detector.description(x)).astype(float), y == 1
    z, v = (h - h.mean(0)) / h.std(0), array(detector.coefficients) * h.std(0)
    weight = np.where(label, 1 / label.mean(), 1 / (1 - label.mean())) / 2
    error = weight * (1 / (1 + np.exp(-detector.predict(x, verbose=0)["score"])) - label)
    np.testing.assert_allclose(error @ z + 2.0 * v, 0, atol=0.02)
    assert abs(error.sum()) < 0.02 < np.abs(2.0 * v).max()


def test_films_are_varied_as_often_as_views_says():
    x, y = few_known()
    drawn = []

    class Counted(LesionLogistic):
        def embed_varied(self, films):
            drawn.append(super().embed_varied(films))
            return drawn[-1]

    options = TINY | {"pretraining_epochs": 0, "views": 3}
    Counted(**options, augmentation=augmentation()).fit(x, y, verbose=0)
    assert len(drawn) == 3 and not np.allclose(drawn[0], drawn[1])
    Counted(**options).fit(x, y, verbose=0)
    assert len(drawn) == 4, "without an augmentation each film once"


def test_it_needs_known_anomalies():
    x, y = few_known()
    for labels in (None, np.where(y == 1, np.nan, y)):
        with pytest.raises(ValueError, match="0 of 48 films are labelled abnormal"):
            LesionLogistic(**TINY).fit(x, labels, verbose=0)


def test_labels_decide():
    x, y, _ = discs(120, abnormal=0.5)
    y[np.flatnonzero(y == 0)] = np.nan
    films, labels, _ = discs(60, abnormal=0.5, seed=1)
    detector = LesionLogistic(**TINY, pretraining_epochs=0)
    detector.fit(x, y, verbose=0)
    assert roc_auc_score(labels, detector.predict(films, verbose=0)["score"]) > 0.8
