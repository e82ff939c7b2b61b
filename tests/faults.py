"""Faults of the machine, on purpose: a small study is disturbed and has to come out the same.

`python -m tests.faults --rounds 17` disturbs one stage after another, so often for each kind of
fault, and then asks for the study again, as `make study` does. Healed: scores and results are those
of an undisturbed run. Refused: a sentence says why not. Anything else is wrong, as is a traceback
of a full disk or of a permission that is missing, and a process or an unfinished file that stays.
"""

import argparse
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple

import psutil
from ruamel.yaml import YAML

from tests.conftest import Study, copy_of_working_tree

GRID = """
profile: tiny
source: {folder: build/phantoms, list: build/phantoms.csv, drawn: [phantoms]}
grids:
  phantoms: &phantoms
    seeds: [0]
    datasets: [rsna]
    unlabelled: []
    families:
      reconstruction: [{datasets: [rsna], methods: [autoencoder]}]
      one_class: [{datasets: [rsna], methods: [deep_svdd]}]
    ablations:
      seeds:
        question: Does the seed matter?
        datasets: [rsna]
        methods: [autoencoder]
        seeds: [0, 1]
        variants: [{labels: none}]
grid: *phantoms
"""
PROFILE = """
images: {size: 32, equalize: clahe}
split: {validation: 0.2, test: 0.4, seed: 0}
autoencoder: {epochs: 2}
deep_svdd: {pretraining_epochs: 1, epochs: 2, width: 4, blocks: [1, 1, 1]}
"""
DISK = 600  # megabytes
GONE = 60  # seconds in which every process of a run that was ended has to be gone
ROOT_MAY_NOT = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]


class Stage(NamedTuple):
    """A stage of the small study."""

    name: str
    seconds: float  # that it takes undisturbed
    commands: str | list[str]
    outs: list[str]


class Run:
    """A command in a session of its own, whose output is kept."""

    def __init__(self, study: Study, command: list[str], **options):
        self.output = study.folder.parent / f"output-{time.time_ns()}"  # not on a disk that is full
        with self.output.open("w") as file:
            self.process = subprocess.Popen(
                command,
                cwd=study.folder,
                env=study.environment,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **options,
            )

    def wait_until_it_works(self, seconds: float) -> None:
        """Wait until DVC has started the stage, and then for so many seconds."""
        while "Running stage" not in self.text() and self.process.poll() is None:
            time.sleep(0.05)
        if self.process.poll() is None:
            time.sleep(seconds)

    def text(self) -> str:
        return self.output.read_text(errors="replace")

    def descendants(self) -> list[psutil.Process]:
        try:
            return psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []


def small_study(folder: Path) -> Study:
    """Return a study of one data set, two methods and an ablation of two fits, not run yet."""
    folder.mkdir(parents=True)
    study = Study(copy_of_working_tree(folder))
    (folder / "params/study.yaml").write_text(GRID)
    (folder / "params/tiny.yaml").write_text(PROFILE)
    study.edit(
        "params/datasets.yaml",
        "films: {mura: 2100, nih: 700, rsna: 700}",
        "films: {mura: 8, nih: 8, rsna: 80}",
    )
    (folder / "dvc.lock").unlink()
    study.run("git", "add", "-A")
    return study


def rebuilt(study: Study) -> list[Stage]:
    """Rebuild the study; its stages, but for those that make or fetch nothing of their own."""
    run, began = Run(study, ["dvc", "repro"]), {}
    while run.process.poll() is None:
        for line in run.text().splitlines():
            if line.startswith("Running stage"):
                began.setdefault(line.split("'")[1], time.monotonic())
        time.sleep(0.2)
    if run.process.returncode:
        sys.exit(f"The small study fails undisturbed:\n{run.text()[-3000:]}")
    ends = dict(zip(began, [*list(began.values())[1:], time.monotonic()], strict=True))
    stages = YAML(typ="safe").load(study.folder / "dvc.lock")["stages"]
    return [
        Stage(name, ends[name] - began[name], made["cmd"], [out["path"] for out in made["outs"]])
        for name, made in stages.items()
        if name != "code"
    ]


def kept(study: Study) -> dict[str, str]:
    """Return what must come out the same: the scores of all fits, and the results."""
    files = [*(study.folder / "build").rglob("scores.csv"), study.folder / "reports/results.csv"]
    return {str(file.relative_to(study.folder)): file.read_text() for file in files}


# Each fault takes the study, a stage and chance; it returns the output of the stage that counts.


def fresh(base: Study, place: Path, stage: Stage) -> Study:
    """Return a copy of the rebuilt study in which one stage has never run, nor is in a cache."""
    for old in place.iterdir():
        shutil.rmtree(old) if old.is_dir() else old.unlink()
    subprocess.run(["cp", "-a", f"{base.folder}/.", str(place)], check=True)
    yaml, file = YAML(typ="safe"), place / "dvc.lock"
    record = yaml.load(file)
    del record["stages"][stage.name]
    yaml.dump(record, file)
    return Study(place)


def repro(stage: str) -> list[str]:
    return ["dvc", "repro", "-s", stage]


def kill(whom: str, study: Study, stage: Stage, chance: random.Random) -> str:
    """SIGKILL for the tree, for DVC alone or for the command alone, at any moment."""
    run = Run(study, repro(stage.name))
    run.wait_until_it_works(chance.uniform(0, 1.1 * stage.seconds))
    below = run.descendants()
    victims = {"tree": [*below, run.process], "DVC": [run.process], "command": below[:1]}[whom]
    for victim in victims:
        with suppress(psutil.NoSuchProcess):
            victim.kill()
    if whom != "DVC":  # whose command lives on for a moment, and meets the next run
        psutil.wait_procs(below, timeout=GONE)
    run.process.wait()
    return ""


def end(number: int, study: Study, stage: Stage, chance: random.Random) -> str:
    """Send a signal to the lanes of `make study`, which have to be gone soon after."""
    run = Run(study, ["python", "-m", "lib.lanes", f"-s {stage.name}"])
    run.wait_until_it_works(chance.uniform(0, stage.seconds))
    below = run.descendants()
    run.process.send_signal(number)
    _, alive = psutil.wait_procs(below, timeout=GONE)
    run.process.wait(GONE)
    return f"Traceback: {len(alive)} processes live on" if alive else ""


def two_at_once(study: Study, stage: Stage, chance: random.Random) -> str:
    """Run the command of a stage by hand, twice, the second at any moment of the first."""
    one = isinstance(stage.commands, str)
    line = stage.commands if one else " && ".join(stage.commands)
    first = Run(study, ["sh", "-c", line])
    time.sleep(chance.uniform(0, stage.seconds))
    second = Run(study, ["sh", "-c", line])
    first.process.wait()
    second.process.wait()
    return ""


def full_disk(study: Study, stage: Stage, chance: random.Random) -> str:
    """Fill the disk but for a little; where none could be mounted, let no file grow."""
    left = chance.choice([0, 4, 40, 400, 4000]) * 1024
    filler, limit = study.folder / "build/filler", None
    if study.folder.is_mount():
        with filler.open("wb") as file:
            for _ in range((shutil.disk_usage(study.folder).free - left) // 4096):
                file.write(bytes(4096))
    else:
        most = left + 100 * 1024  # DVC's own files are smaller
        limit = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (most, most))
    run = Run(study, repro(stage.name), preexec_fn=limit)
    run.process.wait()
    filler.unlink(missing_ok=True)
    return run.text()


def no_permission(study: Study, stage: Stage, chance: random.Random) -> str:
    """Forbid writing where the stage writes."""
    folders = {(study.folder / out).parent for out in stage.outs}
    for folder in folders:
        folder.chmod(0o555)
    run = Run(study, [*(ROOT_MAY_NOT if os.getuid() == 0 else []), *repro(stage.name)])
    run.process.wait()
    for folder in folders:
        folder.chmod(0o755)
    return run.text()


def little_memory(study: Study, stage: Stage, chance: random.Random) -> str:
    """Limit the address space to some size."""
    most = int(chance.uniform(0.4, 3) * 2**30)
    limit = partial(resource.setrlimit, resource.RLIMIT_AS, (most, most))
    run = Run(study, repro(stage.name), preexec_fn=limit)
    run.process.wait()
    return ""


FAULTS = {
    "kill the tree": partial(kill, "tree"),
    "kill DVC alone": partial(kill, "DVC"),
    "kill the command alone": partial(kill, "command"),
    **{
        number.name: partial(end, number)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    },
    "two at once": two_at_once,
    "full disk": full_disk,
    "no permission": no_permission,
    "little memory": little_memory,
}


def outcome(study: Study, expected: dict[str, str], printed: str) -> tuple[str, str]:
    """Ask for the study again, as `make study` does: what came of it, and all that was printed."""
    asked = [study.run("python", "-m", "lib.preflight"), study.dvc("repro")]
    text = printed + "".join(run.stdout + run.stderr for run in asked)
    if "Traceback" in text:
        return "wrong", text
    if any(run.returncode for run in asked):
        return "refused", text
    parts = [part for part in study.folder.rglob(".*.partial") if part.is_dir()]
    if parts or kept(study) != expected:
        return "wrong", f"{text}\nUnfinished: {parts}; or other scores or results."
    return "healed", text


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """Yield a disk of its own at `folder`, where that is permitted."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK}m", "tmpfs", str(folder)]
    mounted = subprocess.run(mount, capture_output=True).returncode == 0
    try:
        yield folder
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


def disturb(faults: list[str], rounds: int, seed: int, place: Path) -> Counter:
    """Count the outcomes of each fault; print each round, and in full what is wrong."""
    base, chance, counts = small_study(place / "base"), random.Random(seed), Counter()
    stages = rebuilt(base)
    expected = kept(base)
    shutil.rmtree(base.folder / ".dvc/cache/runs")  # or DVC would take a stage's results from there
    with small_disk(place / "disk") as disk:
        for fault in faults:
            for number, stage in enumerate(
                islice(cycle(chance.sample(stages, len(stages))), rounds)
            ):
                study = fresh(base, disk, stage)
                printed = FAULTS[fault](study, stage, chance)
                came, text = outcome(study, expected, printed)
                counts[fault, came] += 1
                print(f"{fault} {number}, {stage.name}: {came}", "" if came == "healed" else text)
    return counts


def main() -> int:
    """Disturb, print the table and return whether anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=17, help="of each fault")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--faults", nargs="*", choices=FAULTS, default=list(FAULTS))
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        counts = disturb(asked.faults, asked.rounds, asked.seed, Path(place))
    print(f"{'':24} tried  healed  refused in words  wrong")
    for fault in asked.faults:
        healed, refused, wrong = (counts[fault, came] for came in ("healed", "refused", "wrong"))
        print(f"{fault:24} {asked.rounds:5}  {healed:6}  {refused:16}  {wrong:5}")
    return int(any(counts[fault, "wrong"] for fault in asked.faults))


if __name__ == "__main__":
    sys.exit(main())
