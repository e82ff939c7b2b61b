"""Run lanes of `dvc repro` in parallel, and end them all when a signal asks for it.

    python -m lib.lanes "-s fits scores" "-s floors"

Each argument holds the arguments of `dvc repro` in one lane; without arguments one lane runs all
stages. `@smallest` denotes the data set with the fewest fits. The exit status is 0 if all lanes
succeeded, 1 if one failed, and 128 plus the signal's number if a signal ended them.
"""

import os
import shlex
import signal
import subprocess
import sys
import time

from lib import ablations, grid

SMALLEST = "@smallest"
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


def smallest() -> str:
    """Return the data set of the grid with the fewest fits, which has the first results."""
    return min(grid.datasets(), key=lambda dataset: len(ablations.every_fit(dataset)))


def _end(number: int, _) -> None:
    raise Ended(number)


if __name__ == "__main__":
    lanes = sys.argv[1:] or [""]
    if any(SMALLEST in lane for lane in lanes):  # else the grid need not be read
        lanes = [lane.replace(SMALLEST, f"@{smallest()}") for lane in lanes]
    sys.exit(run([[*REPRO, *shlex.split(lane)] for lane in lanes]))
