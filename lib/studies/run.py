"""Fits and scores all that a study asks for, in worker processes.

On a CPU there are as many workers as cores, on a GPU there is one. A worker does many fits, so that
it imports TensorFlow once.
"""

import gc
import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import pandas as pd
from tqdm import tqdm

from lib import ROOT, files, grid, methods, processes, provenance
from lib.datasets.table import load_index
from lib.preprocessing import arrays
from lib.studies.plan import Fit, Study, variant_name
from lib.study import attempt, entry_of, index_and_films, score, train


class Job(NamedTuple):
    """A fit of a study on a data set, with all the parameters of its method.

    `pictures` are films (n, h, w) that are prepared otherwise than those of the data set, or None.
    """

    dataset: str
    fit: Fit
    parameters: dict
    pictures: Path | None


def run(study: Study, workers: int | None = None) -> None:
    """Fit and score all of a study, and leave scores.csv and fits.json in its folder.

    One worker is this process itself. Waits for another process that is at work on the study.
    Raises BadData where films or parameters are missing. That, accidents, the death of a worker and
    interruptions leave nothing behind and keep what was there.
    """
    index_and_films(study.dataset)  # what is missing is said before any worker starts
    methods.check_backend()
    fits = study.fits()
    entries = {method: entry_of(method) for method in study.methods}
    started = time.monotonic()
    with (
        files.locked(study.folder),
        files.whole_folder(study.folder) as folder,
        _pictures(study, folder) as pictures,
    ):
        jobs = [
            Job(study.dataset, fit, {**entries[fit.method], **fit.change}, pictures[fit.variant])
            for fit in fits
        ]
        outcomes, scores = [], []
        workers = workers or most_workers()
        results = processes.each(
            fit_and_score, jobs, str(study), "fit", workers=workers, start=_settle
        )
        for outcome, found in results:
            if outcome["status"] == "failed":
                tqdm.write(f"{outcome['method']}, {outcome['variant']}: {outcome['reason']}")
            outcomes.append(outcome)
            scores.append(found)
        table = pd.concat(scores)[["method", "variant", "seed", "image_id", "score"]]
        table.to_csv(folder / "scores.csv", index=False)
        made = {
            "study": study.name,
            "dataset": study.dataset,
            "variants": {variant_name(change): change for change in study.variants},
            "fits": outcomes,
            "duration_s": round(time.monotonic() - started, 1),
            "trace": provenance.trace(),
        }
        (folder / "fits.json").write_text(json.dumps(made, indent=1))


def most_workers() -> int | None:
    """One on a GPU; None on a CPU: as many as there are cores.

    Asked as the Makefile asks: TensorFlow, imported here, would keep the GPU from the workers.
    """
    return 1 if shutil.which("nvidia-smi") else None


def fit_and_score(job: Job) -> tuple[dict, pd.DataFrame]:
    """What became of a fit, and its scores; one that failed has none."""
    fit = job.fit
    origin = {"method": fit.method, "variant": fit.variant, "seed": fit.seed}
    scores = pd.DataFrame({"image_id": [], "score": []})

    index, films = index_and_films(job.dataset)
    if job.pictures is not None:
        films = np.load(job.pictures, mmap_mode="r")
    import lib.detector  # noqa: F401 - before the attempt, as for a cell

    def work() -> dict:
        nonlocal scores
        cell = grid.cell(job.dataset, fit.method, fit.seed)
        own = {name: value for name, value in job.parameters.items() if name != "images"}
        trained = train(cell, own, index, films, watched=False, verbose=0)
        scores = score(trained.detector, films, index)[["image_id", "score"]]
        return {"setting": _setting(trained.setting, fit.change), "films": trained.films}

    outcome = {**origin, "parameters": job.parameters, **attempt(work)}
    _forget()
    return outcome, scores.assign(**origin)


@contextmanager
def _pictures(study: Study, place: Path) -> Iterator[dict[str, Path | None]]:
    """For each variant the array of films that it prepares otherwise, `images` in it, or None.

    The arrays lie below `place` until the block ends.
    """
    index = load_index(ROOT / f"build/index/{study.dataset}.csv")
    nothing_drawn = pd.DataFrame({"image_id": []})
    with TemporaryDirectory(dir=place) as folder:
        found = {}
        for number, change in enumerate(study.variants):
            found[variant_name(change)] = None
            if "images" in change:
                target = Path(folder, str(number))
                settings = arrays.settings(study.dataset, change["images"])
                arrays.write_films(index, nothing_drawn, ROOT / "data", target, settings)
                found[variant_name(change)] = target.with_suffix(".npy")
        yield found


def _setting(labels: str, change: dict) -> str:
    """The labels of a fit in words, and whatever else the variant changes."""
    rest = {name: change[name] for name in change if name not in ("labels", "contamination")}
    return f"{labels}, {variant_name(rest)}" if rest else labels


def _forget() -> None:
    """Drop the graphs of a fit, which Keras would keep for as long as the process lives."""
    import keras

    keras.utils.clear_session()
    gc.collect()


def _settle() -> None:
    """Import what every fit needs, which the garbage collector need not walk through after each."""
    import lib.detector  # noqa: F401

    gc.collect()
    gc.freeze()
