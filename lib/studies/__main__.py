"""The command line of a study."""

import argparse

from lib import accidents
from lib.datasets.entries import BadData
from lib.studies.plan import find
from lib.studies.run import run

# Worker processes import this file too, under another name.
if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Fit and score one study on one data set.")
    parser.add_argument("study")
    parser.add_argument("dataset")
    asked = parser.parse_args()
    with accidents.in_one_sentence(BadData):
        run(find(asked.study, asked.dataset))
