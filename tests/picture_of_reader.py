"""The README's pictures of the reader: python tests/picture_of_reader.py.

One shows a phantom on the page that `make reader` built, with the detector rsna-nsa-0: the first
test film with an opacity. The other shows the first answers of `make read` for some test films, by
a detector that reconstructs films.
"""

import base64
import io
import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
from browser import Browser
from PIL import Image
from test_reader_page import served, wait

from lib import ROOT, files
from lib.datasets.table import load_index
from lib.reader import Reader, folder

DETECTOR, FINDING = "rsna-nsa-0", "Lung Opacity"
READS = "rsna/ae_u/0"  # the films of the table of answers
FILMS = 6  # of each label, of the test films
CHOOSE = f"""document.querySelectorAll("#detectors input").forEach(
  (box) => box.checked !== (box.value === "{DETECTOR}") && box.click())"""
PLACE = """(() => {
  const { x, y, width } = document.getElementById("film").getBoundingClientRect();
  const { bottom } = document.querySelector("#film .pictures figure").getBoundingClientRect();
  return { x, y, width, height: bottom - y, scale: 1 };
})()"""
FIRST_ROW = """(() => {
  const { x, y, width } = document.querySelector(".films").getBoundingClientRect();
  const films = [...document.querySelectorAll(".films li")];
  const places = films.map((one) => one.getBoundingClientRect());
  const bottom = Math.max(...places.filter(({ top }) => top < y + 20).map((one) => one.bottom));
  return { x, y, width, height: bottom - y, scale: 1 };
})()"""


def films_of_test() -> pd.DataFrame:
    """Return the index of the test films of phantoms, with the paths of these."""
    index = load_index(files.index("rsna"))
    paths = [files.BUILD / "phantoms" / path for path in index["path"]]
    return index.assign(path=paths)[index["split"].eq("test")]


def reader(window: Browser, place: Path) -> Image.Image:
    """Return the section of the page that shows a film, down to the map over it."""
    film = place / "chest.dcm"
    films = films_of_test()
    shutil.copy(films.loc[films["finding"].eq(FINDING), "path"].iloc[0], film)
    with served(ROOT / "reports/reader") as address:
        window.open(address, 760)
        wait(window, '"ready" in document.body.dataset')
        window.value(CHOOSE)
        wait(window, "document.getElementById('status').textContent === 'Ready.'")
        window.choose("#files", [film])
        wait(window, f"document.querySelector('[data-detector=\"{DETECTOR}\"]')")
        return _taken(window, PLACE)


def answers(window: Browser, place: Path) -> Image.Image:
    """Return the first row of answers for phantoms of the study, read into a folder."""
    (place / "films").mkdir()
    for path in films_of_test().groupby("label").head(FILMS)["path"]:
        shutil.copy(path, place / "films")
    folder.read(place / "films", Reader(READS), place / "answers")
    window.open(place / "answers" / folder.PAGE, 960)
    return _taken(window, FIRST_ROW)


def _taken(window: Browser, place: str) -> Image.Image:
    clip = {"clip": window.value(place), "captureBeyondViewport": True}
    taken = window.ask("Page.captureScreenshot", **clip)
    picture = Image.open(io.BytesIO(base64.b64decode(taken["data"])))
    return picture.convert("RGB").quantize(256)


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with TemporaryDirectory() as profile, TemporaryDirectory() as place:
        window = Browser(Path(profile))
        reader(window, Path(place)).save(ROOT / "docs/reader.png", optimize=True)
        answers(window, Path(place)).save(ROOT / "docs/answers.png", optimize=True)
        window.close()
