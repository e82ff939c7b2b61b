"""All measures of one data set, computed once for tables and pages."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd
from tqdm import tqdm

from lib import files, metrics, processes
from lib.ablations import Ablation
from lib.comparison.ablations import failures_of_ablation, judge_measured, rows_of_ablation
from lib.comparison.fusion import fuse
from lib.comparison.reliability import rows_of_reliability
from lib.comparison.rows import enough, ranking, rows_of_films, rows_of_maps
from lib.comparison.scores import Scored, check_patients, read_fits, read_floors
from lib.comparison.strata import rows_of_strata
from lib.comparison.tables import OF_ALL, OF_ONE, ORIGIN, RUN
from lib.comparison.tests import paired_tests
from lib.datasets.table import load_index
from lib.grid import FLOOR, FUSION, Fit, Fusion

RATES = np.linspace(0, 1, 101)  # false positive rates of stored ROC curves
OF_RANKING = ("auroc", "average_precision")
#: Weights of films, over all detectors, that one process works through before others have started.
LARGE = 10**8


def write_measures(
    dataset: str,
    fits: list[Fit],
    ablations: Sequence[Ablation] = (),
    fusions: Mapping[str, Fusion] = MappingProxyType({}),
    build: Path | None = None,
    resamples: int = 1000,
) -> None:
    """Measure the fits of a data set, its ablations and fusions, into build/measures/<data set>/.

    A fit that failed, or whose files are broken, has no numbers and is listed in failures.csv.
    There are no numbers if the test films lack one of the labels. Raises BadData if the index or
    the floors are missing or broken, or if a patient is in several splits.
    """
    measured = measure(dataset, fits, ablations, fusions, build, resamples)
    with files.whole_folder(files.measured(dataset, build)) as folder:
        for name, table in measured.items():
            table.to_csv(folder / f"{name}.csv", index=False)


def measure(dataset, fits, ablations, fusions, build, resamples) -> dict[str, pd.DataFrame]:
    """Return the tables of a data set, numbers not rounded (see `write_measures`)."""
    index = load_index(files.index(dataset, build))
    check_patients(dataset, index)
    detectors, failures = read_fits(fits, index, build)
    ablation_fits = [fit for ablation in ablations for fit in ablation.fits().values()]
    further_fits = [fit for fit in dict.fromkeys(ablation_fits) if fit not in fits]
    variants, further_failures = read_fits(further_fits, index, build)
    rows = {"failures": failures, "broken": [*failures, *further_failures]}
    test = index[index["split"].eq("test") & index["label"].notna()]
    if enough(test["label"]):
        floors = read_floors(dataset, index, build)
        weights = metrics.patient_weights(test["patient_id"], resamples)
        rows |= rows_of_all(detectors, variants, floors, fusions, weights, index, build)
    tables = {
        name: pd.DataFrame(rows.get(name, []), columns=columns)
        for name, columns in (OF_ALL | OF_ONE).items()
    }
    for ablation in ablations:
        judgement = judge_measured(ablation, tables["rankings"], tables["broken"], build)
        for name, rows_of_table in {
            "results": rows_of_ablation(judgement),
            "failures": failures_of_ablation(judgement),
        }.items():
            added = pd.DataFrame(list(rows_of_table), columns=OF_ALL[name])
            tables[name] = pd.concat([tables[name], added], ignore_index=True)
    return tables


def rows_of_all(
    detectors, variants, floors, fusions, weights, index, build
) -> dict[str, list[dict]]:
    """Return the rows of each table except failures; weights (resamples, test films)."""
    fused = [one for name, fusion in fusions.items() for one in fuse(name, fusion, detectors)]
    all_scored = [*detectors, *(fusion.scored for fusion in fused), *floors]
    title = f"measures of {index['dataset'].iloc[0]}"
    measured = partial(_rows_of_one, weights=weights, index=index, build=build)
    workers = None if weights.size * len(all_scored) > LARGE else 1
    parts = list(processes.each(measured, all_scored, title, "detector", workers=workers))
    rows = {name: [row for part in parts for row in part[name]] for name in parts[0]}
    for scored in tqdm(variants, f"{title}, ablations", unit="fit"):
        rows["rankings"] += [_run_columns(scored) | row for row in _ranking(scored, weights)]
    return rows | {
        "tests": paired_tests(detectors, floors, fused),
        "follows": [row for scored in detectors for row in floor_correlations(scored, floors)],
    }


def _rows_of_one(scored: Scored, weights, index, build) -> dict[str, list[dict]]:
    """Return the rows of each table that are of one detector alone."""
    origin = _origin_columns(scored)
    rows = [
        *rows_of_films(scored, weights, index),
        *rows_of_maps(scored, len(weights), index, build),
    ]
    is_fit = scored.family not in (FLOOR, FUSION)
    ranked = [_run_columns(scored) | row for row in rows if _is_ranking(row)]
    return {
        "results": [origin | row for row in rows],
        "rankings": ranked if is_fit else [],
        "roc": _curve(scored, weights),
        "strata": [origin | row for row in rows_of_strata(scored, weights, index)],
        "reliability": _reliability(scored, weights) if is_fit else [],
    }


def floor_correlations(scored: Scored, floors: list[Scored]) -> list[dict]:
    """Return the rank correlation (Spearman) of a fit's score with each floor's, strongest first.

    Over the normal test films alone, where no disease can make them agree: what it shares with a
    floor there is anatomy, exposure or pose.
    """
    normal = scored.split("test").query("label == 0").set_index("image_id")["score"]
    of_floors = {
        floor.method.removeprefix("floor: "): floor.films.set_index("image_id")["score"]
        for floor in floors
    }
    correlation = {
        name: normal.corr(score[normal.index], method="spearman")
        for name, score in of_floors.items()
        if score[normal.index].nunique() > 1
    }
    ranked = pd.Series(correlation).dropna().sort_values(key=abs, ascending=False)
    of_fit = {"method": scored.method, "seed": scored.seed}
    return [of_fit | {"floor": name, "correlation": value} for name, value in ranked.items()]


def _ranking(scored: Scored, weights: np.ndarray) -> list[dict]:
    """Return rows of the measures without threshold, over all test films."""
    test = scored.split("test")
    shared = {"n": len(test), "base_rate": test["label"].mean()}
    estimates = metrics.bootstrap(ranking(test["label"], test["score"]), weights)
    return [shared | {"metric": name, **value._asdict()} for name, value in estimates.items()]


def _is_ranking(row: dict) -> bool:
    return (row["level"], row["group"]) == ("image", "all") and row["metric"] in OF_RANKING


def _curve(scored: Scored, weights: np.ndarray) -> list[dict]:
    test = scored.split("test")
    band = metrics.roc_band(test["label"], test["score"], weights, RATES)
    return [_origin_columns(scored) | point for point in band.to_dict("records")]


def _reliability(scored: Scored, weights: np.ndarray) -> list[dict]:
    of_fit = {"method": scored.method, "seed": scored.seed}
    return [of_fit | row for row in rows_of_reliability(scored, weights)]


def _origin_columns(scored: Scored) -> dict:
    return {name: getattr(scored, name) for name in ORIGIN}


def _run_columns(scored: Scored) -> dict:
    return {name: getattr(scored, name) for name in RUN} | {"scores": scored.digest}
