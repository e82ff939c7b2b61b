"""Fits and scores all that a study asks for, in a pool of worker processes.

On a CPU there are as many workers as cores, with one thread each; on a GPU there is one. A worker
does many fits, so that it imports TensorFlow once.
"""

import gc
import json
import multiprocessing
import os
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from itertools import starmap

import pandas as pd
from tqdm import tqdm

from lib import grid, provenance
from lib.studies.plan import Fit, Study, variant_name
from lib.study import attempt, entry_of, index_and_films, score, train, whole_or_not_at_all

#: What TensorFlow, OpenMP and OpenBLAS read when they are first imported.
THREADS = (
    *("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"),
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"),
)


def run(study: Study, workers: int | None = None) -> None:
    """Fit and score all of a study, and leave scores.csv and fits.json in its folder.

    One worker is this process itself. Raises BadData where films or parameters are missing. That,
    MemoryError, the death of a worker and interruptions leave nothing behind and keep what was
    there.
    """
    index_and_films(study.dataset)  # what is missing is said before any worker starts
    fits = study.fits()
    jobs = [(study.dataset, fit, {**entry_of(fit.method), **fit.change}) for fit in fits]
    workers = workers_for(len(jobs)) if workers is None else workers
    started = time.monotonic()
    with whole_or_not_at_all(study.folder) as folder:
        outcomes, scores = [], []
        for outcome, found in tqdm(_all_done(jobs, workers), str(study), len(jobs), unit="fit"):
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
            "workers": workers,
            "duration_s": round(time.monotonic() - started, 1),
            "trace": provenance.trace(),
        }
        (folder / "fits.json").write_text(json.dumps(made, indent=1))


def workers_for(fits: int) -> int:
    """One on a GPU; on a CPU as many as there are cores, or fits where these are fewer."""
    from lib.detector import ON_GPU

    return 1 if ON_GPU else min(os.cpu_count() or 1, fits)


def fit_and_score(dataset: str, fit: Fit, parameters: dict) -> tuple[dict, pd.DataFrame]:
    """What became of a fit, and its scores; one that failed has none."""
    origin = {"method": fit.method, "variant": fit.variant, "seed": fit.seed}
    scores = pd.DataFrame({"image_id": [], "score": []})

    def work() -> dict:
        nonlocal scores
        index, films = index_and_films(dataset)
        cell = grid.cell(dataset, fit.method, fit.seed)
        trained = train(cell, parameters, index, films, verbose=0)
        scores = score(trained.detector, films, index)[["image_id", "score"]]
        return {"setting": _setting(trained.setting, fit.change), "films": trained.films}

    outcome = {**origin, "parameters": parameters, **attempt(work)}
    _forget()
    return outcome, scores.assign(**origin)


def _setting(labels: str, change: dict) -> str:
    """The labels of a fit in words, and whatever else the variant changes."""
    rest = {name: change[name] for name in change.keys() - {"labels", "contamination"}}
    return f"{labels}, {variant_name(rest)}" if rest else labels


def _forget() -> None:
    """Drop the graphs of a fit, which Keras would keep for as long as the process lives."""
    import keras

    keras.utils.clear_session()
    gc.collect()


def _all_done(jobs: list[tuple], workers: int) -> Iterator[tuple[dict, pd.DataFrame]]:
    """Outcome and scores of each job, in their order."""
    if workers == 1:
        yield from starmap(fit_and_score, jobs)
        return
    # Spawned, as TensorFlow does not survive a fork.
    spawn = multiprocessing.get_context("spawn")
    with _environment(dict.fromkeys(THREADS, "1")), ProcessPoolExecutor(workers, spawn) as pool:
        yield from pool.map(fit_and_score, *zip(*jobs, strict=True))


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    """Variables that processes started in the block are given."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in variables:
            os.environ.pop(name)
        os.environ.update(before)
