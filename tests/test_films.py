"""Every kind of film is read as its owner meant it; what is not read is named as what it is."""

import logging
import platform
import subprocess
import sys
from pathlib import Path

import cv2
import imagecodecs
import numpy as np
import pandas as pd
import pydicom
import pytest
from PIL import ExifTags, Image, ImageFile
from pydicom.pixels.decoders import pylibjpeg
from pydicom.pixels.encoders import RLELosslessEncoder
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    MPEG2MPML,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    RLELossless,
)
from written_films import (
    DEEP,
    GREY,
    as_bytes,
    as_lossless_jpeg,
    as_tiff,
    as_wavelets,
    smooth_film,
    table,
    write_dicom,
    write_wavelets,
)

from lib.films import (
    NotAFilm,
    UnreadableFilm,
    display,
    film_facts,
    film_size,
    read_film,
    read_mask,
    read_reduced,
)
from lib.films.colours import read_with_colours

XRAYS = Path(__file__).resolve().parents[2] / "shared/xrays"
TURNS = {3: 2, 6: 1, 8: -1}  # quarter turns to the left by which a film of an orientation is stored


def reason(path, kind=UnreadableFilm):
    with pytest.raises(UnreadableFilm) as raised:
        read_film(path)
    assert raised.type is kind
    return str(raised.value)


def written(path, content):
    path.write_bytes(content)
    return path


def correlation(film, truth):
    return np.corrcoef(np.ravel(film).astype(float), np.ravel(truth).astype(float))[0, 1]


# Pictures


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


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "GIF", "PPM", "JPEG2000", "WEBP", "AVIF"])
def test_every_format_that_pillow_decodes_in_this_process_is_read(tmp_path, kind):
    options = {"lossless": True} if kind == "WEBP" else {}
    path = written(tmp_path / "film.png", as_bytes(GREY, kind, **options))  # whatever its name
    assert np.abs(read_film(path).astype(int) - GREY).max() <= (3 if kind == "AVIF" else 0)
    assert film_size(path) == (40, 30) and film_facts(path) == {}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
@pytest.mark.parametrize(
    "pixels", [GREY, np.dstack([GREY] * 3), np.dstack([GREY, GREY[::-1], GREY])]
)
def test_a_picture_is_decoded_once_for_its_grey_levels_and_its_colours(
    tmp_path, monkeypatch, kind, pixels
):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    path = tmp_path / "film"
    path.write_bytes(as_bytes(pixels, kind, exif=exif))
    expected, decoded = read_film(path), []
    prepare = ImageFile.ImageFile.load_prepare
    monkeypatch.setattr(
        ImageFile.ImageFile, "load_prepare", lambda self: decoded.append(1) or prepare(self)
    )
    film, coloured = read_with_colours(path)
    assert len(decoded) == 1 and film.shape == expected.shape
    np.testing.assert_array_equal(film.grey, expected)
    assert coloured == (pixels.ndim == 3 and np.ptp(pixels, axis=2).max() > 99)


def test_sixteen_bits_are_kept(tmp_path):
    deep = GREY.astype(np.uint16) * 257
    Image.fromarray(deep).save(tmp_path / "film.png")
    assert np.array_equal(read_film(tmp_path / "film.png"), deep)
    assert film_size(tmp_path / "film.png") == (40, 30)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("deep", [np.uint8, np.uint16])
def test_tiff_in_which_0_is_white_is_a_negative(tmp_path, order, deep):
    grey = GREY.astype(deep) * (1 if deep == np.uint8 else 257)
    positive = written(tmp_path / "positive.tif", as_tiff(grey, False, order))
    negative = written(tmp_path / "negative.tif", as_tiff(grey.max() - grey, True, order))
    assert np.array_equal(read_film(positive), grey)
    assert np.array_equal(read_film(negative), grey)


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "plain TIFF", "LZW", "WEBP"])
def test_films_are_turned_upright(tmp_path, kind, orientation):
    stored = np.ascontiguousarray(np.rot90(GREY, TURNS[orientation]))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    if kind == "plain TIFF":
        content = as_tiff(stored, orientation=orientation)
    elif kind == "LZW":
        content = as_bytes(stored, "TIFF", exif=exif, compression="tiff_lzw")
    else:
        content = as_bytes(stored, kind, exif=exif, quality=95)
    path = written(tmp_path / "film.png", content)
    film = read_film(path)
    assert film.shape == (30, 40) and film_size(path) == (40, 30)
    assert correlation(film, GREY) > 0.999


def test_an_orientation_behind_the_pixels_of_a_png_counts_and_a_damaged_one_does_not(tmp_path):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    png = as_bytes(np.ascontiguousarray(np.rot90(GREY)), "PNG", exif=exif)
    start = png.index(b"eXIf") - 4
    end = start + 12 + int.from_bytes(png[start : start + 4], "big")
    last = len(png) - 12
    behind = png[:start] + png[end:last] + png[start:end] + png[last:]
    path = written(tmp_path / "behind.png", behind)
    assert np.array_equal(read_film(path), GREY) and film_size(path) == (40, 30)
    path = written(
        tmp_path / "damaged.jpg", as_bytes(GREY, "JPEG", exif=b"Exif\0\0nothing like it")
    )
    assert read_film(path).shape == (30, 40)


def test_the_small_picture_that_a_phone_adds_is_not_looked_at(tmp_path):
    small = [Image.fromarray(GREY[::2, ::2])]
    photograph = as_bytes(GREY, "MPO", save_all=True, append_images=small)
    film = read_film(written(tmp_path / "film.jpg", photograph))
    assert correlation(film, GREY) > 0.99


@pytest.mark.parametrize("kind", ["TIFF", "GIF", "PNG", "WEBP"])
def test_pictures_of_several_frames_are_refused(tmp_path, kind):
    frames = [Image.fromarray(255 - GREY)]
    path = written(tmp_path / "film.x", as_bytes(GREY, kind, save_all=True, append_images=frames))
    assert reason(path, NotAFilm) == "several frames, not one film"


def test_films_of_one_grey_level_are_refused_and_masks_are_not(tmp_path):
    black = np.zeros_like(GREY)
    in_alpha = np.dstack([black, black, black, GREY])
    for number, pixels in enumerate([black, black + 7, in_alpha]):
        path = written(tmp_path / f"{number}.png", as_bytes(pixels, "PNG"))
        assert reason(path) == "one grey level"
    assert reason(write_dicom(tmp_path / "film.dcm", black)) == "one grey level"
    assert not read_mask(tmp_path / "0.png").any() and read_mask(tmp_path / "1.png").all()
    mask = read_mask(written(tmp_path / "mask.png", as_bytes(GREY, "PNG")))
    assert mask.dtype == np.uint8 and np.array_equal(mask, GREY > 0)
    with pytest.raises(UnreadableFilm, match="missing"):
        read_mask(tmp_path / "none.png")


# DICOM: coding


def test_plain_dicom(tmp_path):
    path = write_dicom(tmp_path / "film.dcm")
    assert np.array_equal(read_film(path), GREY)
    assert film_size(path) == (40, 30)


@pytest.mark.parametrize("frames", [0, 1, None])
def test_one_frame_may_be_stated_in_any_way(tmp_path, frames):
    assert np.array_equal(read_film(write_dicom(tmp_path / "a", NumberOfFrames=frames)), GREY)


def in_two_planes(pixels):
    """Run-length coded by pydicom, in the two bytes of its words."""
    described = {"rows": 30, "columns": 40, "samples_per_pixel": 1, "bits_allocated": 16}
    described |= {"bits_stored": 16, "pixel_representation": 0, "number_of_frames": 1}
    described |= {"photometric_interpretation": "MONOCHROME2"}
    return RLELosslessEncoder.encode(pixels, encoding_plugin="pydicom", **described)


@pytest.mark.parametrize(
    ("syntax", "data"),
    [
        (ImplicitVRLittleEndian, DEEP.tobytes()),
        (JPEG2000Lossless, [as_bytes(DEEP, "JPEG2000", no_jp2=True)]),
        (HTJ2KLossless, [as_bytes(DEEP, "JPEG2000", no_jp2=True)]),
        (JPEG2000Lossless, [as_bytes(DEEP, "JPEG2000")]),  # with the boxes of a .jp2, as some do
        (RLELossless, [in_two_planes(DEEP)]),
    ],
)
def test_transfer_syntaxes_without_loss(tmp_path, syntax, data):
    path = write_dicom(tmp_path / "film.dcm", DEEP, syntax, data)
    assert np.array_equal(read_film(path), DEEP)
    assert film_size(path) == (40, 30) and film_facts(path)["view"] == "PA"


def test_big_endian(tmp_path):
    path = tmp_path / "film.dcm"
    film = pydicom.dcmread(write_dicom(path, DEEP, VOILUTSequence=table(DEEP.ravel()[::-1])))
    film.PixelData = DEEP.byteswap().tobytes()
    film.VOILUTSequence[0].LUTData = DEEP.ravel()[::-1].byteswap().tobytes()
    del film.file_meta.TransferSyntaxUID
    film.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    pydicom.dcmwrite(path, film, implicit_vr=False, little_endian=False)
    assert np.array_equal(read_film(path), DEEP.ravel()[::-1][np.minimum(DEEP, 1199)])
    del film.VOILUTSequence
    pydicom.dcmwrite(path, film, implicit_vr=False, little_endian=False)
    means = DEEP.reshape(15, 2, 20, 2).mean(axis=(1, 3))
    assert np.array_equal(read_reduced(path, 15).grey, np.floor(means + 0.5))


@pytest.mark.parametrize("syntax", [JPEGLossless, JPEGLosslessSV1])
@pytest.mark.parametrize(
    ("pixels", "bits"), [(GREY, 8), (DEEP, 12), (DEEP // 16, 8)], ids=["8", "12", "8 in 16"]
)
def test_lossless_jpeg_is_decoded_to_the_level_by_libjpeg_turbo(
    tmp_path, monkeypatch, syntax, pixels, bits
):
    stream = as_lossless_jpeg(pixels, bits)
    path = write_dicom(tmp_path / "film.dcm", pixels, syntax, [stream], BitsStored=bits)
    monkeypatch.setattr(pylibjpeg, "_decode_frame", None)
    np.testing.assert_array_equal(read_film(path), pixels)
    monkeypatch.setattr(imagecodecs, "jpeg8_decode", lambda source: np.zeros(3, np.uint32))
    assert reason(path) == "truncated or damaged"


def test_jpeg_compressed_dicom(tmp_path):
    data = [as_bytes(GREY, "JPEG", quality=95)]
    film = read_film(write_dicom(tmp_path / "film.dcm", syntax=JPEGBaseline8Bit, data=data))
    assert np.abs(film.astype(int) - GREY).max() < 12
    path = write_dicom(tmp_path / "two.dcm", syntax=JPEGBaseline8Bit, data=data * 2)
    assert np.array_equal(read_film(path), film)  # a second frame that no tag speaks of


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
@pytest.mark.parametrize("kept", ["prefix and meta", "meta", "data alone"])
def test_dicom_without_its_preamble(tmp_path, syntax, kept):
    path = write_dicom(tmp_path / "film.dcm", syntax=syntax)
    content = path.read_bytes()
    meta = 132 + 12 + pydicom.dcmread(path).file_meta.FileMetaInformationGroupLength
    path.write_bytes(content[{"prefix and meta": 128, "meta": 132, "data alone": meta}[kept] :])
    assert np.array_equal(read_film(path), GREY) and film_size(path) == (40, 30)
    assert film_facts(path)["patient_id"] == "secret-42"


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
def test_dicom_without_a_transfer_syntax_is_read_as_its_bytes_tell(tmp_path, syntax):
    path = write_dicom(tmp_path / "none.dcm", DEEP, syntax)
    uid = syntax.encode() + b"\0" * (len(syntax) % 2)
    stated = b"\x02\0\x10\0UI" + len(uid).to_bytes(2, "little")
    content = path.read_bytes()
    assert stated + uid in content
    path.write_bytes(content.replace(stated + uid, b""))
    assert np.array_equal(read_film(path), DEEP)
    path.write_bytes(content.replace(stated + uid, stated[:6] + b"\0\0"))
    assert np.array_equal(read_film(path), DEEP) and film_size(path) == (40, 30)


def test_what_is_coded_in_another_way_is_named(tmp_path):
    path = write_dicom(tmp_path / "film.dcm", syntax=DeflatedExplicitVRLittleEndian)
    assert reason(path) == "a deflated DICOM, which is not supported"
    path = write_dicom(tmp_path / "film.dcm", syntax=MPEG2MPML, data=[b"film"])
    assert reason(path) == f"a DICOM in an unsupported transfer syntax: {MPEG2MPML.name}"
    path = write_dicom(tmp_path / "film.dcm", syntax="1.2.345.67")
    assert reason(path) == "a DICOM in an unsupported transfer syntax: unknown"
    path = write_dicom(tmp_path / "film.dcm", syntax=JPEG2000Lossless, data=[b"film"])
    content = path.read_bytes().replace(JPEG2000Lossless.encode(), b"1.2.840.10008.1.2.1\0\0\0")
    assert (
        reason(written(path, content)) == "a DICOM with encoded pixels whose encoding is not stated"
    )


# DICOM: header


@pytest.mark.parametrize(
    "missing",
    [
        ["BitsStored", "HighBit"],
        ["BitsAllocated"],
        ["PixelRepresentation"],
        ["PhotometricInterpretation", "SamplesPerPixel"],
        ["SOPClassUID", "MediaStorageSOPClassUID"],
    ],
)
def test_what_a_header_leaves_out_is_assumed(tmp_path, missing):
    path = write_dicom(tmp_path / "film.dcm", DEEP, without=missing)
    assert np.array_equal(read_film(path), DEEP)
    path = write_dicom(tmp_path / "film.dcm", DEEP, **dict.fromkeys(missing[:-1]))
    assert np.array_equal(read_film(path), DEEP)


def test_bits_beside_the_film_are_cut_off(tmp_path):
    overlay = DEEP | np.uint16(0x8000) * (DEEP % 7 == 0)
    path = write_dicom(tmp_path / "a.dcm", overlay, BitsStored=12, HighBit=11)
    assert np.array_equal(read_film(path), DEEP)
    path = write_dicom(tmp_path / "b.dcm", DEEP << 4 | 3, BitsStored=12, HighBit=15)
    assert np.array_equal(read_film(path), DEEP)
    path = write_dicom(tmp_path / "c.dcm", DEEP, BitsStored=12, HighBit=15)  # which is not so
    assert np.array_equal(read_film(path), DEEP)
    signed = (DEEP.astype(np.int16) - 2048) & 0x0FFF
    path = write_dicom(tmp_path / "d.dcm", signed, BitsStored=12, HighBit=11)
    assert np.array_equal(read_film(path), DEEP.astype(int) - 2048)


@pytest.mark.parametrize("planar", [0, 1])
def test_colours_become_grey(tmp_path, planar):
    colours = np.dstack([GREY, GREY[::-1], GREY[:, ::-1]])
    stored = np.ascontiguousarray(np.moveaxis(colours, 2, 0)) if planar else colours
    path = tmp_path / "film.dcm"
    write_dicom(path, colours, data=stored.tobytes(), PlanarConfiguration=planar, WindowWidth=9)
    assert np.allclose(read_film(path), colours @ [0.299, 0.587, 0.114], atol=1e-3)
    ybr = np.dstack([GREY, np.full_like(GREY, 128), np.full_like(GREY, 128)])
    write_dicom(path, ybr, PhotometricInterpretation="YBR_FULL")
    assert correlation(read_film(path), GREY) > 0.9999


def test_palette_colours_are_looked_up(tmp_path):
    shuffled = np.random.default_rng(0).permutation(256)
    lists = (np.argsort(shuffled) * 257).astype("<u2").tobytes()
    colours = ("Red", "Green", "Blue")
    described = {f"{name}PaletteColorLookupTableDescriptor": [256, 0, 16] for name in colours}
    tables = {f"{name}PaletteColorLookupTableData": lists for name in colours}
    path, palette = tmp_path / "film.dcm", {"PhotometricInterpretation": "PALETTE COLOR"}
    stored = shuffled[GREY].astype(np.uint8)
    write_dicom(path, stored, **palette, **described, **tables)
    assert correlation(read_film(path), GREY) > 0.9999
    assert reason(write_dicom(path, stored, **palette)) == "palette colours without their table"


def test_negatives_are_inverted_once(tmp_path):
    negative, inverse = (
        {"PhotometricInterpretation": "MONOCHROME1"},
        {"PresentationLUTShape": "INVERSE"},
    )
    for tags in (negative, inverse, negative | inverse):
        assert np.array_equal(read_film(write_dicom(tmp_path / "film.dcm", **tags)), 255 - GREY)
    wide = np.linspace(-(2**15), 2**15 - 1, GREY.size).astype(np.int16).reshape(GREY.shape)
    film = read_film(write_dicom(tmp_path / "film.dcm", wide, **negative))
    assert np.array_equal(film, 2**15 - 1 - wide.astype(int))


# DICOM: rescale, windows, tables, padding


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


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID", ""])
@pytest.mark.parametrize("rescaled", [{}, {"RescaleSlope": "2", "RescaleIntercept": "-100"}])
def test_windows_are_those_of_pydicom(tmp_path, function, rescaled):
    tags = rescaled | {"WindowCenter": ["900", "9"], "WindowWidth": ["600", "9"]}
    path = write_dicom(tmp_path / "film.dcm", DEEP, BitsStored=12, VOILUTFunction=function, **tags)
    film = pydicom.dcmread(path)
    film.VOILUTFunction = function or "LINEAR"
    grey = pydicom.pixels.apply_modality_lut(film.pixel_array, film)
    truth = pydicom.pixels.apply_windowing(grey, film)
    assert np.array_equal(read_film(path), truth.astype(np.float32))


USELESS = {
    "rescale empty": {"RescaleSlope": None, "RescaleIntercept": None},
    "slope empty": {"RescaleSlope": None, "RescaleIntercept": "0"},
    "slope 0": {"RescaleSlope": "0", "RescaleIntercept": "0"},
    "slope in words": {"RescaleSlope": b"one", "RescaleIntercept": "0"},
    "window empty": {"WindowCenter": None, "WindowWidth": None},
    "center alone": {"WindowCenter": "2000"},
    "width 0": {"WindowCenter": "9", "WindowWidth": "0"},
    "width negative": {"WindowCenter": "9", "WindowWidth": "-5"},
    "window below": {"WindowCenter": "-900", "WindowWidth": "100"},
    "window above": {"WindowCenter": "60000", "WindowWidth": "100"},
    "window with a comma": {"WindowCenter": b"9,5", "WindowWidth": b"8,5"},
    "table without entries": {"VOILUTSequence": table([])},
    "table cut short": {"VOILUTSequence": table(DEEP.ravel()[:900])},
    "table above": {"VOILUTSequence": table(DEEP.ravel(), first=50000)},
    "no tables": {"VOILUTSequence": [], "ModalityLUTSequence": []},
    "modality table without entries": {"ModalityLUTSequence": table([])},
}
USELESS["table cut short"]["VOILUTSequence"][0].LUTDescriptor = [4096, 0, 16]


@pytest.mark.parametrize("tags", USELESS.values(), ids=USELESS)
def test_a_table_window_or_slope_that_says_nothing_does_not_cost_the_film(tmp_path, tags):
    path = write_dicom(tmp_path / "film.dcm", DEEP, BitsStored=12, HighBit=11, **tags)
    assert np.array_equal(read_film(path), DEEP)


def test_the_next_window_takes_the_place_of_a_useless_one(tmp_path):
    windows = {"WindowCenter": ["0", "-900", "1800"], "WindowWidth": ["0", "9", "1000"]}
    path = write_dicom(tmp_path / "film.dcm", DEEP, BitsStored=12, HighBit=11, **windows)
    assert correlation(read_film(path), np.clip(DEEP.astype(int), 1300, 2299)) > 0.9999
    path = write_dicom(tmp_path / "film.dcm", DEEP, VOILUTSequence=table([]), **windows)
    assert correlation(read_film(path), np.clip(DEEP.astype(int), 1300, 2299)) > 0.9999


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_tables_are_looked_up(tmp_path, bits):
    entries = np.linspace(0, 2**bits - 1, 4096).astype(int)[::-1]
    path = write_dicom(tmp_path / "film.dcm", DEEP, VOILUTSequence=table(entries, bits=bits))
    assert np.array_equal(read_film(path), entries[DEEP])
    modality = {"ModalityLUTSequence": table(entries, first=100, bits=bits)}
    path = write_dicom(tmp_path / "film.dcm", DEEP, WindowCenter=9, WindowWidth=0, **modality)
    assert np.array_equal(read_film(path), entries[np.maximum(DEEP.astype(int) - 100, 0)])


PADDED = np.pad(DEEP + 500, 5)


@pytest.mark.parametrize("negative", [False, True])
@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
@pytest.mark.parametrize("window", [{}, {"WindowCenter": "2300", "WindowWidth": "3000"}])
@pytest.mark.parametrize(
    ("value", "limit", "signed"),
    [(0, None, False), (4095, None, False), (0, 40, False), (40, 0, False), (-2000, None, True)],
)
def test_padding_is_as_dark_as_the_darkest_of_the_film(
    tmp_path, negative, syntax, window, value, limit, signed
):
    pixels = np.where(PADDED == 0, value, PADDED).astype(np.int16 if signed else np.uint16)
    if limit is not None:
        pixels[0] = 20
    tags = {"PixelPaddingValue": value, "PixelPaddingRangeLimit": limit} | window
    tags |= {"PhotometricInterpretation": "MONOCHROME1" if negative else "MONOCHROME2"}
    film = read_film(write_dicom(tmp_path / "film.dcm", pixels, syntax, **tags))
    inside, border = film[5:-5, 5:-5], np.ones(film.shape, bool)
    border[5:-5, 5:-5] = False
    assert (film[border] == inside.min()).all()
    assert correlation(inside, DEEP) * (-1 if negative else 1) > 0.99


def test_a_film_that_is_padding_all_over_is_still_a_film(tmp_path):
    tags = {"PixelPaddingValue": 0, "PixelPaddingRangeLimit": 255}
    assert np.array_equal(read_film(write_dicom(tmp_path / "film.dcm", **tags)), GREY)


# DICOM: half the size

SMOOTH = smooth_film(301, 244)
HALVES = np.pad(SMOOTH.astype(float), ((0, 1), (0, 0)), "edge").reshape(151, 2, 122, 2)
HALVES = HALVES.mean(axis=(1, 3))  # the means of 2 x 2 pixels


def is_as_means(film, means, apart=25):
    """Return whether grey levels are these, but for the disc's edge and a few more of grain."""
    return np.quantile(np.abs(film.astype(float) - means), 0.97) < apart


@pytest.mark.parametrize("syntax", [JPEG2000, JPEG2000Lossless, HTJ2K, HTJ2KLossless])
def test_jpeg_2000_is_read_at_half_its_size_where_that_suffices(tmp_path, syntax):
    bits = 16 if syntax == HTJ2KLossless else 12  # all that its encoder writes
    path = write_wavelets(tmp_path / "film.dcm", SMOOTH, bits, syntax=syntax)
    film = read_reduced(path, 122)
    assert film.shape == SMOOTH.shape and film.grey.shape == (151, 122)
    assert film.grey.dtype == np.uint16 and is_as_means(film.grey, HALVES)
    centers = np.array([[0.5, 0.5, 1], [242.5, 298.5, 1]]).T  # of pixels 0 and 121, 149
    assert (film.matrix @ centers)[:2].T.tolist() == [[0, 0], [121, 149]]
    for whole in (read_reduced(path, 123), read_with_colours(path, 123)[0]):
        assert np.array_equal(whole.grey, SMOOTH) and np.array_equal(whole.matrix, np.eye(3))
    assert np.array_equal(read_film(path), SMOOTH)
    assert np.array_equal(read_with_colours(path, 122)[0].grey, film.grey)


@pytest.mark.parametrize("options", [{}, {"reversible": False, "level": 60}], ids=["5/3", "9/7"])
def test_a_halved_film_lies_where_means_of_its_pixels_do(tmp_path, options):
    """The displacement that explains most of their difference, by the gradient of the means."""
    grainless = cv2.GaussianBlur(SMOOTH, (0, 0), 3)
    stream = as_wavelets(grainless, **options)
    film = read_reduced(write_wavelets(tmp_path / "film.dcm", grainless, stream=stream), 100)
    means = cv2.resize(np.float64(grainless[:300]), (122, 150), interpolation=cv2.INTER_AREA)
    down, right = (slope[2:-2, 2:-2].ravel() for slope in np.gradient(means))
    apart = (film.grey[:150] - means)[2:-2, 2:-2].ravel()
    moved, *_ = np.linalg.lstsq(np.column_stack([down, right]), apart, rcond=None)
    assert np.abs(moved).max() < 0.02, "without interpolation a quarter of a pixel"


STREAMS = {
    "with losses": as_wavelets(SMOOTH, reversible=False, level=50),
    "in boxes": as_bytes(SMOOTH, "JPEG2000"),
    "in tiles": as_wavelets(SMOOTH, high_throughput=True, tile=(61, 59)),
    "by precincts": as_bytes(SMOOTH, "JPEG2000", no_jp2=True, precinct_size=(64, 64)),
    "of one level": as_wavelets(SMOOTH, resolutions=2),
}


@pytest.mark.parametrize("kind", STREAMS)
def test_streams_of_jpeg_2000_are_halved_however_they_are_coded(tmp_path, kind):
    bits = 16 if kind in ("in boxes", "in tiles", "by precincts") else 12
    path = write_wavelets(tmp_path / "film.dcm", SMOOTH, bits, STREAMS[kind])
    assert is_as_means(read_reduced(path, 100).grey, HALVES)


@pytest.mark.parametrize("bits", [7, 8, 10, 16])
def test_every_depth_of_grey_is_halved_to_its_own_levels(tmp_path, bits):
    stored = (SMOOTH >> 12 - bits) if bits < 12 else SMOOTH << bits - 12
    stored = stored.astype(np.uint8 if bits <= 8 else np.uint16)
    film = read_reduced(write_wavelets(tmp_path / "film.dcm", stored, bits), 100)
    assert film.grey.dtype == stored.dtype
    assert is_as_means(film.grey, HALVES * 2.0 ** (bits - 12), 1 + 25 * 2.0 ** (bits - 12))


@pytest.mark.parametrize(
    "tags",
    [
        {"PhotometricInterpretation": "MONOCHROME1"},
        {"WindowCenter": "1500", "WindowWidth": "2500"},
        {"RescaleSlope": "0.5", "RescaleIntercept": "-100"},
        {"VOILUTSequence": table(np.sqrt(np.arange(4096)) * 64)},
    ],
    ids=lambda tags: next(iter(tags)),
)
def test_a_halved_film_is_displayed_like_the_whole(tmp_path, tags):
    path = write_wavelets(tmp_path / "film.dcm", SMOOTH, **tags)
    whole = np.pad(read_film(path).astype(float), ((0, 1), (0, 0)), "edge")
    halves = whole.reshape(151, 2, 122, 2).mean(axis=(1, 3))
    film = read_reduced(path, 100).grey
    # The brightest pixel, from which negatives are counted, is one of grain.
    assert film.shape == halves.shape
    assert is_as_means(film - np.median(film), halves - np.median(halves), 30)


AVERAGED = {
    "raw": {"syntax": ExplicitVRLittleEndian},
    "lossless JPEG": {"syntax": JPEGLosslessSV1, "stream": as_lossless_jpeg(SMOOTH, 12)},
    "a single resolution": {"stream": as_wavelets(SMOOTH, resolutions=1)},
    "another depth": {"stream": as_wavelets(SMOOTH, 16)},
}


@pytest.mark.parametrize("kind", AVERAGED)
def test_stored_levels_of_other_codings_are_averaged(tmp_path, kind):
    options, tags = AVERAGED[kind], {"BitsStored": 12, "HighBit": 11}
    path = tmp_path / "film.dcm"
    if "stream" in options:
        write_wavelets(path, SMOOTH, **options)
    else:
        write_dicom(path, SMOOTH, **options, **tags)
    film = read_reduced(path, 122)
    assert np.array_equal(film.grey, np.floor(HALVES + 0.5)) and film.shape == SMOOTH.shape
    assert np.array_equal(read_reduced(path, 123).grey, SMOOTH)


WHOLE = {
    "padding": {"PixelPaddingValue": 0},
    "signed levels": {
        "pixels": SMOOTH.astype(np.int16),
        "stream": as_wavelets(SMOOTH.astype(np.int16), 16),
        "bits": 16,
    },
    "a misstated sign": {"pixels": SMOOTH >> 1, "PixelRepresentation": 1},
    "colours": {
        "pixels": np.dstack([SMOOTH >> 4] * 3).astype(np.uint8),
        "stream": as_bytes(np.dstack([SMOOTH >> 4] * 3).astype(np.uint8), "JPEG2000"),
        "bits": 8,
    },
}


@pytest.mark.parametrize("kind", WHOLE)
def test_a_film_that_must_not_be_halved_is_read_whole(tmp_path, kind):
    options = {"pixels": SMOOTH} | WHOLE[kind]
    path = write_wavelets(tmp_path / "film.dcm", **options)
    film = read_reduced(path, 30)
    assert film.grey.shape == film.shape == SMOOTH.shape
    assert np.array_equal(film.grey, read_film(path))
    expected = SMOOTH >> 4 if kind == "colours" else SMOOTH
    assert correlation(film.grey, expected) > 0.9999


def test_a_picture_is_read_whole(tmp_path):
    film = read_reduced(written(tmp_path / "film.jp2", as_bytes(SMOOTH, "JPEG2000")), 16)
    assert np.array_equal(film.grey, SMOOTH) and film.shape == SMOOTH.shape


OFFSET = {"offset": (1, 3), "tile_size": (300, 400)}  # which no decoder of pydicom can read


@pytest.mark.parametrize("kept", [0.02, 0.5, 0.99, "offset"])
def test_a_stream_of_jpeg_2000_is_refused_in_the_same_words_at_any_size(tmp_path, kept):
    stream, bits = as_wavelets(SMOOTH), 12
    if kept == "offset":
        stream, bits = as_bytes(SMOOTH, "JPEG2000", no_jp2=True, **OFFSET), 16
    else:
        stream = stream[: int(kept * len(stream))]
    path = write_wavelets(tmp_path / "film.dcm", SMOOTH, bits, stream)
    assert reason(path) == "truncated or damaged"
    with pytest.raises(UnreadableFilm, match=r"^truncated or damaged$"):
        read_reduced(path, 30)


# Facts and privacy


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
        "burned_in": "",
    }


@pytest.mark.parametrize(("tag", "fact"), [("YES", "YES"), ("no ", "NO"), ("X", ""), (None, "")])
def test_text_burned_in_is_a_fact(tmp_path, tag, fact):
    path = write_dicom(tmp_path / "film.dcm", BurnedInAnnotation=tag)
    assert film_facts(path)["burned_in"] == fact


@pytest.mark.parametrize(
    ("word", "fact"),
    [
        ("ID 7", "ID 7"),
        ("", ""),
        ("Łukasiewicz Жанна 山田", "Łukasiewicz Жанна 山田"),
        ("a\r\nb\tc\0d\x1b e\x85f\u2028g", "a b c d e f g"),
        (["one", "two"], "one\\two"),
        ('=1+1;"a,b"', '=1+1;"a,b"'),
        ("NA", "NA"),
    ],
)
def test_words_of_tags_survive_a_table(tmp_path, word, fact):
    path = write_dicom(tmp_path / "film.dcm", PatientID=word)
    assert film_facts(path)["patient_id"] == fact
    pd.DataFrame([film_facts(path)]).to_csv(tmp_path / "facts.csv", index=False)
    again = pd.read_csv(tmp_path / "facts.csv", dtype=str, keep_default_na=False)
    assert again.to_dict("records") == [film_facts(path)]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("characters", ["ISO_IR 192", "ISO_IR 100", "ISO 2022 IR 87", "KLINGON"])
def test_words_in_another_encoding_than_stated_do_not_cost_the_film(tmp_path, characters):
    odd = {"PatientID": b"\xed\xb2\x80\x1b$B\xff\xfe", "PatientSex": b"\xc3F\xe4\x00"}
    stated = {"SpecificCharacterSet": characters.encode()}
    path = write_dicom(tmp_path / "film.dcm", **odd, **stated)
    facts = film_facts(path)
    assert np.array_equal(read_film(path), GREY)
    assert all(word.isprintable() and word.encode() is not None for word in facts.values())


def test_libraries_keep_their_words_to_themselves(tmp_path, capfd, caplog, recwarn):
    caplog.set_level(logging.DEBUG)
    sloppy = {"PatientAge": "secret", "WindowCenter": b"secret", "PatientSex": "secret" * 20}
    path = write_dicom(tmp_path / "film.dcm", BitsStored=7, **sloppy)
    lzw = as_bytes(GREY, "TIFF", compression="tiff_lzw")
    broken = written(tmp_path / "film.tif", lzw[:8] + b"\xff" * 100 + lzw[108:])
    for film in (path, broken):
        for read in (read_film, film_size, film_facts):
            try:
                read(film)
            except UnreadableFilm as error:
                assert "secret" not in str(error)
    assert capfd.readouterr() == ("", "") and not caplog.records and not list(recwarn)


# What is no film


def test_missing_empty_folder_and_foreign_files(tmp_path, monkeypatch):
    assert reason(tmp_path / "none.png") == "missing"
    assert reason(tmp_path) == "not a file"
    assert reason(written(tmp_path / "empty.png", b"")) == "empty file"
    assert reason(written(tmp_path / "text.png", b"<script>alert(1)</script>")) == "not an image"
    page = written(tmp_path / "page.jpg", b"<!DOCTYPE html><html>Quota exceeded</html>")
    assert reason(page) == "not an image: HTML"
    assert reason("\0") != "" and reason("a" * 5000) != ""

    def refuse(*arguments):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert reason(page) == "cannot be opened"


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("README", b"Viewer: start VIEWER.EXE", None),
        ("LICENSE", b"", None),
        ("VIEWER.EXE", b"MZ\x90", "program"),
        ("AUTORUN.INF", b"[autorun]", None),
        ("Thumbs.db", b"\xd0\xcf\x11\xe0", None),
        ("films.csv", b"BMI,PA\n1,2\n", None),
        ("report.xml", b"<?xml version='1.0'?><report/>", "XML"),
        ("report.pdf", b"%PDF-1.4", "PDF"),
        ("films.zip", b"PK\x03\x04", "ZIP"),
        ("logo.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        ("notes.txt", b"P1 was seen twice", None),
    ],
)
def test_what_lies_beside_films_in_an_export_is_no_film(tmp_path, name, content, kind):
    path = written(tmp_path / name, content)
    stated = f"not an image: {kind}" if kind else "not an image" if content else "empty file"
    assert reason(path, NotAFilm) == stated
    assert reason(written(tmp_path / "film.DCM", content)) == stated  # a film lost on the way


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("film.heic", b"\0\0\0\x18ftypheic", "HEIC"),
        ("film.nii", bytes(344) + b"n+1\0", "NIfTI"),
        ("film.nii.gz", b"\x1f\x8b\x08", "NIfTI"),
        ("film.npy", b"\x93NUMPY\x01\0", "NumPy"),
        ("film.mha", b"ObjectType = Image\nNDims = 2\n", "MetaImage"),
        ("film.eps", b"%!PS-Adobe-3.0 EPSF-3.0", "PostScript"),
    ],
)
def test_films_in_formats_that_are_not_read_are_named(tmp_path, name, content, kind):
    assert reason(written(tmp_path / name, content)) == f"{kind}, an unsupported format"


def test_dicom_that_shows_nothing(tmp_path):
    bare = {"data": b"", "without": ["Rows", "Columns"]}
    path = tmp_path / "IM000001"
    assert reason(write_dicom(path, **bare)) == "DICOM without pixels"  # of a class of images
    assert reason(write_dicom(path, Modality="SR", **bare), NotAFilm) == "not a film: modality SR"
    for class_of in ("EncapsulatedPDFStorage", "GrayscaleSoftcopyPresentationStateStorage"):
        uid = getattr(pydicom.uid, class_of)
        stated = reason(write_dicom(path, SOPClassUID=uid, **bare), NotAFilm)
        assert stated == f"not a film: {uid.name}"
    content = bytes(128) + b"DICM\x02\0\0\0UL\x04\0\0\0\0\0"
    assert reason(written(tmp_path / "DICOMDIR", content), NotAFilm) == "DICOM without pixels"
    assert reason(written(tmp_path / "film.dcm", content)) == "DICOM without pixels"
    assert reason(write_dicom(path, data=b"")) == "DICOM without pixels"
    path = write_dicom(path, data=np.stack([GREY, GREY]).tobytes(), NumberOfFrames=2)
    assert reason(path, NotAFilm) == "multi-frame DICOM, not one film"
    with pytest.raises(NotAFilm):
        film_size(path)


@pytest.mark.real
@pytest.mark.skipif(not XRAYS.is_dir(), reason="no real films next to the repository")
def test_real_films():
    one, other = map(read_film, (XRAYS / "dicom").glob("*.dcm"))
    assert np.corrcoef(one.ravel(), other.ravel())[0, 1] < -0.999
    for path in (XRAYS / "grazpedwri/images").glob("*.png"):
        assert read_film(path).dtype == np.uint16


@pytest.mark.parametrize("dtype", ["uint8", "uint16", ">u2", "int16"])
@pytest.mark.parametrize(
    "tags",
    [
        {},
        {"RescaleSlope": 0.5, "RescaleIntercept": -100},
        {"WindowCenter": 60, "WindowWidth": 90, "PixelPaddingValue": 3},
        {"PhotometricInterpretation": "MONOCHROME1", "PixelPaddingValue": 3},
    ],
)
def test_a_film_is_displayed_by_its_levels_as_pixel_by_pixel(dtype, tags):
    stored = np.random.default_rng(0).integers(0, 120, (30, 40)).astype(dtype)
    stored = stored - np.array(50, dtype) if dtype == "int16" else stored
    film = pydicom.Dataset()
    film.BitsAllocated = film.BitsStored = 8 * stored.dtype.itemsize
    film.PixelRepresentation = int(dtype == "int16")
    film.PhotometricInterpretation = "MONOCHROME2"
    for tag, value in tags.items():
        setattr(film, tag, value)
    pixel_by_pixel = display._in_few_bits(display._of_levels(stored, film))
    kept = stored.copy()
    grey = display.shown(stored, film)
    np.testing.assert_array_equal(grey, pixel_by_pixel)
    assert grey.dtype.kind == pixel_by_pixel.dtype.kind
    np.testing.assert_array_equal(stored, kept)


FAULTS = """
import resource
from lib.films.workers import on_one_core

def pages_of_two_films():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    [b"x" * 13_000_000, b"x" * 7_000_000]
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

on_one_core()
print([pages_of_two_films() for _ in range(3)][-1])
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other libraries keep memory or not")
def test_a_worker_keeps_the_memory_of_a_film_for_the_next():
    run = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, check=True, text=True)
    assert int(run.stdout) < 100, "of some 5,000 pages"
