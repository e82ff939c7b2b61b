"""The reader in the browser: the same pictures and scores as in Python, and nothing leaves it."""

import json
import shutil
import subprocess
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np
import onnxruntime
import pytest
from browser import needs_chromium

from lib import ROOT, phantoms
from lib.films import read_film
from lib.preprocessing import prepare, to_float

pytest.importorskip("onnx", reason="needs onnx, which writes a small detector")
from small_detector import write_detector

pytestmark = [
    pytest.mark.seconds(60),
    needs_chromium,
    pytest.mark.skipif(not shutil.which("npm"), reason="needs Node, which is not installed"),
]

SETTINGS = {
    "chests": {"size": 64, "body": "chest", "equalize": "clahe"},
    "limbs": {"size": 96, "body": "limb", "equalize": "histogram", "mask": True},
}
CHOOSE_ALL = """document.querySelectorAll("#detectors input:not(:checked)").forEach(
  (box) => box.click())"""
LOOK = """(name) => {
  document.getElementById("film").replaceChildren();
  [...document.querySelectorAll("#films button")].find((one) => one.textContent === name).click();
}"""
#: The score that a detector's answer shows, and the grey levels of the picture that it saw.
ANSWER = """(name) => {
  const card = document.querySelector(`[data-detector="${name}"]`);
  const drawn = card.querySelector("canvas.prepared");
  const { data } = drawn.getContext("2d").getImageData(0, 0, drawn.width, drawn.height);
  return { score: Number(card.dataset.score), image: [...data].filter((_, n) => n % 4 === 0) };
}"""


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    """Phantoms of each kind, PNG and DICOM, and one of 16 bits."""
    drawn, folder = tmp_path_factory.mktemp("drawn") / "phantoms", tmp_path_factory.mktemp("films")
    phantoms.draw(drawn, 4, workers=1)
    shutil.rmtree(drawn / "masks")
    paths = sorted(path for path in drawn.rglob("*") if path.suffix in (".png",))
    films = [shutil.copy(path, folder / f"film {n}{path.suffix}") for n, path in enumerate(paths)]
    deep = read_film(paths[0]).astype(np.uint16) * 200
    deep += np.random.default_rng(0).integers(0, 200, deep.shape, dtype=np.uint16)
    cv2.imwrite(str(folder / "deep.png"), deep)
    return [*films, folder / "deep.png"]


@pytest.fixture(scope="module")
def detectors(tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    random = np.random.default_rng(0)
    for name, settings in SETTINGS.items():
        normals, abnormals = random.normal(0.1, 0.02, 40), random.normal(0.14, 0.02, 40)
        write_detector(folder / name, settings, normals.tolist(), abnormals.tolist())
    return folder


@pytest.fixture(scope="module")
def site(detectors, tmp_path_factory):
    """The address of the page, built from its sources and served on this machine only."""
    reader, target = ROOT / "reader", tmp_path_factory.mktemp("site")
    if not (reader / "node_modules").exists():
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        fetched = subprocess.run(command, cwd=reader, capture_output=True, text=True)
        if fetched.returncode:
            pytest.skip("needs the packages of reader/, which cannot be fetched")
    command = ["node", reader / "build.js", detectors, target / "no phantoms", target]
    built = subprocess.run(command, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    handler = partial(Silent, directory=target)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/index.html"
        server.shutdown()


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
    """Wait until a condition holds on the page, at most a minute."""
    looks = f"""new Promise((resolve) => {{
      const start = Date.now();
      const look = () => ({condition}) ? resolve("") : Date.now() - start > 60000
        ? resolve(document.body.innerText) : setTimeout(look, 20);
      look();
    }})"""
    assert window.value(looks) == "", f"still not: {condition}"


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


def test_pictures_and_scores_are_those_of_python(page, films, detectors):
    add(page, films)
    for path in films:
        for name, found in look_at(page, path).items():
            facts = json.loads((detectors / name / "detector.json").read_text())
            image = prepare(read_film(path), **SETTINGS[name]).image
            apart = np.abs(np.array(found["image"]) - image.ravel())
            assert np.mean(apart <= 1) >= 0.995, (path, name, apart.max())
            network = onnxruntime.InferenceSession(detectors / name / "detector.onnx")
            (score,) = network.run(["score"], {"films": to_float(image[None])})[0]
            spread = np.ptp(facts["normals"] + facts["abnormals"])
            assert abs(found["score"] - score) <= 1e-3 * spread, (path, name)
