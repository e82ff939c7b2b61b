"""The pictures of the README, from phantoms only: `make pictures`."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from lib import ROOT, figures, grid, provenance
from lib.datasets.table import load_index
from lib.films import read_film
from lib.preprocessing import prepare, warp_mask

FOLDER = ROOT / "docs"
SIZE = 160  # pixels a side
TEN = {"mura": 6, "nih": 2, "rsna": 2}  # films of each data set, half of them with a lesion


def phantoms() -> None:
    """Draw ten phantoms, lesions outlined."""
    pictures, lesions, titles = [], [], []
    for dataset, number in TEN.items():
        index = load_index(ROOT / f"build/index/{dataset}.csv")
        for label, word in enumerate(("normal", "abnormal")):
            for film in (
                index[index["label"].eq(label)].sample(number // 2, random_state=5).itertuples()
            ):
                prepared = prepare(read_film(ROOT / "data" / film.path), SIZE, crop=False)
                mask = (ROOT / "data/masks" / film.path).with_suffix(".png")
                drawn = read_film(mask) if mask.exists() else np.zeros((film.height, film.width))
                pictures.append(prepared.image)
                lesions.append(warp_mask(drawn.astype("uint8"), prepared.matrix, SIZE))
                titles.append(f"{film.body_part}, {word}")
    _write(figures.films(pictures, titles, columns=5, lesions=lesions), "phantoms.png")


def leaderboard() -> None:
    """Draw the AUROC of detectors and floors of the last run."""
    results = pd.read_csv(ROOT / "reports/results.csv", dtype={"seed": str})
    shown = results.query("level == 'image' and group == 'all' and metric == 'auroc'")
    shown = shown[~shown["family"].str.startswith(grid.STUDY)]
    _write(figures.leaderboard(shown), "leaderboard.png")


def _write(figure, name: str) -> None:
    FOLDER.mkdir(exist_ok=True)
    figure.savefig(Path(FOLDER, name), metadata={"Software": None})
    print(f"docs/{name}: {figure.get_label()}")


if __name__ == "__main__":
    if not provenance.holds_phantoms() or grid.datasets() != list(TEN):
        sys.exit("The README shows phantoms only: run `make data` and `dvc repro` first.")
    phantoms()
    leaderboard()
