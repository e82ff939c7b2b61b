"""The command line of a study."""

import argparse
import sys
from concurrent.futures.process import BrokenProcessPool

from lib.datasets.entries import BadData
from lib.studies.plan import find
from lib.studies.run import run

# Worker processes import this file too, under another name.
if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Fit and score one study on one data set.")
    parser.add_argument("study")
    parser.add_argument("dataset")
    asked = parser.parse_args()
    try:
        run(find(asked.study, asked.dataset))
    except BadData as error:
        sys.exit(str(error))
    except BrokenProcessPool:
        sys.exit(
            f"A worker of the study {asked.study} died, most often for want of memory; nothing "
            "was kept. Run it again with more memory."
        )
