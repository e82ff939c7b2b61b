"""Lossless JPEG in DICOM films, decoded by libjpeg-turbo (package imagecodecs).

This plugin of pydicom takes a sixth of the time of pylibjpeg, which decodes films in colours.
"""

import numpy as np
from pydicom import Dataset
from pydicom.pixels.decoders import JPEGLosslessDecoder, JPEGLosslessSV1Decoder
from pydicom.pixels.decoders.base import DecodeRunner
from pydicom.uid import JPEGLossless, JPEGLosslessSV1

PLUGIN = "imagecodecs"
DECODER_DEPENDENCIES = {uid: (PLUGIN,) for uid in (JPEGLossless, JPEGLosslessSV1)}


def is_available(uid: str) -> bool:
    """Return whether the plugin decodes a transfer syntax."""
    return uid in DECODER_DEPENDENCIES


def plugin_for(film: Dataset) -> str:
    """Return the plugin that decodes a film, "" for pydicom's choice."""
    is_lossless = film.file_meta.TransferSyntaxUID in DECODER_DEPENDENCIES
    return PLUGIN if is_lossless and film.SamplesPerPixel == 1 else ""


def _decode_frame(source: bytes, runner: DecodeRunner) -> bytearray:
    """Return the pixels of a frame as bytes (pydicom's interface of a plugin)."""
    from imagecodecs import jpeg8_decode  # imported where it is needed: it takes a while

    pixels = jpeg8_decode(source)
    stored = np.dtype(f"<u{runner.bits_allocated // 8}")
    if pixels.itemsize > stored.itemsize:
        raise ValueError("more bits than the header allocates")
    return bytearray(pixels.astype(stored).tobytes())


for decoder in (JPEGLosslessDecoder, JPEGLosslessSV1Decoder):
    decoder.add_plugin(PLUGIN, (__name__, _decode_frame.__name__))
