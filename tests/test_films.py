"""Every kind of film is read as its owner meant it, and every kind of damage is named."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    JPEGBaseline8Bit,
)

from lib.films import UnreadableFilm, film_facts, film_size, read_film

XRAYS = Path(__file__).resolve().parents[2] / "shared/xrays"
GREY = np.linspace(0, 255, 30 * 40).reshape(30, 40).astype(np.uint8)  # 40 wide, 30 high


def write_dicom(path, pixels=GREY, syntax=ExplicitVRLittleEndian, data=None, **tags):
    """Writes a DICOM film; `data` replaces its pixel data, `tags` add to or replace its tags."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = syntax
    meta.MediaStorageSOPClassUID = pydicom.uid.SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = "1.2.3"
    film = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    bits = pixels.dtype.itemsize * 8
    described = {
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
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": bits,
        "BitsStored": bits,
        "HighBit": bits - 1,
        "PixelRepresentation": 0,
        **tags,
    }
    with pydicom.config.disable_value_validation():
        for tag, value in described.items():
            setattr(film, tag, value)
    if data != b"":
        film.PixelData = data or pixels.tobytes()
        film["PixelData"].VR = "OB" if syntax == JPEGBaseline8Bit else "OW"
    film.save_as(path, enforce_file_format=True)
    return path


def as_jpeg(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=95)
    return file.getvalue()


def reason(path):
    with pytest.raises(UnreadableFilm) as raised:
        read_film(path)
    return str(raised.value)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P", "CMYK"])
def test_every_colour_mode_becomes_the_same_grey(tmp_path, mode):
    path = tmp_path / ("film.tif" if mode == "CMYK" else "film.png")
    picture = Image.fromarray(GREY).convert("RGB" if mode in ("P", "CMYK") else mode)
    if mode in ("RGBA", "LA"):
        picture.putalpha(Image.fromarray(255 - GREY))
    if mode == "P":
        picture = Image.fromarray(GREY).convert("P")
    picture.convert(mode).save(path)
    film = read_film(path)
    assert film.dtype == np.uint8 and film.shape == (30, 40)
    assert np.abs(film.astype(int) - GREY).max() <= 1


def test_sixteen_bits_are_kept(tmp_path):
    deep = GREY.astype(np.uint16) * 257
    Image.fromarray(deep).save(tmp_path / "film.png")
    assert np.array_equal(read_film(tmp_path / "film.png"), deep)
    assert film_size(tmp_path / "film.png") == (40, 30)


def test_plain_dicom(tmp_path):
    path = write_dicom(tmp_path / "film.dcm")
    assert np.array_equal(read_film(path), GREY)
    assert film_size(path) == (40, 30)


def test_monochrome1_is_inverted(tmp_path):
    path = write_dicom(tmp_path / "film.dcm", PhotometricInterpretation="MONOCHROME1")
    assert np.array_equal(read_film(path), 255 - GREY)


def test_rescale_then_window(tmp_path):
    deep = np.arange(1200, dtype=np.uint16).reshape(30, 40)
    rescaled = {"RescaleSlope": "2", "RescaleIntercept": "-100"}
    film = read_film(write_dicom(tmp_path / "rescaled.dcm", deep, **rescaled))
    assert np.array_equal(film, deep * 2.0 - 100)
    window = {"WindowCenter": "1000", "WindowWidth": "400"}
    film = read_film(write_dicom(tmp_path / "both.dcm", deep, **rescaled, **window)).ravel()
    assert film[0] == film[440] and film[660] == film[1199]  # 780 and 1220: outside the window
    inside = film[455:650]
    assert np.allclose(np.diff(inside), np.diff(inside)[0], rtol=1e-3) and inside[0] < inside[-1]


def test_jpeg_compressed_dicom(tmp_path):
    data = encapsulate([as_jpeg(GREY)])
    film = read_film(write_dicom(tmp_path / "film.dcm", syntax=JPEGBaseline8Bit, data=data))
    assert np.abs(film.astype(int) - GREY).max() < 12


@pytest.mark.parametrize("kept", [0.6, 0.98])
@pytest.mark.parametrize("kind", ["png", "jpg", "plain.dcm", "jpeg.dcm"])
def test_truncated_films_are_found(tmp_path, kind, kept):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
    path = tmp_path / f"film.{kind}"
    if kind == "plain.dcm":
        write_dicom(path, noise)
    elif kind == "jpeg.dcm":
        write_dicom(path, noise, JPEGBaseline8Bit, encapsulate([as_jpeg(noise)]))
    else:
        Image.fromarray(noise).save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])
    assert reason(path).startswith("truncated")


def test_missing_empty_folder_and_foreign_files(tmp_path):
    assert reason(tmp_path / "none.png") == "missing"
    assert reason(tmp_path) == "not a file"
    (tmp_path / "empty.png").touch()
    assert reason(tmp_path / "empty.png") == "empty file"
    (tmp_path / "text.png").write_text("<script>alert(1)</script>")
    assert reason(tmp_path / "text.png") == "not an image"


def test_several_frames_are_refused(tmp_path):
    two = np.stack([GREY, GREY])
    path = write_dicom(tmp_path / "cine.dcm", GREY, data=two.tobytes(), NumberOfFrames=2)
    assert reason(path) == "multi-frame DICOM, not one film"
    pages = [Image.fromarray(GREY)] * 2
    pages[0].save(tmp_path / "pages.tif", save_all=True, append_images=pages[1:])
    assert reason(tmp_path / "pages.tif") == "several frames, not one film"


@pytest.mark.parametrize("side", [9_000, 60_000])
def test_decompression_bombs_are_refused_before_decoding(tmp_path, side):
    def chunk(kind, content):
        return (
            struct.pack(">I", len(content))
            + kind
            + content
            + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
    bomb = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(10**6)))
    (tmp_path / "bomb.png").write_bytes(bomb)
    assert reason(tmp_path / "bomb.png").startswith("absurdly sized")
    path = write_dicom(tmp_path / "bomb.dcm", Rows=side, Columns=side)
    assert reason(path) == f"absurdly sized: {side} x {side} pixels"
    path = write_dicom(tmp_path / "swells.dcm", syntax=DeflatedExplicitVRLittleEndian)
    assert reason(path) == "a deflated DICOM, which is not read"


def test_tiny_films_and_dicom_without_pixels(tmp_path):
    Image.fromarray(GREY[:15]).save(tmp_path / "tiny.png")
    assert reason(tmp_path / "tiny.png") == "absurdly sized: 40 x 15 pixels"
    assert reason(write_dicom(tmp_path / "report.dcm", data=b"")) == "DICOM without pixels"


def test_only_the_needed_tags_of_a_dicom_are_read(tmp_path, monkeypatch):
    path = write_dicom(tmp_path / "film.dcm")
    read, original = set(), pydicom.dcmread
    monkeypatch.setattr(
        pydicom,
        "dcmread",
        lambda *a, **k: read.update((film := original(*a, **k)).dir()) or film,
    )
    read_film(path)
    facts = film_facts(path)
    assert {"PixelData", "PatientSex"} <= read
    assert not read & {"PatientName", "PatientBirthDate", "AccessionNumber", "StudyDate"}
    assert facts == {
        "patient_id": "secret-42",
        "view": "PA",
        "sex": "F",
        "age": "013M",
        "body_part": "WRIST",
    }


def test_facts_of_other_films_are_empty(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "film.png")
    assert film_facts(tmp_path / "film.png") == {}


@pytest.mark.real
@pytest.mark.skipif(not XRAYS.is_dir(), reason="no real films beside the repository")
def test_real_films():
    one, other = map(read_film, (XRAYS / "dicom").glob("*.dcm"))
    assert np.corrcoef(one.ravel(), other.ravel())[0, 1] < -0.999
    for path in (XRAYS / "grazpedwri/images").glob("*.png"):
        assert read_film(path).dtype == np.uint16
