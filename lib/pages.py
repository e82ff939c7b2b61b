"""Make the pages of fits, families and ablations, whose notebooks run in parallel over the cores.

`python -m lib.pages cards mura` makes one page per fit of the grid on a data set, `chapters mura`
one per family with fits on it, and `ablations label_fraction` one per data set of the ablation,
into a folder of reports/ that then holds no other pages.
"""

import argparse
import sys
from typing import NamedTuple

from lib import ROOT, accidents, files, grid, processes, report, variants
from lib.ablations import of_grid
from lib.comparison.chapter import page_of
from lib.errors import BadData


class Page(NamedTuple):
    """A page, and what its notebook is to be run with."""

    file: str  # in reports/
    notebook: str
    parameters: dict[str, str]


def cards(dataset: str) -> list[Page]:
    """Return one page per fit of the grid on a data set."""
    return [
        Page(
            fit.page,
            "05_fit",
            {"dataset": fit.dataset, "method": fit.method, "seed": str(fit.seed)},
        )
        for fit in grid.fits(dataset)
    ]


def chapters(dataset: str) -> list[Page]:
    """Return one page per family with fits on a data set."""
    families = dict.fromkeys(fit.family for fit in grid.fits(dataset))
    return [
        Page(page_of(dataset, family), "04_family", {"dataset": dataset, "family": family})
        for family in families
    ]


def ablations(name: str) -> list[Page]:
    """Return one page per data set of an ablation."""
    return [
        Page(one.page, "07_ablation", {"ablation": one.name, "dataset": one.dataset})
        for one in of_grid()
        if one.name == name
    ]


KINDS = {"cards": cards, "chapters": chapters, "ablations": ablations}


def make(kind: str, name: str) -> list[str]:
    """Make the pages of a kind; return one sentence per page that is unfinished."""
    pages = KINDS[kind](name)
    if not pages and name not in (*grid.datasets(), *variants.entries()):
        raise BadData(f"{name} has no pages: name a data set or an ablation of the grid.")
    folder = files.REPORTS / kind / name
    folder.mkdir(parents=True, exist_ok=True)
    for outdated in set(folder.glob("*.html")) - {files.REPORTS / page.file for page in pages}:
        outdated.unlink()
    workers = processes.CORES + 1  # a worker waits while the kernel of its page starts
    made = processes.each(_make_one, pages, f"{kind} of {name}", "page", workers=workers)
    return list(filter(None, made))


def _make_one(page: Page) -> str:
    """Run the notebook of a page; return why it is unfinished, or nothing."""
    notebook = ROOT / f"notebooks/{page.notebook}.ipynb"
    failure = report.run(notebook, files.REPORTS / page.file, page.parameters, many=True)
    return f"reports/{page.file}: {failure}" if failure else ""


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Make the pages of a kind.")
    parser.add_argument("kind", choices=list(KINDS))
    parser.add_argument("name", help="a data set, or an ablation")
    arguments = parser.parse_args()
    with accidents.in_one_sentence(BadData):
        sentences = make(arguments.kind, arguments.name)
        print("\n".join(sentences), file=sys.stderr)
        sys.exit(1 if sentences else 0)
