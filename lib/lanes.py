"""Runs lanes of `dvc repro` beside each other, and ends them all when it is told to end.

    python -m lib.lanes "-s reconstruction" "-s svdd supervised"

Each argument is what one lane gives to `dvc repro`; without any there is one lane, of everything.
The status is 0 when all went well, 1 when a lane failed, 128 and the number of the signal that
ended them.
"""

import os
import shlex
import signal
import subprocess
import sys
import time

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
REPRO = ("dvc", "--wait-for-lock", "repro", "-k")  # -k: what does not depend on a failure goes on
PATIENCE = 60  # seconds in which what is interrupted may clean up after itself


class Ended(Exception):
    """A signal has asked for the end; its number is the argument."""


def run(lanes: list[list[str]], patience: float = PATIENCE) -> int:
    """Run commands beside each other, each with its descendants in a process group of its own.

    Return the status. SIGINT, SIGTERM or SIGHUP ends the lanes and reaches what they run as SIGINT;
    what has not ended after `patience` seconds is killed.
    """
    for number in SIGNALS:
        # A handler is not inherited, and a signal that is ignored would be. `nohup` ignores SIGHUP.
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
    """End each lane and interrupt what it runs; kill what outlives the patience.

    DVC itself is ended, since with -k an interrupted stage would be followed by the next.
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
    """Send a signal to a lane and its descendants; return whether any was there."""
    try:
        os.killpg(lane.pid, number)
    except ProcessLookupError:
        return False
    return True


def _end(number: int, _) -> None:
    raise Ended(number)


if __name__ == "__main__":
    asked = sys.argv[1:] or [""]
    sys.exit(run([[*REPRO, *shlex.split(lane)] for lane in asked]))
