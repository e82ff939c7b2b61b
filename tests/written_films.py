"""Small films that tests write: DICOM in its dialects, and a picture's bytes."""

import io
import struct

import numpy as np
import pydicom
from PIL import Image
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRLittleEndian

GREY = np.linspace(0, 255, 30 * 40).reshape(30, 40).astype(np.uint8)  # 40 wide, 30 high
DEEP = np.arange(1200, dtype=np.uint16).reshape(30, 40) * 3  # of 12 bits


def write_dicom(path, pixels=GREY, syntax=ExplicitVRLittleEndian, data=None, without=(), **tags):
    """Write a DICOM film; `data` replaces its pixel data (a list: coded frames).

    `tags` add to or replace its tags, as these bytes if they are bytes; those of `without` are
    left out.
    """
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = syntax
    meta.MediaStorageSOPClassUID = pydicom.uid.SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = "1.2.3"
    film = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    with pydicom.config.disable_value_validation():
        for tag, value in (_described(pixels) | tags).items():
            if isinstance(value, bytes):
                film[tag] = _raw(tag, value, syntax)
            elif tag not in without:
                setattr(film, tag, value)
    if data != b"":
        film.PixelData = encapsulate(data) if isinstance(data, list) else data or pixels.tobytes()
        film["PixelData"].VR = "OB" if isinstance(data, list) else "OW"
    for tag in set(without) & {"TransferSyntaxUID", "MediaStorageSOPClassUID"}:
        delattr(meta, tag)
    film.save_as(path, enforce_file_format=not without)
    return path


def _raw(tag, value, syntax):
    number, padded = Tag(tag), value + b" " * (len(value) % 2)
    coding = syntax.is_implicit_VR, syntax.is_little_endian
    return RawDataElement(number, dictionary_VR(number), len(padded), padded, 0, *coding)


def _described(pixels):
    bits = pixels.dtype.itemsize * 8
    return {
        "SpecificCharacterSet": "ISO_IR 192",
        "PatientName": "Doe^Jane",
        "PatientBirthDate": "19010203",
        "AccessionNumber": "A-77",
        "PatientID": "secret-42",
        "PatientSex": "F",
        "PatientAge": "013M",
        "ViewPosition": "PA",
        "BodyPartExamined": "WRIST",
        "Rows": pixels.shape[0],
        "Columns": pixels.shape[1],
        "SamplesPerPixel": 3 if pixels.ndim == 3 else 1,
        "PhotometricInterpretation": "RGB" if pixels.ndim == 3 else "MONOCHROME2",
        "PlanarConfiguration": 0,
        "BitsAllocated": bits,
        "BitsStored": bits,
        "HighBit": bits - 1,
        "PixelRepresentation": int(pixels.dtype.kind == "i"),
    }


def table(entries, first=0, bits=16):
    """Return a sequence of one lookup table."""
    item = Dataset()
    item.LUTDescriptor = [len(entries), first, bits]
    item.LUTData = np.asarray(entries).astype("<u2").tobytes()
    item["LUTData"].VR = "OW"
    return Sequence([item])


def as_bytes(pixels, kind, **options):
    """Return a picture's bytes."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


def as_tiff(pixels, white_is_zero=False, order="<", orientation=1):
    """Return the bytes of a plain TIFF: its photometric tag, byte order and turn are given."""
    height, width = pixels.shape
    data = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
    bits, photometric = 8 * pixels.dtype.itemsize, 0 if white_is_zero else 1
    tags = {256: width, 257: height, 258: bits, 259: 1, 262: photometric, 273: 8}
    tags |= {274: orientation, 277: 1, 278: height, 279: len(data)}
    entries = [struct.pack(order + "HHIHH", tag, 3, 1, value, 0) for tag, value in tags.items()]
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8 + len(data))
    directory = struct.pack(order + "H", len(entries)) + b"".join(entries) + bytes(4)
    return head + data + directory
