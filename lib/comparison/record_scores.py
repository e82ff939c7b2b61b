"""The scores of the record: of each data set a table of its test films, one column per detector.

reports/real/scores/<data set>.csv has the columns film, patient (a number), label, and the scores
of each method's median run, each floor and each fusion with a declared rule. From it any measure
and paired test can be computed again, and scores of other detectors compared with ours, without the
films. Films are named on the protocols of public data sets alone; those of a user have numbers.
"""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from lib import ROOT, files, grid
from lib.comparison.fusion import fuse, methods_of
from lib.comparison.scores import FLOOR, Scored, read_fit, read_floors
from lib.datasets.entries import load_entries
from lib.datasets.table import load_index
from lib.errors import BadData
from lib.figures.glance import median_runs, runs
from lib.grid import FUSION, Fit

FOLDER = Path("reports/real/scores")
OF_FILMS = ["film", "patient", "label"]
DIGITS = "%.7g"  # of a score, as many as a float32 has


def shown(results: pd.DataFrame) -> pd.DataFrame:
    """Return the runs that pages show: the median run of each method, and the floors."""
    rows = runs(results)
    return pd.concat([median_runs(rows), rows[rows["family"].eq(FLOOR)]])


def table_of(dataset: str, results: pd.DataFrame, build: Path) -> pd.DataFrame:
    """Return the scores of the shown runs on the test films of a data set."""
    index = load_index(files.index(dataset, build))
    rows = shown(results[results["dataset"].eq(dataset)])
    scored = list(_scored(dataset, rows, index, build))
    test = scored[0].split("test")
    numbers = pd.Series(range(1, len(test) + 1), test.index)
    is_public = bool(load_entries().get(dataset, {}).get("peers"))
    columns = {
        "film": test["image_id"] if is_public else numbers,
        "patient": test["patient_id"].factorize()[0] + 1,
        "label": test["label"].astype(int),
    }
    return pd.DataFrame(columns | {one.method: one.split("test")["score"] for one in scored})


def _scored(dataset: str, rows: pd.DataFrame, index: pd.DataFrame, build: Path) -> Iterator[Scored]:
    """Yield the run of each row: fits, then fusions, then floors."""
    for row in rows[~rows["family"].isin([FLOOR, FUSION])].itertuples():
        yield read_fit(Fit(dataset, row.method, seed=int(row.seed)), index, build)
    for row in rows[rows["family"].eq(FUSION)].itertuples():
        fits = [Fit(dataset, name, seed=int(row.seed)) for name in methods_of(row.method)]
        parts = [read_fit(fit, index, build) for fit in fits]
        yield from (one.scored for one in fuse(row.method, grid.fusions()[row.method], parts))
    yield from read_floors(dataset, index, build)


def keep(dataset: str, table: pd.DataFrame, record: Path) -> None:
    """Write the scores of a data set into the folder of a record."""
    with files.whole_file(record / FOLDER.name / f"{dataset}.csv") as unfinished:
        table.to_csv(unfinished, index=False, float_format=DIGITS)


def read(dataset: str, root: Path = ROOT) -> pd.DataFrame:
    """Return the recorded scores of a data set. Raises BadData if there are none."""
    path = root / FOLDER / f"{dataset}.csv"
    if not path.exists():
        there = ", ".join(sorted(one.stem for one in path.parent.glob("*.csv"))) or "no data set"
        raise BadData(f"The record has no scores of {dataset}: it has those of {there}.")
    return pd.read_csv(path, dtype={"film": str})
