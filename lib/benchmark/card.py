"""Measure every method of the study on a GPU, with JAX: `make benchmark CARD=yes`.

Methods run with their settings of the profile `full`, on noise. Several processes compile their
programs at the same time, which takes longest; each then times its own while the others wait.
"""

import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from lib import grid, methods, params, processes
from lib.benchmark import agreement, hours, table
from lib.benchmark.operations import Ceilings, least_seconds
from lib.errors import BadData

PROFILE = "full"
BODY = {"body": "limb"}  # by which films are augmented
PROCESSES = 12  # at most: each takes some memory of the card
COMPILING = 0.6, 0.7  # shares of the time until a method may begin, and must end, to compile
SIDE, COPIED = 8192, 2**29  # of the matrices, and numbers copied, by which ceilings are measured
#: The type of number of most products in a precision.
DTYPE = {"float32": "float32", "mixed_bfloat16": "bfloat16"}


class Task(NamedTuple):
    """What one process compiles and times: a method in a precision, or a fit for its scores."""

    subject: str | grid.Fit
    precision: str

    def __str__(self) -> str:
        return f"{self.subject} in {self.precision}"


def tasks() -> list[Task]:
    """Return the tasks in the order of their use: float32 first, other settings of a method last.

    Methods without updates, which take statistics of features, have none; networks on features
    compute in float32 alone.
    """
    from lib.feature_statistics import FeatureStatistics

    of_name = {
        name: params.part(name, params.entry_of(name, PROFILE))
        for name in {fit.method for fit in grid.fits()}
    }
    names = sorted(
        (
            name
            for name, parameters in of_name.items()
            if not issubclass(methods.find(parameters.method), FeatureStatistics)
        ),
        key=lambda name: (of_name[name].method != name, name),
    )
    on_films = [name for name in names if not of_name[name].features]
    return [
        *(Task(name, "float32") for name in names),
        *(Task(fit, precision) for fit in agreement.FITS for precision in params.PRECISIONS),
        *(Task(name, "mixed_bfloat16") for name in on_films),
    ]


def of_methods(tasks: Iterable[Task], only: Sequence[str]) -> list[Task]:
    """Return the tasks of some entries of the profile; those of fits first, which take longest."""
    some = [
        task
        for task in tasks
        if (task.subject.method if isinstance(task.subject, grid.Fit) else task.subject) in only
    ]
    return sorted(some, key=lambda task: not isinstance(task.subject, grid.Fit))


def missing(tasks: Iterable[Task], card: str) -> list[Task]:
    """Return the tasks of which the table of speeds has no row of this card."""
    kept = table.load().query("machine == @card")
    measured = set(zip(kept["subject"], kept["precision"], strict=True))
    return [task for task in tasks if (str(task.subject), task.precision) not in measured]


def run(seconds: float, only: Sequence[str] | None = None, rest: bool = False) -> None:
    """Measure, and keep each row as soon as it is known. Raises BadData without a GPU.

    `only` are the entries of the profile to measure, None: all; `rest` leaves out measured ones.
    """
    os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"  # processes share the card
    import jax

    if jax.default_backend() != "gpu":
        raise BadData(
            "JAX does not see a GPU here: install it for the card, as `uv pip install "
            '"jax[cuda13]"`, or run `make benchmark` without CARD.'
        )
    deadline = time.monotonic() + seconds
    card = f"{jax.devices()[0].device_kind}, {table.machine()}"
    limits = ceilings()
    print(f"{card}: {limits}", flush=True)
    with ExitStack() as stack:
        count = min(PROCESSES, max(1, processes.CORES - 2))
        lanes = [stack.enter_context(processes.pool(1)) for _ in range(count)]
        some = of_methods(tasks(), only) if only else tasks()
        some = missing(some, card) if rest else some
        pids: dict[Executor, int] = {lane: lane.submit(os.getpid).result() for lane in lanes}

        def stop(lane: Executor) -> None:
            os.kill(pids[lane], signal.SIGKILL)

        keep(measure(some, lanes, limits, card, deadline, stop), card)


def keep(results: Iterable[tuple[Task, Any]], card: str) -> None:
    """Write each result as it comes: rows, the scores of a fit, or why there are none."""
    scores: dict[grid.Fit, dict] = {}
    for task, result in results:
        if isinstance(result, pd.Series) and isinstance(task.subject, grid.Fit):
            of_fit = scores.setdefault(task.subject, {})
            of_fit[task.precision] = result
            if len(of_fit) == len(params.PRECISIONS):
                row = agreement.compare(task.subject, of_fit, card)
                agreement.keep([row])
                print(f"{task.subject}: {row}", flush=True)
        elif isinstance(result, list):
            table.keep(result)
            hours.write()
            for row in result:
                speed = f"{row['films_per_s']} films/s, {row['roofline_share']} of the roofline"
                print(f"{task}, {row['task']} {row['stage']}: {speed}", flush=True)
        else:
            print(f"{task}: {result!r}", flush=True)


def measure(
    tasks: Sequence[Task],
    lanes: Sequence[Executor],
    limits: Ceilings,
    card: str,
    deadline: float,
    stop: Callable[[Executor], None] = lambda lane: None,
) -> Iterator[tuple[Task, Any]]:
    """Compile tasks in lanes of one process each, then time one after the other in its lane.

    `stop` ends a lane that still compiles, or trains a fit, when times are taken: the card and the
    cores would not be those of one program alone.
    Yields each task with its rows, the scores of its fit, an error, or in words what the time did
    not suffice for.
    """
    waiting, free, busy, compiled = list(tasks), list(lanes), {}, []
    seconds = deadline - time.monotonic()
    last_start, last_end = (deadline - (1 - share) * seconds for share in COMPILING)
    while True:
        while waiting and free and time.monotonic() < last_start:
            lane, task = free.pop(), waiting.pop(0)
            busy[lane.submit(prepare, task)] = task, lane
        if not busy:
            break
        rest = max(0.0, last_end - time.monotonic())
        ended = wait(busy, timeout=rest, return_when=FIRST_COMPLETED).done
        if not ended:
            break
        for future in ended:
            task, lane = busy.pop(future)
            error = future.exception()
            if not isinstance(error, BrokenProcessPool):
                free.append(lane)
            if error or future.result() is not None:
                yield task, error or future.result()
            else:
                print(f"{task}: compiled", flush=True)
                compiled.append((task, lane))
    for task in [*waiting, *(task for task, _ in busy.values())]:
        yield task, "not compiled in the time that was given"
    still_compiling = [lane for _, lane in busy.values()]
    for lane in still_compiling:
        stop(lane)
    for lane in lanes:
        for task in [task for task, own in compiled if own is lane]:
            if lane in still_compiling:
                yield task, "compiled, but its process had not ended compiling another"
                continue
            if time.monotonic() > deadline:
                yield task, "compiled, but not run in the time that was given"
                continue
            try:
                yield task, lane.submit(timed, task, limits, card).result()
            except Exception as error:  # of the method or of its process: the others go on
                yield task, error
        lane.shutdown(wait=False)  # or its process would keep its memory of the card


_compiled: dict[Task, list] = {}  # in the process of a lane


def prepare(task: Task) -> pd.Series | None:
    """Compile the programs of a method, for `timed`; or train a fit and return its scores."""
    if isinstance(task.subject, grid.Fit):
        return agreement.test_scores(task.subject, task.precision)
    from lib.benchmark import programs

    entry = params.entry_of(task.subject, PROFILE)
    if task.precision != "float32":
        entry["precision"] = task.precision
    size = params.read(PROFILE)["images"]["size"]
    _compiled[task] = programs.compiled(task.subject, entry, size, BODY, hours.FILMS)
    return None


def timed(task: Task, limits: Ceilings, card: str) -> list[dict]:
    """Run the programs of a method that this process has compiled; return their rows."""
    from lib.benchmark.programs import seconds_per_step

    assert isinstance(task.subject, str)
    films = params.entry_of(task.subject, PROFILE).get("drawings", hours.FILMS)
    return [
        _row(task, program, seconds_per_step(program), films, limits, card)
        for program in _compiled.pop(task)
    ]


def _row(task: Task, program, seconds: float, films: int, limits: Ceilings, card: str) -> dict:
    """Return the row of a program that takes so many seconds a step."""
    flops = sum(operation.flops for operation in program.operations)
    measured = {
        "batch_size": program.batch_size,
        "films_per_s": program.batch_size / seconds,
        "compile_s": program.compile_s,
        "memory_gb": program.memory / 1e9,
        "gflop_per_film": flops / program.batch_size / 1e9,
        "roofline_share": least_seconds(program.operations, limits) / seconds,
        "peak_tflop_per_s": limits.flops_per_s[DTYPE[task.precision]] / 1e12,
        "bandwidth_tb_per_s": limits.bytes_per_s / 1e12,
    }
    if program.task == "training":
        measured["epochs"] = program.epochs
        measured["hours_of_full"] = hours.of_stage(
            program.epochs, program.batch_size, seconds, films
        )
    return {
        "task": program.task,
        "subject": str(task.subject),
        "stage": program.stage,
        "precision": task.precision,
        "machine": card,
        **{name: float(f"{value:.4g}") for name, value in measured.items()},
    }


def ceilings(side: int = SIDE, numbers: int = COPIED) -> Ceilings:
    """Measure what the card can do at most: a large matrix product, and a large copy.

    Products in float32 are those of JAX's default precision, which on a GPU may round their
    factors to TF32, as those of the methods are.
    """
    import jax
    from jax import numpy as jnp

    def seconds(function: Callable, *arrays) -> float:
        program, times = jax.jit(function), []
        for _ in range(13):
            started = time.perf_counter()
            jax.block_until_ready(program(*arrays))
            times.append(time.perf_counter() - started)
        return float(np.median(times[3:]))  # the first ones compile and warm up

    flops = {}
    for name in DTYPE.values():
        matrix = jax.random.normal(jax.random.key(0), (side, side), name)
        flops[name] = 2 * side**3 / seconds(jnp.matmul, matrix, matrix)
    row = jax.random.normal(jax.random.key(1), (numbers,), "float32")
    return Ceilings(flops, 2 * row.nbytes / seconds(lambda row: row + 1, row))
