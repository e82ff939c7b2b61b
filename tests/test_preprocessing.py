"""Films become pictures: geometry in pixels, sense, grey levels, and arrays on disk."""

import math
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from written_films import smooth_film, write_dicom, write_wavelets

from lib import burned_in
from lib.features import _prepared_film
from lib.films import UnreadableFilm, read_film, read_reduced
from lib.preprocessing import (
    augmentation_for,
    enough,
    find_plate,
    is_inverted,
    prepare,
    prepare_each,
    segment_body,
    to_float,
    warp_mask,
)
from lib.preprocessing.affine import RandomAffine
from lib.preprocessing.annotations import lesions_of_films
from lib.preprocessing.arrays import write_films
from lib.preprocessing.brightness import RandomBrightness

XRAYS = Path(__file__).resolve().parents[2] / "shared/xrays"
needs_films = pytest.mark.skipif(not XRAYS.is_dir(), reason=f"no real films in {XRAYS}")


def limb(height: int = 400, width: int = 300, noise: int = 0) -> np.ndarray:
    """Draw a bright shaft on dark air, with a brighter bone in it."""
    film = np.random.default_rng(noise).normal(25, 2, (height, width))
    film[:, width // 3 : 2 * width // 3] += 90
    film[:, 9 * width // 20 : 11 * width // 20] += 80
    return film.round().astype(np.uint8)


def chest(size: int = 320) -> np.ndarray:
    """Bright all over, two dark lungs; an effusion fills the lowest corner of one of them."""
    film = np.full((size, size), 170, np.uint8)
    for x in (0.29, 0.71):
        cv2.ellipse(film, (int(x * size), size // 2), (size // 7, size // 3), 0, 0, 360, 60, -1)
    return cv2.GaussianBlur(film, (0, 0), 3)


def on_border(plate: np.ndarray, corners, shape=(512, 500), border: int = 5) -> np.ndarray:
    """Lay a plate onto a flat border, its corners (clockwise from the upper left) at x, y."""
    height, width = plate.shape
    whole = np.float32([[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]])
    place = cv2.getPerspectiveTransform(whole, np.float32(corners))
    film = np.full(shape, border, np.uint8)
    return cv2.warpPerspective(plate, place, shape[::-1], film, borderMode=cv2.BORDER_TRANSPARENT)


def carry(matrix: np.ndarray, points) -> np.ndarray:
    return cv2.perspectiveTransform(np.float64(points)[None], matrix)[0]


TILTED = [[110, 80], [400, 120], [350, 490], [60, 450]]


def test_a_tilted_plate_is_recovered():
    corners = find_plate(on_border(limb(), TILTED))
    assert np.abs(corners - TILTED).max() < 3


def test_the_plate_is_cropped_upright():
    prepared = prepare(on_border(limb(), TILTED), size=128)
    cropped = prepared.steps["cropped"]
    assert cropped.shape == pytest.approx((373, 293), abs=8)
    carried = carry(prepared.matrix, TILTED)
    assert carried[:, 1] == pytest.approx([0, 0, 127, 127], abs=2)
    assert carried[0, 0] == pytest.approx(carried[3, 0], abs=2)


def test_the_largest_of_two_plates_is_chosen():
    small = [[330, 20], [480, 20], [480, 490], [330, 490]]
    large = [[30, 40], [300, 30], [310, 410], [40, 420]]
    film = on_border(limb(), large)
    film[:, 320:] = on_border(limb(), small)[:, 320:]
    assert np.abs(find_plate(film) - large).max() < 3


@pytest.mark.parametrize("film", [limb(), np.full((300, 200), 70, np.uint8)])
def test_without_a_convincing_plate_the_film_stays_whole(film):
    assert find_plate(film) is None
    assert prepare(film).steps["cropped"].shape == film.shape


@pytest.mark.parametrize("tall", [True, False])
def test_a_lesion_stays_where_its_mask_is(tall):
    plate = limb(400, 300)
    plate[180:220, 130:170] = 255
    mark = np.zeros_like(plate)
    mark[180:220, 130:170] = 255
    film, mask = on_border(plate, TILTED), on_border(mark, TILTED, border=0)
    if not tall:
        film, mask = np.ascontiguousarray(film.T), np.ascontiguousarray(mask.T)
    prepared = prepare(film, size=128, equalize="none")
    bright = prepared.image > 235
    lesion = warp_mask(mask > 127, prepared.matrix, 128) > 0
    assert (bright & lesion).sum() / (bright | lesion).sum() > 0.8


def test_the_matrix_follows_a_resize_by_pixel_edges():
    matrix = prepare(limb(400, 200), size=100, crop=False).matrix
    edges = carry(matrix, [[-0.5, -0.5], [199.5, 399.5]])
    assert edges == pytest.approx(np.array([[24.5, -0.5], [74.5, 99.5]]))


def test_a_thin_lesion_is_not_lost():
    mask = np.zeros((512, 512), np.uint8)
    mask[200:300, 250] = 1
    lesion = warp_mask(mask, prepare(mask, size=64, body="chest").matrix, 64)
    assert 10 <= lesion.sum() <= 30
    assert not warp_mask(np.zeros_like(mask), np.eye(3), 64).any()


def test_landscape_limbs_are_turned_and_chests_are_not():
    lying = np.ascontiguousarray(limb(400, 200).T)
    turned = prepare(lying, size=64, equalize="none")
    assert turned.steps["upright"].shape == (400, 200)
    assert carry(turned.matrix, [[399, 100]])[0] == pytest.approx([32, 0], abs=1)
    assert prepare(lying, body="chest").steps["upright"].shape == (200, 400)


@pytest.mark.parametrize(("film", "body"), [(limb(), "limb"), (chest(), "chest")])
def test_an_inverted_film_becomes_its_twin(film, body):
    assert not is_inverted(film, body)
    assert is_inverted(255 - film, body)
    upright, inverted = (prepare(each, body=body).image for each in (film, 255 - film))
    assert np.abs(upright.astype(int) - inverted).max() <= 1


def test_fingers_with_a_gap_in_the_middle_are_judged_by_their_palm():
    fingers = np.full((300, 200), 20, np.uint8)
    fingers[:, 35:70] = fingers[:, 130:165] = fingers[260:] = 180
    assert not is_inverted(fingers, "limb")
    assert is_inverted(255 - fingers, "limb")


def test_depth_does_not_matter():
    film = limb()
    deep = film.astype(np.uint16) * 200 + 3000
    for other in (deep, film / 255, film.astype(np.int32) - 1000):
        assert np.abs(prepare(other).image.astype(int) - prepare(film).image).max() <= 2


def test_the_aspect_is_kept_and_the_rest_is_black():
    image = prepare(limb(400, 200) + 1, size=64, crop=False, equalize="none").image
    assert image.shape == (64, 64) and image.dtype == np.uint8
    assert not image[:, :16].any() and not image[:, 48:].any() and image[:, 24:40].all()


def test_a_chest_is_not_cropped():
    film = on_border(chest(), TILTED)
    prepared = prepare(film, body="chest", size=100)
    assert prepared.steps["cropped"].shape == film.shape
    corners = [[0, 0], [499, 0], [499, 511], [0, 511]]
    whole = np.array([[1, 0], [98, 0], [98, 99], [1, 99]])
    assert carry(prepared.matrix, corners) == pytest.approx(whole, abs=1)


def test_an_effusion_at_the_edge_survives():
    film = chest()
    film[-6:, :20] = 255
    prepared = prepare(film, size=64, body="chest", equalize="none")
    assert prepared.image[-1, 0] > 230
    assert prepared.body[-1, 0] == 1


def test_the_body_is_the_limb_without_letters():
    film = limb()
    film[20:40, 20:40] = 255  # a letter
    inside = segment_body(film)
    truth = np.zeros_like(film)
    truth[:, 100:200] = 1
    assert (inside & truth).sum() / (inside | truth).sum() > 0.9
    assert not inside[20:40, 20:40].any()
    masked = prepare(film, mask=True)
    assert not masked.image[masked.body == 0].any()


def test_the_body_of_a_chest_holds_its_lungs():
    film = cv2.copyMakeBorder(chest(), 0, 0, 60, 60, cv2.BORDER_CONSTANT, value=0)
    inside = segment_body(film, "chest")
    assert inside[:, 75:365].mean() > 0.95
    assert inside[:, :45].mean() < 0.05


@pytest.mark.parametrize("method", ["clahe", "histogram", "none"])
def test_equalisation_uses_more_of_the_range(method):
    film = (limb() // 6 + 100).astype(np.uint8)
    film[0, 0], film[-1, -1] = 0, 255
    spread = prepare(film, equalize=method, crop=False).steps["equalised"].std()
    assert spread > 30
    with pytest.raises(ValueError, match="clahe"):
        prepare(film, equalize="gamma")


@pytest.mark.parametrize("body", ["limb", "chest"])
@pytest.mark.parametrize("equalize", ["clahe", "histogram"])
@pytest.mark.parametrize("grey", [0, 9, 255])
def test_constant_films_pass(body, equalize, grey):
    film = np.full((90, 70), grey, np.uint8)
    almost = film.copy()
    almost[4, 4] ^= 1
    with np.errstate(all="raise"):
        assert not prepare(film, body=body, equalize=equalize, mask=True).image.any()
        assert prepare(almost, body=body, equalize=equalize).image.shape == (64, 64)


def test_what_is_not_a_film_is_refused():
    for wrong in (np.zeros((4, 4, 3), np.uint8), np.zeros((0, 4), np.uint8)):
        with pytest.raises(ValueError, match="two dimensions"):
            prepare(wrong)


def test_to_float_scales_each_film_by_its_own_range():
    images = np.zeros((3, 4, 4), np.uint8)
    images[0, 0, 0], images[1], images[2, 0] = 10, 100, 255
    images[1, 0, 0] = 50
    x = to_float(images)
    assert x.shape == (3, 4, 4, 1) and x.dtype == np.float32
    assert x.min(axis=(1, 2, 3)).tolist() == [-1, -1, -1]
    assert x.max(axis=(1, 2, 3)).tolist() == [1, 1, 1]
    assert (to_float(np.full((2, 4, 4), 77, np.uint8)) == -1).all()


@pytest.mark.parametrize(
    ("poses", "least", "most"),
    [(("chest",), 0, 0), (("limb", True), 0, 0), (("limb",), 60, 140)],
)
def test_augmentation_turns_only_limbs_in_every_pose_upside_down(poses, least, most):
    top = np.full((200, 32, 32, 1), -1, np.float32)
    top[:, 2:12] = 1
    varied = np.asarray(augmentation_for(*poses)(top, training=True))
    upside_down = varied[:, 16:].mean((1, 2, 3)) > varied[:, :16].mean((1, 2, 3))
    assert least <= upside_down.sum() <= most


def test_augmentation_keeps_the_range_and_fills_with_black():
    layers = augmentation_for("limb", seed=3)
    white = np.ones((50, 32, 32, 1), np.float32)
    varied = np.asarray(layers(white, training=True))
    assert varied.shape == white.shape
    assert varied.min() == -1 and varied.max() <= 1 + 1e-5
    assert np.array_equal(np.asarray(layers(white, training=False)), white)
    assert not np.array_equal(varied, np.asarray(layers(white, training=True)))


def test_brightness_multiplies_the_distance_from_black():
    """Grey 0 is half-way between black and white: its factor of 0.8 to 1.2 is seen directly."""
    films = np.full((400, 8, 8, 1), -1, np.float32)
    films[:, 2:4], films[:, 4:6] = 0, 0.9
    varied = np.asarray(RandomBrightness(0.2)(films, training=True))[..., 0]
    assert (varied[:, :2] == -1).all(), "black remains black"
    factor = varied[:, 2, 0] + 1
    np.testing.assert_array_equal(varied[:, 2:4], np.tile(varied[:, 2:3, :1], (1, 2, 8)))
    assert factor.min() == pytest.approx(0.8, abs=0.01) and factor.max() < 1.2
    assert factor.max() == pytest.approx(1.2, abs=0.01) and factor.mean() == pytest.approx(1, 0.02)
    expected = np.minimum(1.9 * factor - 1, 1)
    np.testing.assert_allclose(varied[:, 4, 0], expected, atol=1e-6, err_msg="at most white")
    np.testing.assert_array_equal(RandomBrightness(0.2)(films), films)


def test_augmentation_varies_brightness_only_if_asked():
    grey = np.zeros((50, 32, 32, 1), np.float32)
    usual, bright = augmentation_for("chest"), augmentation_for("chest", brightness=0.2)
    centre = [np.asarray(layers(grey, training=True))[:, 16, 16, 0] for layers in (usual, bright)]
    np.testing.assert_allclose(centre[0], 0, atol=1e-5)
    assert centre[1].std() > 0.05 and np.abs(centre[1]).max() < 0.21
    assert len(bright.layers) == len(usual.layers) + 1


def where_a_spot_comes_to_lie(**reach):
    """(200, 2): right and down from the centre, in pixels, of a spot that was 8 to the right."""
    side = 33
    down, right = np.mgrid[:side, :side] - side // 2
    spot = np.exp(-((right - 8) ** 2 + down**2) / 8).astype("float32")
    layer = RandomAffine(**{"turn": 0, "zoom": 0, "shift": 0} | reach)
    moved = np.asarray(layer(np.repeat(spot[None, ..., None], 200, axis=0), training=True))[..., 0]
    grey = moved.sum(axis=(1, 2))
    return (
        np.stack([(moved * right).sum((1, 2)), (moved * down).sum((1, 2))], axis=1) / grey[:, None]
    )


def test_a_turn_a_zoom_and_a_shift_reach_as_far_as_asked():
    right, down = where_a_spot_comes_to_lie(turn=20).T
    assert np.abs(np.hypot(right, down) - 8).max() < 0.1
    angle = np.degrees(np.arctan2(down, right))
    assert -20.5 < angle.min() < -17 and 17 < angle.max() < 20.5
    right, down = where_a_spot_comes_to_lie(zoom=0.2).T
    assert np.abs(down).max() < 0.05
    assert 8 / 1.2 - 0.1 < right.min() < 7 and 9.5 < right.max() < 8 / 0.8 + 0.1
    places = where_a_spot_comes_to_lie(shift=0.1) - [8, 0]
    assert np.abs(places).max(axis=0) == pytest.approx(3.3, abs=0.2)
    assert abs(np.corrcoef(places.T)[0, 1]) < 0.2  # each way by its own draw


@pytest.fixture
def films(tmp_path):
    """Seven films of different greys in a folder, and their index."""
    names = [f"{number}.png" for number in range(7)]
    for number, name in enumerate(names):
        cv2.imwrite(str(tmp_path / name), limb(200 + 10 * number, 150, noise=number))
    return tmp_path, pd.DataFrame({"image_id": names, "path": names})


def test_an_array_is_aligned_with_the_index(films):
    folder, index = films
    path = folder / "images/limbs.npy"
    write_films(index, folder, path, {"size": 32, "body": "limb"})
    for image, name in zip(np.load(path, mmap_mode="r"), index["path"], strict=True):
        assert np.array_equal(image, prepare(read_film(folder / name), size=32).image)
    assert list(path.parent.iterdir()) == [path]


def test_a_film_that_fails_is_named_and_nothing_half_written_stays(films):
    folder, index = films
    (folder / "4.png").write_bytes(b"not a film")
    with pytest.raises(UnreadableFilm, match=r"4\.png: not an image"):
        write_films(index, folder, folder / "images/limbs.npy", {"size": 32})
    assert not list((folder / "images").iterdir())


def test_boxes_and_masks_are_drawn_on_the_pictures_of_their_films(tmp_path):
    mask = np.zeros((200, 150), np.uint8)
    mask[50:100, 60:90] = 255
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    index = pd.DataFrame({"image_id": [f"00{number}" for number in range(7)]})
    index = index.assign(path="film.png", width=150, height=200)
    columns = ["image_id", "finding", "x", "y", "width", "height", "mask"]
    box = ["003", "nodule", 60, 115, 30, 57.5, ""]
    drawn = ["000", "fracture", *[np.nan] * 4, "mask.png"]
    annotations = pd.DataFrame([box, drawn], columns=columns)
    matrices = np.array([prepare(limb(200, 150, number), size=32).matrix for number in range(7)])

    lesions = list(lesions_of_films(index, annotations, matrices, 32, tmp_path, "lesions"))
    assert [lesion.any() for lesion in lesions] == [True, *[False] * 2, True, *[False] * 3]
    assert np.array_equal(lesions[0], warp_mask(mask, matrices[0], 32))
    assert lesions[3][18:27, 14:18].all() and lesions[3].sum() < 60

    taller = index.assign(height=201)
    with pytest.raises(UnreadableFilm, match=r"film\.png: its mask .*, the film \(201, 150\)"):
        list(lesions_of_films(taller, annotations, matrices, 32, tmp_path, "lesions"))


# Large DICOM films, which are read at half their size


@pytest.fixture(scope="module", params=[(2300, 2048), (2301, 2049)], ids=["even", "odd"])
def both(request, tmp_path_factory):
    """Return the paths of a film whose levels are averaged, and in JPEG 2000."""
    folder, film = tmp_path_factory.mktemp("both"), smooth_film(*request.param)
    return write_dicom(folder / "raw.dcm", film), write_wavelets(folder / "wavelets.dcm", film)


def whole_of(both):
    return read_reduced(both[0], math.inf)


def disc_on(image: np.ndarray, center: np.ndarray) -> np.ndarray:
    """Return where the disc of `smooth_film` is, (x, y), next to a place."""
    reach = image.shape[0] // 24
    left, top = np.rint(center).astype(int) - reach
    part = image[top : top + 2 * reach + 1, left : left + 2 * reach + 1].astype(float)
    part = (part - (part.min() + part.max()) / 2).clip(0)
    y, x = np.mgrid[: len(part), : len(part)]
    return np.array([left + (part * x).sum() / part.sum(), top + (part * y).sum() / part.sum()])


@pytest.mark.parametrize("size", [64, 224, 448])
@pytest.mark.parametrize("coding", [0, 1], ids=["raw", "JPEG 2000"])
def test_a_film_at_half_its_size_becomes_the_same_picture(both, coding, size):
    whole, half = whole_of(both), read_reduced(both[coding], enough(size))
    assert half.shape == whole.shape == whole.grey.shape
    assert half.grey.shape == tuple(-(-side // 2) for side in whole.shape)
    settings = {"size": size, "body": "chest", "equalize": "none"}
    one, other = (prepare(film.grey, **settings) for film in (whole, half))
    apart = np.abs(one.image.astype(int) - other.image)
    assert np.mean(apart <= 1) >= 0.98 and np.mean(one.body != other.body) < 0.005
    matrix = other.matrix @ half.matrix
    corners = np.array([[0, 0, 1], [*whole.shape[::-1], 1]]).T
    odd = whole.shape[0] % 2  # whose last pixel counts as two
    assert np.abs((matrix - one.matrix) @ corners).max() < (0.25 * size / 512 if odd else 1e-9)
    disc = np.rint([0.4 * (whole.shape[1] - 1), 0.6 * (whole.shape[0] - 1)])
    for film, to_picture in ((one, one.matrix), (other, matrix)):
        center = (to_picture @ [*disc, 1])[:2]
        if size > 64:
            assert np.abs(disc_on(film.image, center) - center).max() < 0.25
    assert np.abs(disc_on(one.image, center) - disc_on(other.image, center)).max() < 0.25


@pytest.mark.parametrize("size", [64, 224])
def test_a_box_on_a_film_at_half_its_size_lies_where_it_does_on_the_whole(both, size):
    films = [whole_of(both), *(read_reduced(path, enough(size)) for path in both)]
    height, width = films[0].shape
    columns = ["image_id", "finding", "x", "y", "width", "height", "mask"]
    boxes = [["0", "nodule", 300, 500, 90, 60, ""], ["0", "mass", width - 330, 99, 320, 700, ""]]
    index = pd.DataFrame({"image_id": ["0"], "path": "film.dcm", "width": width, "height": height})
    annotations = pd.DataFrame(boxes, columns=columns)
    drawn = []
    for film in films:
        matrix = prepare(film.grey, size=size, body="chest").matrix @ film.matrix
        arguments = (index, annotations, matrix[None], size, Path(), "lesions")
        drawn += lesions_of_films(*arguments)
    assert drawn[0].any()
    for of_half in drawn[1:]:
        if width % 2 == 0:
            assert np.array_equal(drawn[0], of_half)
        else:  # the last of an odd number of pixels counts as two: the far edge moves by 1/32 px
            assert np.mean(drawn[0] != of_half) < 0.005


def test_arrays_and_features_are_made_from_halves_and_pictures_that_need_more_are_not(both):
    assert [enough(64), enough(448), enough(64, 512), enough(600)] == [1024, 1024, 1024, 1200]
    path = both[1]
    assert read_reduced(path, enough(512)).grey.shape < read_film(path).shape
    assert read_reduced(path, enough(600)).grey.shape == read_film(path).shape
    settings = {size: {"size": size, "body": "chest"} for size in (64, 448)}
    films = _prepared_film(str(path), settings)
    half = read_reduced(path, 1024).grey
    for size, image in films.items():
        assert np.array_equal(image, prepare(half, **settings[size]).image)
    place, index = path.with_name("films.npy"), pd.DataFrame({"path": [path.name]})
    write_films(index, path.parent, place, settings[64])
    assert np.array_equal(np.load(place)[0], films[64])


def test_text_is_found_at_the_same_place_of_a_film_at_half_its_size(tmp_path):
    film = smooth_film(2300, 2048)
    words = np.zeros(film.shape, np.uint8)
    cv2.putText(words, "JANE DOE 1901", (90, 150), cv2.FONT_HERSHEY_SIMPLEX, 3, 1, 8)
    film[words > 0] = 4000
    path = write_wavelets(tmp_path / "film.dcm", film)
    (whole,) = burned_in.text_boxes(film)
    (half,) = burned_in.text_boxes(read_reduced(path, enough(64)).grey)
    assert np.abs(2 * half - whole).max() <= 8


@pytest.mark.real
@needs_films
@pytest.mark.parametrize("folder", ["nih/images", "kermany/chest_xray/train/NORMAL"])
def test_real_chests_are_distinguished_from_their_negatives(folder):
    for path in sorted((XRAYS / folder).iterdir())[:100]:
        film = read_film(path)
        assert prepare(film, body="chest").steps["un-inverted"].mean() > 20
        assert not is_inverted(film, "chest") and is_inverted(255 - film, "chest")


@pytest.mark.real
@needs_films
def test_real_knees_are_distinguished_from_their_negatives():
    knees = [read_film(path) for path in sorted((XRAYS / "knee_oa").rglob("*.png"))[:200]]
    inverted = sum(is_inverted(prepare(film).steps["upright"], "limb") for film in knees)
    assert inverted <= 4, "of 690 knees, 7 are inverted"


def test_a_film_prepared_at_several_sizes_is_as_prepared_at_each():
    film = on_border(limb(), TILTED)
    settings = [
        {"size": size, "body": body, "mask": size == 224}
        for body in ("limb", "chest")
        for size in (64, 128, 224, 600)
    ]
    for one, together in zip(settings, prepare_each(film, settings), strict=True):
        alone = prepare(film, **one)
        assert list(alone.steps) == list(together.steps)
        for ours, theirs in zip(alone[:3], together[:3], strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_the_plate_is_found_once_for_all_sizes(monkeypatch):
    found = []
    monkeypatch.setattr("lib.preprocessing.film.find_plate", lambda picture: found.append(1))
    prepare_each(limb(), [{"size": 64}, {"size": 224}, {"size": 224, "equalize": "none"}])
    assert len(found) == 2, "once for each way to equalise"
