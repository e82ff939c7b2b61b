"""Apply a function to each of many items, in parallel over the cores of the machine."""

import math
import multiprocessing
import os
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any

from tqdm import tqdm

CORES = os.cpu_count() or 1


def each(
    function: Callable,
    items: Iterable,
    title: str,
    unit: str,
    *,
    workers: int | None = None,
    chunk: int = 1,
    start: Callable | None = None,
) -> Iterator[Any]:
    """Yield function(item) for each item, in order, with a progress bar.

    All cores are used, or `workers` processes; a single worker is this process itself. A worker
    receives `chunk` items at a time, which should take longer than the start of a worker, and calls
    `start()` before its first. Raises the errors of `function`, and BrokenProcessPool when a worker
    dies.
    """
    items = list(items)
    workers = min(workers or CORES, math.ceil(len(items) / chunk))
    bar = {"desc": title, "total": len(items), "unit": unit}
    if workers <= 1:
        yield from tqdm(map(function, items), **bar)
        return
    with pool(workers, start) as executor:
        yield from tqdm(executor.map(function, items, chunksize=chunk), **bar)


def most_workers() -> int | None:
    """Return 1 on a GPU; None on a CPU, for one worker per core.

    The test is the Makefile's: TensorFlow, imported here, would block the GPU for the workers.
    """
    return 1 if shutil.which("nvidia-smi") else None


@contextmanager
def pool(workers: int, start: Callable | None = None) -> Iterator[ProcessPoolExecutor]:
    """Yield a pool of worker processes, each of which first calls `start()`.

    The workers end with the block, on an error or interruption at once, and with this process, for
    whatever reason it ends.
    """
    # Spawned, not forked: the threads of TensorFlow in a notebook do not survive a fork.
    spawn = multiprocessing.get_context("spawn")
    executor = ProcessPoolExecutor(workers, spawn, _start_worker, (start,))
    others = multiprocessing.active_children()
    try:
        yield executor
    except BaseException:
        for worker in multiprocessing.active_children():
            if worker not in others:
                worker.terminate()
        raise
    finally:
        executor.shutdown(cancel_futures=True)


def _start_worker(start: Callable | None) -> None:
    """Prepare a worker, which must end by itself if this process is killed."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if start is not None:
        start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent, "only a worker has a parent process"
    parent.join()
    os._exit(1)
