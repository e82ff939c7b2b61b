"""Thousands of short fits: what the study itself adds to each, and how long it takes to see them.

`python -m tests.thousands --fits 5000` runs so many fits of a method that sleeps for a second in
place of training (`--sleep`), with one process per core. Printed are the study's own seconds per
fit, as time of the cores in which no fit sleeps and as time of the CPU, which other programs of the
machine do not lengthen; and the seconds of a further call that finds all fits up to date, by the
queue alone and by DVC.
"""

import argparse
import resource
import sys
import tempfile
from pathlib import Path

from lib import processes
from tests.conftest import Study
from tests.kills import study_of
from tests.machines import FITS, seconds

METHOD = "sleeping"
DVC = ("dvc", "repro", "scores@rsna")


def measured(study: Study, *command: str) -> tuple[float, float]:
    """Run a command; return the seconds that passed, and those of the CPU."""
    before = _cpu()
    return seconds(study, *command), _cpu() - before


def _cpu() -> float:
    """Return the seconds of the CPU of all processes that this one has started and that ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> int:
    """Run the fits; print the seconds that the study adds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fits", type=int, default=5000)
    parser.add_argument("--sleep", type=float, default=1.0, help="seconds of a fit")
    arguments = parser.parse_args()
    number, cores = arguments.fits, processes.CORES
    with tempfile.TemporaryDirectory() as place:
        profile = ("autoencoder: {", f"{METHOD}: {{seconds: {arguments.sleep}}}\nautoencoder: {{")
        method = Path(__file__).with_name(f"{METHOD}.py")
        study = study_of(number - 1, METHOD, Path(place, "study"), profile, methods=[method])
        whole, used = measured(study, *FITS)
        own = whole * cores / number - arguments.sleep
        print(f"{number} fits of {arguments.sleep} s: {whole:.0f} s on {cores} cores", flush=True)
        print(f"of the study itself: {own:.2f} s a fit, {used / number:.2f} s of CPU", flush=True)
        for words, command in {
            "again, all up to date": FITS,
            "the first time by DVC": DVC,
            "by DVC, all up to date": DVC,
        }.items():
            print("{}: {:.1f} s, {:.1f} s of CPU".format(words, *measured(study, *command)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
