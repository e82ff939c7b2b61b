"""The tables of the study, computed again from its scores by the functions that wrote them."""

import io
import tempfile
from collections.abc import Iterator
from contextlib import redirect_stderr, suppress
from functools import partial
from pathlib import Path

import pandas as pd

from lib import ablations, files, grid, processes
from lib.comparison.compare import compare
from lib.comparison.measures import write_measures
from lib.comparison.tables import OF_ALL, OF_ONE
from lib.datasets.table import load_index
from lib.errors import BadData
from lib.fits import films, landing
from lib.fits.recipes import digest
from lib.methods import BACKENDS
from lib.verify import rows
from lib.verify.rows import Compared

EVIDENCE = ("index", "images", "floors", "fits", "scores")  # folders of build/, read only
OF_FAILURES = ("failures", "broken")  # tables with one reason a row


def recompute() -> list[Compared]:
    """Compare each stored table with that of the scores. Raises BadData if one is missing."""
    if missing := [name for name in EVIDENCE if not (files.BUILD / name).exists()]:
        raise BadData(f"build/{missing[0]} is missing: run `make study` first.")
    with tempfile.TemporaryDirectory() as folder:
        build = Path(folder)
        for name in EVIDENCE:
            (build / name).symlink_to(files.BUILD / name)
        datasets = grid.datasets()
        list(processes.each(partial(_measure, build), datasets, "recomputed", "data set"))
        compare(datasets, build)
        return list(_compared(datasets, build))


def _measure(build: Path, dataset: str) -> None:
    fits, of_dataset = grid.fits(dataset), ablations.of_grid(dataset)
    with redirect_stderr(io.StringIO()):  # the bars of several data sets at once
        write_measures(dataset, fits, of_dataset, grid.fusions(), build)


def _compared(datasets: list[str], build: Path) -> Iterator[Compared]:
    places = {files.measured(one).relative_to(files.BUILD): one for one in datasets}
    for place, dataset in places.items():
        for name in (*OF_ALL, *OF_ONE):
            now, before = read(build / place / f"{name}.csv"), _stored(place / f"{name}.csv")
            yield rows.compare(f"build/{place}/{name}.csv", now, before, dataset)
    place = files.compared().relative_to(files.BUILD)
    for name in OF_ALL:
        now, before = read(build / place / f"{name}.csv"), _stored(place / f"{name}.csv")
        yield rows.compare(f"build/{place}/{name}.csv", now, before)
    now = read(build / place / "results.csv")
    yield rows.compare("reports/results.csv", now, read(files.RESULTS))


def _stored(place: Path) -> pd.DataFrame:
    return read(files.BUILD / place)


def read(path: Path) -> pd.DataFrame:
    """Read a table as text. Raises BadData if it is missing or empty."""
    try:
        return pd.read_csv(path, dtype=str, keep_default_na=False)
    except FileNotFoundError:
        raise BadData(f"{path.name} of {path.parent.name}/ is missing: run `make study`.") from None
    except pd.errors.EmptyDataError:
        raise BadData(f"{path.name} of {path.parent.name}/ is empty: run `make study`.") from None


def broken(compared: list[Compared]) -> list[str]:
    """Return what is wrong with the evidence, in sentences; each fit is named once."""
    failures = [one.rows for one in compared if Path(one.title).stem in OF_FAILURES]
    new = pd.concat(failures).query("state == 'new'")
    reasons = dict.fromkeys(new["dataset"] + ": " + new["row"])
    return [*reasons, *(sentence for name in grid.datasets() for sentence in _of_labels(name))]


def _of_labels(dataset: str) -> Iterator[str]:
    """Yield what shows that the labels of an index are not those that the study was run with."""
    fits = ablations.every_fit(dataset)
    if other := [fit for fit in fits if _was_trained_on_other_films(fit)]:
        yield (
            f"{len(other)} of {len(fits)} fits on {dataset} were trained on other films, labels or "
            f"splits than those of its index, as {other[0]}."
        )
    index = load_index(files.index(dataset))
    annotated = files.annotations(dataset)
    if annotated.exists():
        image_id = pd.read_csv(annotated, dtype={"image_id": str})["image_id"]
        normal = index["image_id"].isin(image_id) & index["label"].eq(0)
        if count := int(normal.sum()):
            yield f"{count} films of {dataset} have annotated lesions but are labelled normal."


def _was_trained_on_other_films(fit: grid.Fit) -> bool:
    record = landing.read(files.trained(fit))
    if "recipe" not in record or films.parameters_of(fit).images:  # films of its own
        return False
    with suppress(BadData):  # features that are not stored here
        backend = record.get("backend", BACKENDS[0])
        elsewhere = [] if backend == BACKENDS[0] else [backend]
        return digest(record["recipe"], films.hash_of_films(fit), *elsewhere) != record["key"]
    return False
