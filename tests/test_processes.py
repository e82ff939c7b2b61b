import os
import time
from concurrent.futures.process import BrokenProcessPool

import pytest

from lib import processes


def own_process(number):
    """Return its own number and the number of the process."""
    time.sleep(0.01)
    return number, os.getpid()


def wrong_at_three(number):
    if number == 3:
        raise ValueError("three")
    return number


def note_the_start():
    os.environ["STARTED"] = "yes"


def started(_):
    return os.environ.get("STARTED")


def die(_):
    os._exit(1)


def each(function, items=range(20), **options):
    return list(processes.each(function, items, "work", "piece", **options))


def test_items_come_in_their_order_from_other_processes():
    results = each(own_process, workers=2, chunk=3)
    assert [number for number, _ in results] == list(range(20))
    where = {process for _, process in results}
    assert os.getpid() not in where and len(where) <= 2


@pytest.mark.parametrize(
    ("items", "workers", "chunk"),
    [(range(20), 1, 1), (range(1), 4, 1), (range(9), 4, 9), ((), 4, 1)],
)
def test_one_worker_or_one_chunk_is_this_process(items, workers, chunk):
    results = each(own_process, items, workers=workers, chunk=chunk)
    assert {process for _, process in results} <= {os.getpid()}


def test_a_worker_starts_with_the_given_function(monkeypatch):
    monkeypatch.delenv("STARTED", raising=False)
    assert set(each(started, workers=2, start=note_the_start)) == {"yes"}
    assert "STARTED" not in os.environ


@pytest.mark.parametrize("workers", [1, 2])
def test_what_the_function_raises_comes_through(workers):
    results = processes.each(wrong_at_three, range(9), "work", "piece", workers=workers)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="three"):
        next(results)


def test_a_worker_that_dies_is_reported():
    with pytest.raises(BrokenProcessPool):
        each(die, workers=2)
