"""The command line of fits."""

import argparse
import sys

from lib import accidents, files, methods
from lib.errors import BadData
from lib.fits import queue, work

# Worker processes also import this file, under another name.
if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Train fits, or score films with their weights.")
    parser.add_argument("task", choices=list(work.TASKS))
    parser.add_argument("dataset")
    parser.add_argument("method", nargs="?", help="this method alone, also outside the grid")
    parser.add_argument("seed", nargs="?", type=int, help="this seed alone")
    parser.add_argument("--again", action="store_true", help="also what is up to date")
    asked = parser.parse_args()
    with accidents.in_one_sentence(BadData):
        methods.check_backend()
        fits = work.fits_on(asked.dataset, asked.method, asked.seed)
        for kind in ("fits", "scores"):  # which DVC expects, even if every fit fails
            (files.BUILD / kind / asked.dataset).mkdir(parents=True, exist_ok=True)
        for record in queue.work_through(asked.task, fits, asked.dataset, again=asked.again):
            if record["status"] == "failed":
                name = "/".join(str(record[key]) for key in ("dataset", "method", "seed"))
                print(f"{name} {record['variant']}: {record['reason']}", file=sys.stderr)
