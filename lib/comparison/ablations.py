"""Results of an ablation: AUROC of each fit, means over seeds, differences of variants and methods.

Two kinds of interval (95 %) answer different questions: that of one fit is a bootstrap over the
patients of the test set; that of a mean over seeds is Student's t interval over the finished fits,
on the logit scale, so that it stays within the range of its quantity (metrics.t_interval).
Differences are paired: a variant and the reference of the same method and seed. So are contrasts:
two methods with the same variant and seed, and so the same known films. The p values of both
(Student's t test over seeds) are corrected over all differences, or contrasts, of the ablation on
the data set (Holm). A variant whose scores equal those of its reference changed nothing: it has no
numbers, and is listed with the fits that failed.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from lib import metrics
from lib.ablations import ABLATION, Ablation
from lib.comparison.tables import OF_ONE, RUN, read_measures
from lib.fits import store
from lib.params import entry_of, part, put_over
from lib.variants import percent, variant_name

OF_AUROC, OF_DIFFERENCES = (0.0, 1.0), (-1.0, 1.0)  # the least and the largest value
P_HOLM = "_p_holm"  # after the metric whose p value it is
#: What is recorded of a network that was given no known abnormal film, and learns from these alone.
UNTAUGHT = r"learns from labelled films .* it was given \d+ normal and 0 abnormal ones"
CHANGED_NOTHING = "The variant changed nothing:"
IN_SETTING = ("labels", "contamination", "phantoms")  # parameters that a setting names
VARIANT = ["method", "variant", "short", "percent", "setting"]
OVER_SEEDS = ["value", "sd", "low", "high", "seeds", "n", "base_rate"]
TABLES = {
    "fits": [*VARIANT, "seed", "metric", "value", "low", "high", "n", "base_rate"],
    "means": [*VARIANT, *OVER_SEEDS],
    "differences": [*VARIANT, "reference", *OVER_SEEDS, "p_value", "p_holm"],
    "contrasts": [*VARIANT, "against", *OVER_SEEDS, "p_value", "p_holm"],
}


class Judged(NamedTuple):
    """The tables of an ablation, in the order of its methods, variants and seeds."""

    ablation: Ablation
    fits: pd.DataFrame  # one row per finished fit and metric, intervals over patients
    means: pd.DataFrame  # AUROC of each method and variant, sd and interval over seeds
    differences: pd.DataFrame  # of AUROC from the reference, likewise
    contrasts: pd.DataFrame  # of AUROC between the pairs of methods to be compared, likewise
    failures: pd.DataFrame  # method, variant, seed, reason: one row per fit without numbers
    given: pd.DataFrame  # by method and variant: fits, failed, untaught; mean films, known, seconds


def judge(ablation: Ablation, build: Path | None = None) -> Judged:
    """Return all tables of an ablation, from the measures of its data set.

    There are no numbers if the test films lack one of the labels. Raises BadData if nothing has
    been measured yet.
    """
    rankings, broken = (
        read_measures(ablation.dataset, name, build) for name in ("rankings", "broken")
    )
    return judge_measured(ablation, rankings, broken, build)


def judge_measured(
    ablation: Ablation, rankings: pd.DataFrame, broken: pd.DataFrame, build: Path | None
) -> Judged:
    """Return the tables of an ablation from two tables of its data set (lib.comparison.tables)."""
    measured = _renamed(ablation, rankings)
    same = _changed_nothing(measured, ablation.reference)
    fits = measured[~same].reindex(columns=TABLES["fits"])
    reason = f"{CHANGED_NOTHING} its scores equal those of the reference, {ablation.reference}."
    unchanged = measured[same].drop_duplicates(RUN).assign(reason=reason)
    failures = [rows[OF_ONE["broken"]] for rows in (_renamed(ablation, broken), unchanged)]
    records = {name: store.record(fit, build) for name, fit in ablation.fits().items()}
    return _judged(ablation, fits, pd.concat(failures), records)


def judge_recorded(ablation: Ablation, results: pd.DataFrame) -> Judged:
    """Return the tables of an ablation from rows of results of one other data set.

    Its fits alone, not those over seeds; nothing is known of failures.
    """
    methods = list(results["method"].unique())
    ablation = replace(ablation, dataset=results["dataset"].iloc[0], methods=methods)
    names = [
        {"method": method, **_named(ablation, method, variant)}
        for method in methods
        for variant in ablation.variants
    ]
    fits = pd.DataFrame(names).rename(columns={"named": "variant"})
    fits = fits.merge(results.astype({"seed": int}), on=["method", "setting"])[TABLES["fits"]]
    return _judged(ablation, fits, pd.DataFrame(columns=OF_ONE["broken"]), {})


def _judged(
    ablation: Ablation, fits: pd.DataFrame, failures: pd.DataFrame, records: dict[tuple, dict]
) -> Judged:
    """Return the tables that follow from the measures and the records of an ablation's fits."""
    auroc = fits[fits["metric"].eq("auroc")]
    differences, contrasts = _differences(auroc, ablation.reference), _contrasts(auroc, ablation)
    given = _given(records)
    return Judged(ablation, fits, _means(auroc), differences, contrasts, failures, given)


def rows_of_ablation(judged: Judged) -> Iterator[dict]:
    """Yield rows of results.csv for each fit and, with several seeds, over seeds.

    Those over seeds have the seed `mean`, the metrics `auroc_over_seeds`, `auroc_difference` and
    `auroc_contrast`, and intervals over seeds; the last two followed by `_p_holm` are p values.
    """
    family = f"{ABLATION}{judged.ablation.name}"
    shared = {"dataset": judged.ablation.dataset, "family": family}
    shared |= {"level": "image", "group": "all"}
    for fit in judged.fits.to_dict("records"):
        yield fit | shared | {"seed": str(fit["seed"])}
    over_seeds = shared | {"seed": "mean"}
    for mean in judged.means.query("seeds > 1").to_dict("records"):
        yield mean | over_seeds | {"metric": "auroc_over_seeds"}
    for difference in judged.differences.query("seeds > 1").to_dict("records"):
        setting = f"{difference['setting']}, against {difference['reference']}"
        yield from _with_p_value(difference, over_seeds | {"setting": setting}, "auroc_difference")
    for contrast in judged.contrasts.query("seeds > 1").to_dict("records"):
        setting = f"{contrast['setting']}, against {contrast['against']}"
        yield from _with_p_value(contrast, over_seeds | {"setting": setting}, "auroc_contrast")


def _with_p_value(paired: dict, shared: dict, metric: str) -> Iterator[dict]:
    yield paired | shared | {"metric": metric}
    p_holm = {"value": paired["p_holm"], "low": np.nan, "high": np.nan}
    yield paired | shared | p_holm | {"metric": f"{metric}{P_HOLM}"}


def failures_of_ablation(judged: Judged) -> Iterator[dict]:
    """Yield rows of failures.csv."""
    for failure in judged.failures.to_dict("records"):
        where = f"In the ablation {judged.ablation.title}, {failure['variant']}: "
        reason = where + failure["reason"]
        yield failure | {"dataset": judged.ablation.dataset, "reason": reason}


def _changed_nothing(measured: pd.DataFrame, reference: str) -> pd.Series:
    """Return which rows are of a variant with the scores of the reference of its seed."""
    of_twin = measured.loc[measured["variant"].eq(reference), ["method", "seed", "scores"]]
    pairs = measured.merge(
        of_twin.drop_duplicates(), "left", ["method", "seed"], suffixes=("", "_")
    )
    return measured["variant"].ne(reference) & pairs["scores"].eq(pairs["scores_"]).to_numpy()


def _renamed(ablation: Ablation, table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of an ablation's fits, in its order and with its names of variants."""
    names = pd.DataFrame(
        [
            {
                **dict(zip(RUN, (fit.method, fit.variant, fit.seed), strict=True)),
                **_named(ablation, *name[:2]),
            }
            for name, fit in ablation.fits().items()
        ]
    )
    rows = names.merge(table.astype({"seed": int}), on=RUN, how="inner")
    return rows.drop(columns="variant").rename(columns={"named": "variant"})


def _named(ablation: Ablation, method: str, variant: str) -> dict:
    """Return the names of the fits of a method and variant."""
    change = ablation.variants[variant]
    number = percent(change)
    return {
        "named": variant,
        "short": variant if number is None else f"{number:g} %",
        "percent": np.nan if number is None else number,
        "setting": _setting(method, change),
    }


def _setting(method: str, change: dict) -> str:
    """Return the setting of a fit, and what else its variant changes."""
    labels = part(method, put_over(change, entry_of(method))).setting
    rest = {name: change[name] for name in change if name not in IN_SETTING}
    return f"{labels}, {variant_name(rest)}" if rest else labels


def _means(auroc: pd.DataFrame) -> pd.DataFrame:
    groups = auroc.groupby(["method", "variant"], sort=False)
    rows = [rows.iloc[0].to_dict() | _over_seeds(rows["value"], OF_AUROC) for _, rows in groups]
    return pd.DataFrame(rows, columns=TABLES["means"])


def _differences(auroc: pd.DataFrame, reference: str) -> pd.DataFrame:
    """Return differences of each variant from the reference, over the seeds finished by both."""
    rows = []
    for (method, variant), fits in auroc.groupby(["method", "variant"], sort=False):
        paired = _paired(fits, _fits_of(auroc, method, reference))
        if variant != reference and len(paired):
            rows.append(_tested(fits, paired) | {"reference": reference})
    return _corrected(rows, "differences")


def _contrasts(auroc: pd.DataFrame, ablation: Ablation) -> pd.DataFrame:
    """Return differences between the methods of each pair, per variant, likewise."""
    rows = []
    for method, against in ablation.contrasts:
        for variant in ablation.variants:
            fits = _fits_of(auroc, method, variant)
            paired = _paired(fits, _fits_of(auroc, against, variant))
            if len(paired):
                rows.append(_tested(fits, paired) | {"against": against})
    return _corrected(rows, "contrasts")


def _tested(fits: pd.DataFrame, paired: pd.Series) -> dict:
    """Return the mean of paired differences of fits, its interval and its p value."""
    estimate = _over_seeds(paired, OF_DIFFERENCES)
    return fits.iloc[0].to_dict() | estimate | {"p_value": metrics.paired_t(paired)}


def _corrected(rows: list[dict], name: str) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=TABLES[name])
    return table.assign(p_holm=metrics.holm(table["p_value"]))


def _fits_of(auroc: pd.DataFrame, method: str, variant: str) -> pd.DataFrame:
    return auroc[auroc["method"].eq(method) & auroc["variant"].eq(variant)]


def _paired(fits: pd.DataFrame, others: pd.DataFrame) -> pd.Series:
    """Return differences in value by seed, over the seeds that both have."""
    values, other_values = (table.set_index("seed")["value"] for table in (fits, others))
    return (values - other_values).dropna()


def _over_seeds(values: pd.Series, bounds: tuple[float, float]) -> dict:
    estimate = metrics.t_interval(values, bounds)._asdict()
    return estimate | {"sd": values.std(), "seeds": len(values)}


def is_untaught(variant: str, reason: str) -> bool:
    """Return whether a fit has no numbers as intended: a network that learns from labels has none.

    It completes an ablation of labels, whose reference is unlabelled, and did not fail.
    """
    return variant.startswith("unlabelled") and bool(re.search(UNTAUGHT, reason))


def _given(records: dict[tuple, dict]) -> pd.DataFrame:
    """Count fits and failures by method and variant, with mean films, known labels and seconds."""
    rows = [
        {
            "method": method,
            "variant": variant,
            "failed": left.get("status") == "failed",
            "untaught": is_untaught(variant, left.get("reason", "")),
            "films": left.get("films", {}).get("training"),
            "known": left.get("films", {}).get("with known label"),
            "seconds": left.get("duration_s") if left.get("status") == "finished" else None,
        }
        for (method, variant, _), left in records.items()
    ]
    columns = ["method", "variant", "failed", "untaught", "films", "known", "seconds"]
    groups = pd.DataFrame(rows, columns=columns).groupby(["method", "variant"], sort=False)
    given = groups.agg(
        fits=("failed", "size"),
        failed=("failed", "sum"),
        untaught=("untaught", "sum"),
        films=("films", "mean"),
        known=("known", "mean"),
        seconds=("seconds", "mean"),
    )
    given["failed"] -= given["untaught"]
    return given.round({"films": 0, "known": 0}).astype({"films": "Int64", "known": "Int64"})
