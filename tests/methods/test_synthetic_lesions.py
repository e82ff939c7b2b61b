"""Synthetic lesions: the loss by hand, scores from the map, bodies, members, published kinds."""

import numpy as np
import pytest
from compiled import train_compiled
from discs import discs
from keras import ops
from sklearn.metrics import roc_auc_score
from test_detector import on_tensorflow

from lib.bodies import bodies
from lib.lesions import drawn, pasted
from lib.methods.synthetic_lesions import SyntheticLesions
from lib.samples import to_grey


def tiny(**options):
    return SyntheticLesions(**{"image_size": 32, "width": 4, **options})


def test_the_loss_is_the_cross_entropy_of_the_lesions(monkeypatch):
    x, _, _ = discs(8)
    mask = np.zeros((8, 32, 32), "float32")
    mask[:, 8:12, 8:12] = 1
    monkeypatch.setattr(drawn, "draw", lambda films, *_: (films, ops.convert_to_tensor(mask)))
    detector = tiny(members=1)
    logit = np.asarray(detector.logits(x))[..., 0]
    p = 1 / (1 + np.exp(-logit))
    by_hand = -(mask * np.log(p) + (1 - mask) * np.log(1 - p)).mean()
    assert float(detector.compute_losses(x, bodies(x))["loss"]) == pytest.approx(by_hand, rel=1e-4)


def test_scores_are_means_of_the_map():
    x, _, _ = discs(5)
    detector = tiny(members=2)
    outputs = detector.predict(x, verbose=0)
    logits = np.asarray(detector.logits(x))
    p = 1 / (1 + np.exp(-logits))
    np.testing.assert_allclose(outputs["map"], p.mean(-1), rtol=1e-3)
    np.testing.assert_allclose(outputs["mean"], p.mean((1, 2, 3)), rtol=1e-3)
    np.testing.assert_allclose(outputs["logit"], logits.mean((1, 2, 3)), rtol=1e-3, atol=1e-4)
    largest = np.sort(p.mean(-1).reshape(5, -1))[:, -204:].mean(1)
    np.testing.assert_allclose(outputs["top_fifth"], largest, rtol=1e-3)


def test_each_member_starts_and_learns_on_its_own():
    x, _, _ = discs(32)
    detector = tiny(members=2, epochs=1)
    detector.fit(x, verbose=0)
    first, second = np.moveaxis(np.asarray(detector.logits(x)), -1, 0)
    assert not np.allclose(first, second)
    seen = []
    draw = drawn.draw

    def remember(*arguments):
        pair = draw(*arguments)
        seen.append(np.asarray(pair[1]))
        return pair

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(drawn, "draw", remember)
        detector.compute_losses(x, bodies(x))
    assert len(seen) == 2 and not np.array_equal(*seen)


def test_films_and_bodies_are_varied_alike():
    x = np.full((16, 32, 32), -1.0, "float32")
    x[:, 10:20, 5:12] = 0.5
    films, inside = tiny().varied(ops.convert_to_tensor(x), ops.cast(x > 0, "float32"))
    films, inside = np.asarray(films), np.asarray(inside)
    np.testing.assert_array_equal(films > -0.9, inside == 1)
    columns = {tuple(np.flatnonzero(mask.any(0))) for mask in inside}
    assert len(columns) == 2, "mirrored or not"
    assert len(np.unique(np.round(films.max((1, 2)), 4))) > 8, "each of its own gamma"


def test_a_body_is_the_hull_of_what_is_not_air():
    x, _, _ = discs(6)
    masks, shown = bodies(x), x[..., 0] > -0.5
    assert set(np.unique(masks)) == {0, 1}
    assert np.mean(masks[shown] == 1) > 0.95 and masks.mean() < 1.5 * shown.mean()


def striped(n, seed=0):
    """Return discs (n, 32, 32, 1) with stripes, which differ in phase, direction and contrast."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:32, :32] - 15.5
    phase, angle, contrast = random.uniform(
        [[0], [-0.3], [0.3]], [[2 * np.pi], [0.3], [0.7]], (3, n)
    )
    along = columns * np.cos(angle)[:, None, None] + rows * np.sin(angle)[:, None, None]
    films = contrast[:, None, None] * np.sin(along + phase[:, None, None])
    films = np.where(np.hypot(rows, columns) < 14, films, -1.0) + random.normal(
        0, 0.02, (n, 32, 32)
    )
    return np.clip(films, -1, 1).astype("float32")[..., None]


@pytest.mark.parametrize("kind", sorted(pasted.KINDS))
def test_a_network_learns_to_find_the_lesions_of_a_published_task(kind):
    size = {"lesion_size": (0.3, 0.6), "members": 1, "width": 8}
    detector = tiny(kinds=[kind], epochs=30, learning_rate=3e-3, **size)
    detector.fit(striped(160), verbose=0)
    x = striped(80, seed=1)
    random = np.random.default_rng(2)
    ill = np.concatenate(list(pasted.draw(to_grey(x), bodies(x), random, [kind], (0.3, 0.6))))
    ill = ill[:, 0, ..., 0]
    ill = ill[..., None].astype("float32") / 127.5 - 1
    scores = detector.predict(np.concatenate([x, ill]), verbose=0)["score"]
    assert roc_auc_score(np.arange(160) >= 80, scores) > 0.8


def test_the_loss_of_a_published_task_is_over_its_drawings_and_graded_labels():
    x = striped(16)
    detector = tiny(kinds=["nsa"], members=1, lesion_share=1.0, drawings=3)
    random = np.random.default_rng(0)
    detector.set_weights([w + random.normal(0, 0.1, w.shape) for w in detector.get_weights()])
    drawings = detector.targets(x)
    assert drawings.shape == (16, 3, 32, 32, 2)
    by_hand = []
    for number in range(3):
        ill, labels = np.moveaxis(drawings[:, number].astype("float32") / 255, -1, 0)
        p = 1 / (1 + np.exp(-np.asarray(detector.logits(2 * ill[..., None] - 1))[..., 0]))
        by_hand.append(-(labels * np.log(p) + (1 - labels) * np.log(1 - p)).mean())
    seen = [float(detector.compute_losses(x, drawings)["loss"]) for _ in range(20)]
    nearest = np.abs(np.subtract.outer(seen, by_hand))
    assert nearest.min(axis=1).max() < 1e-4 and len(set(nearest.argmin(axis=1))) == 3


def test_a_share_of_the_films_has_no_lesion():
    x = striped(400)
    detector = tiny(kinds=["cutpaste"], members=2, lesion_share=0.25, drawings=1)
    films, labels = zip(*detector.from_drawings(x[..., 0], detector.targets(x), False), strict=True)
    for ill, label in zip(map(np.asarray, films), map(np.asarray, labels), strict=True):
        changed = label.max((1, 2)) > 0
        assert changed.mean() == pytest.approx(0.25, abs=0.08)
        np.testing.assert_array_equal(ill[~changed], x[~changed, ..., 0])


@on_tensorflow
def test_updates_of_published_tasks_compile(monkeypatch):
    train_compiled("synthetic_lesions", monkeypatch, kinds=sorted(pasted.KINDS))


def test_unknown_lesions_are_refused():
    with pytest.raises(
        ValueError, match=r"opacity, patch or of cutpaste, fpi, pii, nsa, not kinds=\['fracture'\]"
    ):
        tiny(kinds=["fracture"])
    for kinds in ([], ["opacity", "nsa"]):
        with pytest.raises(ValueError, match="takes kinds of opacity, patch or of"):
            tiny(kinds=kinds)
