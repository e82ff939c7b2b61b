"""The README's picture of the page in the browser: python tests/picture_of_reader.py.

It shows a sample phantom on the page that `make reader` built, with the detector rsna-nsa-0.
"""

import base64
import io
from pathlib import Path
from tempfile import TemporaryDirectory

from browser import Browser
from PIL import Image
from test_reader_page import served, wait

from lib import ROOT

DETECTOR, SAMPLE = "rsna-nsa-0", "rsna_1.dcm"
CHOOSE = f"""document.querySelectorAll("#detectors input").forEach(
  (box) => box.checked !== (box.value === "{DETECTOR}") && box.click())"""
LOOK = f"""[...document.querySelectorAll("#samples button")].find(
  (one) => one.textContent === "{SAMPLE}").click()"""
PLACE = """(() => {
  const { x, y, width } = document.getElementById("film").getBoundingClientRect();
  const { bottom } = document.querySelector("#film .pictures figure").getBoundingClientRect();
  return { x, y, width, height: bottom - y, scale: 1 };
})()"""


def draw(window: Browser) -> Image.Image:
    """Return the section of the page that shows the sample, down to the map over it."""
    wait(window, '"ready" in document.body.dataset')
    window.value(CHOOSE)
    wait(window, "document.getElementById('status').textContent === 'Ready.'")
    window.value(LOOK)
    wait(window, f"document.querySelector('[data-detector=\"{DETECTOR}\"]')")
    clip = {"clip": window.value(PLACE), "captureBeyondViewport": True}
    taken = window.ask("Page.captureScreenshot", **clip)
    return Image.open(io.BytesIO(base64.b64decode(taken["data"])))


if __name__ == "__main__":
    with TemporaryDirectory() as profile, served(ROOT / "reports/reader") as address:
        window = Browser(Path(profile))
        window.open(address, 760)
        picture = draw(window).convert("RGB").quantize(256)
        window.close()
    picture.save(ROOT / "docs/reader.png", optimize=True)
