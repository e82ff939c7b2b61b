"""Patches of films: what each published task does to a film, and what its label is."""

import cv2
import numpy as np
import pytest

from lib.lesions import pasted
from lib.lesions.pasted import KINDS

SIZE = (0.06, 0.8)


@pytest.fixture
def random():
    return np.random.default_rng(0)


def films(n=8, size=64, seed=0):
    """Smooth films of grey levels 60 to 200, with bodies that fill them."""
    noise = np.random.default_rng(seed).normal(size=(n, size, size)).astype("float32")
    smooth = np.array([cv2.GaussianBlur(film, (0, 0), 3) for film in noise])
    span = np.ptp(smooth, axis=(1, 2), keepdims=True)
    grey = 60 + 140 * (smooth - smooth.min((1, 2), keepdims=True)) / span
    return grey.astype("uint8"), np.ones((n, size, size), "uint8")


def drawings(x, bodies, random, kinds, number=1):
    """All drawings of films, (n, drawings, s, s, 2)."""
    return np.concatenate(list(pasted.draw(x, bodies, random, kinds, SIZE, number)))


def one_patch(kind, random, seed=0):
    """Film, film that gives the patch, film with one patch, its label in [0, 1]."""
    x, bodies = films(2, seed=seed)
    x = x[[0, 0]] if KINDS[kind].same else x
    film, label = pasted.with_patches(x, bodies, random, KINDS[kind], SIZE, most=1)
    return x[0], x[1], film, label


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_film_changes_in_its_patches_alone_and_is_labelled_where_it_changes(kind, random):
    x, bodies = films()
    ill, labels = np.moveaxis(drawings(x, bodies, random, [kind], 3), -1, 0)
    change = np.abs(ill - x[:, None].astype(float))
    assert ill.shape == (8, 3, 64, 64) and ill.dtype == np.uint8
    assert np.all(labels.max((2, 3)) > 0), "each drawing has a patch"
    assert change[labels == 0].mean() < 0.05 < 2 < change[labels > 0].mean()
    assert len(np.unique(labels.reshape(24, -1), axis=0)) == 24, "each has its own"


def test_cutpaste_moves_a_rectangle_of_the_same_film(random):
    x, _, film, label = one_patch("cutpaste", random)
    assert set(np.unique(label)) == {0, 1}
    rows, columns = (np.flatnonzero(label.any(axis)) for axis in (1, 0))
    place = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    rectangles = np.lib.stride_tricks.sliding_window_view(x, film[place].shape)
    assert np.any((rectangles == film[place]).all((2, 3))), "its pixels are those of x elsewhere"
    assert not np.array_equal(x[place], film[place])


def test_fpi_interpolates_films_by_the_factor_that_is_its_label(random):
    x, other, film, label = one_patch("fpi", random)
    (alpha,) = np.unique(label[label > 0])
    assert 0.05 < alpha < 0.95
    inside = label > 0
    expected = (1 - alpha) * x.astype(float) + alpha * other
    assert np.abs(film - expected)[inside].max() <= 0.5


def test_pii_is_labelled_by_its_factor_and_changes_nothing_at_factor_0(random):
    _, _, _, label = one_patch("pii", random)
    (alpha,) = np.unique(label[label > 0])
    assert 0.05 < alpha < 0.95
    around, patch = films(2)[0][:, :20, :24]
    unchanged = KINDS["pii"].blend(around, patch, 0.0)
    np.testing.assert_allclose(unchanged, around[1:-1, 1:-1], atol=1e-9)


def test_poissons_equation_is_solved():
    """The discrete Laplacian of the result is the divergence of the guide; a patch of its own."""
    film, patch = films(2)[0][:, :20, :31].astype(float)
    solved = film.copy()
    solved[1:-1, 1:-1] = pasted.by_poisson(film, patch, 0, 1)
    inner = cv2.Laplacian(solved - patch, cv2.CV_64F, ksize=1)[1:-1, 1:-1]
    assert np.abs(inner).max() < 1e-6
    np.testing.assert_allclose(pasted.by_poisson(film, film, 1, 1), film[1:-1, 1:-1], atol=1e-9)


def test_poissons_equation_is_solved_as_opencv_does():
    """OpenCV keeps the gradients of the film near the edge, where this patch has the same."""
    film, noise = films(2)[0][:, :60, :60].astype(float)
    bump = np.pad(noise[10:-10, 10:-10] - 130, 10) * 0.5
    patch, brighter = film * 0.6 + 30 + bump, film * 0.6 + 60
    patch, brighter = patch.astype("uint8"), brighter.astype("uint8")
    three = (cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR) for grey in (patch, brighter))
    cloned = cv2.seamlessClone(*three, np.full_like(patch, 255), (30, 30), cv2.NORMAL_CLONE)
    ours = pasted.by_poisson(brighter, patch, 0, 1)
    assert np.abs(ours - cloned[1:-1, 1:-1, 0]).max() < 1.5, "OpenCV rounds down"
    assert np.abs(ours - brighter[1:-1, 1:-1]).max() > 20


def test_nsa_leaves_no_edge_where_pasting_does():
    """The step across the border of a patch, compared with that of the film there."""
    for seed in range(5):
        film, patch = (grey[:24, :24] for grey in films(2, seed=seed)[0])
        steps = {}
        for kind in ("nsa", "cutpaste"):
            blended = film.astype(float)
            blended[1:-1, 1:-1] = KINDS[kind].blend(film, patch, 1.0)
            steps[kind] = np.abs(blended[1] - blended[0]).mean()
        assert steps["nsa"] < 0.5 * steps["cutpaste"]


def test_the_label_of_nsa_grows_with_the_change():
    change = np.arange(256.0)[None]
    label = KINDS["nsa"].label(change, alpha=0.3)[0]
    assert np.all(np.diff(label) >= 0) and label[4] == 0.5 and label[255] == pytest.approx(1)
    assert label[6] == pytest.approx(1 / (1 + np.exp(-1)))


def test_patches_lie_in_the_body_and_have_the_size_asked_for(random):
    body = np.zeros((64, 64), "uint8")
    body[20:50, 10:40] = 1
    for _ in range(200):
        source, sides = pasted.sides_of_patch(random, 64, (0.1, 0.4), resized=True)
        assert np.all((sides >= 6) & (sides <= 26) & (source >= 6) & (source <= 26))
        rows, columns = pasted.place(body, sides, random)
        assert (rows.stop - rows.start, columns.stop - columns.start) == tuple(sides + 2)
        inside = body[rows.start + 1 : rows.stop - 1, columns.start + 1 : columns.stop - 1]
        assert inside.mean() >= 0.7
    assert pasted.place(body, (60, 60), random) is None, "no room"


def test_a_patch_is_of_another_film_unless_its_task_says_otherwise(random):
    dark, light = np.full((64, 64), 50, "uint8"), np.full((64, 64), 200, "uint8")
    x, bodies = np.stack([dark, light]), np.ones((2, 64, 64), "uint8")
    for kind in KINDS:
        ill = drawings(x, bodies, random, [kind])[..., 0]
        changed = np.any(ill[:, 0] != x, axis=(1, 2)).all()
        assert changed == (kind == "fpi"), "no edge where gradients are blended; none of its own"


def test_the_seed_determines_the_drawings():
    x, bodies = films()
    first, again, other = (
        drawings(x, bodies, np.random.default_rng(seed), list(KINDS)) for seed in (0, 0, 1)
    )
    assert np.array_equal(first, again) and not np.array_equal(first, other)
