"""Reduce one film to a small picture, with a matrix that maps film pixels to picture pixels."""

from collections.abc import Sequence
from inspect import signature
from typing import Literal, NamedTuple

import cv2
import numpy as np

from lib.preprocessing.contrast import Body, Equalize, equalise, is_inverted, normalise
from lib.preprocessing.plate import find_plate, straighten
from lib.preprocessing.segmentation import segment_body

#: Ratio of width to height above which a film is turned; plates of square films vary slightly.
LANDSCAPE = 1.1
#: Longest side in pixels at which plates and bodies are found: enough for pictures of 64 to 256 px.
WORKING_SIZE = 512
#: Pixels of a film, at least, for each of the picture that it is reduced to: a film may be read at
#: half its size while that leaves so many, whose average then is that of the whole film.
PER_PIXEL = 2


class Prepared(NamedTuple):
    """A film prepared for a network."""

    image: np.ndarray  #: uint8 (size, size)
    body: np.ndarray  #: uint8 (size, size), 1 inside the body
    matrix: np.ndarray  #: float64 (3, 3), from pixels (x, y) of the film to those of the image
    steps: dict[str, np.ndarray]  #: name of each step -> picture uint8 (h, w) after it


def prepare(
    film: np.ndarray,
    size: int = 64,
    body: Body = "limb",
    crop: bool = True,
    invert: bool | Literal["auto"] = "auto",
    upright: bool = True,
    mask: bool = False,
    equalize: Equalize = "clahe",
) -> Prepared:
    """Convert a film (h, w) of any depth to a uint8 picture (size, size) and its body mask.

    Only limbs are cropped to their plate and turned upright: an effusion is at the edge of a chest.
    `mask` blackens everything but the body. The aspect ratio is kept; the rest of the square is
    black. Raises ValueError if `film` does not have two dimensions.
    """
    side = max(WORKING_SIZE, size)
    whole = _before_reduction(film, side, body, crop, invert, upright, mask, equalize)
    return _reduced(whole, size, mask)


def prepare_each(film: np.ndarray, settings: Sequence[dict]) -> list[Prepared]:
    """Return what `prepare` returns for each of several settings, dictionaries of its arguments.

    Plate and body are found once for settings that differ in their size alone.
    """
    wholes: dict[tuple, Prepared] = {}
    prepared = []
    for one in settings:
        arguments = signature(prepare).bind(film, **one)
        arguments.apply_defaults()
        _, size, *others = arguments.args
        key = (max(WORKING_SIZE, size), *others)
        if key not in wholes:
            wholes[key] = _before_reduction(film, *key)
        prepared.append(_reduced(wholes[key], size, arguments.arguments["mask"]))
    return prepared


def _before_reduction(
    film: np.ndarray,
    side: int,
    body: Body,
    crop: bool,
    invert: bool | Literal["auto"],
    upright: bool,
    mask: bool,
    equalize: Equalize,
) -> Prepared:
    """Return a film of at most `side` pixels, prepared but for its reduction to a square."""
    if film.ndim != 2 or film.size == 0:
        raise ValueError(
            f"A film must have two dimensions and at least one pixel; the shape is {film.shape}."
        )
    picture, matrix = _resized(film, min(1, side / max(film.shape)))
    picture = normalise(picture)
    steps = {"normalised": picture}
    if crop and body == "limb" and (corners := find_plate(picture)) is not None:
        homography, plate = straighten(corners)
        picture = cv2.warpPerspective(picture, homography, plate)
        matrix = homography @ matrix
    steps["cropped"] = picture
    if upright and body == "limb" and picture.shape[1] > LANDSCAPE * picture.shape[0]:
        matrix = np.array([[0, 1, 0], [-1, 0, picture.shape[1] - 1], [0, 0, 1]]) @ matrix
        picture = cv2.rotate(picture, cv2.ROTATE_90_COUNTERCLOCKWISE)
    steps["upright"] = picture
    if is_inverted(picture, body) if invert == "auto" else invert:
        picture = 255 - picture
    steps["un-inverted"] = picture
    inside = segment_body(picture, body)
    steps["body"] = picture * inside
    steps["equalised"] = equalise(picture * inside if mask else picture, inside, equalize)
    return Prepared(steps["equalised"], inside, matrix, steps)


def _reduced(whole: Prepared, size: int, mask: bool) -> Prepared:
    image, fit = _padded(whole.image, size)
    inside, _ = _padded(whole.body, size)
    image = image * inside if mask else image
    return Prepared(image, inside, fit @ whole.matrix, whole.steps | {"image": image})


def enough(*sizes: int) -> int:
    """Return how many pixels a film needs on its shorter side for pictures of these sizes."""
    return PER_PIXEL * max(WORKING_SIZE, *sizes)


def warp_mask(mask: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """Transform a lesion mask (h, w) of a film to its picture: uint8 0/1 (size, size).

    A pixel is set if a quarter of it is covered; a thinner lesion keeps the pixels that it covers
    most, so that none is lost.
    """
    oversampling = max(1, min(16, WORKING_SIZE // size))
    lesion = cv2.warpPerspective(
        np.float32(mask > 0),
        _scaling(oversampling, oversampling) @ matrix,
        (oversampling * size, oversampling * size),
    )
    coverage = cv2.resize(lesion, (size, size), interpolation=cv2.INTER_AREA)
    return ((coverage > 0) & (coverage >= min(0.25, coverage.max()))).astype(np.uint8)


def _scaling(horizontal: float, vertical: float) -> np.ndarray:
    """Return the matrix (3, 3) of a resize; pixel 0 has its centre at 0 and its edge at -1/2."""
    return np.array(
        [
            [horizontal, 0, (horizontal - 1) / 2],
            [0, vertical, (vertical - 1) / 2],
            [0, 0, 1],
        ]
    )


def _resized(film: np.ndarray, factor: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the film resized by a factor, and the matrix of the resize."""
    height, width = (max(1, round(side * factor)) for side in film.shape)
    interpolation = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    pixels = film if film.dtype in (np.uint8, np.uint16) else film.astype(np.float32)
    return (
        cv2.resize(pixels, (width, height), interpolation=interpolation),
        _scaling(width / film.shape[1], height / film.shape[0]),
    )


def _padded(picture: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the picture centred in a black square (size, size), and the matrix that does so."""
    small, matrix = _resized(picture, size / max(picture.shape))
    top, left = ((size - side) // 2 for side in small.shape)
    square = np.zeros((size, size), picture.dtype)
    square[top : top + small.shape[0], left : left + small.shape[1]] = small
    return square, np.array([[1, 0, left], [0, 1, top], [0, 0, 1]]) @ matrix
