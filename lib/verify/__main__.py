"""The command line of the verification."""

import argparse
import io
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from lib import accidents, files, provenance
from lib.errors import BadData
from lib.verify import machine, page, recomputed, rows
from lib.verify.rows import Compared

PUBLISHED = "reports/results.csv"


def verify(given: str = "") -> page.Verification:
    """Compare stored tables with scores, and published results with the commit and a given file.

    Raises BadData if scores or tables are missing.
    """
    tables = recomputed.recompute()
    known = dict(_earlier(given))
    return page.Verification(
        tables,
        [_published(title, results) for title, (results, _) in known.items()],
        recomputed.broken(tables),
        {"here": machine.here()} | {title: made_on for title, (_, made_on) in known.items()},
    )


def _earlier(given: str) -> Iterator[tuple[str, tuple[str, dict[str, str]]]]:
    """Yield the name, the text and the machine of results to compare with."""
    if results := provenance.committed(PUBLISHED):
        described = provenance.committed(f"reports/{machine.DESCRIBED}")
        made_on = machine.kept_with(results, described)
        pinned = machine.pinned(provenance.committed("requirements.txt"))
        yield "the committed results", (results, made_on or pinned)
    if given:
        path = Path(given)
        if not path.is_file():
            raise BadData(f"{given} is not a file: name a results.csv, as WITH=other/results.csv.")
        results, description = path.read_text(), path.with_name(machine.DESCRIBED)
        made_on = machine.kept_with(
            results, description.read_text() if description.exists() else ""
        )
        yield "the given file", (results, made_on)  # its folder may have a person's name


def _published(title: str, results: str) -> Compared:
    before = pd.read_csv(io.StringIO(results), dtype=str, keep_default_na=False)
    now = recomputed.read(files.RESULTS)
    return rows.compare(f"{PUBLISHED} compared with {title}", now, before)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Verify the results of the study.")
    parser.add_argument("given", nargs="?", default="", help="results to compare with as well")
    with accidents.in_one_sentence(BadData):
        verification = verify(parser.parse_args().given)
        page.write(verification)
        machine.keep()
        print(*page.lines(verification), page.PAGE.relative_to(files.ROOT), sep="\n")
        sys.exit(1 if verification.failed else 0)
