"""What the networks of detectors had learned before they saw a radiograph."""

from lib.comparison.fusion import methods_of
from lib.fits.keywords import photographs

NONE, IMAGENET = "none", "ImageNet"


def pretraining(method: str) -> str:
    """Return what the network of a method, or of a part of a fusion, saw before: none or ImageNet.

    A fusion may be named with its rule.
    """
    return IMAGENET if IMAGENET in map(photographs, methods_of(method) or [method]) else NONE
