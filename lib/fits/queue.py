"""A queue of fits, over the cores of this machine or over another executor.

A worker processes many fits, so that it imports TensorFlow once. The result of a fit is stored as
soon as it ends: an interrupted queue resumes there. The executor is one of `concurrent.futures`, or
any other with its `submit`: a fit is the unit of work, from files to files (lib.fits.work), and its
record states its seconds and megabytes.
"""

import gc
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, as_completed
from contextlib import nullcontext
from typing import Any

from tqdm import tqdm

from lib import ROOT, processes
from lib.fits import underway
from lib.fits.work import TASKS
from lib.grid import Fit


def work_through(
    task: str,
    fits: list[Fit],
    title: str,
    executor: Executor | None = None,
    again: bool = False,
    others: Iterable[Fit] = (),
) -> Iterator[dict]:
    """Do a task of lib.fits.work for each fit and yield the records as the fits end.

    Finished fits are skipped, unless `again`. Without an executor there is one worker per core, or
    one on a GPU. The others go on after an error that is not of a fit's method; the first such
    error is raised at the end. The progress bar also counts `others`, the fits of other calls.
    """
    others = list(others)
    waiting = [fit for fit in fits if again or not TASKS[task].is_done(fit)]
    done = len(fits) - len(waiting) + sum(map(underway.is_finished, others))
    bar: dict[str, Any] = {"desc": f"{TASKS[task].title} {title}", "unit": "fit"}
    bar |= {"total": len(fits) + len(others), "initial": done}
    if others:
        bar["postfix"] = {"pages": underway.PAGE.relative_to(ROOT)}
    if len(waiting) < 2 and executor is None:  # a process would cost more
        for fit in tqdm(waiting, **bar):
            yield run(task, fit, again)
        return
    workers = processes.pool(min(processes.most_workers() or processes.CORES, len(waiting)), settle)
    with workers if executor is None else nullcontext(executor) as pool:
        futures = [pool.submit(run, task, fit, again) for fit in waiting]
        errors = []
        for future in tqdm(as_completed(futures), **bar):
            if error := future.exception():
                errors.append(error)
            else:
                yield future.result()
    if errors:
        raise errors[0]


def run(task: str, fit: Fit, again: bool = False) -> dict:
    """Do a task for one fit and return its record."""
    record = TASKS[task].run(fit, again)
    forget()
    return record


def settle() -> None:
    """Import modules of all fits and exclude them from the garbage collection after each fit."""
    import lib.fits.score
    import lib.fits.train  # noqa: F401

    gc.collect()
    gc.freeze()


def forget() -> None:
    """Delete the graphs of a fit, which Keras would otherwise keep until the process ends."""
    import keras

    keras.utils.clear_session()
    gc.collect()
