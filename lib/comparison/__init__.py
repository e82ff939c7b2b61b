"""Every metric of every cell and floor, recomputed from scores and index: no model code, no GPU.

`python -m lib.comparison` writes into build/comparison/:

- `results.csv`, also reports/results.csv: one row a number, columns `COLUMNS`. Floors are rows of
  the family `floor`, scores put together (`lib.comparison.fusion`) of the family `fusion`, fits of
  a study (`lib.comparison.studies`) of the family `study: <its name>`. Where a method ran from
  several seeds, rows of the seed `mean` hold the mean over seeds; their low and high are one
  standard deviation below and above it, not an interval. Of a study, `auroc_over_seeds` and
  `auroc_difference` (a variant and the study's reference, seed by seed) have Student's t interval
  over seeds.
- `tests.csv`: the difference in AUROC of each two methods of a data set, of each method and the
  floor that scores best on the test films (chosen there, which favours the floor), and of each
  fusion and its parts: paired DeLong tests over patients, Holm-corrected within the data set and
  kind. Of several seeds, the first. None of studies.
- `roc.csv`: ROC curves with pointwise bootstrap bands. `failures.csv`: cells and fits of studies
  without numbers.

`python -m lib.comparison record` keeps the results of real films in reports/real/.

Levels: `image`; `study`, the mean over its views; `pixel` and `box`, maps against exact masks or
against filled boxes, over the pixels of body and lesions of annotated test films. Intervals (95 %)
are bootstraps over patients. n counts films (studies at `study`); base_rate is the abnormal share
of these, at `pixel` and `box` of pixels. `threshold_normals_0.95` is that quantile of validation
normals, `threshold_recall_0.90` finds that share of abnormal validation films; probabilities for
`brier` and `calibration_error` are fitted on validation films.
"""

from collections.abc import Iterable, Mapping
from itertools import combinations
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd
from tqdm import tqdm

from lib import ROOT, files, grid, metrics
from lib.comparison.fusion import Fused, fuse
from lib.comparison.rows import enough, rows_of_films, rows_of_maps
from lib.comparison.scores import (
    FLOOR,
    BrokenCell,
    Scored,
    best_floor,
    read_cell,
    read_cells,
    read_floors,
)
from lib.comparison.studies import failures_of_study, judge_study, rows_of_study
from lib.datasets.table import load_index
from lib.studies import Study

ORIGIN = ["dataset", "method", "family", "seed", "setting"]
COLUMNS = [*ORIGIN, "level", "group", "metric", "value", "low", "high", "n", "base_rate"]
PAIR = ["dataset", "method_a", "seed_a", "method_b", "seed_b"]
TABLES = {
    "results": COLUMNS,
    "tests": [*PAIR, "difference", "low", "high", "p_value", "p_holm", "n"],
    "roc": ["dataset", "method", "seed", "fpr", "tpr", "low", "high"],
    "failures": ["dataset", "method", "seed", "reason"],
}
RATES = np.linspace(0, 1, 101)  # false positive rates at which ROC curves are kept


def compare(
    cells: Iterable[grid.Cell],
    build: Path = ROOT / "build",
    resamples: int = 1000,
    fusions: Mapping[str, list[str]] = MappingProxyType({}),
    studies: Iterable[Study] = (),
) -> pd.DataFrame:
    """Write the four tables of the comparison into build/comparison; returns the results.

    `fusions` names scores that are put together: {name: their parts} (see lib.comparison.fusion).
    Cells and fits of `studies` that failed, or whose files are broken, have no rows and are listed
    in failures.csv.
    Raises BadData when the index or the floors of a data set are missing or broken.
    """
    cells, rows = list(cells), {name: [] for name in TABLES}
    for dataset in dict.fromkeys(cell.dataset for cell in cells):
        chosen = [cell for cell in cells if cell.dataset == dataset]
        for name, found in _compare_dataset(dataset, chosen, fusions, build, resamples).items():
            rows[name] += found
    for study in tqdm(list(studies), "metrics of studies", unit="study"):
        for name, found in _compare_study(study, build, resamples).items():
            rows[name] += found
    tables = {name: pd.DataFrame(rows[name], columns=TABLES[name]) for name in TABLES}
    means = mean_over_seeds(tables["results"])
    tables["results"] = pd.concat([tables["results"], means], ignore_index=True)
    for name, table in tables.items():
        _write(table, build / f"comparison/{name}.csv")
    return tables["results"]


def judge(
    dataset: str, method: str, seed: int = 0, build: Path = ROOT / "build", resamples: int = 1000
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Results and ROC curve of one cell, as `compare` has them. Raises BrokenCell.

    Both are empty where the test films lack one of the labels.
    """
    index = load_index(build / f"index/{dataset}.csv")
    scored = read_cell(grid.cell(dataset, method, seed), index, build)
    test, rows, curve = scored.split("test"), [], []
    if enough(test["label"]):
        weights = metrics.patient_weights(test["patient_id"], resamples)
        rows, curve = _measured(scored, weights, index, build)
    return pd.DataFrame(rows, columns=COLUMNS), pd.DataFrame(curve, columns=TABLES["roc"])


def against_best_floor(
    dataset: str, method: str, seed: int = 0, build: Path = ROOT / "build"
) -> dict:
    """The paired test of one cell and the floor that scores best on its test films.

    A dictionary of the columns of tests.csv, empty where the test films lack one of the labels.
    Raises BrokenCell or BadData without scores.
    """
    index = load_index(build / f"index/{dataset}.csv")
    scored = read_cell(grid.cell(dataset, method, seed), index, build)
    if not enough(scored.split("test")["label"]):
        return {}
    return paired_tests([scored], read_floors(dataset, index, build))[0]


def what_it_follows(
    dataset: str, method: str, seed: int = 0, build: Path = ROOT / "build"
) -> pd.Series:
    """Rank correlation (Spearman) of a cell's score with each floor's, strongest first, by name.

    Over the normal test films alone, where no disease can make them agree: what it shares with a
    floor there is anatomy, exposure or pose. Raises BrokenCell or BadData without scores.
    """
    index = load_index(build / f"index/{dataset}.csv")
    cell = read_cell(grid.cell(dataset, method, seed), index, build)
    floors = read_floors(dataset, index, build)
    normal = cell.split("test").query("label == 0").set_index("image_id")["score"]
    found = {
        floor.method.removeprefix("floor: "): normal.corr(
            floor.films.set_index("image_id")["score"][normal.index], method="spearman"
        )
        for floor in floors
    }
    return pd.Series(found).dropna().sort_values(key=abs, ascending=False)


def paired_tests(
    detectors: list[Scored], floors: list[Scored], fused: Iterable[Fused] = ()
) -> list[dict]:
    """Paired DeLong tests over the patients of one data set, each kind corrected by itself.

    Each two detectors; each detector and the best floor; each fusion and each of its parts.
    """
    first = _first_seeds(detectors)
    best = best_floor(floors)
    shown = [whole for whole in fused if whole.scored.seed == detectors[0].seed]
    kinds = [
        combinations(first, 2),
        ((scored, floor) for scored in first for floor in best),
        ((whole.scored, part) for whole in shown for part in whole.parts),
    ]
    return [row for pairs in kinds for row in _corrected(pairs)]


def _first_seeds(detectors: list[Scored]) -> list[Scored]:
    return list({scored.method: scored for scored in reversed(detectors)}.values())[::-1]


def _corrected(pairs: Iterable[tuple[Scored, Scored]]) -> list[dict]:
    rows = [_tested(a, b) for a, b in pairs]
    corrected = metrics.holm([row["p_value"] for row in rows])
    return [row | {"p_holm": p_value} for row, p_value in zip(rows, corrected, strict=True)]


def mean_over_seeds(results: pd.DataFrame) -> pd.DataFrame:
    """Rows of the seed `mean` for what has several: the mean, low and high one sd around it."""
    keys = [name for name in COLUMNS[: COLUMNS.index("value")] if name != "seed"]
    runs = results[results["family"].ne(FLOOR)].groupby(keys, sort=False)
    kept = {name: (name, "first") for name in ("n", "base_rate")}
    means = runs.agg(value=("value", "mean"), sd=("value", "std"), **kept)
    means = means[runs["seed"].nunique() > 1].reset_index()
    low, high = means["value"] - means["sd"], means["value"] + means["sd"]
    return means.assign(seed="mean", low=low, high=high)[COLUMNS]


def _compare_dataset(
    dataset: str, cells: list, fusions: Mapping, build: Path, resamples: int
) -> dict[str, list]:
    """The rows of each table; only failures where the test films lack one of the labels."""
    index = load_index(build / f"index/{dataset}.csv")
    detectors, failures = read_cells(cells, index, build)
    test = index[index["split"].eq("test") & index["label"].notna()]
    if not enough(test["label"]):
        return {"failures": failures}
    floors = read_floors(dataset, index, build)
    weights = metrics.patient_weights(test["patient_id"], resamples)
    fused = [f for name, parts in fusions.items() for f in fuse(name, parts, detectors)]
    results, curves = [], []
    everyone = [*detectors, *(whole.scored for whole in fused), *floors]
    for scored in tqdm(everyone, f"metrics of {dataset}", unit="detector"):
        rows, curve = _measured(scored, weights, index, build)
        results += rows
        curves += curve
    tests = paired_tests(detectors, floors, fused)
    return {"results": results, "tests": tests, "roc": curves, "failures": failures}


def _compare_study(study: Study, build: Path, resamples: int) -> dict[str, list]:
    try:
        judged = judge_study(study, build, resamples)
    except BrokenCell as error:
        absent = {"dataset": study.dataset, "method": f"{grid.STUDY}{study.name}"}
        return {"failures": [absent | {"reason": str(error)}]}
    return {
        "results": list(rows_of_study(study, judged)),
        "failures": list(failures_of_study(study, judged)),
    }


def _measured(
    scored: Scored, weights: np.ndarray, index: pd.DataFrame, build: Path
) -> tuple[list[dict], list[dict]]:
    """Rows of results and points of the ROC curve; weights (resamples, test films)."""
    test = scored.split("test")
    rows = [
        *rows_of_films(scored, weights, index),
        *rows_of_maps(scored, len(weights), index, build),
    ]
    curve = metrics.roc_band(test["label"], test["score"], weights, RATES).to_dict("records")
    return [_origin(scored) | row for row in rows], [_origin(scored) | point for point in curve]


def _tested(a: Scored, b: Scored) -> dict:
    films = a.split("test")
    (difference, low, high), p_value = metrics.paired_delong(
        films["label"], films["score"], b.split("test")["score"], films["patient_id"]
    )
    pair = (a.dataset, a.method, a.seed, b.method, b.seed)
    found = {"difference": difference, "low": low, "high": high, "p_value": p_value}
    return dict(zip(PAIR, pair, strict=True)) | found | {"n": len(films)}


def _origin(scored: Scored) -> dict:
    return {name: getattr(scored, name) for name in ORIGIN}


def _write(table: pd.DataFrame, path: Path) -> None:
    rounded = table.round(4).replace(-0.0, 0.0)
    with files.whole_file(path) as unfinished:
        rounded.to_csv(unfinished, index=False)
