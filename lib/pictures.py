"""The pictures of the README, `make pictures`: films are phantoms; numbers also of real films."""

import shutil
import sys
import textwrap
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np

from lib import ROOT, figures, files, grid, provenance, selection
from lib.comparison import recorded, tables
from lib.comparison.answer import with_kinds
from lib.comparison.choices import with_marks
from lib.datasets.survey import survey
from lib.datasets.table import load_index
from lib.figures.style import styled
from lib.films import read_film, read_mask
from lib.preprocessing import prepare, warp_mask
from lib.shown import runs

FOLDER = ROOT / "docs"
SIZE = 160  # pixels a side
TEN = {"mura": 6, "nih": 2, "rsna": 2}  # films of each data set, half of them with a lesion
COLUMNS = 110  # characters of a line of text that is drawn
#: What somebody might have: a third of RSNA, a set in order, one too small and one misspelt.
ENTRIES = """
datasets:
  rsna: {layout: rsna, folder: rsna, body: chest}
  hands: {layout: folder, folder: hands, normal: healthy, abnormal: fracture, body: limb}
  ankles: {layout: folder, folder: ankles, normal: healthy, abnormal: fracture, body: limb}
  hips: {layout: folder, folder: hips, normal: Healthy, abnormal: fracture, body: limb}
"""


def phantoms() -> None:
    """Draw ten phantoms, lesions outlined."""
    pictures, lesions, titles = [], [], []
    for dataset, number in TEN.items():
        index = load_index(files.index(dataset))
        for label, word in enumerate(("normal", "abnormal")):
            for film in (
                index[index["label"].eq(label)].sample(number // 2, random_state=5).itertuples()
            ):
                prepared = prepare(read_film(ROOT / "data" / film.path), SIZE, crop=False)
                mask = (ROOT / "data/masks" / film.path).with_suffix(".png")
                drawn = read_mask(mask) if mask.exists() else np.zeros((film.height, film.width))
                pictures.append(prepared.image)
                lesions.append(warp_mask(drawn.astype("uint8"), prepared.matrix, SIZE))
                titles.append(f"{film.body_part}, {word}")
    _write(figures.films(pictures, titles, columns=5, lesions=lesions), "phantoms.png")


def at_a_glance() -> None:
    """Draw the best methods on phantoms in the last run, and on real films in the record."""
    _write(figures.glance(with_marks(runs(tables.read(files.RESULTS)))), "results.png")
    _write(figures.glance(with_kinds(with_marks(recorded.auroc()))), "results_real.png")


def answer() -> None:
    """Draw the output of `make data` for a folder of the four data sets of ENTRIES."""
    with TemporaryDirectory() as place:
        folder = Path(place, "films")
        _fill(folder)
        Path(place, "params").mkdir()
        Path(place, "params/datasets.yaml").write_text(ENTRIES)
        text = selection.answer(survey(folder, Path(place)), folder).replace(place, "/path/to")
    wrapped = [textwrap.fill(line, COLUMNS, subsequent_indent="    ") for line in text.splitlines()]
    lines = ["$ make data FROM=/path/to/films", "", *"\n".join(wrapped).splitlines()]
    figure = plt.figure(figsize=(9.2, 0.185 * len(lines) + 0.3), facecolor="#1f2430")
    style = {"family": "monospace", "size": 8.5, "color": "#e6e6e6", "va": "top"}
    figure.text(
        0.015, 1 - 0.15 / figure.get_figheight(), "\n".join(lines), linespacing=1.35, **style
    )
    figure.set_label(
        "The output of make data: which sets will be studied, which will not, and why."
    )
    _write(figure, "make_data.png")


def _fill(folder: Path) -> None:
    """Copy phantoms into a folder as the four data sets would lie there."""
    shutil.copytree(ROOT / "data/rsna", folder / "rsna")
    films = sorted((folder / "rsna/stage_2_train_images").iterdir())
    for number, film in enumerate(films):
        if number % 3:
            film.unlink()
    hands = load_index(files.index("mura")).query("body_part == 'hand'")
    for label, kind in enumerate(("healthy", "fracture")):
        paths = hands.loc[hands["label"].eq(label), "path"]
        for name, most in {"hands": 80, "ankles": 8, "hips": 40}.items():
            (folder / name / kind).mkdir(parents=True)
            for number, path in enumerate(paths[:most]):
                shutil.copy(ROOT / "data" / path, folder / name / kind / f"{number:03}.png")


@styled
def _write(figure, name: str) -> None:
    FOLDER.mkdir(exist_ok=True)
    figure.savefig(Path(FOLDER, name), metadata={"Software": None})
    print(f"docs/{name}: {figure.get_label()}")


if __name__ == "__main__":
    if not provenance.holds_phantoms() or grid.datasets() != list(TEN):
        sys.exit("The README shows phantoms only: run `make data` and `dvc repro` first.")
    phantoms()
    at_a_glance()
    answer()
