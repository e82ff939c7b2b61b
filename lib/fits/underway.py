"""The first page while the study runs: which fits are finished, and when the rest will be.

`python -m lib.fits.underway` writes reports/index.html, which is renewed as fits end. The page of
notebook 00 replaces it at the end of the study and is never replaced by it. AUROC is given without
interval or test: these follow once all detectors of a data set can be compared.
"""

import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from lib import ablations, files, grid, processes
from lib.datasets.table import load_index
from lib.fits import landing, recipes, store
from lib.grid import Fit
from lib.metrics import auroc
from lib.templates import rendered

PAGE = files.REPORTS / "index.html"
MARK = '<meta name="study" content="underway">'
SECONDS_A_FIT = 20  # on two cores, before any fit has ended


class Row(NamedTuple):
    """A finished fit of the grid, as a line of the page."""

    dataset: str
    method: str
    family: str
    auroc: float


def fits_elsewhere(dataset: str) -> list[Fit]:
    """Return the fits of the study on the other data sets."""
    return [fit for fit in ablations.every_fit() if fit.dataset != dataset]


def is_finished(fit: Fit) -> bool:
    """Return whether a fit was trained by the code and parameters of now, whatever its films.

    Its films may not be prepared yet. A record of an earlier form counts.
    """
    record = landing.read(files.trained(fit))
    return bool(record) and record.get("recipe", "") in ("", _recipe(fit))


@cache
def _recipe(fit: Fit) -> str:
    return recipes.recipe(fit)  # of the process: its code does not change


def renew_page(page: Path = PAGE) -> None:
    """Write the page of the state of now, unless the study's own first page is there."""
    if page.exists() and MARK not in page.read_text(errors="replace"):
        return
    fits = ablations.every_fit()
    finished = [fit for fit in fits if is_finished(fit)]
    text = rendered(
        "underway",
        mark=MARK,
        finished=len(finished),
        total=len(fits),
        minutes=_minutes_left(finished, len(fits) - len(finished)),
        at_work=list(_at_work()),
        rows=sorted(_rows(finished), key=lambda row: (row.dataset, -row.auroc)),
        hour=pd.Timestamp.now().strftime("%H:%M"),
    )
    with files.whole_file(page) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


class Renewal:
    """Renew the page as fits end, for a twentieth of the time at most, however many there are."""

    SHARE = 1 / 20

    def __init__(self) -> None:
        self.due = 0.0  # seconds of the monotonic clock

    def after_a_fit(self) -> None:
        """Renew the page if enough time has passed since the last renewal."""
        started = time.monotonic()
        if started >= self.due:
            renew_page()
            ended = time.monotonic()
            self.due = ended + (ended - started) / self.SHARE


def _minutes_left(finished: list[Fit], waiting: int) -> int:
    """Return the minutes that the fits to come take if they are as long as those that ended."""
    durations = [landing.read(files.trained(fit)).get("duration_s", 0.0) for fit in finished]
    mean = sum(durations) / len(durations) if durations else SECONDS_A_FIT
    workers = processes.most_workers() or processes.CORES
    return round(waiting * mean / workers / 60)


def _at_work() -> Iterator[str]:
    """Yield the fits that processes are working on, as data set/method/variant/seed."""
    for kind, words in {"fits": "training", "scores": "scoring"}.items():
        for attempt in files.attempts(files.BUILD / kind, at_any_depth=True):
            if not attempt.is_dead:
                place = attempt.folder.parent.relative_to(files.BUILD / kind) / attempt.name
                yield f"{words} {place}"


def _rows(finished: list[Fit]) -> Iterator[Row]:
    """Yield a line for each finished fit of the grid whose films have scores."""
    of_grid = set(grid.fits())
    for fit in finished:
        if fit in of_grid and store.record(fit).get("status") == "finished":
            moment = (files.scored(fit) / files.SCORES).stat().st_mtime_ns
            yield Row(fit.dataset, fit.method, fit.family, _auroc_on_test_films(fit, moment))


@cache
def _auroc_on_test_films(fit: Fit, _moment: int) -> float:
    scores = pd.read_csv(files.scored(fit) / files.SCORES, dtype={"image_id": str})
    index = load_index(files.index(fit.dataset))
    test = index[index["split"].eq("test") & index["label"].notna()]
    films = test.merge(scores, on="image_id")
    return float(auroc(films["label"], films["score"]))


if __name__ == "__main__":
    renew_page()
