"""The command line of the comparison."""

import argparse
import shutil

from lib import ablations, accidents, files, grid
from lib.comparison.compare import compare
from lib.comparison.measures import write_measures
from lib.comparison.record import record
from lib.errors import BadData

parser = argparse.ArgumentParser(description="Measure the fits and floors of the study.")
parser.add_argument(
    "task", nargs="?", default="all", help="a data set to measure, `all` to compare, or `record`"
)
parser.add_argument(
    "--replace",
    action="store_true",
    help="with `record`: replace what was recorded of the same data sets",
)
parser.add_argument(
    "--name", default="", help="with `record`: the folder in reports/real/ of an experiment"
)
arguments = parser.parse_args()
task = arguments.task
with accidents.in_one_sentence(BadData):
    if task == "record":
        print(record(replace=arguments.replace, name=arguments.name))
    elif task == "all":
        compare(grid.datasets())
        with files.whole_file(files.RESULTS) as unfinished:
            shutil.copyfile(files.compared() / "results.csv", unfinished)
    else:
        write_measures(task, grid.fits(task), ablations.of_grid(task), grid.fusions())
