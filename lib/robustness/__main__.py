"""The command line of the robustness of detectors."""

import argparse

from lib import accidents
from lib.errors import BadData
from lib.films import UnreadableFilm
from lib.robustness.measure import write

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Score perturbed test films of a data set.")
    parser.add_argument("dataset", help="the name of a data set")
    arguments = parser.parse_args()
    with accidents.in_one_sentence(BadData, UnreadableFilm):
        write(arguments.dataset)
