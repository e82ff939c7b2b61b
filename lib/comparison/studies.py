"""What a study found: AUROC of each fit, means over seeds, and differences between variants.

Two kinds of interval (95 %), which answer different questions: that of one fit is a bootstrap over
the patients of the test set; that of a mean over seeds is Student's t interval, over the fits that
finished. Differences are paired: a variant and the reference of the same method and seed.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from lib import ROOT, metrics
from lib.comparison.rows import enough, ranking
from lib.comparison.scores import (
    BrokenCell,
    best_floor,
    check_films_and_scores,
    labelled,
    read_floors,
    read_table,
)
from lib.datasets.table import load_index
from lib.grid import STUDY
from lib.studies import Study, percent

VARIANT = ["method", "variant", "short", "percent", "setting"]
OVER_SEEDS = ["value", "sd", "low", "high", "seeds", "n", "base_rate"]
TABLES = {
    "fits": [*VARIANT, "seed", "metric", "value", "low", "high", "n", "base_rate"],
    "means": [*VARIANT, *OVER_SEEDS],
    "differences": [*VARIANT, "reference", *OVER_SEEDS],
    "failures": ["method", "variant", "seed", "reason"],
}


class Judged(NamedTuple):
    """The tables of a study, in the order of its methods, variants and seeds."""

    info: dict  # fits.json: variants, and what became of each fit
    fits: pd.DataFrame  # one row a finished fit and metric, intervals over patients
    means: pd.DataFrame  # AUROC of each method and variant, sd and interval over seeds
    differences: pd.DataFrame  # of AUROC to the reference, the first variant, likewise
    failures: pd.DataFrame  # one row a fit that failed
    floor: dict[str, float]  # the floor that scores best on these films, and its AUROC


def judge_study(study: Study, build: Path = ROOT / "build", resamples: int = 1000) -> Judged:
    """Every number of a study, from its scores and the index.

    There are no numbers where the test films lack one of the labels. Raises BrokenCell where the
    study has not run or its files are broken.
    """
    index = load_index(build / f"index/{study.dataset}.csv")
    info, scores = _read(study, index, build)
    test = index[index["split"].eq("test") & index["label"].notna()]
    rows, floors = [], []
    if enough(test["label"]):
        weights = metrics.patient_weights(test["patient_id"], resamples)
        rows = [row for fit in info["fits"] for row in _measured(fit, scores, index, weights)]
        floors = best_floor(read_floors(study.dataset, index, build))
    fits = pd.DataFrame(rows, columns=TABLES["fits"])
    percents = {name: percent(change) for name, change in info["variants"].items()}
    fits["percent"] = fits["variant"].map(percents).astype(float)
    fits["short"] = [
        name if np.isnan(number) else f"{number:g} %"
        for name, number in zip(fits["variant"], fits["percent"], strict=True)
    ]
    auroc = fits[fits["metric"].eq("auroc")]
    reference = next(iter(info["variants"]))
    failed = [fit for fit in info["fits"] if fit["status"] != "finished"]
    failures = pd.DataFrame(failed, columns=TABLES["failures"])
    floor = {best.method: best.auroc for best in floors}
    return Judged(info, fits, _means(auroc), _differences(auroc, reference), failures, floor)


def rows_of_study(study: Study, judged: Judged) -> Iterator[dict]:
    """Rows of results.csv, of each fit and, where there are several seeds, over seeds.

    Those over seeds have the seed `mean`, the metrics `auroc_over_seeds` and `auroc_difference`,
    and intervals over seeds.
    """
    shared = {"dataset": study.dataset, "family": f"{STUDY}{study.name}"}
    shared |= {"level": "image", "group": "all"}
    for fit in judged.fits.to_dict("records"):
        yield fit | shared | {"seed": str(fit["seed"])}
    over_seeds = shared | {"seed": "mean"}
    for mean in judged.means.query("seeds > 1").to_dict("records"):
        yield mean | over_seeds | {"metric": "auroc_over_seeds"}
    for difference in judged.differences.query("seeds > 1").to_dict("records"):
        setting = f"{difference['setting']}, against {difference['reference']}"
        yield difference | over_seeds | {"metric": "auroc_difference", "setting": setting}


def failures_of_study(study: Study, judged: Judged) -> Iterator[dict]:
    """Rows of failures.csv."""
    for failure in judged.failures.to_dict("records"):
        reason = f"In the study {study.name}, {failure['variant']}: {failure['reason']}"
        yield failure | {"dataset": study.dataset, "reason": reason}


def what_was_given(judged: Judged) -> pd.DataFrame:
    """By method and variant: fits, failed; of those that finished mean films and seconds."""
    fits = pd.json_normalize(judged.info["fits"])
    for name in ("films.training", "films.with known label"):
        fits[name] = fits.get(name, np.nan)
    finished = fits["status"].eq("finished")
    groups = fits.assign(failed=~finished, seconds=fits["duration_s"].where(finished)).groupby(
        ["method", "variant"], sort=False
    )
    given = groups.agg(
        fits=("failed", "size"),
        failed=("failed", "sum"),
        films=("films.training", "mean"),
        known=("films.with known label", "mean"),
        seconds=("seconds", "mean"),
    )
    return given.round({"films": 0, "known": 0}).astype({"films": "Int64", "known": "Int64"})


def without_studies(results: pd.DataFrame) -> pd.DataFrame:
    """The rows of cells, floors and fusions."""
    return results[~results["family"].str.startswith(STUDY)]


def _read(study: Study, index: pd.DataFrame, build: Path) -> tuple[dict, dict[tuple, pd.DataFrame]]:
    """fits.json, and the scores of each finished fit by method, variant and seed."""
    folder = build / "studies" / study.name / study.dataset
    if not (folder / "fits.json").exists():
        raise BrokenCell(f"The study {study} has not run: run `dvc repro -k`.")
    try:
        info = json.loads((folder / "fits.json").read_text())
        table = read_table(folder / "scores.csv")
        scores = {}
        for fit, films in table.groupby(["method", "variant", "seed"]):
            scores[fit] = films[["image_id", "score"]]
            check_films_and_scores(f"scores.csv, {fit},", scores[fit], index)
        finished = {_name(fit) for fit in info["fits"] if fit["status"] == "finished"}
        if finished != set(scores):
            raise ValueError("scores.csv and fits.json are of different fits")
    except (ValueError, KeyError) as error:
        remedy = f"run `python -m lib.studies {study.name} {study.dataset}`."
        raise BrokenCell(f"The study {study}: {error}; {remedy}") from None
    return info, scores


def _measured(fit: dict, scores: dict, index, weights: np.ndarray) -> Iterator[dict]:
    """One row a metric of a finished fit; weights (resamples, test films)."""
    if _name(fit) not in scores:
        return
    test = labelled(index, scores[_name(fit)]).query("split == 'test'")
    found = metrics.bootstrap(ranking(test["label"], test["score"]), weights)
    of = {name: fit[name] for name in ("method", "variant", "setting", "seed")}
    for name, estimate in found.items():
        yield of | {"metric": name, **estimate._asdict(), **_size(test["label"])}


def _name(fit: dict) -> tuple:
    return fit["method"], fit["variant"], fit["seed"]


def _size(label: pd.Series) -> dict:
    return {"n": len(label), "base_rate": label.mean()}


def _means(auroc: pd.DataFrame) -> pd.DataFrame:
    groups = auroc.groupby(["method", "variant"], sort=False)
    rows = [rows.iloc[0].to_dict() | _over_seeds(rows["value"]) for _, rows in groups]
    return pd.DataFrame(rows, columns=TABLES["means"])


def _differences(auroc: pd.DataFrame, reference: str) -> pd.DataFrame:
    """Of each variant to the reference, over the seeds that both finished."""
    rows = []
    for (method, variant), fits in auroc.groupby(["method", "variant"], sort=False):
        twins = auroc[auroc["method"].eq(method) & auroc["variant"].eq(reference)]
        paired = fits.set_index("seed")["value"] - twins.set_index("seed")["value"]
        if variant != reference and paired.notna().any():
            first = fits.iloc[0].to_dict() | {"reference": reference}
            rows.append(first | _over_seeds(paired.dropna()))
    return pd.DataFrame(rows, columns=TABLES["differences"])


def _over_seeds(values: pd.Series) -> dict:
    estimate = metrics.t_interval(values)._asdict()
    return estimate | {"sd": values.std(), "seeds": len(values)}
