"""SIGKILL at chosen moments of an ablation, after which `dvc repro` has to give the same scores.

`python -m tests.kills --rounds 10` runs a small ablation undisturbed, and then once per round: the
whole tree of processes is killed while a fit is trained, while it lands (its weights are written,
and not yet published) or while its films are scored, and `dvc repro` alone continues. The scores
have to be those of the undisturbed run, byte for byte, and no more fits are trained a second time
than there are workers: one with `--one-worker`, as on a GPU, otherwise one per core. The table has
a row per round; the exit status is 1 if one breaks these rules, or if no kill met a phase.
"""

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterable
from itertools import product
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import psutil

from lib import files, processes
from tests.conftest import Study
from tests.faults import GONE, Run, small_study

SEEDS = 5  # of the ablation, each of which is a fit
PHASES = ("training", "landing", "scoring")
CONTINUE = ("dvc", "repro", "scores@rsna")  # with all that it needs, of which only fits are missing


class Moment(NamedTuple):
    """When to kill: `wait` seconds after the n-th fit has come to a phase of its work."""

    phase: str
    fit: int
    wait: float

    def __str__(self) -> str:
        return f"{self.phase} of fit {self.fit}, after {self.wait:.1f} s"


class Outcome(NamedTuple):
    """What a kill left, and what came of it."""

    met: bool  # whether a fit was in the phase when it was killed
    landed: int  # fits whose weights were published before
    lost: int  # fits whose training it interrupted
    again: int  # fits that were trained again though they had landed
    scores_equal: bool
    unfinished: int  # folders that are left at the end

    @property
    def is_right(self) -> bool:
        few = self.again == 0 and self.lost <= workers()
        return few and self.scores_equal and not self.unfinished


def workers() -> int:
    """Return how many fits a run of the study trains at a time."""
    return processes.most_workers() or processes.CORES


def moments(rounds: int, fits: int, chance: random.Random) -> list[Moment]:
    """Spread the rounds over the phases and, as they go on, over the fits."""
    every = [(phase, fit) for fit, phase in product(range(1, fits + 1), PHASES)]
    taken = [every[number * len(every) // rounds] for number in range(rounds)]
    return [
        Moment(phase, fit, 0 if phase == "landing" else chance.uniform(0, 2))
        for phase, fit in taken
    ]


def scores(study: Study) -> dict[str, bytes]:
    """Return the scores of each fit, as they are on the disk."""
    build = study.folder / "build/scores"
    return {str(path.relative_to(build)): path.read_bytes() for path in build.rglob(files.SCORES)}


def killed_and_continued(study: Study, moment: Moment, expected: dict[str, bytes]) -> Outcome:
    """Run the fits of a study, kill them at a moment and let `dvc repro` continue."""
    run = Run(study, ["dvc", "repro", "-s", "fits@rsna"])
    _wait_for(study, moment, run)
    below = run.descendants()
    os.killpg(run.process.pid, signal.SIGKILL)
    run.process.wait()
    _, alive = psutil.wait_procs(below, timeout=GONE)
    if alive:
        raise RuntimeError(f"Processes that live on after {moment}: {alive}")
    landed, lost = study.trained(), _at_work(study, "training")
    met = bool(_at_work(study, moment.phase))
    checked(study, *CONTINUE)
    trained = study.trained()
    return Outcome(
        met=met,
        landed=len(landed),
        lost=len(lost),
        again=sum(trained.get(fit) != published for fit, published in landed.items()),
        scores_equal=scores(study) == expected,
        unfinished=unfinished(study),
    )


def unfinished(study: Study) -> int:
    """Return how many folders of attempts that did not end are left."""
    return sum(path.is_dir() for path in (study.folder / "build").rglob(".*.partial"))


def _wait_for(study: Study, moment: Moment, run: Run) -> None:
    """Wait for the moment. Raises RuntimeError if the run ends before."""
    seen: set[Path] = set()
    while len(seen) < moment.fit:
        seen |= _at_work(study, moment.phase)
        if run.process.poll() is not None:
            raise RuntimeError(f"The run ended before {moment}:\n{run.text()[-3000:]}")
        time.sleep(0.001)
    time.sleep(moment.wait)


def _at_work(study: Study, phase: str) -> set[Path]:
    """Return the unfinished folders of the fits in a phase, or that were in it when killed."""
    folder = study.folder / "build" / ("scores" if phase == "scoring" else "fits")
    needed = files.WEIGHTS if phase == "landing" else ""
    return {
        attempt.folder
        for attempt in files.attempts(folder, at_any_depth=True)
        if (attempt.folder / attempt.name / needed).exists()  # and is not published yet
    }


def checked(study: Study, *command: str) -> None:
    """Run a command in a study. Raises RuntimeError if it fails."""
    done = study.run(*command)
    if done.returncode:
        raise RuntimeError(
            f"{' '.join(command)} failed:\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
        )


def kill(rounds: int, seed: int, place: Path) -> pd.DataFrame:
    """Return a row per round; print it as soon as it is known."""
    base = study_of(SEEDS, "autoencoder", place / "base")
    undisturbed = copy_of(base, place / "undisturbed")
    checked(undisturbed, *CONTINUE)
    expected, rows = scores(undisturbed), []
    for moment in moments(rounds, len(expected), random.Random(seed)):
        study = copy_of(base, place / "killed")
        outcome = killed_and_continued(study, moment, expected)
        shutil.rmtree(study.folder)
        row = {"phase": moment.phase, "moment": str(moment), **outcome._asdict()}
        rows.append(row | {"right": outcome.is_right})
        print(*rows[-1].values(), sep=" · ", flush=True)
    return pd.DataFrame(rows)


def study_of(
    seeds: int, method: str, folder: Path, *edits: tuple[str, str], methods: Iterable[Path] = ()
) -> Study:
    """Return a study with so many fits of a method, and one of another, and its films prepared.

    `edits` of the profile are pairs of the old text and the new one; `methods` are files of further
    methods.
    """
    study = small_study(folder)
    for path in methods:
        shutil.copy(path, folder / "lib/methods")
    ablation = "methods: [{}]\n        seeds: {}"
    old, new = ablation.format("autoencoder", [0, 1]), ablation.format(method, list(range(seeds)))
    study.edit("params/study.yaml", old, new)
    for old, new in edits:
        study.edit("params/tiny.yaml", old, new)
    checked(study, "dvc", "repro", "films@rsna", "features@rsna")
    return study


def copy_of(study: Study, folder: Path) -> Study:
    """Return a copy of a study."""
    return Study(Path(shutil.copytree(study.folder, folder, symlinks=True)))


def main() -> int:
    """Kill, print the table and return whether a round was wrong or a phase was never met."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--one-worker", action="store_true", help="as on a GPU")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        if arguments.one_worker:
            pretend_a_gpu(Path(place, "gpu"))
        table, at_a_time = kill(arguments.rounds, arguments.seed, Path(place)), workers()
    met = table.groupby("phase")["met"].any()
    print(table.drop(columns="phase").to_string(index=False), f"\nworkers: {at_a_time}")
    print("Phases that no kill met:", ", ".join(met.index[~met]) or "none")
    return int(not (table["right"].all() and met.all()))


def pretend_a_gpu(folder: Path) -> None:
    """Put the program on the path by which the study recognises a GPU (lib.processes)."""
    folder.mkdir()
    (folder / "nvidia-smi").write_text("#!/bin/sh\n")
    (folder / "nvidia-smi").chmod(0o755)
    os.environ["PATH"] = f"{folder}{os.pathsep}{os.environ['PATH']}"


if __name__ == "__main__":
    sys.exit(main())
