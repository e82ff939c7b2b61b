"""Scale pictures to the input range of networks, [-1, 1], and augment them."""

from functools import partial
from typing import Literal

import numpy as np

Body = Literal["limb", "chest"]

#: Films in memory at once, as floats: when they are scored, and when statistics of their features
#: are computed, of which those of the grid then have 0.7 GB.
SCORED, DESCRIBED = 1024, 5000

BACKGROUND = -1.0  #: black, which also fills the surroundings of a rotated or shifted picture


def to_float(images: np.ndarray) -> np.ndarray:
    """Scale uint8 pictures (n, h, w) to float32 (n, h, w, 1) in [-1, 1], each by its own range.

    A constant picture becomes -1 (black), since it contains no information. Features of films,
    which are floats (lib.features), are returned as float32.
    """
    if images.dtype != np.uint8:
        return images.astype(np.float32)
    low = images.min(axis=(1, 2), keepdims=True).astype(np.float32)
    spread = images.max(axis=(1, 2), keepdims=True) - low
    scaled = (images - low) * (2 / np.where(spread > 0, spread, 1)) - 1
    return scaled[..., None].astype(np.float32)


class Films:
    """Films as networks read them, float32 in [-1, 1], of which only those in use are in memory.

    - `pictures`: uint8 (n, h, w), or features, as `to_float` takes them; an array that lies on
      disk remains there
    - `rows`: the pictures that are meant, in this order; None: all

    `films[rows]` are some of them, still unread; `np.asarray(films)` reads them.
    """

    dtype = np.dtype(np.float32)

    def __init__(self, pictures: np.ndarray, rows: np.ndarray | None = None):
        self.pictures = pictures
        self.rows = np.arange(len(pictures)) if rows is None else rows

    @property
    def shape(self) -> tuple[int, ...]:
        """Films (n, h, w, 1), or the shape of features."""
        of_one = self.pictures.shape[1:]
        return len(self), *of_one, *((1,) if self.pictures.dtype == np.uint8 else ())

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, rows) -> "Films":
        return Films(self.pictures, self.rows[rows])

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        return to_float(self.pictures[self.rows]).astype(dtype or self.dtype, copy=False)


def augmentation(
    flip: Literal["horizontal", "horizontal_and_vertical"] | None = "horizontal",
    rotation_degrees: float = 10,
    zoom: float = 0.1,
    shift: float = 0.05,
    brightness: float = 0,
    seed: int = 0,
):
    """Return Keras layers that flip, rotate, zoom and shift pictures (n, h, w, 1) at random.

    Pictures are in [-1, 1]; `rotation_degrees` in both directions; `zoom` and `shift` as shares of
    the side. With `brightness` grey levels, counted from black, are multiplied by 1 - brightness to
    1 + brightness. The layers act only with training=True.
    """
    # TensorFlow takes seconds to import, and workers do not need it.
    from keras import Sequential, layers

    from lib.preprocessing.affine import RandomAffine
    from lib.preprocessing.brightness import RandomBrightness

    steps = [RandomAffine(rotation_degrees, zoom, shift, fill_value=BACKGROUND, seed=seed + 1)]
    if flip:
        steps.insert(0, layers.RandomFlip(flip, seed=seed))
    if brightness:
        steps.append(RandomBrightness(brightness, seed=seed + 2))
    return Sequential(steps, name="augmentation")


def augmentation_for(body: Body, upright: bool = False, brightness: float = 0, seed: int = 0):
    """Return the augmentation of a body, strong for limbs, weak for chests and `upright` limbs.

    Limbs are rotated by up to 20 degrees and flipped both ways, as in Spahr et al.
    (arXiv:2102.09895), who also use a `brightness` of 0.2; here it is 0 unless it is given.
    """
    vary = partial(augmentation, brightness=brightness, seed=seed)
    if body == "limb" and not upright:
        return vary("horizontal_and_vertical", rotation_degrees=20, zoom=0.2)
    return vary("horizontal")
