"""What a network is given: pictures as numbers in [-1, 1], and random variants of them."""

from typing import Literal

import numpy as np

Body = Literal["limb", "chest"]

BACKGROUND = -1.0  #: black, and what comes into view beside a turned or shifted picture


def to_float(images: np.ndarray) -> np.ndarray:
    """Scale uint8 pictures (n, h, w) to float32 (n, h, w, 1) in [-1, 1], each by its own range.

    A constant picture becomes -1 all over: it shows nothing, and black is what means nothing here.
    """
    low = images.min(axis=(1, 2), keepdims=True).astype(np.float32)
    spread = images.max(axis=(1, 2), keepdims=True) - low
    scaled = (images - low) * (2 / np.where(spread > 0, spread, 1)) - 1
    return scaled[..., None].astype(np.float32)


def augmentation(
    flip: Literal["horizontal", "horizontal_and_vertical"] | None = "horizontal",
    rotation_degrees: float = 10,
    zoom: float = 0.1,
    shift: float = 0.05,
    seed: int = 0,
):
    """Keras layers that flip, turn, zoom and shift pictures (n, h, w, 1) in [-1, 1] at random.

    `rotation_degrees` either way; `zoom` and `shift` as shares of the side. They act only when
    called with training=True.
    """
    # TensorFlow takes seconds to import, and the streaming workers never need it.
    from keras import Sequential, layers

    from lib.preprocessing.affine import RandomAffine

    steps = [RandomAffine(rotation_degrees, zoom, shift, fill_value=BACKGROUND, seed=seed + 1)]
    if flip:
        steps.insert(0, layers.RandomFlip(flip, seed=seed))
    return Sequential(steps, name="augmentation")


def augmentation_for(body: Body, upright: bool = False, seed: int = 0):
    """The augmentation of a body: limbs in every pose, chests and `upright` limbs hardly varied.

    Limbs turn up to 20 degrees and upside down, as in Spahr et al. (arXiv:2102.09895).
    """
    if body == "limb" and not upright:
        return augmentation("horizontal_and_vertical", rotation_degrees=20, zoom=0.2, seed=seed)
    return augmentation("horizontal", seed=seed)
