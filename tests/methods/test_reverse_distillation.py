"""RD4AD: its loss and map by hand from the levels' angles, and the student's shapes."""

import numpy as np
import pytest
from by_hand import array
from test_feature_autoencoder import features

from lib.methods.reverse_distillation import CHANNELS, ReverseDistillation, cosine

SMALL = {"film_size": 64, "image_size": 32, "batch_size": 8, "width": 16, "latent_dim": 8}


def test_cosine_is_that_of_the_angle():
    angle = np.linspace(0, np.pi, 7)
    a = np.stack([np.cos(angle), np.sin(angle)], axis=-1).astype("float32")
    b = np.float32([[3.0, 0.0]])
    np.testing.assert_allclose(cosine(a, b), np.cos(angle), atol=1e-5)
    np.testing.assert_allclose(cosine(a, 0 * b), 0, atol=1e-5)


def test_loss_and_map_are_sums_over_levels_of_one_minus_the_cosine():
    detector, x = ReverseDistillation(**SMALL), features(5)
    detector.before_training(x)
    f = array(detector.standardised(x))
    restored = detector.student(detector.bottleneck(f, training=False), training=False)
    assert [level.shape for level in restored] == [(5, 4, 4, 24), (5, 4, 4, 40), (5, 4, 4, 112)]
    by_hand, start = np.zeros((5, 4, 4)), 0
    for channels, level in zip(CHANNELS, restored, strict=True):
        a, b = f[..., start : start + channels].astype(float), array(level).astype(float)
        norms = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
        by_hand += 1 - (a * b).sum(-1) / norms
        start += channels
    assert start == 176
    np.testing.assert_allclose(detector.abnormality(x), by_hand, atol=1e-3)
    assert float(detector.compute_losses(x)["loss"]) == pytest.approx(by_hand.mean(), rel=1e-3)
    outputs = detector.predict(x, verbose=0)
    np.testing.assert_allclose(outputs["score"], by_hand.mean((1, 2)), rtol=1e-3)
    largest = by_hand.reshape(5, -1).max(axis=1)  # a tenth of 16 cells is one
    np.testing.assert_allclose(outputs["top_tenth"], largest, rtol=1e-3)


def test_the_embedding_is_smaller_than_the_features_for_any_number_of_cells():
    for side, half in ((14, 7), (7 * 2, 7), (4, 2), (10, 5), (6, 3)):
        detector = ReverseDistillation(**SMALL | {"film_size": 16 * side}, backbone="random")
        assert detector.bottleneck.output.shape == (None, half, half, 8)
        assert [level.shape[1] for level in detector.student.outputs] == [side] * 3


def test_learns_and_gives_the_same_scores_from_a_file(tmp_path):
    x = features(40)
    detector = ReverseDistillation(**SMALL, epochs=15, learning_rate=5e-3, dropout=0.0)
    loss = detector.fit(x, verbose=0).history["loss"]
    assert loss[-1] < 0.5 * loss[0]
    scores = detector.predict(np.concatenate([features(10, 1), x[:10, ::-1]]), verbose=0)["score"]
    assert scores[:10].max() < scores[10:].min(), "films upside down are not restored"
    detector.save_weights(tmp_path / "a.weights.h5")
    other = ReverseDistillation(**SMALL, dropout=0.0, seed=1)
    other.load_weights(tmp_path / "a.weights.h5")
    again = other.predict(features(10, 1), verbose=0)["score"]
    np.testing.assert_allclose(again, scores[:10], rtol=1e-4)
