"""How fast films are prepared and networks trained on this machine: `make benchmark`.

Speeds depend on the machine, so each stands beside a ratio measured in the same run, and beside the
speed that reports/benchmarks.csv held before.
"""

import os
import platform
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from lib import ROOT, grid

KEPT = ROOT / "reports/benchmarks.csv"
FILMS = 256


def preprocessing_speed() -> list[dict]:
    """Films/s from DICOM file to picture, in one process and over all cores."""
    from lib.datasets.table import load_index
    from lib.preprocessing.arrays import settings, write_films

    dataset = grid.datasets()[-1]
    index = load_index(ROOT / f"build/index/{dataset}.csv").head(FILMS)
    nothing = pd.DataFrame({"image_id": []})
    speed = {}
    with tempfile.TemporaryDirectory() as folder:
        for processes in (1, os.cpu_count()):
            started = time.perf_counter()
            target = Path(folder) / dataset
            write_films(index, nothing, ROOT / "data", target, settings(dataset), processes)
            speed[processes] = len(index) / (time.perf_counter() - started)
    return [
        _row("preparing", f"{dataset}, {processes} processes", value, value / speed[1], "1 process")
        for processes, value in speed.items()
    ]


def training_speed() -> list[dict]:
    """Films/s in training and in scoring, for each method of the profile in use."""
    from lib import methods

    profile = grid.profile()
    size = profile["images"]["size"]
    films = np.random.default_rng(0).uniform(-1, 1, (FILMS, size, size, 1)).astype("float32")
    labels = np.arange(FILMS, dtype="float32") % 2
    rows = []
    for name in sorted({cell.method for cell in grid.cells()}):
        settings = {
            key: value for key, value in profile[name].items() if key not in ("labels", "augment")
        }
        detector = methods.find(name)(image_size=size, **settings)
        detector.fit(films, labels, epochs=1, verbose=0)
        for task, work in (
            (
                "training",
                lambda detector=detector: detector.fit(films, labels, epochs=3, verbose=0),
            ),
            ("scoring", lambda detector=detector: detector.predict(films, verbose=0)),
        ):
            started = time.perf_counter()
            work()
            passes = 3 if task == "training" else 1
            rows.append((task, name, passes * FILMS / (time.perf_counter() - started)))
    first = {task: value for task, _, value in reversed(rows)}
    return [_row(task, name, value, value / first[task], rows[0][1]) for task, name, value in rows]


def machine() -> str:
    """This machine in words."""
    return f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}"


def _row(task: str, subject: str, speed: float, ratio: float, to: str) -> dict:
    return {"task": task, "subject": subject, "films_per_s": round(speed, 1),
            "ratio": round(ratio, 2), "ratio_to": to, "machine": machine()}  # fmt: skip


if __name__ == "__main__":
    table = pd.DataFrame(preprocessing_speed() + training_speed())
    shown = table
    if KEPT.exists():
        before = pd.read_csv(KEPT)[["task", "subject", "films_per_s"]]
        shown = table.merge(before, on=["task", "subject"], how="left", suffixes=("", "_before"))
        shown["times_before"] = (shown["films_per_s"] / shown["films_per_s_before"]).round(2)
    print(shown.drop(columns="machine").to_string(index=False), f"\non {machine()}")
    table.to_csv(KEPT, index=False)
