"""The reader in the browser: the same pictures and scores as in Python, and nothing leaves it."""

import io
import json
import os
import shutil
import subprocess
import threading
import zlib
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import libjpeg
import numpy as np
import onnxruntime
import pandas as pd
import pytest
from browser import TOO_WIDE, needs_chromium
from PIL import ExifTags, Image
from pydicom.data import get_testdata_file
from pydicom.pixels.encoders import RLELosslessEncoder
from pydicom.sequence import Sequence
from pydicom.uid import (
    MPEG2MPML,
    DeflatedExplicitVRLittleEndian,
    HTJ2KLossless,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)
from sklearn.datasets import load_sample_image
from written_films import (
    DEEP,
    GREY,
    as_bytes,
    as_jpeg_ls_in_planes,
    as_lossless_jpeg,
    as_tiff,
    as_wavelets,
    png,
    smooth_film,
    stated,
    table,
    write_dicom,
    write_wavelets,
)

from lib import ROOT, phantoms
from lib.films import UnreadableFilm, read_film, read_reduced
from lib.films.colours import read_with_colours
from lib.preprocessing import enough, prepare, to_float
from lib.reader.answer import DISCLAIMER
from lib.reader.gate import LIMIT, _seen

pytest.importorskip("onnx", reason="needs onnx, which writes a small detector")
from small_detector import NO_LIMIT, write_detector

OLDEST = 20  # version of Node


def has_node():
    """Return whether Node and npm are installed, and not older than the page's tools ask for."""
    if not (shutil.which("npm") and shutil.which("node")):
        return False
    version = subprocess.run(["node", "--version"], capture_output=True, text=True).stdout
    return int(version.removeprefix("v").split(".")[0]) >= OLDEST


pytestmark = [
    pytest.mark.seconds(60),
    needs_chromium,
    pytest.mark.skipif(not has_node(), reason=f"needs Node {OLDEST} or later with npm"),
]

#: Films of each layout and kind of file that are compared with Python. To measure, and print, more:
#: FILMS_PER_KIND=200 pytest -s tests/test_reader_page.py -k pictures_and_scores
PER_KIND = int(os.environ.get("FILMS_PER_KIND", 2))
LAYOUTS = ("MURA-v1.1", "nih", "rsna")
SETTINGS = {
    "chests": {"size": 64, "body": "chest", "equalize": "clahe"},
    "limbs": {"size": 96, "body": "limb", "equalize": "histogram", "mask": True},
}
LIMITS = {"chests": LIMIT, "limbs": NO_LIMIT}  # of the gates
RECONSTRUCT = {"limbs"}
CHOOSE_ALL = """document.querySelectorAll("#detectors input:not(:checked)").forEach(
  (box) => box.click())"""
LOOK = """(name) => {
  document.getElementById("film").replaceChildren();
  [...document.querySelectorAll("#films button")].find((one) => one.textContent === name).click();
}"""
SMOOTH = cv2.GaussianBlur(np.uint8(np.random.default_rng(0).integers(0, 256, (60, 50))), (0, 0), 2)
SMOOTH = np.uint8(cv2.normalize(SMOOTH, None, 0, 255, cv2.NORM_MINMAX))
RUNS = {
    **{"rows": 30, "columns": 40, "samples_per_pixel": 1, "bits_allocated": 16, "bits_stored": 16},
    **{"pixel_representation": 0, "number_of_frames": 1},
    **{"photometric_interpretation": "MONOCHROME2", "encoding_plugin": "pydicom"},
}
SIGNED = (DEEP.astype(np.int16) - 2048) & 0x0FFF
COLOURS = np.dstack([SMOOTH, SMOOTH[::-1], SMOOTH])
IN_RUNS = {**RUNS, "rows": 60, "columns": 50, "samples_per_pixel": 3, "planar_configuration": 0}
IN_RUNS |= {"bits_allocated": 8, "bits_stored": 8, "photometric_interpretation": "RGB"}
WIDE = np.linspace(-(2**15), 2**15 - 1, GREY.size).astype(np.int16).reshape(GREY.shape)
SHUFFLED = np.random.default_rng(0).permutation(256)
PALETTE = {"pixels": SHUFFLED[GREY].astype(np.uint8), "PhotometricInterpretation": "PALETTE COLOR"}
for colour in ("Red", "Green", "Blue"):
    PALETTE[f"{colour}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
    PALETTE[f"{colour}PaletteColorLookupTableData"] = (
        (np.argsort(SHUFFLED) * 257).astype("<u2").tobytes()
    )
#: Films within pydicom: of 12 bits with losses, in colours, and of codings not written here.
OF_PYDICOM = [
    *("JPGExtended.dcm", "MR_small_jpeg_ls_lossless.dcm", "MR_small_jp2klossless.dcm"),
    *(f"SC_rgb_dcmtk_+eb+{kind}.dcm" for kind in ("cr", "cy+n1", "cy+np", "cy+s2", "cy+s4")),
    *("SC_jpeg_no_color_transform_2.dcm", "SC_rgb_jpeg_app14_dcmd.dcm"),
    *("SC_rgb_jls_lossy_line.dcm", "SC_ybr_full_422_uncompressed.dcm"),
    *("MR_small_bigendian.dcm", "ExplVR_BigEnd.dcm", "MR_small_RLE.dcm", "MR_small_padded.dcm"),
    *("SC_rgb_rle_16bit.dcm", "SC_rgb_rle_32bit.dcm", "SC_rgb_jpeg_gdcm.dcm", "CT_small.dcm"),
    *(
        "SC_rgb_jls_lossy_sample.dcm",
        "GDCMJ2K_TextGBR.dcm",
        "J2K_pixelrep_mismatch.dcm",
        "examples_palette.dcm",
    ),
]
DIALECTS = {
    "implicit": {"pixels": DEEP, "syntax": ImplicitVRLittleEndian},
    "JPEG": {"syntax": JPEGBaseline8Bit, "data": [as_bytes(GREY, "JPEG", quality=95)]},
    "JPEG in strips": {
        "syntax": JPEGBaseline8Bit,
        "data": [as_bytes(GREY, "JPEG", quality=30, restart_marker_blocks=3, optimize=True)],
    },
    "JPEG of RGB": {
        **{"pixels": COLOURS, "syntax": JPEGBaseline8Bit},
        "data": [as_bytes(COLOURS, "JPEG", quality=95, keep_rgb=True)],
    },
    "JPEG of YBR": {
        **{"pixels": COLOURS, "syntax": JPEGBaseline8Bit},
        "PhotometricInterpretation": "YBR_FULL_422",
        "data": [as_bytes(COLOURS, "JPEG", quality=95)],
    },
    "JPEG that names its colours": {
        **{"pixels": COLOURS, "syntax": JPEGBaseline8Bit},
        "PhotometricInterpretation": "YBR_FULL_422",
        "data": [as_bytes(COLOURS, "JPEG", keep_rgb=True)],
    },
    "JFIF stated as RGB": {
        **{"pixels": COLOURS, "syntax": JPEGBaseline8Bit},
        "data": [as_bytes(COLOURS, "JPEG")],
    },
    "JPEG 2000": {
        **{"pixels": DEEP, "syntax": JPEG2000Lossless},
        "data": [as_bytes(DEEP, "JPEG2000", no_jp2=True)],
    },
    "runs": {
        **{"pixels": DEEP, "syntax": RLELossless},
        "data": [RLELosslessEncoder.encode(DEEP, **RUNS)],
    },
    "runs of YBR": {
        **{"pixels": COLOURS, "syntax": RLELossless, "PhotometricInterpretation": "YBR_FULL"},
        "data": [RLELosslessEncoder.encode(COLOURS, **IN_RUNS)],
    },
    "negative": {"PhotometricInterpretation": "MONOCHROME1"},
    "inverse": {"PresentationLUTShape": "INVERSE"},
    "signed": {"pixels": SIGNED, "BitsStored": 12, "HighBit": 11, "PixelRepresentation": 1},
    "high bits": {"pixels": DEEP << 4 | 3, "BitsStored": 12, "HighBit": 15},
    "window": {
        **{"pixels": DEEP, "BitsStored": 12, "RescaleSlope": "2", "RescaleIntercept": "-100"},
        **{"WindowCenter": ["900", "9"], "WindowWidth": ["600", "9"]},
    },
    "sigmoid": {
        "pixels": DEEP,
        "WindowCenter": 900,
        "WindowWidth": 600,
        "VOILUTFunction": "SIGMOID",
    },
    "useless window": {"pixels": DEEP, "WindowCenter": "60000", "WindowWidth": "100"},
    "table": {"pixels": DEEP, "VOILUTSequence": table(np.sqrt(np.arange(4096)) * 60)},
    "padding": {
        "pixels": np.pad(DEEP + 500, 5),
        "PixelPaddingValue": 0,
        "PixelPaddingRangeLimit": 9,
    },
    "colours": {"pixels": np.dstack([GREY, GREY[::-1], GREY[:, ::-1]])},
    "YBR": {"pixels": np.dstack([GREY, GREY[::-1], GREY]), "PhotometricInterpretation": "YBR_FULL"},
    "bare header": {"pixels": DEEP, "without": ["BitsStored", "HighBit"]},
    "bare colours": {"without": ["PhotometricInterpretation", "SamplesPerPixel"]},
    "no class": {"without": ["SOPClassUID", "MediaStorageSOPClassUID"]},
    "no syntax": {"pixels": DEEP, "without": ["TransferSyntaxUID"]},
    "no frames": {"NumberOfFrames": 0},
    "lossless JPEG": {"syntax": JPEGLosslessSV1, "data": [as_lossless_jpeg(GREY, 8)]},
    "lossless JPEG of 12 bits": {
        **{"pixels": DEEP, "syntax": JPEGLosslessSV1, "BitsStored": 12, "HighBit": 11},
        "data": [as_lossless_jpeg(DEEP, 12)],
    },
    "two JPEG in one": {"syntax": JPEGBaseline8Bit, "data": [as_bytes(GREY, "JPEG")] * 2},
    "JPEG 2000 of high throughput": {
        **{"pixels": DEEP, "syntax": HTJ2KLossless},
        "data": [as_bytes(DEEP, "JPEG2000", no_jp2=True)],
    },
    "JPEG 2000 in boxes": {
        **{"pixels": DEEP, "syntax": JPEG2000Lossless},
        "data": [as_bytes(DEEP, "JPEG2000")],
    },
    "JPEG 2000 of colours": {
        **{"pixels": COLOURS, "syntax": JPEG2000Lossless, "PhotometricInterpretation": "YBR_RCT"},
        "data": [as_bytes(COLOURS, "JPEG2000", no_jp2=True)],
    },
    "JPEG-LS with colours in planes": {
        **{"pixels": COLOURS, "syntax": JPEGLSLossless},
        "data": [as_jpeg_ls_in_planes(COLOURS)],
    },
    "palette": PALETTE,
    "planes": {
        **{"pixels": COLOURS, "PlanarConfiguration": 1},
        "data": np.ascontiguousarray(np.moveaxis(COLOURS, 2, 0)).tobytes(),
    },
    "overlay": {"pixels": DEEP | np.uint16(0x8000) * (DEEP % 7 == 0), "BitsStored": 12},
    "misstated high bit": {"pixels": DEEP, "BitsStored": 12, "HighBit": 15},
    "wide negative": {"pixels": WIDE, "PhotometricInterpretation": "MONOCHROME1"},
    "padded negative": {
        **{"pixels": np.pad(DEEP + 500, 5), "PixelPaddingValue": 0},
        "PhotometricInterpretation": "MONOCHROME1",
    },
    "modality table": {"pixels": DEEP, "ModalityLUTSequence": table(np.sqrt(range(4096)) * 60)},
    "table of bytes": {"pixels": DEEP, "VOILUTSequence": table(np.arange(4096) // 16, bits=8)},
    "empty table": {"pixels": DEEP, "VOILUTSequence": Sequence([])},
    "exact window": {
        **{"pixels": DEEP, "BitsStored": 12, "VOILUTFunction": "LINEAR_EXACT"},
        **{"WindowCenter": "900", "WindowWidth": "600"},
    },
    "empty window": {"pixels": DEEP, "WindowCenter": None, "WindowWidth": None},
    "no slope": {"pixels": DEEP, "RescaleSlope": "0", "RescaleIntercept": None},
    "bytes behind the pixels": {"data": GREY.tobytes() + bytes(512)},
}
#: Files of further kinds, from the grey levels of a phantom.
KINDS = {
    "grey.jpg": lambda path, grey: written(path, as_bytes(grey, "JPEG", quality=85)),
    "deep.png": lambda path, grey: written(path, as_bytes(deepened(grey), "PNG")),
    "plain.dcm": lambda path, grey: write_dicom(path, grey),
    "12 bits.dcm": lambda path, grey: write_dicom(path, deepened(grey) >> 4, BitsStored=12),
    "JPEG.dcm": lambda path, grey: write_dicom(
        path, grey, JPEGBaseline8Bit, [as_bytes(grey, "JPEG", quality=85)]
    ),
    "colours.dcm": lambda path, grey: write_dicom(
        *(path, coloured(grey), JPEGBaseline8Bit, [as_bytes(coloured(grey), "JPEG")]),
        PhotometricInterpretation="YBR_FULL_422",
    ),
}
LIST = """[...document.querySelectorAll("#films li")].map((one) => ({
  name: one.querySelector("button").textContent, words: one.querySelector("span").textContent }))"""
#: The text that the button saves.
SAVED = """new Promise((resolve) => {
  const address = URL.createObjectURL;
  URL.createObjectURL = (file) => (file.text().then(resolve), address(file));
  document.getElementById("save").click();
  URL.createObjectURL = address;
})"""
#: A worker as the page starts it, which asks another server.
ASK_IN_WORKER = """(address) => new Promise((resolve) => {
  const code = `fetch("${address}").then(() => postMessage("sent"), () => postMessage("refused"))`;
  const worker = new Worker(URL.createObjectURL(new Blob([code], { type: "text/javascript" })));
  worker.onmessage = ({ data }) => resolve(data);
})"""
#: Controls and pictures without a name for those who do not see them.
UNNAMED = """[...document.querySelectorAll("button, input, canvas, svg, section, article")].filter(
  (one) => !(one.labels?.length || one.ariaLabel || one.textContent.trim())).map(
  (one) => one.outerHTML)"""
#: Enters the share of abnormal films among all, and that among the flagged.
ENTER = """(...shares) => ["base-rate", "wanted"].forEach((id, n) => {
  document.getElementById(id).value = shares[n];
  document.getElementById(id).dispatchEvent(new Event("change"));
})"""
#: What has the focus, in a word.
FOCUSED = """() => {
  const { id, value, type, textContent } = document.activeElement;
  return id || (type === "range" ? type : textContent || value);
}"""
#: The largest opacity of the red over the film, 0 to 255.
OVERLAY = """(() => {
  const drawn = document.querySelector("#film .stack canvas + canvas");
  const { data } = drawn.getContext("2d").getImageData(0, 0, drawn.width, drawn.height);
  return data.reduce((most, level, n) => (n % 4 === 3 ? Math.max(most, level) : most), 0);
})()"""
#: The opacity of the red over every seventh pixel of the film, 0 to 255.
OVERLAID = """(() => {
  const drawn = document.querySelector("#film .stack canvas + canvas");
  const { data } = drawn.getContext("2d").getImageData(0, 0, drawn.width, drawn.height);
  return [...data].filter((_, n) => n % 28 === 3);
})()"""
#: The score that a detector's answer shows, and the grey levels of the picture that it saw.
ANSWER = """(name) => {
  const card = document.querySelector(`[data-detector="${name}"]`);
  const drawn = card.querySelector("canvas.prepared");
  const { data } = drawn.getContext("2d").getImageData(0, 0, drawn.width, drawn.height);
  return { score: Number(card.dataset.score), image: [...data].filter((_, n) => n % 4 === 0) };
}"""


#: The grey levels of what a detector reconstructs, or null.
RECONSTRUCTION = """(name) => {
  const drawn = document.querySelector(`[data-detector="${name}"] canvas.reconstruction`);
  if (!drawn) return null;
  const { data } = drawn.getContext("2d").getImageData(0, 0, drawn.width, drawn.height);
  return [...data].filter((_, n) => n % 4 === 0);
}"""
SAMPLING = {
    444: cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    422: cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422,
    420: cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
    440: cv2.IMWRITE_JPEG_SAMPLING_FACTOR_440,
}
#: Decodes the files that it names.
DECODE = f"""import fs from "node:fs";
import {{ decodedLossy }} from "{(ROOT / "reader/src/films/lossy_jpeg.js").as_uri()}";
for (const name of process.argv.slice(1))
  fs.writeFileSync(`${{name}}.levels`, decodedLossy(new Uint8Array(fs.readFileSync(name))).data);"""


#: Words and grey levels of the steps from the film to what a detector sees.
STEPS = """(name) => [
  ...document.querySelectorAll(`[data-detector="${name}"] .steps li`)
].map((one) => {
  const drawn = one.querySelector("canvas");
  const data = drawn?.getContext("2d").getImageData(0, 0, drawn.width, drawn.height).data ?? [];
  return { words: one.textContent, image: [...data].filter((_, n) => n % 4 === 0) };
})"""


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    """Return phantoms of each layout, PNG and DICOM, with its name in theirs."""
    drawn, folder = tmp_path_factory.mktemp("drawn") / "phantoms", tmp_path_factory.mktemp("films")
    phantoms.draw(drawn, PER_KIND, workers=1)
    films = []
    for layout in LAYOUTS:
        paths = sorted(p for p in (drawn / layout).rglob("*") if p.suffix in (".png", ".dcm"))
        films += [shutil.copy(p, folder / f"{layout} {n}{p.suffix}") for n, p in enumerate(paths)]
    return films


@pytest.fixture(scope="module")
def detectors(tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    random = np.random.default_rng(0)
    for name, settings in SETTINGS.items():
        normals, abnormals = random.normal(0.1, 0.02, 40), random.normal(0.14, 0.02, 40)
        samples = normals.tolist(), abnormals.tolist()
        options = {"limit": LIMITS[name], "reconstructs": name in RECONSTRUCT}
        write_detector(folder / name, settings, *samples, **options)
    return folder


@pytest.fixture(scope="module")
def built(detectors, tmp_path_factory):
    """Return the folder of the page, built from its sources."""
    reader, target = ROOT / "reader", tmp_path_factory.mktemp("site")
    if not (reader / "node_modules").exists():
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        fetched = subprocess.run(command, cwd=reader, capture_output=True, text=True)
        if fetched.returncode:
            pytest.skip("needs the packages of reader/, which cannot be fetched")
    command = ["node", reader / "build.js", detectors, target / "no phantoms", target]
    built = subprocess.run(command, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    return target


@contextmanager
def served(folder):
    """Yield the address of the page, served on this machine only."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/index.html"
        server.shutdown()


@pytest.fixture(scope="module")
def site(built):
    with served(built) as address:
        yield address


class Silent(SimpleHTTPRequestHandler):
    def log_message(self, *words):
        pass


@pytest.fixture(scope="module")
def page(site, browser):
    browser.open(site)
    wait(browser, '"ready" in document.body.dataset')
    browser.value(CHOOSE_ALL)
    wait(browser, "document.querySelectorAll('#detectors :checked').length === 2")
    return browser


def wait(window, condition):
    """Wait until a condition holds on the page, at most 100 s."""
    looks = f"""new Promise((resolve) => {{
      const start = Date.now();
      const look = () => ({condition}) ? resolve("") : Date.now() - start > 100000
        ? resolve(document.body.innerText) : setTimeout(look, 20);
      look();
    }})"""
    assert window.value(looks) == "", f"still not: {condition}"


def turned(orientation):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    return exif


def in_few_colours(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).quantize(64).save(file, "PNG")
    return file.getvalue()


def deepened(grey):
    """Return 16 bits of grey levels, the lower of which are noise."""
    noise = np.random.default_rng(0).integers(0, 200, grey.shape, dtype=np.uint16)
    return grey.astype(np.uint16) * 200 + noise


def coloured(grey):
    return np.dstack([grey, cv2.flip(grey, 1), 255 - grey])


def written(path, content):
    path.write_bytes(content)
    return path


def look_at(window, path):
    """Look at a film of the list; return the answers of all detectors."""
    window.value(f"({LOOK})({json.dumps(path.name)})")
    wait(window, "document.querySelector('#film .card')")
    return {name: window.value(f"({ANSWER})({json.dumps(name)})") for name in SETTINGS}


def add(window, paths):
    """Choose files, and wait until all are read."""
    count = int(window.value("document.querySelectorAll('#films li').length")) + len(paths)
    window.choose("#files", paths)
    wait(
        window, f"document.getElementById('count').textContent === '{count} of {count} files read'"
    )


def check(window, path, detectors):
    """Assert that pictures that detectors see, and their scores, are those of Python.

    Return the least share of pixels within one grey level, and the largest difference of scores as
    a share of the range over validation films.
    """
    film = read_reduced(path, enough(*(each["size"] for each in SETTINGS.values()))).grey
    in_browser = look_at(window, path)
    shares, differences = [], []
    for name, settings in SETTINGS.items():
        image = prepare(film, **settings).image
        apart = np.abs(np.array(in_browser[name]["image"]) - image.ravel())
        shares.append(np.mean(apart <= 1))
        facts = json.loads((detectors / name / "detector.json").read_text())
        network = onnxruntime.InferenceSession(detectors / name / "detector.onnx")
        (score,) = network.run(["score"], {"films": to_float(image[None])})[0]
        spread = np.ptp(facts["normals"] + facts["abnormals"])
        differences.append(abs(in_browser[name]["score"] - score) / spread)
    assert min(shares) >= 0.995 and max(differences) <= 1e-3, (path, shares, differences)
    return min(shares), max(differences)


@pytest.mark.parametrize("kind", [*LAYOUTS, *KINDS])
def test_pictures_and_scores_are_those_of_python(page, films, detectors, tmp_path, kind):
    """As the owners of the films publish them, and as files of other kinds."""
    of_kind = [path for path in films if path.name.startswith(kind)]
    if kind in KINDS:
        step = len(films) // PER_KIND  # phantoms of all layouts
        greys = [read_film(path) for path in films[::step]]
        of_kind = [KINDS[kind](tmp_path / f"{n} {kind}", grey) for n, grey in enumerate(greys)]
    least, largest = [], []
    for path in of_kind:
        add(page, [path])
        share, difference = check(page, path, detectors)
        least.append(share)
        largest.append(difference)
    print(
        f"{kind}: {len(of_kind)} films; pixels within one grey level {np.mean(least):.4%}, of the "
        f"least film {min(least):.2%}; scores differ by {max(largest):.1e} of the range at most"
    )


def test_dialects_of_dicom_and_pictures_are_read_as_by_python(page, detectors, tmp_path):
    pictures = {
        "grey.jpg": as_bytes(SMOOTH, "JPEG", quality=90),
        "colours.jpg": as_bytes(np.dstack([SMOOTH, SMOOTH[::-1], SMOOTH]), "JPEG"),
        "turned.jpg": as_bytes(SMOOTH, "JPEG", exif=turned(6)),
        "turned.png": as_bytes(SMOOTH, "PNG", exif=turned(5)),
        "colours.png": as_bytes(np.dstack([GREY, GREY[::-1], GREY]), "PNG"),
        "alpha.png": as_bytes(np.dstack([GREY] * 3 + [GREY[::-1]]), "PNG"),
        "grey.tif": as_tiff(SMOOTH),
        "deep.tif": as_tiff(DEEP, order=">"),
        "negative.tif": as_tiff(DEEP, white_is_zero=True),
        "packed.tif": as_bytes(DEEP, "TIFF", compression="tiff_lzw"),
        "fractions.tif": as_bytes(SMOOTH.astype(np.float32) / 3, "TIFF"),
        "colours.tif": as_bytes(np.dstack([GREY, GREY[::-1], GREY]), "TIFF", compression="zlib"),
    }
    paths = [written(tmp_path / name, content) for name, content in pictures.items()]
    paths += [write_dicom(tmp_path / f"{name}.dcm", **tags) for name, tags in DIALECTS.items()]
    plain = write_dicom(tmp_path / "plain.dcm").read_bytes()
    paths.append(written(tmp_path / "no preamble.dcm", plain[132:]))
    paths += [Path(get_testdata_file(name, download=False)) for name in OF_PYDICOM]
    add(page, paths)
    for path in paths:
        check(page, path, detectors)


def test_large_films_are_halved_where_python_halves_them(page, detectors, tmp_path):
    """In JPEG 2000 and in other codings, with tags with which they are read whole too."""
    film = smooth_film(2061, 2049)
    deep = film.astype(np.uint16) << 4
    kinds = {
        "halved": {},
        "with losses": {"stream": as_wavelets(film, reversible=False, level=50)},
        "negative": {"PhotometricInterpretation": "MONOCHROME1"},
        "window": {"WindowCenter": "1500", "WindowWidth": "2500"},
        "high throughput": {"pixels": deep, "bits": 16, "syntax": HTJ2KLossless},
        "8 bits": {"pixels": (film >> 4).astype(np.uint8), "bits": 8},
        "a single resolution": {"stream": as_wavelets(film, resolutions=1)},
        "another depth": {"stream": as_wavelets(film, 16)},
        "padding": {"PixelPaddingValue": 0},
    }
    paths = [
        write_wavelets(tmp_path / f"large, {kind}.dcm", **{"pixels": film} | options)
        for kind, options in kinds.items()
    ]
    lossless = {"syntax": JPEGLosslessSV1, "stream": as_lossless_jpeg(film, 12)}
    paths.append(write_wavelets(tmp_path / "large, JPEG.dcm", film, **lossless))
    add(page, paths)
    shares = [check(page, path, detectors)[0] for path in paths]
    print(f"large films: pixels within one grey level {min(shares):.3%} at least")
    halves = [read_reduced(path, 1024).grey.shape == (1031, 1025) for path in paths]
    assert halves == [True] * 8 + [False, True]
    overlays = []
    for path in (write_dicom(tmp_path / "large.dcm", film), paths[0]):
        add(page, [path] * (path not in paths))
        look_at(page, path)
        assert "2049 x 2061 pixels" in page.value("document.getElementById('film').innerText")
        overlays.append(np.array(page.value(OVERLAID)))
    assert np.ptp(overlays[0]) > 50 and np.quantile(np.abs(np.diff(overlays, axis=0)), 0.98) <= 2


def test_a_jpeg_with_losses_is_decoded_to_the_levels_of_python(films, tmp_path):
    """Grey, and colours of full and of half the resolution; within a DICOM Python decodes so."""
    streams = {}
    for n in range(8):
        grey = read_film(films[n % len(films)])[n:300, 1:] if n else SMOOTH
        colours = coloured(grey)
        factor = [444, 422, 420, 440][n % 4]
        kind = {
            cv2.IMWRITE_JPEG_SAMPLING_FACTOR: SAMPLING[factor],
            cv2.IMWRITE_JPEG_QUALITY: 95 - 5 * n,
        }
        kind |= {cv2.IMWRITE_JPEG_RST_INTERVAL: n % 3}
        for name, pixels in {"grey": grey, str(factor): colours}.items():
            options = [value for pair in kind.items() for value in pair]
            streams[f"{name} {n}"] = cv2.imencode(".jpg", pixels, options)[1].tobytes()
    for name, stream in streams.items():
        (tmp_path / name).write_bytes(stream)
    command = ["node", "--input-type=module", "--eval", DECODE, *streams]
    subprocess.run(command, cwd=tmp_path, check=True)
    for name, stream in streams.items():
        expected = libjpeg.decode(stream)
        decoded = np.fromfile(tmp_path / f"{name}.levels", np.uint8)
        np.testing.assert_array_equal(decoded.reshape(expected.shape), expected, name)


BLACK = {"pixels": np.zeros_like(GREY)}
HUGE = {"Rows": 20000, "Columns": 20000}
BOMB = "implausible size: a decompression bomb"
UNREAD = "a DICOM in the transfer syntax {}, which this page does not read: convert it to PNG"
FLAT = np.zeros((7000, 7000), np.uint8)
RARE = "a TIFF of a rare coding, which this page does not read: convert it to PNG"
#: Files that are not read, with the reason; None: that of Python.
BAD = {
    "empty.png": (b"", None),
    "letter.png": (b"Dear colleague", None),
    "page.dcm": (b"<!DOCTYPE html><html>", None),
    "letter.pdf": (b"%PDF-1.7", None),
    "huge.png": (png(20000, 20000, b""), "implausible size: 20000 x 20000 pixels"),
    "small.png": (png(9, 9, b""), None),
    "cut.png": (as_bytes(GREY, "PNG")[:-400], None),
    "cut.jpg": (as_bytes(SMOOTH, "JPEG")[:400], None),
    "bomb.png": (
        png(64, 64, zlib.compress(bytes(2**26))),
        "implausible size: a decompression bomb",
    ),
    "letter.dcm": (b"Dear colleague", None),
    "400 megapixels.tif": (
        stated(as_tiff(GREY), 20000, 20000),
        "implausible size: 20000 x 20000 pixels",
    ),
    "claims.tif": (stated(as_tiff(GREY), 7000, 7000), None),
    "swells.tif": (stated(as_bytes(FLAT, "TIFF", compression="tiff_deflate"), 64, 64), BOMB),
    "swells by LZW.tif": (stated(as_bytes(FLAT, "TIFF", compression="tiff_lzw"), 64, 64), BOMB),
    "wide tiles.tif": (as_tiff(GREY, tags={322: 2**31, 323: 2**31, 324: 8, 325: 9}), RARE),
    "cut.tif": (as_tiff(GREY)[:900], "truncated or damaged"),
    "frames.tif": (
        as_bytes(GREY, "TIFF", save_all=True, append_images=[Image.new("L", (9, 9))]),
        None,
    ),
    "huge.tif": (as_tiff(np.zeros((1, 60000), np.uint8)), None),
    "rare.tif": (as_bytes(GREY, "TIFF", compression="packbits"), RARE),
    "turned.tif": (as_tiff(GREY, orientation=6), RARE),
    "deflated.dcm": ({"syntax": DeflatedExplicitVRLittleEndian}, None),
    "swells.dcm": ({"syntax": DeflatedExplicitVRLittleEndian, "pixels": FLAT}, None),
    "video.dcm": ({"syntax": MPEG2MPML, "data": [b"film"]}, UNREAD.format(MPEG2MPML)),
    "huge.dcm": (HUGE, None),
    "black.dcm": (BLACK, None),
    "cut.dcm": ({"data": GREY.tobytes()[:600]}, None),
    "report.dcm": ({"Modality": "SR", "data": b"", "without": ["Rows", "Columns"]}, None),
    "frames.dcm": ({"NumberOfFrames": 2, "data": GREY.tobytes() * 2}, None),
    "progressive.dcm": (
        {"syntax": JPEGBaseline8Bit, "data": [as_bytes(GREY, "JPEG", progressive=True)]},
        "a JPEG of a rare coding, which this page does not read: convert it to PNG",
    ),
    "damaged.dcm": ({"syntax": JPEG2000Lossless, "data": [b"film"]}, None),
    "cut wavelets.dcm": (
        {"pixels": SMOOTH, "syntax": JPEG2000Lossless, "data": [as_wavelets(SMOOTH, 8)[:600]]},
        None,
    ),
}


def test_a_file_that_is_not_read_has_its_reason_and_the_others_go_on(page, tmp_path):
    expected = {}
    for name, (content, reason) in BAD.items():
        path = tmp_path / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            write_dicom(path, **content)
        if reason is None:
            with pytest.raises(UnreadableFilm) as refused:
                read_film(path)
        expected[path] = reason or str(refused.value)
    good = write_dicom(tmp_path / "last, good.dcm")
    add(page, [*expected, good])
    shown = {one["name"]: one["words"] for one in page.value(LIST)}
    for path, reason in expected.items():
        assert shown[path.name] == f"not read: {reason}", path
    assert "percentile" in shown[good.name] and DISCLAIMER in shown[good.name]
    look_at(page, good)
    assert not page.problems


def test_the_list_is_ordered_when_asked_and_says_of_which_body_films_are(page, films):
    first = next(iter(SETTINGS))
    add(page, films)
    page.value("document.getElementById('sort').click()")
    table = pd.read_csv(io.StringIO(page.value(SAVED)))
    rows = table[table["detector"].eq(first)].drop_duplicates("file").set_index("file")
    names = [one["name"] for one in page.value(LIST)]
    known = [name for name in names if name in rows.index]
    assert names[: len(known)] == known, "those that are not read are last"
    rows = rows.loc[known]
    assert rows["unlike"].eq("yes").is_monotonic_increasing
    for _, alike in rows.groupby("unlike"):
        assert alike["score"].is_monotonic_decreasing
    labels = page.value("[...document.querySelectorAll('#detectors label')].map(l => l.innerText)")
    assert [label.strip() for label in labels] == ["chests (chests)", "limbs (limbs)"]


def test_an_empty_share_is_asked_for_and_changes_nothing(page, films):
    add(page, films[:1])
    look_at(page, films[0])
    before = page.value("document.getElementById('film').innerText")
    shares = """(value) => ['base-rate', 'wanted'].map((id) => {
      const field = document.getElementById(id);
      const kept = field.value;
      Object.assign(field, { value });
      field.dispatchEvent(new Event("change"));
      const valid = field.checkValidity();
      Object.assign(field, { value: kept });
      return valid;
    })"""
    assert page.value(f"({shares})('')") == page.value(f"({shares})('150')") == [False, False]
    assert page.value("document.getElementById('film').innerText") == before


def test_the_table_of_all_answers_has_a_row_per_film_and_detector(page, detectors, tmp_path):
    film = write_dicom(tmp_path / "=film.dcm")
    add(page, [film, written(tmp_path / "note.png", b"note")])
    look_at(page, film)
    rows = pd.read_csv(io.StringIO(page.value(SAVED))).set_index("file")
    assert set(rows.loc["'=film.dcm", "detector"]) == set(SETTINGS)
    assert rows.loc["note.png", "reason"] == "not an image"
    assert set(rows["note"]) == {DISCLAIMER}
    read = rows.loc["'=film.dcm"]
    constants = json.loads((detectors / "chests/detector.json").read_text())["calibration"]
    log_odds = constants["slope"] * read["score"] + constants["intercept"]
    np.testing.assert_allclose(read["probability"], 1 / (1 + np.exp(-log_odds)))
    card = page.value("document.querySelector('#film .card').innerText")
    assert "where 50 % of the films are abnormal; with fewer it is lower." in card


def test_a_picture_in_colours_is_unlike_where_python_calls_it_so(page, detectors, tmp_path):
    photograph = load_sample_image("china.jpg")[:200, :300]
    tinted = (SMOOTH[..., None] * np.array([0.8, 1, 0.9])).astype(np.uint8)
    pictures = {
        "photograph.png": as_bytes(photograph, "PNG"),
        "photograph.jpg": as_bytes(photograph, "JPEG"),
        "photograph.tif": as_bytes(photograph, "TIFF"),
        "turned photograph.jpg": as_bytes(photograph, "JPEG", exif=turned(6)),
        "of 64 colours.png": in_few_colours(photograph),
        "grey photograph.png": as_bytes(photograph[..., 1], "PNG"),
        "tinted film.png": as_bytes(tinted, "PNG"),
    }
    paths = [written(tmp_path / name, content) for name, content in pictures.items()]
    add(page, paths)
    rows = pd.read_csv(io.StringIO(page.value(SAVED))).set_index("file")["unlike"]
    for path in paths:
        in_python = read_with_colours(path)[1]
        assert in_python == (path.name not in ("grey photograph.png", "tinted film.png"))
        assert set(rows[path.name]) == {"yes" if in_python else "no"}, path


def test_a_grey_film_is_unlike_where_the_gate_of_python_calls_it_so(page, detectors, tmp_path):
    """Films with more and more noise, on both sides of the limit of one of the detectors."""
    noise, paths = np.random.default_rng(0).normal(0, 1, (90, 90)), []
    film = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 12), None, 60, 190, cv2.NORM_MINMAX)
    for level in (0, 10, 20, 30, 40, 60, 80, 160):
        grey = np.uint8((film + level * noise).clip(0, 255))
        paths.append(written(tmp_path / f"noise {level}.png", as_bytes(grey, "PNG")))
    add(page, paths)
    rows = pd.read_csv(io.StringIO(page.value(SAVED))).set_index(["detector", "file"])
    for name, settings in SETTINGS.items():
        gate = json.loads((detectors / name / "detector.json").read_text())["gate"]
        network = onnxruntime.InferenceSession(detectors / name / gate["file"])
        pictures = np.stack([prepare(read_film(path), **settings).image for path in paths])
        distances = network.run(["score"], {"films": _seen(pictures)})[0]
        unlike = (distances - gate["middle"]) / gate["spread"] > gate["limit"]
        shown = rows.loc[[(name, path.name) for path in paths]]
        assert shown["unlike"].eq("yes").tolist() == unlike.tolist(), distances
        assert shown["probability"].isna().tolist() == unlike.tolist()
        for column in ("flagged at 5 % false alarms", "percentile"):
            assert shown[column].isna().tolist() == unlike.tolist()
        assert 2 <= unlike.sum() <= 6 if LIMITS[name] == LIMIT else not unlike.any(), distances


def test_a_detector_that_reconstructs_shows_its_reconstruction(page, films):
    add(page, films[:1])
    seen = look_at(page, films[0])
    pictures = {name: page.value(f"({RECONSTRUCTION})({json.dumps(name)})") for name in SETTINGS}
    assert pictures["chests"] is None
    lowest, highest = min(seen["limbs"]["image"]), max(seen["limbs"]["image"])
    shares = (np.array(seen["limbs"]["image"]) - lowest) / (highest - lowest)
    np.testing.assert_allclose(pictures["limbs"], 255 * (1 - shares), atol=0.6)


#: Steps of `prepare` as the page names them.
WORDS = {
    "grey levels spread": "normalised",
    "cropped to its plate": "cropped",
    "turned upright": "upright",
    "inverted, bone bright": "un-inverted",
    "all but the body black": "body",
    "contrast equalised": "equalised",
}


def test_the_steps_of_the_preparation_are_those_of_python(page, tmp_path):
    """A limb on its plate, lying and inverted: it is cropped, turned and inverted."""
    limb = np.zeros((300, 420), np.uint8)
    cv2.rectangle(limb, (20, 20), (400, 280), 225, -1)
    cv2.ellipse(limb, (210, 150), (190, 40), 4, 0, 360, 60, -1)
    limb = cv2.GaussianBlur(limb, (0, 0), 1.5)
    path = written(tmp_path / "limb.png", as_bytes(limb, "PNG"))
    add(page, [path])
    look_at(page, path)
    found = {name: page.value(f"({STEPS})({json.dumps(name)})") for name in SETTINGS}
    assert set(WORDS) == {one["words"] for one in found["limbs"]}
    words = "document.querySelector('[data-detector=chests] div.small').textContent"
    assert "Nothing to do: bone bright already." in page.value(words)
    for name, settings in SETTINGS.items():
        steps = prepare(read_film(path), **settings).steps
        for one in found[name]:
            expected = steps[WORDS[one["words"]]].ravel().astype(int)
            apart = np.abs(np.array(one["image"]) - expected)
            assert np.mean(apart <= 1) >= 0.995, (name, one["words"], apart.max())


def test_a_threshold_of_ones_own_has_the_share_that_is_asked_for(page, detectors, tmp_path):
    film = write_dicom(tmp_path / "own.dcm")
    add(page, [film])
    for base, wanted in ((10, 50), (30, 80), (1, 99)):
        page.value(f"({ENTER})({base}, {wanted})")
        look_at(page, film)
        rows = pd.read_csv(io.StringIO(page.value(SAVED))).set_index("file").loc[film.name]
        name = f"flagged at your own, {wanted} % at a base rate of {base} %"
        words = page.value("document.querySelector('#film').innerText")
        for _, row in rows.iterrows():
            facts = json.loads((detectors / row["detector"] / "detector.json").read_text())
            normals, abnormals = np.array(facts["normals"]), np.array(facts["abnormals"])
            least = None
            for score in np.sort(abnormals)[::-1]:
                found = base / 100 * np.sum(abnormals >= score) / (len(abnormals) + 1)
                wrong = (1 - base / 100) * (np.sum(normals >= score) + 1) / (len(normals) + 1)
                least = score if found / (found + wrong) >= wanted / 100 else least
            if least is None:
                assert name not in rows or pd.isna(row[name])
                assert f"There is no threshold of {name.removeprefix('flagged at ')}" in words
            else:
                assert row[name] == ("yes" if row["score"] >= least else "no")
                assert f"{least:.4g}" in words
    page.value(f"({ENTER})(10, 50)")


def test_a_folder_that_is_dropped_is_read_at_any_depth(page, films, tmp_path):
    folder = tmp_path / "export"
    (folder / "a/b").mkdir(parents=True)
    for n, place in enumerate(("film 10.png", "film 2.png", "a/b/film.dcm")):
        shutil.copy(films[-1 if n == 2 else 0], folder / place)
    written(folder / "a/note.txt", b"note")
    single = shutil.copy(films[0], tmp_path / "single.png")
    before = page.value("document.querySelectorAll('#films li').length")
    page.drop([folder, single])
    count = f"{before + 5} of {before + 5} files read"
    wait(page, f"document.getElementById('count').textContent === '{count}'")
    added = page.value(LIST)[before:]
    assert [one["name"] for one in added] == [
        *("export/a/b/film.dcm", "export/a/note.txt", "export/film 2.png", "export/film 10.png"),
        "single.png",
    ]
    assert ["percentile" in one["words"] for one in added] == [True, False, True, True, True]
    assert added[1]["words"] == "not read: not an image"
    wait(page, "document.querySelector('#film h2')?.textContent === 'export/a/b/film.dcm'")
    assert not page.problems


def test_nothing_leaves_the_page_nor_its_worker(page):
    """A server on another port, which would answer, is never asked."""
    asked = []

    class Other(Silent):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Access-Control-Allow-Origin", "*")
            self.end_headers()

    with ThreadingHTTPServer(("127.0.0.1", 0), Other) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = json.dumps(f"http://127.0.0.1:{server.server_port}/")
        assert page.value(f"fetch({address}).then(() => 'sent', () => 'refused')") == "refused"
        assert page.value(f"({ASK_IN_WORKER})({address})") == "refused"
        server.shutdown()
    assert not asked
    page.problems.clear()


def test_the_page_fits_a_phone_and_has_names_for_its_controls(page, site, films):
    page.open(site, 360)
    wait(page, '"ready" in document.body.dataset')
    add(page, films[:1])
    look_at_first = "document.querySelector('#film .card')"
    wait(page, look_at_first)
    assert page.value(TOO_WIDE) == []
    unnamed = page.value(UNNAMED)
    assert unnamed == []
    assert not page.problems


def test_everything_is_reached_by_keys(page, site, films, tmp_path):
    page.open(site)
    wait(page, '"ready" in document.body.dataset')
    add(page, [films[0], written(tmp_path / "note.png", b"note")])
    wait(page, "document.querySelector('#film .card')")
    page.value("document.getElementById('files').focus()")
    reached = []
    while films[0].name not in " ".join(reached):
        assert len(reached) < 20, reached
        reached.append(page.value(f"({FOCUSED})()"))
        page.press("Tab")
    wanted = ["files", "folder", "chests", "limbs", "base-rate", "wanted", "sort", "save"]
    assert [one for one in reached if one in wanted] == wanted
    page.press("Enter")  # on note.png
    wait(page, f"({FOCUSED})().includes('note.png is not read: not an image')")
    assert "not read" in page.value("document.getElementById('status').textContent")
    page.value("document.querySelector('#films button').focus()")
    page.press("Enter")
    wait(page, "document.activeElement.matches('#film h2')")
    page.press("Tab")
    for _ in range(40):
        page.press("ArrowLeft")  # the slider of the opacity, from 85 to 45 %
    assert 0 < page.value(OVERLAY) <= round(0.45 * 255)
    assert not page.problems


def test_the_page_reads_films_without_a_connection_after_the_first_time(browser, built, tmp_path):
    film = write_dicom(
        tmp_path / "film.dcm", syntax=JPEGBaseline8Bit, data=[as_bytes(GREY, "JPEG")]
    )
    with served(built) as address:
        browser.open(address)
        wait(browser, "document.getElementById('offline').textContent.includes('connection')")
    browser.open(address)  # nobody answers there now
    wait(browser, '"ready" in document.body.dataset')
    add(browser, [film])
    assert "percentile" in browser.value(LIST)[0]["words"]
    browser.value("document.querySelector('#detectors :checked').click()")
    wait(browser, "document.getElementById('films').textContent.includes('no detector is in use')")
