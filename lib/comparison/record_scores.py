"""The scores of the record: of each data set a table of its test films, one column per detector.

reports/real/scores/<data set>.csv has the columns film, patient (a number), label, and the scores
of each method's median run, each floor and each fusion with a declared rule. From it AUROC, ROC
curves and paired tests on the test films can be computed again, and scores of other detectors be
compared with ours (lib.comparison.against), without the films.
"""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from lib import ROOT, files, grid
from lib.comparison.fusion import fuse, methods_of
from lib.comparison.scores import Scored, read_fit, read_floors
from lib.datasets.table import load_index
from lib.errors import BadData
from lib.grid import FLOOR, FUSION, Fit
from lib.shown import shown

FOLDER = Path("reports/real/scores")
OF_FILMS = ["film", "patient", "label"]
#: Protocols on public films, which are named by their path below data/, that of `make data`; all
#: other films have numbers, since a name may be a patient's.
PUBLIC = ("nih_peers", "kermany224_peers", "knee_oa_peers", "knee_oa_peers_labels")
DIGITS = "%.9g"  # of a score: all of a float32


def table_of(dataset: str, results: pd.DataFrame, build: Path) -> pd.DataFrame:
    """Return the scores of the shown runs on the test films of a data set.

    Raises BadData for scores whose AUROC is not that of their row of results.
    """
    index = load_index(files.index(dataset, build))
    rows = shown(results[results["dataset"].eq(dataset)])
    scored = {one.method: one for one in _scored(dataset, rows, index, build)}
    for row in rows.itertuples():
        if row.method not in scored or round(scored[row.method].auroc, 4) != row.value:
            raise BadData(
                f"reports/results.csv has an AUROC of {row.method} on {dataset} that is not that "
                "of its scores: run `make study` first."
            )
    test = next(iter(scored.values())).split("test")
    patients, _ = test["patient_id"].factorize(sort=True)  # in order, as resamples draw them
    films = {
        "film": test["path"] if dataset in PUBLIC else range(1, len(test) + 1),
        "patient": patients + 10 ** len(str(len(test))),
        "label": test["label"].astype(int),
    }
    return pd.DataFrame(films | {name: one.split("test")["score"] for name, one in scored.items()})


def _scored(dataset: str, rows: pd.DataFrame, index: pd.DataFrame, build: Path) -> Iterator[Scored]:
    """Yield the run of each row: fits, then fusions, then floors."""
    declared = grid.fusions()
    for row in rows[~rows["family"].isin([FLOOR, FUSION])].itertuples():
        yield read_fit(Fit(dataset, row.method, seed=int(row.seed)), index, build)
    for row in rows[rows["family"].eq(FUSION) & rows["method"].isin(declared)].itertuples():
        fits = [Fit(dataset, name, seed=int(row.seed)) for name in methods_of(row.method)]
        parts = [read_fit(fit, index, build) for fit in fits]
        yield from (one.scored for one in fuse(row.method, declared[row.method], parts))
    yield from read_floors(dataset, index, build)


def keep(dataset: str, table: pd.DataFrame, record: Path) -> None:
    """Write the scores of a data set into the folder of a record."""
    with files.whole_file(record / FOLDER.name / f"{dataset}.csv") as unfinished:
        table.to_csv(unfinished, index=False, float_format=DIGITS)


def read(dataset: str, root: Path = ROOT) -> pd.DataFrame:
    """Return the recorded scores of a data set. Raises BadData if there are none."""
    paths = {path.stem: path for path in sorted((root / FOLDER).glob("*.csv"))}
    if dataset not in paths:
        there = ", ".join(paths) or "no data set"
        raise BadData(f"The record has no scores of {dataset}: it has those of {there}.")
    return pd.read_csv(paths[dataset], dtype={"film": str})
