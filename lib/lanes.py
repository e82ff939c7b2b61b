"""Run lanes of `dvc repro` in parallel, and end them all when a signal asks for it.

    python -m lib.lanes "-s fits scores" "-s floors"

Each argument holds the arguments of `dvc repro` in one lane; without arguments one lane runs all
stages. Of a stage `@smallest` and `@largest` denote the data sets with the fewest and the most
fits, `@others` all but the largest; a lane whose stages are of no data set is left out. The exit
status is 0 if all lanes succeeded, 1 if one failed, and 128 plus the signal's number if a signal
ended them.
"""

import os
import shlex
import signal
import subprocess
import sys
import time

from lib import ablations, grid

#: Data sets by their number of fits, the fewest first.
SIZES = {"smallest": slice(1), "others": slice(-1), "largest": slice(-1, None)}
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
REPRO = ("dvc", "--wait-for-lock", "repro", "-k")  # -k: run on where nothing depends on a failure
PATIENCE = 60  # seconds granted to interrupted processes for cleaning up


class Ended(Exception):
    """The request of a signal to end; its argument is the signal's number."""


def run(lanes: list[list[str]], patience: float = PATIENCE) -> int:
    """Run commands in parallel, each with its descendants in a separate process group.

    Return the exit status. SIGINT, SIGTERM and SIGHUP end the lanes and reach their descendants as
    SIGINT; processes that have not ended after `patience` seconds are killed.
    """
    for number in SIGNALS:
        # Unlike an ignored signal, a handler is not inherited. `nohup` ignores SIGHUP.
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _end)
    running = [subprocess.Popen(lane, process_group=0) for lane in lanes]
    try:
        return int(any([lane.wait() for lane in running]))
    except Ended as end:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        end_all(running, patience)
        return 128 + end.args[0]


def end_all(lanes: list[subprocess.Popen], patience: float) -> None:
    """End each lane and interrupt its descendants; kill those still running after `patience`.

    DVC itself is ended, since with -k it would start the next stage after an interrupted one.
    """
    for lane in lanes:
        lane.terminate()
        signal_group(lane, signal.SIGINT)
    end = time.monotonic() + patience
    while any(signal_group(lane, 0) for lane in lanes) and time.monotonic() < end:
        for lane in lanes:
            lane.poll()
        time.sleep(0.1)
    for lane in lanes:
        signal_group(lane, signal.SIGKILL)


def signal_group(lane: subprocess.Popen, number: int) -> bool:
    """Send a signal to a lane and its descendants; return whether any was running."""
    try:
        os.killpg(lane.pid, number)
    except ProcessLookupError:
        return False
    return True


def named(lane: str) -> list[str]:
    """Return the arguments of a lane with the names of data sets; [] if its stages are of none."""
    arguments = shlex.split(lane)
    options = [argument for argument in arguments if argument.startswith("-")]
    stages = [one for argument in arguments if argument not in options for one in _of(argument)]
    return [*options, *stages] if stages else []


def _of(stage: str) -> list[str]:
    """Return a stage as DVC names it: once per data set, where these are named by their size."""
    name, _, size = stage.partition("@")
    if size not in SIZES:  # then the grid need not be read
        return [stage]
    ordered = sorted(grid.datasets(), key=lambda dataset: len(ablations.every_fit(dataset)))
    return [f"{name}@{dataset}" for dataset in ordered[SIZES[size]]]


def _end(number: int, _) -> None:
    raise Ended(number)


if __name__ == "__main__":
    lanes = list(filter(None, map(named, sys.argv[1:]))) if sys.argv[1:] else [[]]
    sys.exit(run([[*REPRO, *lane] for lane in lanes]))
