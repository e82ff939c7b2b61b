"""Work spread over the cores of the machine: each item by a function, in processes of its own."""

import math
import multiprocessing
import os
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
    """Yield function(item) of each item, in their order, beside a progress bar.

    Over all cores, or so many `workers`; one is this process itself. A worker gets `chunk` items at
    a time, which is to be more than it does while another worker starts, and calls `start()` before
    its first. Raises what `function` raises, and BrokenProcessPool when a worker dies.
    """
    items = list(items)
    workers = min(workers or CORES, math.ceil(len(items) / chunk))
    bar = {"desc": title, "total": len(items), "unit": unit}
    if workers <= 1:
        yield from tqdm(map(function, items), **bar)
        return
    with pool(workers, start) as executor:
        yield from tqdm(executor.map(function, items, chunksize=chunk), **bar)


@contextmanager
def pool(workers: int, start: Callable | None = None) -> Iterator[ProcessPoolExecutor]:
    """Worker processes, each of which calls `start()` first.

    An error in the block, or its interruption, ends them. They end with this process, however it
    ends.
    """
    # Spawned, not forked: a notebook may hold TensorFlow's threads, which a fork would not survive.
    spawn = multiprocessing.get_context("spawn")
    executor = ProcessPoolExecutor(workers, spawn, _begin, (start,))
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


def _begin(start: Callable | None) -> None:
    """Prepare a worker, which nobody would end if this process were killed."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if start is not None:
        start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent, "only a worker ends with its parent"
    parent.join()
    os._exit(1)
