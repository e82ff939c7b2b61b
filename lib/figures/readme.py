"""The pictures of the README, from phantoms only: `make pictures`."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from lib import ROOT, figures, grid, provenance
from lib.datasets.table import load_index

FOLDER = ROOT / "docs"
SEED = 1
TEN = {"mura": 6, "nih": 2, "rsna": 2}  # films of each data set, half of them with a lesion


def phantoms() -> None:
    """Draw ten phantoms as detectors see them, lesions outlined."""
    pictures, lesions, titles = [], [], []
    for dataset, number in TEN.items():
        index = load_index(ROOT / f"build/index/{dataset}.csv")
        for label in (0, 1):
            rows = index[index["label"].eq(label)].sample(number // 2, random_state=SEED).index
            pictures += list(np.load(ROOT / f"build/images/{dataset}.npy")[rows])
            lesions += list(np.load(ROOT / f"build/images/{dataset}.lesions.npy")[rows])
            titles += [f"{index['body_part'][row]} {index['finding'][row]}" for row in rows]
    _write(figures.films(pictures, titles, columns=5, lesions=lesions), "phantoms.png")


def leaderboard() -> None:
    """Draw the AUROC of detectors and floors of the last run."""
    results = pd.read_csv(ROOT / "reports/results.csv", dtype={"seed": str})
    shown = results.query("level == 'image' and group == 'all' and metric == 'auroc'")
    _write(figures.leaderboard(shown), "leaderboard.png")


def _write(figure, name: str) -> None:
    FOLDER.mkdir(exist_ok=True)
    figure.savefig(Path(FOLDER, name), metadata={"Software": None})
    print(f"docs/{name}: {figure.get_label()}")


if __name__ == "__main__":
    if provenance.data_source() != "phantoms" or grid.datasets() != list(TEN):
        sys.exit("The README shows phantoms only: run `make data` and `dvc repro` first.")
    phantoms()
    leaderboard()
