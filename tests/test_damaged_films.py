"""No damage to a film, by accident or intent, does more than name it as unreadable."""

import faulthandler
import random
import resource
import struct
import time
import zlib

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    RLELossless,
)
from written_films import DEEP, GREY, as_bytes, as_tiff, chunk, png, stated, table, write_dicom

from lib.films import UnreadableFilm, film_facts, film_size, read_film
from lib.films.refusals import LARGEST

READERS = (read_film, film_size, film_facts)
MUTATIONS = 3000  # some 12 s on one core
LONGEST = 5  # seconds for one film, where the slowest takes some 50 ms
SWELLS = 300 * 2**10  # KiB that all of them together may need at most
EXTREMES = [0, 1, 0x7F, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]


def reason(path):
    with pytest.raises(UnreadableFilm) as raised:
        read_film(path)
    return str(raised.value)


def whole_films(folder):
    """Return the bytes of a film of each kind."""
    jpeg, codestream = as_bytes(GREY, "JPEG", quality=95), as_bytes(DEEP, "JPEG2000", no_jp2=True)
    run_length = struct.pack("<16L", 1, 64, *[0] * 14) + bytes([0x00, 0x07, 0x91, 0x09]) * 12
    tables = {"VOILUTSequence": table(np.arange(4096)), "ModalityLUTSequence": table(range(4096))}
    window = {"WindowCenter": ["900", "20"], "WindowWidth": ["600", "9"], "RescaleSlope": "2"}
    padding = {"PixelPaddingValue": 0, "PixelPaddingRangeLimit": 9}
    dicom = [
        {"syntax": ImplicitVRLittleEndian, "pixels": DEEP, "BitsStored": 12, **window, **padding},
        {"syntax": ExplicitVRLittleEndian, "pixels": DEEP, "BitsStored": 12, **tables},
        {"syntax": JPEGBaseline8Bit, "data": [jpeg]},
        {"syntax": JPEG2000Lossless, "pixels": DEEP, "data": [codestream]},
        {"syntax": HTJ2KLossless, "pixels": DEEP, "data": [codestream]},
        {"syntax": RLELossless, "data": [run_length * 10]},
        {"pixels": np.dstack([GREY] * 3)},
    ]
    films = [write_dicom(folder / "film", **described).read_bytes() for described in dicom]
    films.append(films[0][132:])  # without its preamble
    films += [as_bytes(GREY, kind) for kind in ("PNG", "BMP", "GIF", "WEBP", "JPEG2000", "PPM")]
    films += [jpeg, as_bytes(GREY, "PNG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0"), as_tiff(DEEP)]
    films += [as_bytes(DEEP, "PNG"), as_bytes(GREY, "TIFF", compression="tiff_lzw")]
    return films


def damaged(film, chance):
    """Return a film's bytes, some changed, lost, doubled or cut off; the header most often."""
    film = bytearray(film)
    for _ in range(chance.choice([1, 1, 2, 4, 16, 64])):
        at = chance.randrange(max(1, len(film) if chance.random() < 0.5 else min(len(film), 1000)))
        kind = chance.randrange(6)
        if kind == 0:
            film[at : at + 1] = chance.randbytes(1)
        elif kind == 1:
            width, order = chance.choice([1, 2, 4]), chance.choice(["little", "big"])
            value = chance.choice(EXTREMES) % 256**width
            film[at : at + width] = value.to_bytes(width, order)
        elif kind == 2:
            del film[at : at + chance.choice([1, 2, 8, 100])]
        elif kind == 3:
            film[at:at] = chance.randbytes(chance.choice([1, 2, 8, 100]))
        elif kind == 4:
            other = chance.randrange(len(film) + 1)
            film[at : at + 16] = film[other : other + 16]
        elif chance.random() < 0.2:
            del film[at:]
    return bytes(film)


def test_damaged_films_are_unreadable_and_nothing_worse(tmp_path, capfd):
    films, path = whole_films(tmp_path), tmp_path / "film"
    memory, readable = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, 0
    try:
        for number in range(MUTATIONS):
            chance = random.Random(number)  # so that one film can be made again by its number
            path.write_bytes(damaged(chance.choice(films), chance))
            faulthandler.dump_traceback_later(10 * LONGEST, exit=True)  # a decoder that hangs
            started = time.perf_counter()
            readable += is_readable_and_sound(path, number)
            assert time.perf_counter() - started < LONGEST, number
    finally:
        faulthandler.cancel_dump_traceback_later()
    assert MUTATIONS / 20 < readable < MUTATIONS
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < SWELLS
    assert capfd.readouterr() == ("", "")


def is_readable_and_sound(path, number):
    """Return whether a damaged film is read; each reader must answer or name a reason."""
    answers = {}
    for read in READERS:
        try:
            answers[read] = read(path)
        except UnreadableFilm as error:
            assert str(error), number
    film = answers.get(read_film)
    if film is not None:
        assert film.ndim == 2 and film.size <= LARGEST, number
        assert answers[film_size] == film.shape[::-1], number
    assert all(map(str.isprintable, answers.get(film_facts, {}).values())), number
    return film is not None


@pytest.mark.parametrize("kept", [0.6, 0.98])
@pytest.mark.parametrize("kind", ["png", "jpg", "tif", "plain.dcm", "jpeg.dcm"])
def test_truncated_films_are_found(tmp_path, kind, kept):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
    path = tmp_path / f"film.{kind}"
    if kind == "plain.dcm":
        write_dicom(path, noise)
    elif kind == "jpeg.dcm":
        write_dicom(path, noise, JPEGBaseline8Bit, [as_bytes(noise, "JPEG", quality=95)])
    else:
        content = {"png": "PNG", "jpg": "JPEG"}.get(kind)
        path.write_bytes(as_bytes(noise, content) if content else as_tiff(noise))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])
    assert reason(path).startswith("truncated")


def test_tiny_films_are_refused(tmp_path):
    (tmp_path / "tiny.png").write_bytes(as_bytes(GREY[:15], "PNG"))
    assert reason(tmp_path / "tiny.png") == "implausible size: 40 x 15 pixels"


@pytest.mark.parametrize("side", [9_000, 60_000])
def test_decompression_bombs_are_refused_before_decoding(tmp_path, side):
    (tmp_path / "bomb.png").write_bytes(png(side, side, zlib.compress(bytes(10**6))))
    assert reason(tmp_path / "bomb.png").startswith("implausible size")
    path = write_dicom(tmp_path / "bomb.dcm", Rows=side, Columns=side)
    assert reason(path) == f"implausible size: {side} x {side} pixels"
    path = write_dicom(tmp_path / "swells.dcm", syntax=DeflatedExplicitVRLittleEndian)
    assert reason(path) == "a deflated DICOM, which is not supported"


FLAT = np.zeros((7000, 7000), np.uint8)
SWOLLEN = {  # small files whose header states a huge picture, or which unpack to one
    "stated.tif": stated(as_tiff(GREY), 20_000, 20_000),
    "claims.tif": stated(as_tiff(GREY), 7_000, 7_000),
    "deflated.tif": stated(as_bytes(FLAT, "TIFF", compression="tiff_deflate"), 64, 64),
    "LZW.tif": stated(as_bytes(FLAT, "TIFF", compression="tiff_lzw"), 64, 64),
    "400 megapixels.png": png(20_000, 20_000, zlib.compress(bytes(10**8))),
}


@pytest.mark.parametrize("name", [*SWOLLEN, "deflated.dcm"])
def test_a_small_file_of_a_huge_picture_has_a_reason_and_takes_no_memory(tmp_path, name):
    path = tmp_path / name
    if name in SWOLLEN:
        path.write_bytes(SWOLLEN[name])
    else:
        write_dicom(path, FLAT, DeflatedExplicitVRLittleEndian)
    assert path.stat().st_size < 500_000
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    words = ("implausible size", "truncated or damaged", "a deflated DICOM", "one grey level")
    assert reason(path).startswith(words)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 100 * 2**10


@pytest.mark.parametrize("kind", [b"iCCP", b"zTXt", b"iTXt"])
def test_words_and_profiles_of_a_png_do_not_swell(tmp_path, kind):
    png, swollen = as_bytes(GREY, "PNG"), zlib.compress(bytes(10**8))
    bomb = chunk(kind, (b"x\0\1\0\0\0" if kind == b"iTXt" else b"x\0\0") + swollen)
    (tmp_path / "film.png").write_bytes(png[:33] + bomb + png[33:])
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert reason(tmp_path / "film.png") == "implausible size: a decompression bomb"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 20 * 2**10


@pytest.mark.parametrize("syntax", [JPEGBaseline8Bit, JPEG2000Lossless, HTJ2KLossless, RLELossless])
def test_frames_that_are_larger_than_their_header_says_are_not_decoded(tmp_path, syntax):
    large = np.zeros((4000, 4000), np.uint8)
    frames = {
        JPEGBaseline8Bit: as_bytes(large, "JPEG"),
        RLELossless: struct.pack("<16L", 1, 64, *[0] * 14) + b"\x81\0" * 10**6,
    }
    frame = frames.get(syntax) or as_bytes(large, "JPEG2000", no_jp2=True)
    path = write_dicom(tmp_path / "film.dcm", syntax=syntax, data=[frame])
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert reason(path) == "truncated or damaged"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 20 * 2**10


def test_tables_that_claim_more_than_they_hold_are_left_out(tmp_path):
    item = Dataset()
    item.LUTDescriptor, item.LUTData = [0, 0, 16], bytes(4)  # 0 stands for 65,536
    item["LUTData"].VR = "OW"
    path = write_dicom(tmp_path / "film.dcm", VOILUTSequence=Sequence([item]))
    assert np.array_equal(read_film(path), GREY)


@pytest.mark.parametrize("error", [MemoryError, RecursionError, NotImplementedError, KeyError])
def test_whatever_a_library_raises_is_one_error(tmp_path, monkeypatch, error):
    def fail(*arguments, **options):
        raise error("secret")

    path = write_dicom(tmp_path / "film.dcm")
    monkeypatch.setattr("lib.films.coding.pixel_array", fail)
    stated = "too large for the memory of this machine"
    assert reason(path) == (stated if error is MemoryError else "truncated or damaged")
