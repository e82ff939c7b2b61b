"""AUROC within strata of a film's circumstances, and pooled over strata, with the crude one.

A detector may read who was imaged, and how, in place of the disease, wherever abnormal films differ
in that from normal ones. The pooled AUROC compares only films of the same stratum: it is the share
of abnormal-normal pairs of one stratum that are ordered rightly, over all strata, so that each
stratum counts by its pairs (Janes and Pepe 2009, doi 10.1093/biomet/asp002, with strata weighted by
pairs in the place of abnormal films). A score that is the circumstance alone has 0.5.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from lib import metrics
from lib.comparison.rows import enough
from lib.comparison.scores import Scored

AGES = {0: "0-17", 18: "18-39", 40: "40-64", 65: "65+"}  # in years, by the first one
QUARTERS = ("smallest quarter", "second quarter", "third quarter", "largest quarter")
ALL = "all"  # the stratum of rows on all films, and on all strata pooled
CRUDE = WITHIN = "auroc"
POOLED, DIFFERENCE = "auroc_pooled", "auroc_pooled_minus_crude"
COLUMNS = ["circumstance", "stratum", "metric", "value", "low", "high", "n", "base_rate", "pairs"]


def strata(index: pd.DataFrame) -> pd.DataFrame:
    """Return the stratum of each film of an index, "" where it is not known, by circumstance.

    Age is in groups of AGES. The size of a film (width x height of the original in pixels) is by
    quarter of the training films.
    """
    return pd.DataFrame(
        {
            "body part": index["body_part"],
            "view": index["view"],
            "sex": index["sex"],
            "age": _age_group(index["age"]),
            "film size": _quarter(index["width"] * index["height"], index["split"].eq("train")),
        }
    )


def rows_of_strata(scored: Scored, weights: np.ndarray, index: pd.DataFrame) -> Iterator[dict]:
    """Yield the rows of COLUMNS of a detector, by circumstance; weights (resamples, test films).

    Of each circumstance: the crude AUROC over the films whose stratum is known, the pooled one, its
    difference from the crude one, and the AUROC within each stratum with enough films of either
    label. Each comes with the abnormal-normal pairs that it counts. None of a circumstance in which
    all films are alike, or without such a stratum.
    """
    test = scored.split("test")
    of_films = strata(index).set_index(index["image_id"])
    of_test = of_films.loc[test["image_id"]].reset_index(drop=True)
    known = {name: stratum.ne("").to_numpy() for name, stratum in of_test.items()}
    known = {name: films for name, films in known.items() if of_test[name][films].nunique() > 1}
    rows: dict[str, list[dict]] = {}
    for films in {films.tobytes(): films for films in known.values()}.values():
        alike = [name for name, others in known.items() if np.array_equal(films, others)]
        there, of_there = (one[films].reset_index(drop=True) for one in (test, of_test[alike]))
        rows |= _rows(there, of_there, weights if films.all() else weights[:, films])
    for name in known:
        yield from ({"circumstance": name} | row for row in rows[name])


def _rows(films: pd.DataFrame, of_films: pd.DataFrame, weights: np.ndarray) -> dict[str, list]:
    """Return the rows of circumstances that are known of the same films, by circumstance."""
    label = films["label"]
    counted = {
        name: {
            stratum: members
            for stratum, members in films.groupby(of_films[name], sort=True).indices.items()
            if enough(label[members])
        }
        for name in of_films
    }
    estimates = metrics.bootstrap(_measure(films, counted), weights)
    return {name: list(_listed(name, counted[name], label, estimates)) for name in counted}


def _listed(name, members: dict[str, np.ndarray], label: pd.Series, estimates) -> Iterator[dict]:
    if not members:
        return
    of_strata = {stratum: label[films] for stratum, films in members.items()}
    pairs = {stratum: _pairs(labels) for stratum, labels in of_strata.items()}
    pooled = pd.concat(of_strata.values())
    places = [(ALL, CRUDE, label, _pairs(label))]
    places += [(ALL, metric, pooled, sum(pairs.values())) for metric in (POOLED, DIFFERENCE)]
    places += [(stratum, WITHIN, labels, pairs[stratum]) for stratum, labels in of_strata.items()]
    for stratum, metric, labels, number in places:
        row = {"stratum": stratum, "metric": metric, **estimates[name, stratum, metric]._asdict()}
        yield row | {"n": len(labels), "base_rate": labels.mean(), "pairs": number}


def _measure(films: pd.DataFrame, counted: dict[str, dict[str, np.ndarray]]):
    """Return the measures of all circumstances, whose crude AUROC is the same."""
    label, score = films["label"].to_numpy(), films["score"].to_numpy()
    whole = metrics.Sorted(label, score)
    parts = {
        name: {
            stratum: metrics.Sorted(label, score, members)
            for stratum, members in by_stratum.items()
        }
        for name, by_stratum in counted.items()
    }

    def measure(weight):
        crude, values = whole.steps(weight).auroc(), {}
        for name, by_stratum in parts.items():
            ranked = {stratum: part.steps(weight) for stratum, part in by_stratum.items()}
            areas = {stratum: one.auroc() for stratum, one in ranked.items()}
            pairs = {stratum: one.pairs for stratum, one in ranked.items()}
            ordered = sum(np.nan_to_num(areas[stratum]) * pairs[stratum] for stratum in areas)
            pooled = metrics.divide(ordered, sum(pairs.values()))
            over_all = {CRUDE: crude, POOLED: pooled, DIFFERENCE: pooled - crude}
            values |= {(name, ALL, metric): value for metric, value in over_all.items() if areas}
            values |= {(name, stratum, WITHIN): area for stratum, area in areas.items()}
        return values

    return measure


def _pairs(label: pd.Series) -> int:
    return int(label.eq(1).sum() * label.eq(0).sum())


def _age_group(age: pd.Series) -> pd.Series:
    groups = pd.cut(age, [*AGES, np.inf], right=False, labels=list(AGES.values()))
    return groups.astype(object).fillna("")


def _quarter(size: pd.Series, training: pd.Series) -> pd.Series:
    """Return the quarter of the training films, of equal sizes the lower; fewer with equal ends."""
    ends = size[training].quantile([0.25, 0.5, 0.75]).to_numpy()
    return pd.Series(QUARTERS, dtype=object)[np.searchsorted(ends, size)].set_axis(size.index)
