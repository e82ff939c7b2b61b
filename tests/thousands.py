"""Thousands of short fits: what the study itself adds to each, and how long it takes to see them.

`python -m tests.thousands --fits 5000` runs so many fits of a method without training, of less than
a second each, with one process per core. Printed are the study's own seconds per fit (the
cores' time that is neither the training nor the scoring of a fit) and the seconds of a further call
that finds all of them up to date, by the queue alone and by DVC.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from lib import files, processes
from tests.conftest import Study
from tests.kills import study_of
from tests.machines import FITS, seconds

METHOD = "padim"  # statistics of features, without training
PROFILE = ("autoencoder: {", "padim: {features: coarse, channels: 20}\nautoencoder: {")


def of_fits(study: Study) -> list[float]:
    """Return the seconds of each fit: of its training and of its scoring."""
    records = (study.folder / "build").rglob(files.RECORD)
    return [json.loads(record.read_text())["duration_s"] for record in records]


def main() -> int:
    """Run the fits; print the seconds that the study adds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fits", type=int, default=5000)
    number = parser.parse_args().fits
    with tempfile.TemporaryDirectory() as place:
        study = study_of(number - 1, METHOD, Path(place, "study"), PROFILE)
        whole, cores = seconds(study, *FITS), processes.CORES
        work = sum(of_fits(study))
        print(f"{number} fits: {whole:.0f} s on {cores} cores, {work / number:.2f} s of work each")
        print(f"of the study itself: {(whole * cores - work) / number:.2f} s a fit")
        print(f"again, all up to date: {seconds(study, *FITS):.1f} s")
        print(f"the first time by DVC: {seconds(study, 'dvc', 'repro', 'scores@rsna'):.1f} s")
        print(f"by DVC, all up to date: {seconds(study, 'dvc', 'repro', 'scores@rsna'):.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
