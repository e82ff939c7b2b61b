"""Open a DICOM file: whether it is a film, and its grey levels, size and metadata.

Only the tags named here are ever read.
"""

import io
import math
import warnings
from pathlib import Path
from typing import BinaryIO

import pydicom
from pydicom.filereader import read_dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    UID_dictionary,
)

from lib.films.coding import decoded
from lib.films.display import shown
from lib.films.kinds import HEAD, missing_preamble, refusal
from lib.films.reduced import Reduced
from lib.films.refusals import NotAFilm, UnreadableFilm, check_size
from lib.films.tags import number, text, values

HEADER_TAGS = [
    *("SOPClassUID", "Modality", "Rows", "Columns", "NumberOfFrames", "SamplesPerPixel"),
    "PhotometricInterpretation",
]
PIXEL_TAGS = [
    *HEADER_TAGS,
    *("BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "PlanarConfiguration"),
    *("RescaleSlope", "RescaleIntercept", "ModalityLUTSequence", "PresentationLUTShape"),
    *("WindowCenter", "WindowWidth", "VOILUTFunction", "VOILUTSequence", "PixelData"),
    *("PixelPaddingValue", "PixelPaddingRangeLimit"),
    *(
        f"{colour}PaletteColorLookupTable{part}"
        for colour in ("Red", "Green", "Blue")
        for part in ("Descriptor", "Data")
    ),
]
FACT_TAGS = {
    "PatientID": "patient_id",
    "ViewPosition": "view",
    "PatientSex": "sex",
    "PatientAge": "age",
    "BodyPartExamined": "body_part",
    "BurnedInAnnotation": "burned_in",
}
# Modalities of objects that describe films and are exported together with them.
NO_FILMS = {"SR", "PR", "KO", "DOC", "SEG", "REG", "RTSTRUCT", "RTPLAN", "RTDOSE", "PLAN", "ECG"}
SYNTAXES = {  # keys: (implicit types, little-endian numbers)
    (True, True): ImplicitVRLittleEndian,
    (False, True): ExplicitVRLittleEndian,
    (False, False): ExplicitVRBigEndian,
}


def read_dicom(path: Path, at_least: float = math.inf) -> Reduced:
    """Read a film's grey levels (height, width) as a viewer shows them, possibly at half its size.

    uint8 or uint16 as stored, float32 where rescaling gives fractions. Raises UnreadableFilm.
    """
    film = _read(path, PIXEL_TAGS, pixels=True)
    width, height = _checked_size(film, path)
    if not values(film, "PixelData"):
        raise _without_pixels(film, path)
    return Reduced(shown(decoded(film, at_least), film), (height, width))


def dicom_size(path: Path) -> tuple[int, int]:
    """Read (width, height) of a film from its header. Raises UnreadableFilm, NotAFilm."""
    return _checked_size(_read(path, HEADER_TAGS, pixels=False), path)


def dicom_facts(path: Path) -> dict[str, str]:
    """Read the tags of FACT_TAGS, each as text on one line, "" where it is absent."""
    header = _read(path, list(FACT_TAGS), pixels=False)
    facts = {name: text(header, tag) for tag, name in FACT_TAGS.items()}
    burned_in = facts["burned_in"].upper()
    return facts | {"burned_in": burned_in if burned_in in ("YES", "NO") else ""}


def _read(path: Path, tags: list[str], pixels: bool) -> pydicom.Dataset:
    """Read only the named tags; refuse a deflated file, whose decoded size is unbounded."""
    with _with_preamble(path) as file:
        file.seek(132)
        meta = read_dataset(file, False, True, stop_when=lambda tag, vr, length: tag.group != 2)
        if meta.get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian:
            raise UnreadableFilm("a deflated DICOM, which is not supported")
        file.seek(0)
        with warnings.catch_warnings():
            warnings.filterwarnings("error", message="End of file reached")
            film = pydicom.dcmread(file, specific_tags=tags, stop_before_pixels=not pixels)
    if not film.file_meta.get("TransferSyntaxUID"):  # as pydicom inferred from the bytes
        film.file_meta.TransferSyntaxUID = SYNTAXES[film.original_encoding]  # type: ignore[index]
    return film


def _with_preamble(path: Path) -> BinaryIO:
    with path.open("rb") as file:
        missing = missing_preamble(file.read(HEAD))
    return io.BytesIO(missing + path.read_bytes()) if missing else path.open("rb")


def _checked_size(header: pydicom.Dataset, path: Path) -> tuple[int, int]:
    kind = _storage(header)
    if kind and "Image" not in kind:
        raise NotAFilm(f"not a film: {kind}")
    rows, columns = number(header, "Rows"), number(header, "Columns")
    if not rows or not columns:
        raise _without_pixels(header, path)
    if (number(header, "NumberOfFrames") or 1) > 1:
        raise NotAFilm("multi-frame DICOM, not one film")
    check_size(int(columns), int(rows))
    return int(columns), int(rows)


def _storage(header: pydicom.Dataset) -> str:
    """Return the standard's name of the storage class, "" if the file states none."""
    uid = text(header, "SOPClassUID") or text(header.file_meta, "MediaStorageSOPClassUID")
    name = UID_dictionary[uid][0] if uid in UID_dictionary else ""
    return name if "Storage" in name else ""


def _without_pixels(header: pydicom.Dataset, path: Path) -> UnreadableFilm:
    """Return the error of a DICOM file without pixels, from its modality, class or file name."""
    if (modality := text(header, "Modality")) in NO_FILMS:
        return NotAFilm(f"not a film: modality {modality}")
    reason = "DICOM without pixels"
    return UnreadableFilm(reason) if _storage(header) else refusal(path, reason)
