"""Where the time of the default study goes: `make study` in a fresh copy, watched while it runs.

Twice a second the CPU time of every process of the run is read and counted for a part of the study,
by the command of the process or of the nearest one above it that belongs to a part. What workers
need before their first fit, most of it for importing TensorFlow, is measured once, alone.
"""

import os
import re
import resource
import subprocess
import sys
import time
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

import psutil

from lib import ROOT
from lib.benchmark import table
from lib.errors import BadData

TASK = "default study"
BETWEEN = 0.5  # seconds between two looks at the processes
#: Parts of the study, and which commands belong to each.
PARTS = {
    "films and features": r"-m lib\.(phantoms|data|manifest|preprocessing|features|floors)\b",
    "fits": r"-m lib\.fits (run|score)\b",
    "measures": r"-m lib\.(comparison|robustness|unlabelled)\b",
    "pages": r"-m lib\.(report|pages|checklist|fits\.store|fits\.underway)\b",
    "DVC": r"\bdvc\b.*\brepro\b",
}
START = [sys.executable, "-c", "from lib.fits.queue import settle; settle()"]


def rows(copy: Path) -> list[dict]:
    """Run `make study` in a new copy; return its seconds, and CPU seconds by part.

    The copy is of the checked-out commit, with the environment of now. Raises BadData if there is
    such a folder already, or the study fails.
    """
    if copy.exists():
        raise BadData(f"{copy} exists already: name a folder that is to be made.")
    copy = _clone(copy.absolute())
    began = time.monotonic()
    of_part, workers = watched(["make", "study"], copy, PYTHONPATH=str(copy))
    seconds = time.monotonic() - began
    starts = workers * _start_of_a_worker()
    of_part["fits"] -= starts
    of_part["starts of workers of fits"] = starts
    whole = sum(of_part.values())
    return [
        table.row(TASK, "whole, by the clock", seconds=seconds),
        *(
            table.row(TASK, part, seconds=used, ratio=used / whole, ratio_to="CPU of all")
            for part, used in of_part.items()
        ),
    ]


def _clone(copy: Path) -> Path:
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(copy)], check=True)
    environment = copy / ".venv"
    environment.symlink_to(ROOT / ".venv")
    (environment / "ready").touch()  # newer than what the clone has just written
    return copy


def watched(command: list[str], folder: Path, **environment: str) -> tuple[dict[str, float], int]:
    """Run a command; return CPU seconds by part, and how many workers of fits it started.

    Raises BadData if it fails. A process loses what it used after it was last seen.
    """
    run = psutil.Popen(command, cwd=folder, env=os.environ | environment)
    used: dict[psutil.Process, float] = {}
    known: dict[psutil.Process, tuple[str, str]] = {}  # command and part of each process
    while run.poll() is None:
        for process in run.children(recursive=True):
            with suppress(psutil.Error):  # it has just ended
                command_now = _command(process)
                if known.get(process, ("",))[0] != command_now:  # a new one, or a shell's exec
                    known[process] = command_now, part_of(process)
                times = process.cpu_times()
                used[process] = times.user + times.system
        time.sleep(BETWEEN)
    if run.returncode:
        raise BadData(f"`{' '.join(command)}` failed in {folder}: see above.")
    of_part: dict[str, float] = defaultdict(float)
    for process, seconds in used.items():
        of_part[known[process][1]] += seconds
    return of_part, sum(part == "fits" and "spawn_main" in of for of, part in known.values())


def part_of(process: psutil.Process) -> str:
    """Return the part of a process, "other" if neither it nor one above it is of any."""
    for one in (process, *process.parents()):
        for part, commands in PARTS.items():
            if re.search(commands, _command(one)):
                return part
    return "other"


def _command(process: psutil.Process) -> str:
    return " ".join(process.cmdline())


def _start_of_a_worker() -> float:
    """Return the CPU seconds that a worker needs before its first fit."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(START, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
