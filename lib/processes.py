"""Work spread over the cores of the machine: each item by a function, in processes of its own."""

import math
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from tqdm import tqdm


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
    its first. Raises what `function` raises, and BrokenProcessPool when a worker dies; then, and
    when it is interrupted, it ends its workers. They end with this process, however it ends.
    """
    items = list(items)
    workers = min(workers or os.cpu_count() or 1, math.ceil(len(items) / chunk))
    bar = {"desc": title, "total": len(items), "unit": unit}
    if workers <= 1:
        yield from tqdm(map(function, items), **bar)
        return
    # Spawned, not forked: a notebook may hold TensorFlow's threads, which a fork would not survive.
    spawn = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, spawn, _begin, (start,))
    others = multiprocessing.active_children()
    try:
        results = pool.map(function, items, chunksize=chunk)
        yield from tqdm(results, **bar)
    except BaseException:
        for worker in multiprocessing.active_children():
            if worker not in others:
                worker.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


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
