"""The command line of the comparison."""

import argparse
import shutil

from lib import ROOT, accidents, files, grid, studies
from lib.comparison import compare
from lib.comparison.record import record
from lib.datasets.entries import BadData

parser = argparse.ArgumentParser(description="Compare all cells and floors of the study.")
parser.add_argument("task", nargs="?", choices=["compare", "record"], default="compare")
task = parser.parse_args().task
with accidents.in_one_sentence(BadData):
    if task == "record":
        print(record())
    else:
        compare(grid.cells(), fusions=grid.fusions(), studies=studies.asked())
        with files.whole_file(ROOT / "reports/results.csv") as unfinished:
            shutil.copyfile(ROOT / "build/comparison/results.csv", unfinished)
