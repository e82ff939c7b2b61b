"""NSA: its loss by hand, its scores from its map, its bodies, its members."""

import numpy as np
import pytest
from discs import discs
from keras import ops

from lib import lesions
from lib.methods.synthetic_lesions import SyntheticLesions, bodies


def tiny(**options):
    return SyntheticLesions(**{"image_size": 32, "width": 4, **options})


def test_the_loss_is_the_cross_entropy_of_the_lesions(monkeypatch):
    x, _, _ = discs(8)
    mask = np.zeros((8, 32, 32), "float32")
    mask[:, 8:12, 8:12] = 1
    monkeypatch.setattr(lesions, "draw", lambda films, *_: (films, ops.convert_to_tensor(mask)))
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
    draw = lesions.draw

    def remember(*arguments):
        drawn = draw(*arguments)
        seen.append(np.asarray(drawn[1]))
        return drawn

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(lesions, "draw", remember)
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


def test_unknown_lesions_are_refused():
    with pytest.raises(ValueError, match=r"draws opacity, patch, not kinds=\['fracture'\]"):
        tiny(kinds=["fracture"])
    with pytest.raises(ValueError, match="draws opacity, patch"):
        tiny(kinds=[])
