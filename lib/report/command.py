"""The command line of `python -m lib.report`."""

import argparse
import sys
from pathlib import Path

from lib.report.page import run


def main(arguments: list[str] | None = None) -> int:
    """Make one page; return 1 if it is incomplete."""
    parser = argparse.ArgumentParser(
        prog="python -m lib.report", description="Make one page of a notebook."
    )
    parser.add_argument("notebook", type=Path)
    parser.add_argument("output", type=Path, help="the page to write, *.html")
    parser.add_argument("-p", nargs=2, metavar=("NAME", "VALUE"), action="append", default=[])
    parser.add_argument("--timeout", type=int, default=21600, help="seconds that one cell may take")
    options = parser.parse_args(arguments)
    failure = run(options.notebook, options.output, dict(options.p), options.timeout)
    if failure:
        print(f"{options.output}: {failure}", file=sys.stderr)
    return 1 if failure else 0
