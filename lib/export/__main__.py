"""Export a trained detector: python -m lib.export DETECTOR."""

import argparse
import sys

from lib import accidents
from lib.errors import BadData
from lib.export.folder import export
from lib.fits.store import FitFailed
from lib.reader.answer import DISCLAIMER
from lib.reader.choice import choose
from lib.reader.quiet import load_keras


def main(arguments: list[str]) -> None:
    """Export the detector and print the folder's name."""
    parser = argparse.ArgumentParser("python -m lib.export", description=__doc__)
    parser.add_argument("detector", nargs="?", default="", help="data set/method/seed")
    name = parser.parse_args(arguments).detector
    print(f"Detector: {choose(name)}. {DISCLAIMER}", flush=True)
    load_keras()
    print(f"Exported to {export(name)}. Its README.md says how to use it.")


if __name__ == "__main__":
    with accidents.of_a_command(BadData, FitFailed):
        main(sys.argv[1:])
