"""Read a film or a folder of films: python -m lib.reader FILMS [--detector D] [--output FOLDER]."""

import argparse
import sys
from pathlib import Path

from lib import accidents
from lib.errors import BadData
from lib.fits.store import FitFailed
from lib.reader import folder
from lib.reader.answer import DISCLAIMER
from lib.reader.choice import choose
from lib.reader.likeness import likest
from lib.reader.quiet import load_keras
from lib.reader.reading import Reader

EPILOG = f"""{DISCLAIMER} The answers are {folder.TABLE}, with the names of the files, and
{folder.PAGE}, with numbers in place of names. Nothing is written into the folder of the films."""
DETECTOR = """data set/method/seed, as rsna/nsa/0, or a data set; without it, of the data set that
finds fewest of some of the films unlike its own"""


def main(arguments: list[str]) -> int:
    """Read the films; return the exit status, 1 if none of the files is a film that can be read."""
    parser = argparse.ArgumentParser("python -m lib.reader", description=__doc__, epilog=EPILOG)
    parser.add_argument("films", help="a film, or a folder with films at any depth")
    parser.add_argument("--detector", default="", help=DETECTOR)
    parser.add_argument("--output", default=str(folder.OUTPUT), help="a folder")
    options = parser.parse_args(arguments)
    if not options.films:
        raise BadData("Name a film or a folder of films: make read FILMS=path.")
    if not options.output:
        raise BadData("Name a folder with --output, or leave it out.")
    place, output = Path(options.films), Path(options.output)
    folder.check_output(place, output)  # errors come before TensorFlow, which takes seconds
    paths, detector = folder.files_in(place), options.detector
    choose(detector)
    load_keras()
    if not detector:
        detector, reason = likest(paths)
        if reason:
            print(reason)
    print(f"Detector: {choose(detector)}. {DISCLAIMER}", flush=True)
    answers = folder.read(place, Reader(detector), output)
    print(folder.summary(answers, output))
    return 0 if answers.read else 1


if __name__ == "__main__":
    with accidents.of_a_command(BadData, FitFailed):
        sys.exit(main(sys.argv[1:]))
