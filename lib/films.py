"""Reads one film, whatever it came as: PNG, JPEG, TIFF, BMP or DICOM.

Pictures go through Pillow, DICOM through pydicom. Films come from strangers, so sizes are checked
in the header before anything is decoded, and of a DICOM only the tags named here are ever read.
"""

import warnings
from pathlib import Path

import numpy as np
import pydicom
from PIL import Image, ImageFile
from pydicom.filereader import read_file_meta_info
from pydicom.pixels import apply_modality_lut, apply_voi_lut
from pydicom.uid import DeflatedExplicitVRLittleEndian

SMALLEST = 16  # pixels a side
LARGEST = 60_000_000  # pixels in all; the largest plates in use have about 20 million
LARGEST_FILE = 512 * 2**20  # bytes
FORMATS = ("PNG", "JPEG", "TIFF", "BMP")  # no format whose decoder runs another program

HEADER_TAGS = ["Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "PhotometricInterpretation"]
PIXEL_TAGS = [
    *HEADER_TAGS,
    *("BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "PlanarConfiguration"),
    *("RescaleSlope", "RescaleIntercept", "ModalityLUTSequence"),
    *("WindowCenter", "WindowWidth", "VOILUTFunction", "VOILUTSequence", "PixelData"),
]
FACT_TAGS = {
    "PatientID": "patient_id",
    "ViewPosition": "view",
    "PatientSex": "sex",
    "PatientAge": "age",
    "BodyPartExamined": "body_part",
}
GREY_WEIGHTS = np.array([0.299, 0.587, 0.114], np.float32)  # of red, green and blue (ITU-R BT.601)

# Another library may have asked Pillow to fill truncated films with grey; here they must fail.
ImageFile.LOAD_TRUNCATED_IMAGES = False


class UnreadableFilm(Exception):
    """Says in a few words why a film cannot be used."""


class NotAFilm(UnreadableFilm):
    """Says what a file is that is no film at all."""


def read_film(path: str | Path) -> np.ndarray:
    """Reads a film's grey levels, (height, width); larger = brighter on the display.

    uint8 or uint16 as stored, float32 where rescale or window tags make fractions. MONOCHROME1 is
    inverted, colour becomes grey, transparency is dropped. Raises UnreadableFilm with the reason.
    """
    path = _existing(path)
    grey = _read_dicom(path) if _is_dicom(path) else _read_picture(path)
    if not np.isfinite(grey).all():
        raise UnreadableFilm("grey levels that are not numbers")
    return grey


def film_size(path: str | Path) -> tuple[int, int]:
    """Reads (width, height) in pixels from the header alone. Raises UnreadableFilm."""
    path = _existing(path)
    if _is_dicom(path):
        return _dicom_size(path)
    with _opened_picture(path) as picture:
        return picture.size


def film_facts(path: str | Path) -> dict[str, str]:
    """Reads patient_id, view, sex, age, body_part as a DICOM states them; {} for other films."""
    path = _existing(path)
    if not _is_dicom(path):
        return {}
    with pydicom.config.disable_value_validation():  # RSNA's ages lack the standard's Y
        tags = _dicom(path, list(FACT_TAGS), pixels=False)
        return {name: str(tags.get(tag) or "").strip() for tag, name in FACT_TAGS.items()}


def _existing(path: str | Path) -> Path:
    path = Path(path)
    if not path.exists():
        raise UnreadableFilm("missing")
    if not path.is_file():
        raise UnreadableFilm("not a file")
    if path.stat().st_size == 0:
        raise UnreadableFilm("empty file")
    if path.stat().st_size > LARGEST_FILE:
        raise UnreadableFilm("absurdly sized: more than 512 MB")
    return path


def _check_size(width: int, height: int) -> None:
    if min(width, height) < SMALLEST or width * height > LARGEST:
        raise UnreadableFilm(f"absurdly sized: {width} x {height} pixels")


def _opened_picture(path: Path) -> Image.Image:
    """Opens a picture without decoding it; its size and number of frames have been checked."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            picture = Image.open(path, formats=FORMATS)
    except Image.DecompressionBombError:
        raise UnreadableFilm("absurdly sized: a decompression bomb") from None
    except Exception:  # on hostile bytes Pillow's parsers raise nearly anything
        raise UnreadableFilm("not an image") from None
    _check_size(*picture.size)
    if getattr(picture, "n_frames", 1) > 1:
        raise UnreadableFilm("several frames, not one film")
    return picture


def _read_picture(path: Path) -> np.ndarray:
    with _opened_picture(path) as picture:
        try:
            picture.load()
        except Exception:
            raise UnreadableFilm("truncated or damaged") from None
        if picture.mode.startswith("I;16"):
            return np.asarray(picture).astype(np.uint16)
        if picture.mode in ("I", "F"):
            return np.asarray(picture).astype(np.float32)
        # By way of RGB, since that drops the alpha of every mode and looks palettes up.
        return np.asarray(picture if picture.mode == "L" else picture.convert("RGB").convert("L"))


def _is_dicom(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"


def _dicom(path: Path, tags: list[str], pixels: bool) -> pydicom.Dataset:
    """Reads the named tags and no others. A deflated file could swell without bound: refused."""
    try:
        if read_file_meta_info(path).get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian:
            raise UnreadableFilm("a deflated DICOM, which is not read")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.filterwarnings("error", message="End of file reached")
            return pydicom.dcmread(path, specific_tags=tags, stop_before_pixels=not pixels)
    except UnreadableFilm:
        raise
    except Exception:  # pydicom's own words may quote a tag, so they are not passed on
        raise UnreadableFilm("truncated or damaged DICOM") from None


def _dicom_size(path: Path) -> tuple[int, int]:
    header = _dicom(path, HEADER_TAGS, pixels=False)
    if not header.get("Rows") or not header.get("Columns"):
        raise UnreadableFilm("DICOM without pixels")
    if int(header.get("NumberOfFrames") or 1) > 1:
        raise UnreadableFilm("multi-frame DICOM, not one film")
    _check_size(header.Columns, header.Rows)
    return header.Columns, header.Rows


def _read_dicom(path: Path) -> np.ndarray:
    _dicom_size(path)
    film = _dicom(path, PIXEL_TAGS, pixels=True)
    if "PixelData" not in film:
        raise UnreadableFilm("DICOM without pixels")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            grey = apply_voi_lut(apply_modality_lut(film.pixel_array, film), film)
    except Exception:
        raise UnreadableFilm("truncated or damaged DICOM") from None
    if grey.ndim == 3:
        grey = grey @ GREY_WEIGHTS
    if film.get("PhotometricInterpretation") == "MONOCHROME1":
        grey = grey.max() - grey
    return grey if grey.dtype in (np.uint8, np.uint16) else grey.astype(np.float32)
