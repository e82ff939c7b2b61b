"""The lesion head: cells of a mask, features of drawings, loss and scores by hand, weights file."""

import h5py
import numpy as np
import pytest
from by_hand import array
from discs import discs
from keras import ops

from lib import backbones
from lib.lesions import drawn
from lib.methods.lesion_head import LesionHead, as_integers, target

CHANNELS = 24 + 40 + 112


def tiny(**options):
    return LesionHead(**{"image_size": 32, "film_size": 64, "drawings": 24, **options})


def test_the_target_is_the_share_of_each_cell_that_is_lesion():
    masks = np.zeros((2, 64, 64), "float32")
    masks[0, :16, 16:32] = 1  # a cell
    masks[1, 4:8, 2:8] = 1  # 24 of 256 pixels
    expected = np.zeros((2, 4, 4, 1))
    expected[0, 0, 1] = 1
    expected[1, 0, 0] = 24 / 256
    np.testing.assert_allclose(array(target(ops.convert_to_tensor(masks))), expected)


def test_features_of_a_drawing_are_those_of_the_backbone_on_it(monkeypatch):
    seen = []
    draw = drawn.draw

    def remember(*arguments):
        seen.append([array(part) for part in draw(*arguments)])
        return seen[-1]

    monkeypatch.setattr(drawn, "draw", remember)
    x, _, _ = discs(10, size=64)
    detector = tiny(batch_size=8)
    pairs = detector.drawn_pairs(x, 24)
    assert pairs.shape == (24, 4, 4, CHANNELS + 1) and pairs.dtype == np.float16
    films, masks = (np.concatenate(parts) for parts in zip(*seen, strict=True))
    ill = masks.max(axis=(1, 2)) > 0
    assert 0 < ill.sum() < 24, "some films remain normal"
    maps = array(detector.describer("grid")(films[..., None], training=False)["grid"])
    np.testing.assert_allclose(pairs[..., :-1], maps, rtol=2e-3, atol=2e-3)
    np.testing.assert_allclose(pairs[..., -1:], array(target(masks)))


def test_films_are_drawn_equally_often_with_other_lesions(monkeypatch):
    x = np.linspace(-1, 1, 10, dtype="float32")[:, None, None, None] * np.ones((1, 64, 64, 1))
    detector, seen = tiny(batch_size=8), []

    def remember(films):
        seen.extend(films[:, 0, 0, 0])
        return np.zeros((len(films), 4, 4, CHANNELS + 1), np.float16)

    monkeypatch.setattr(detector, "one_batch", remember)
    detector.drawn_pairs(x.astype("float32"), 24)
    _, counts = np.unique(seen, return_counts=True)
    assert sorted(counts) == [2] * 6 + [3] * 4


def test_channels_are_standardised_by_cells_without_lesions():
    random = np.random.default_rng(0)
    pairs = random.normal(3, 2, (120, 4, 4, CHANNELS + 1)).astype(np.float16)
    pairs[..., -1] = 0
    pairs[:, :2, :, :] = 100  # of lesions, also in the last channel
    detector = tiny()
    detector.standardise(pairs)
    layer = detector.head.get_layer("standardisation")
    np.testing.assert_allclose(array(layer.mean), 3, atol=0.3)
    np.testing.assert_allclose(array(layer.deviation), 2, atol=0.3)


def test_the_loss_is_the_cross_entropy_over_all_cells():
    x, _, _ = discs(6, size=64)
    detector = tiny(lesion_size=(0.3, 0.6), lesion_share=1.0)
    pairs = detector.drawn_pairs(x, 6)
    m = pairs[..., -1].astype(float)
    assert m.max() > 0.5
    logit = array(detector.head(pairs[..., :-1].astype("float32")))[..., 0].astype(float)
    p = 1 / (1 + np.exp(-logit))
    by_hand = -(m * np.log(p) + (1 - m) * np.log(1 - p)).mean()
    loss = detector.compute_losses(ops.convert_to_tensor(as_integers(pairs)))["loss"]
    assert float(loss) == pytest.approx(by_hand, rel=1e-3)


def test_scores_are_of_cells_and_the_map_is_their_probability_enlarged():
    x, _, _ = discs(5, size=64)
    detector = tiny()
    outputs = detector.predict(x, verbose=0)
    logits = array(detector.logits(x))
    p = 1 / (1 + np.exp(-logits))
    np.testing.assert_allclose(outputs["mean"], p.mean((1, 2)), rtol=1e-3)
    np.testing.assert_allclose(outputs["logit"], logits.mean((1, 2)), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(outputs["maximum"], p.max((1, 2)), rtol=1e-3)
    largest = np.sort(p.reshape(5, -1))[:, -3:].mean(1)  # of 16
    np.testing.assert_allclose(outputs["top_fifth"], largest, rtol=1e-3)
    enlarged = array(ops.image.resize(p[..., None], (32, 32), interpolation="bilinear"))
    np.testing.assert_allclose(outputs["map"], enlarged[..., 0], rtol=1e-3, atol=1e-5)
    small, _, _ = discs(5)
    resized = array(ops.image.resize(small, (64, 64)))
    np.testing.assert_allclose(
        detector.predict(small, verbose=0)["score"],
        detector.predict(resized, verbose=0)["score"],
        rtol=1e-4,
    )


def test_the_weights_file_holds_the_head_and_no_backbone(tmp_path):
    x, _, _ = discs(12, size=64)
    detector = tiny(epochs=1)
    detector.fit(x, validation_data=(x[:4],), verbose=0)
    path = tmp_path / "a.weights.h5"
    detector.save_weights(path)
    sizes = []
    with h5py.File(path) as file:
        file.visititems(lambda _, part: sizes.append(getattr(part, "size", 0)))
    head = CHANNELS * 64 + 64 + 9 * 64 * 64 + 64 + 64 + 1 + 2 * CHANNELS
    assert head <= sum(sizes) < head + 100, "besides the head, random states"
    other = tiny(seed=1)
    other.load_weights(path)
    np.testing.assert_allclose(
        other.predict(x, verbose=0)["score"], detector.predict(x, verbose=0)["score"], rtol=1e-5
    )


def test_the_same_seed_gives_the_same_head_and_another_seed_another():
    x, _, _ = discs(12, size=64)

    def scores(**options):
        detector = tiny(epochs=1, **options)
        detector.fit(x, verbose=0)
        return detector.predict(x, verbose=0)["score"]

    first = scores()
    np.testing.assert_allclose(first, scores(), rtol=1e-5)
    assert not np.allclose(first, scores(seed=1), rtol=1e-2)


def test_random_backbones_differ_by_seed():
    x, _, _ = discs(3, size=64)
    one, two = (
        array(backbones.describer(("grid",), 64, "random", seed)(x, training=False)["grid"])
        for seed in (0, 1)
    )
    assert not np.allclose(one, two)
    detector = tiny(backbone="random", seed=1)
    np.testing.assert_array_equal(array(detector.describer("grid")(x, training=False)["grid"]), two)


def test_unknown_lesions_are_refused():
    for kinds in (["fracture"], []):
        with pytest.raises(ValueError, match="LesionHead takes kinds of opacity, patch, not kinds"):
            tiny(kinds=kinds)
