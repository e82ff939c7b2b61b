"""Small films that tests write: DICOM in its dialects, and a picture's bytes."""

import io
import struct
import zlib

import cv2
import numpy as np
import pydicom
from imagecodecs import htj2k_encode, jpeg2k_encode, jpegls_encode
from PIL import Image
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRLittleEndian, HTJ2KLossless, JPEG2000Lossless

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


def write_wavelets(path, pixels, bits=12, stream=None, syntax=JPEG2000Lossless, **tags):
    """Write a DICOM film of `bits` bits in JPEG 2000, coded here unless as `stream`."""
    stream = stream or as_wavelets(pixels, bits, high_throughput=syntax == HTJ2KLossless)
    depth = {"BitsStored": bits, "HighBit": bits - 1}
    return write_dicom(path, pixels, syntax, [stream], **depth | tags)


def as_wavelets(pixels, bits=12, high_throughput=False, **options):
    """Return the bytes of JPEG 2000; `options` are those of imagecodecs."""
    if high_throughput:  # codes all bits
        return bytes(htj2k_encode(pixels, **options))
    options = {"reversible": True} | options
    return bytes(jpeg2k_encode(pixels, codecformat="j2k", bitspersample=bits, **options))


def smooth_film(height, width, disc=(0.4, 0.6)):
    """Draw a film of 12 bits with grain: smooth anatomy, and a bright disc at this (x, y) of it.

    Places are shares of the sides; the radius of the disc is a fortieth of the height.
    """
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    film = 900 + 700 * np.sin(3 * x + 1) + 400 * np.cos(4 * y) + 300 * np.sin(9 * x * y)
    center = round(disc[0] * (width - 1)), round(disc[1] * (height - 1))
    cv2.circle(film, center, height // 40, 3600, -1)
    film += np.random.default_rng(0).normal(0, 10, film.shape)
    return film.round().clip(0, 4095).astype(np.uint16)


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


def as_lossless_jpeg(pixels, bits):
    """Return the bytes of a lossless JPEG (process 14, selection value 1), as machines write it.

    Each level is coded as the difference from that to the left, or above in the first column: by
    the number of its bits, in words of one length, and then by these.
    """
    levels = pixels.astype(int)
    before = np.roll(levels, 1, axis=1)
    before[1:, 0], before[0, 0] = levels[:-1, 0], 2 ** (bits - 1)
    words = []
    for apart in (levels - before).ravel().tolist():
        size = abs(apart).bit_length()
        words.append(f"{size:05b}")
        words.append(f"{apart if apart > 0 else apart + 2**size - 1:0{size}b}" if size else "")
    coded = "".join(words)
    coded += "1" * (-len(coded) % 8)
    sizes = bytes([0, *(17 * (length == 5) for length in range(1, 17)), *range(17)])
    height, width = pixels.shape
    head = b"\xff\xd8\xff\xc3" + struct.pack(">HBHHBBBB", 11, bits, height, width, 1, 1, 0x11, 0)
    head += b"\xff\xc4" + struct.pack(">H", 2 + len(sizes)) + sizes
    head += b"\xff\xda" + struct.pack(">HBBBBBB", 8, 1, 1, 0, 1, 0, 0)
    body = int(coded, 2).to_bytes(len(coded) // 8, "big").replace(b"\xff", b"\xff\0")
    return head + body + b"\xff\xd9"


def as_jpeg_ls_in_planes(colours):
    """Return the bytes of a JPEG-LS with a scan for each colour."""
    whole, scan_starts = jpegls_encode(colours), b"\xff\xda"
    scans = []
    for number, plane in enumerate(np.moveaxis(colours, 2, 0), start=1):
        one = jpegls_encode(np.ascontiguousarray(plane))
        scan = one[one.index(scan_starts) : -2]
        scans.append(scan[:5] + bytes([number]) + scan[6:])
    return whole[: whole.index(scan_starts)] + b"".join(scans) + b"\xff\xd9"


def chunk(kind, content):
    """Return the bytes of a part of a PNG."""
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def png(width, height, packed):
    """Return the bytes of a grey PNG whose header states a size, whatever is packed."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", packed), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def as_tiff(pixels, white_is_zero=False, order="<", orientation=1, tags=None):
    """Return the bytes of a plain TIFF: its photometric tag, byte order and turn are given.

    `tags` are further ones, of numbers of 32 bits.
    """
    height, width = pixels.shape
    data = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
    bits, photometric = 8 * pixels.dtype.itemsize, 0 if white_is_zero else 1
    plain = {256: width, 257: height, 258: bits, 259: 1, 262: photometric, 273: 8}
    plain |= {274: orientation, 277: 1, 278: height, 279: len(data)}
    entries = [struct.pack(order + "HHIHH", tag, 3, 1, value, 0) for tag, value in plain.items()]
    entries += [
        struct.pack(order + "HHII", tag, 4, 1, value) for tag, value in (tags or {}).items()
    ]
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8 + len(data))
    directory = struct.pack(order + "H", len(entries)) + b"".join(entries) + bytes(4)
    return head + data + directory


def stated(tiff, width, height):
    """Return the bytes of a TIFF whose header states another size than it has."""
    tiff = bytearray(tiff)
    directory = int.from_bytes(tiff[4:8], "little")
    for n in range(int.from_bytes(tiff[directory : directory + 2], "little")):
        at = directory + 2 + 12 * n
        tag = int.from_bytes(tiff[at : at + 2], "little")
        if size := {256: width, 257: height}.get(tag):
            tiff[at : at + 12] = struct.pack("<HHII", tag, 4, 1, size)
    return bytes(tiff)
