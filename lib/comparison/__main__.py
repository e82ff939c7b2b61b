"""The command line of the comparison."""

import argparse
import shutil
import sys

from lib import ROOT, grid, studies
from lib.comparison import compare
from lib.comparison.record import record
from lib.datasets.entries import BadData

parser = argparse.ArgumentParser(description="Compare all cells and floors of the study.")
parser.add_argument("task", nargs="?", choices=["compare", "record"], default="compare")
try:
    if parser.parse_args().task == "record":
        print(record())
    else:
        compare(grid.cells(), fusions=grid.fusions(), studies=studies.asked())
        (ROOT / "reports").mkdir(exist_ok=True)
        shutil.copyfile(ROOT / "build/comparison/results.csv", ROOT / "reports/results.csv")
except BadData as error:
    sys.exit(str(error))
