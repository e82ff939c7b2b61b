"""Many fits on two machines of a cluster, some of which die: the scores of this machine, and when.

`python -m tests.machines --fits 60 --kills 4` trains and scores the same fits three times: here
with one process per core, on a cluster of two machines with one core each, and on this cluster
while machines are killed at random moments, each followed by a new one. All scores have to be equal
byte for byte. Efficiency is the duration here divided by that on the undisturbed cluster. The exit
status is 1 if scores differ, a fit failed, or efficiency is below EFFICIENT. Folders of attempts on
machines that died stay behind, as docs/cluster.md says; they are counted.
"""

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.conftest import Study
from tests.faults import Run
from tests.kills import copy_of, scores, study_of, unfinished

EFFICIENT = 0.9
MACHINES = 2
SMALL = {"object_store_memory": 80 * 10**6, "memory": 3 * 10**9}  # bytes
FITS = (sys.executable, "-m", "lib.fits", "run", "rsna")


def seconds(study: Study, *command: str) -> float:
    """Return how long a command takes. Raises RuntimeError if it fails."""
    began = time.monotonic()
    _finished(Run(study, list(command)))
    return time.monotonic() - began


def seconds_on_machines(study: Study, kills: int, chance: random.Random) -> float:
    """Run the fits on a cluster, kill so many of its machines; return the seconds."""
    with _cluster() as (machines, nodes):
        study.environment |= {"ON": f"ray:{machines.address}"}
        began = time.monotonic()
        run = Run(study, list(FITS))
        fits = len(study.waiting())
        moments = sorted(chance.sample(range(1, fits), kills))
        for number in moments:
            while run.process.poll() is None and len(study.trained()) < number:
                time.sleep(0.1)
            if run.process.poll() is not None:
                raise RuntimeError(f"The run ended before fit {number} of {fits} landed.")
            time.sleep(chance.uniform(0, 2))
            dying = nodes.pop(chance.randrange(len(nodes)))
            machines.remove_node(dying, allow_graceful=False)
            nodes.append(machines.add_node(num_cpus=1, **SMALL))
            print(f"killed a machine after {len(study.trained())} of {fits} fits", flush=True)
        _finished(run)
        return time.monotonic() - began


@contextmanager
def _cluster() -> Iterator[tuple[Any, list]]:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    from ray.cluster_utils import Cluster

    machines = Cluster(True, head_node_args={"num_cpus": 0, **SMALL})
    try:
        yield machines, [machines.add_node(num_cpus=1, **SMALL) for _ in range(MACHINES)]
    finally:
        machines.shutdown()


def _finished(run: Run) -> None:
    if run.process.wait():
        command = " ".join(map(str, run.process.args))
        raise RuntimeError(f"{command} failed:\n{run.text()[-3000:]}")


def main() -> int:
    """Run the fits three times; print durations, and whether scores are equal."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fits", type=int, default=60)
    parser.add_argument("--kills", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        here = study_of(arguments.fits - 1, "autoencoder", Path(place, "here"))
        calm, disturbed = (copy_of(here, Path(place, name)) for name in ("calm", "disturbed"))
        alone = seconds(here, *FITS)
        print(f"here: {alone:.0f} s", flush=True)
        together = seconds_on_machines(calm, 0, random.Random(arguments.seed))
        efficiency = alone / together
        print(f"on {MACHINES} machines: {together:.0f} s, efficiency {efficiency:.2f}", flush=True)
        killed = seconds_on_machines(disturbed, arguments.kills, random.Random(arguments.seed))
        expected = scores(here)
        equal = [scores(study) == expected for study in (calm, disturbed)]
        left = unfinished(calm) + unfinished(disturbed)
    print(f"with {arguments.kills} kills: {killed:.0f} s")
    print(f"{len(expected)} fits; scores equal: {equal}; unfinished folders: {left}")
    return int(not all(equal) or efficiency < EFFICIENT)


if __name__ == "__main__":
    sys.exit(main())
