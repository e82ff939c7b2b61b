"""What a fit shows, in words that follow from its numbers, also where nothing can be measured."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from lib import files, metrics, prose, provenance
from lib.comparison import claims
from lib.comparison.reliability import COLUMNS as OF_RELIABILITY
from lib.comparison.rows import OF_SIZE, enough
from lib.comparison.tables import COLUMNS, Measures, measures_of
from lib.datasets.table import load_index
from lib.errors import BadData
from lib.grid import Fit

#: Parts of the names of metrics in words.
METRICS = {
    "at_threshold_normals_0.95": "at the threshold of 5 % false alarms",
    "at_threshold_recall_0.90": "at the threshold of 90 % recall",
    "at_specificity_0.90": "at 90 % specificity",
    "at_recall_0.90": "at 90 % recall",
    "auroc": "AUROC",
    "aupro": "AUPRO",
    "iou": "IoU",
    "f1": "F1",
    "brier": "Brier score",
    "best_dice": "best Dice",
}
#: Groups of lesions of one size in words, with their areas in % of the film.
LESIONS = {OF_SIZE[size]: f"{size} lesions, {words}" for size, words in metrics.areas().items()}
FEW = 30  # films in training, or of either label in the test, below which a page warns


def measured(fit: Fit, build: Path | None = None) -> tuple[Measures, str]:
    """Return the measures of a fit, and the reason if there are none, otherwise ""."""
    try:
        measures = measures_of(fit, build)
    except BadData as error:
        empty = pd.DataFrame(columns=COLUMNS), pd.DataFrame(columns=["fpr", "tpr", "low", "high"])
        without = pd.Series(dtype=float), pd.DataFrame(columns=OF_RELIABILITY)
        return Measures(*empty, {}, *without), str(error)
    if len(measures.results):
        return measures, ""
    outside = (
        f"{fit} has not been measured, since the comparison measures the fits of the grid: add it "
        f"there and run `python -m lib.comparison {fit.dataset}`."
    )
    return measures, unmeasured(fit.dataset, build) or outside


def unmeasured(dataset: str, build: Path | None = None) -> str:
    """Say why nothing is measured on the test films of a data set; "" where something is."""
    index = load_index(files.index(dataset, build))
    label = index.loc[index["split"].eq("test"), "label"]
    if enough(label):
        return ""
    return (
        f"Nothing is measured on {dataset}: of its test films {label.eq(0).sum()} are normal and "
        f"{label.eq(1).sum()} abnormal, but at least {metrics.FEWEST} of each are needed."
    )


def films_in_words() -> str:
    """Return what kind of films the study is of: `phantoms` or `real films`."""
    return "phantoms" if provenance.holds_phantoms() else "real films"


def tested(films: float, base_rate: float) -> str:
    """Return where a result is from: `on phantoms, 80 test films, 30 of them abnormal`."""
    return f"on {films_in_words()}, {counted(films, base_rate)}"


def counted(films: float, base_rate: float) -> str:
    """Return how many films a result is from: `80 test films, 30 of them abnormal`."""
    return f"{films:.0f} test films, {films * base_rate:.0f} of them abnormal"


def tested_on(dataset: str, build: Path | None = None) -> str:
    """Return the same for the test films of known label of a data set, which may have none."""
    index = load_index(files.index(dataset, build))
    label = index.loc[index["split"].eq("test"), "label"].dropna()
    return tested(len(label), label.mean() if len(label) else 0)


def thresholds(validation: pd.DataFrame) -> dict[str, float]:
    """Return the thresholds that validation films (label, score) can set, by name.

    The 95 % quantile of normal films, of which 5 % are then false alarms, and the score that finds
    90 % of the abnormal ones.
    """
    known = validation[validation["label"].notna()]
    by_name = {}
    if known["label"].eq(0).any():
        normals = known.loc[known["label"].eq(0), "score"]
        by_name["5 % false alarms"] = metrics.threshold_from_normals(normals)
    if known["label"].eq(1).any():
        by_name["90 % recall"] = metrics.threshold_for_recall(known["label"], known["score"])
    return by_name


def headline(measures: Measures) -> str:
    """Return the heading of a result: AUROC, its interval, and whether it exceeds the best floor.

    "" where AUROC is not measured.
    """
    rows = _auroc(measures)
    return "" if rows.empty else in_a_line(rows.iloc[0], measures.against_floor)


def in_a_line(auroc: Mapping, against_floor: Mapping) -> str:
    """Return AUROC, its interval and the verdict against the best floor.

    `auroc` is a row of results, `against_floor` one of tests with that floor, or empty.
    """
    wrong = claims.WRONG_WAY if claims.is_wrong_way(auroc["high"]) else ""
    place = claims.in_short(against_floor) if len(against_floor) else ""
    interval = prose.interval(auroc["value"], auroc["low"], auroc["high"])
    return ", ".join(filter(None, (f"AUROC {interval}", wrong, place)))


def result(info: dict, measures: Measures) -> str:
    """Say in Markdown what a fit scores, how that compares with the best floor, what it follows.

    `info` is the record of the fit.
    """
    auroc, floor, follows = _auroc(measures), measures.against_floor, measures.follows
    sentences = [] if len(auroc) else [unmeasured(info["dataset"])]
    if len(auroc):
        value = auroc.iloc[0]
        sentences = [
            f"AUROC **{value['value']:.3f}** {prose.ends(value['low'], value['high'])} "
            f"{tested(value['n'], value['base_rate'])}."
        ]
        if claims.is_wrong_way(value["high"]):
            sentences.append(f"Its interval lies below 0.5: the score **{claims.WRONG_WAY}**.")
    if floor:
        sentences.append(f"It {claims.against_floor(floor)}.")
    if len(follows):
        strongest = f"{follows.index[0]} most ({follows.iloc[0]:+.2f})"
        sentences.append(f"Over normal films its score follows {strongest}.")
    if len(auroc) and (words := few_films(info, auroc.iloc[0])):
        sentences.append(words)
    head = f"{info['method']} on {info['dataset']}, {info['setting']}: "
    return head + " ".join(sentences)


def _auroc(measures: Measures) -> pd.DataFrame:
    """Return the row of results with the AUROC per film; none where it is not measured."""
    return measures.results.query("level == 'image' and group == 'all' and metric == 'auroc'")


def few_films(info: dict, auroc: Mapping) -> str:
    """Return a caution if a fit is trained or tested on few films, otherwise "".

    `info` is the record of the fit; `auroc` has n and base_rate of the test films.
    """
    abnormal = round(auroc["n"] * auroc["base_rate"])
    normal, training = round(auroc["n"]) - abnormal, info.get("films", {}).get("training", FEW)
    if min(training, normal, abnormal) >= FEW:
        return ""
    return (
        f"**Few films**: {training} in training, {normal} normal and {abnormal} "
        "abnormal ones in the test. Other films may give results beyond these intervals."
    )


def in_words(metric: str) -> str:
    """Return a metric of results.csv in words: `recall at the threshold of 5 % false alarms`."""
    for name, words in METRICS.items():
        metric = metric.replace(name, words)
    return metric.replace("_", " ")


def as_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows of results as pages show them: per film or study, measure, value, interval, n.

    Rows of all films, and of the lesions of one size.
    """
    levels = {"image": "film", "study": "study", "pixel": "pixel", "box": "pixel, by boxes"}
    of_lesions = rows["group"].map(LESIONS).fillna("")
    measure = rows["metric"].map(in_words) + of_lesions.where(of_lesions.eq(""), ", " + of_lesions)
    ends = zip(rows["low"], rows["high"], strict=True)
    return pd.DataFrame(
        {
            "per": rows["level"].map(levels),
            "measure": measure,
            "value": rows["value"],
            "95 % interval": [prose.unbroken(prose.ends(*pair)) for pair in ends],
            "films or studies": rows["n"].astype(int),
            "base rate": rows["base_rate"],
        }
    )
