"""Reduce a film to a small picture: plate cropped, upright, un-inverted, equalised; body masked."""

from lib.preprocessing.arrays import settings
from lib.preprocessing.contrast import is_inverted, normalise
from lib.preprocessing.film import Prepared, enough, prepare, prepare_each, warp_mask
from lib.preprocessing.network_input import augmentation, augmentation_for, to_float
from lib.preprocessing.plate import find_plate
from lib.preprocessing.segmentation import segment_body

__all__ = [
    "Prepared",
    "augmentation",
    "augmentation_for",
    "enough",
    "find_plate",
    "is_inverted",
    "normalise",
    "prepare",
    "prepare_each",
    "segment_body",
    "settings",
    "to_float",
    "warp_mask",
]
