"""Works through many fits, over the cores of this machine or over another executor.

A worker does many fits, so that it imports TensorFlow once. A fit lands as soon as it ends: what is
interrupted later goes on from there. The executor is one of `concurrent.futures`, or any other with
its `submit`: a fit is the unit of work, read from files and left in files (lib.fits.work), and its
record says how many seconds and megabytes it took.
"""

import gc
import shutil
from collections.abc import Iterator
from concurrent.futures import Executor, as_completed
from contextlib import nullcontext
from typing import Any

from tqdm import tqdm

from lib import processes
from lib.fits.work import TASKS
from lib.grid import Fit


def work_through(
    task: str, fits: list[Fit], title: str, executor: Executor | None = None
) -> Iterator[dict]:
    """Do a task of lib.fits.work for each fit and yield the records as the fits end.

    What is done already is passed over. Without an executor there is one worker per core, on a GPU
    one. Raises what a fit raises that says nothing about its method, after which no other begins.
    """
    waiting = [fit for fit in fits if not TASKS[task].is_done(fit)]
    bar: dict[str, Any] = {"desc": f"{TASKS[task].title} {title}", "unit": "fit"}
    bar |= {"total": len(fits), "initial": len(fits) - len(waiting)}
    if len(waiting) < 2 and executor is None:  # not worth a process
        yield from tqdm((run(task, fit) for fit in waiting), **bar)
        return
    own = processes.pool(min(most_workers() or processes.CORES, len(waiting)), settle)
    with own if executor is None else nullcontext(executor) as pool:
        futures = [pool.submit(run, task, fit) for fit in waiting]
        for future in tqdm(as_completed(futures), **bar):
            yield future.result()


def run(task: str, fit: Fit) -> dict:
    """Do a task for one fit; returns its record."""
    record = TASKS[task].run(fit)
    forget()
    return record


def most_workers() -> int | None:
    """One on a GPU; None on a CPU: as many as there are cores.

    Asked as the Makefile asks: TensorFlow, imported here, would keep the GPU from the workers.
    """
    return 1 if shutil.which("nvidia-smi") else None


def settle() -> None:
    """Import what every fit needs, which the garbage collector need not walk through after each."""
    import lib.fits.score
    import lib.fits.train  # noqa: F401

    gc.collect()
    gc.freeze()


def forget() -> None:
    """Drop the graphs of a fit, which Keras would keep for as long as the process lives."""
    import keras

    keras.utils.clear_session()
    gc.collect()
