"""The command line of fits."""

import argparse
import os
import sys

from lib import accidents, files, methods
from lib.errors import BadData
from lib.fits import cluster, queue, underway, work

# Worker processes also import this file, under another name.
if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description="Train fits, score films with their weights, or `run` both for each fit."
    )
    parser.add_argument("task", choices=list(work.TASKS))
    parser.add_argument("dataset")
    parser.add_argument("method", nargs="?", help="only this method, which may be outside the grid")
    parser.add_argument("seed", nargs="?", type=int, help="only this seed")
    parser.add_argument("--again", action="store_true", help="also fits that are up to date")
    arguments = parser.parse_args()
    with accidents.in_one_sentence(BadData):
        methods.check_backend()
        fits = work.fits_on(arguments.dataset, arguments.method, arguments.seed)
        for kind in ("fits", "scores"):  # which DVC expects, even if every fit fails
            (files.BUILD / kind / arguments.dataset).mkdir(parents=True, exist_ok=True)
        whole_study = arguments.method is None and arguments.task == "run"
        on, ship = os.environ.get("ON", ""), os.environ.get("SHIP") == "yes"
        with cluster.executor(on, ship) as executor:
            records = queue.work_through(
                arguments.task,
                fits,
                arguments.dataset,
                executor,
                again=arguments.again,
                others=underway.fits_elsewhere(arguments.dataset) if whole_study else (),
            )
            renewal = underway.Renewal()
            for record in records:
                if whole_study:
                    renewal.after_a_fit()
                if record["status"] == "failed":
                    name = "/".join(str(record[key]) for key in ("dataset", "method", "seed"))
                    print(f"{name} {record['variant']}: {record['reason']}", file=sys.stderr)
        if whole_study:
            underway.renew_page()
