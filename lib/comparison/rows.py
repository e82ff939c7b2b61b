"""Rows of results: each measure of a fit or floor, per level and group, with its interval."""

from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from lib import files, metrics, params
from lib.comparison.reliability import BRIER, ERROR, probabilities
from lib.comparison.scores import Scored, with_validation_labels

FILM_COLUMNS = ["patient_id", "study_id", "body_part", "view", "finding", "label", "split", "score"]
#: The group of all normal films and of the abnormal ones none of whose findings looks drawn.
UNLIKE = "findings unlike drawn lesions"
#: The group of lesions of one size, by its name in metrics.LESION_SIZES.
OF_SIZE = {size: f"lesion size: {size}" for size in metrics.LESION_SIZES}
DECISIONS = ("recall", "specificity", "f1", "kappa")
#: Measures whose threshold or probability is fitted with labels or lesions of validation films.
FITTED = (
    *BRIER.values(),
    *ERROR.values(),
    "iou",
    *(f"{kind}_at_threshold_recall_0.90" for kind in DECISIONS),
)

Measure = Callable[[np.ndarray], dict[str, np.ndarray]]  # weights -> value by name


def rows_of_films(scored: Scored, weights: np.ndarray, index: pd.DataFrame) -> Iterator[dict]:
    """Yield rows of results at the levels of films and studies; weights (resamples, test films).

    The setting of a row says whether labels of validation films were used for it.
    """
    fitted = {"setting": with_validation_labels(scored.setting)}
    for row in _rows_of_levels(scored, weights, index):
        yield row | (fitted if row["metric"] in FITTED else {"setting": scored.setting})


def _rows_of_levels(scored: Scored, weights: np.ndarray, index: pd.DataFrame) -> Iterator[dict]:
    test, validation = scored.split("test"), scored.split("validation")
    yield from _level("image", test, validation, weights, ["body_part", "view", "finding"])
    for name in scored.films.columns.drop([*index.columns, "score"]):
        measure = ranking(test["label"], test[name], suffix=f"_of_{name}")
        yield from _estimated("image", "all", measure, weights, test["label"])
    if test["study_id"].duplicated().any():
        first = ~test["study_id"].duplicated().to_numpy()
        studies = [metrics.by_study(films[FILM_COLUMNS]) for films in (test, validation)]
        yield from _level("study", *studies, weights[:, first], ["body_part"])


def rows_of_maps(scored: Scored, resamples: int, index: pd.DataFrame, build: Path) -> list[dict]:
    """Return rows of results at the levels of pixels and boxes; none without annotated maps."""
    path = files.annotations(scored.dataset, build)
    if not scored.maps or not path.exists():
        return []
    annotations = pd.read_csv(path, dtype=str, keep_default_na=False)
    exact = set(annotations["image_id"][annotations["mask"].ne("")])
    annotated = {"pixel": exact, "box": set(annotations["image_id"]) - exact}
    of_split = {split: set(films["image_id"]) for split, films in index.groupby("split")}
    rows = []
    for level, films in annotated.items():
        in_level = np.isin(scored.maps["image_id"], sorted(films & of_split.get("test", set())))
        if in_level.sum() >= metrics.FEWEST:
            known = index["image_id"].isin(films & of_split.get("validation", set()))
            flagged = _usual_share(scored.dataset, np.flatnonzero(known), build)
            rows += _located(level, scored, in_level, flagged, resamples, index, build)
    return rows


def enough(label: pd.Series) -> bool:
    """Return whether there are enough films of either label for a meaningful measure."""
    return min(label.eq(0).sum(), label.eq(1).sum()) >= metrics.FEWEST


def _level(level, test, validation, weights, columns) -> Iterator[dict]:
    label = test["label"]
    groups = _groups(test, columns)
    of_groups = {group: members for group, members in groups if enough(label[members])}
    if not of_groups:
        return
    measure = _measure_of_groups(test, validation, of_groups)
    for (group, name), estimate in metrics.bootstrap(measure, weights).items():
        films = label[of_groups[group]]
        shared = {"level": level, "group": group, "n": len(films), "base_rate": films.mean()}
        yield {**shared, "metric": name, **estimate._asdict()}


def _measure_of_groups(test, validation, of_groups: dict[str, np.ndarray]) -> Measure:
    """Return all measures of all films, and the measures without threshold of the other groups.

    Most groups are findings with all normal films, whose weights are then summed once.
    """
    label, score = test["label"].to_numpy(), test["score"].to_numpy()
    films = {
        group: metrics.Sorted(label, score, np.flatnonzero(members))
        for group, members in of_groups.items()
    }
    whole = films.pop("all")
    of_all = _all_measures(whole, test, validation)
    has_all_normal = {group: of_groups[group][label == 0].all() for group in films}

    def measure(weight):
        values = {("all", name): value for name, value in of_all(weight).items()}
        normal = whole.normal(weight)
        for group, sorted_films in films.items():
            steps = sorted_films.steps(weight, normal if has_all_normal[group] else None)
            values |= {(group, name): value for name, value in _of_ranking(steps).items()}
        return values

    return measure


def _groups(films: pd.DataFrame, columns: list[str]) -> Iterator[tuple[str, np.ndarray]]:
    """Yield groups: all films; one body part or view; findings together with all normals."""
    yield "all", np.ones(len(films), bool)
    if "finding" in columns:
        unlike = films["label"].eq(0) | _looks_undrawn(films["finding"])
        if not unlike.all():
            yield UNLIKE, unlike.to_numpy(bool)
    for column in columns:
        shared = films["label"].eq(0) & (column == "finding")
        words = _words(films[column])
        there = films[column][~shared].unique()
        names = sorted(set().union(*(words[text] for text in there)) - {""})
        for name in names if len(names) > 1 else []:
            has_name = {text: name in listed for text, listed in words.items()}
            members = shared | films[column].map(has_name)
            yield f"{column.replace('_', ' ')}: {name}", members.to_numpy(bool)


def _looks_undrawn(finding: pd.Series) -> pd.Series:
    """Return whether films have findings, none of them `like_drawn_lesions` in datasets.yaml."""
    listed = params.read("datasets").get("like_drawn_lesions", [])
    alike = {str(word).casefold() for word in listed}
    words = _words(finding.str.casefold())
    undrawn = {text: text != "" and alike.isdisjoint(found) for text, found in words.items()}
    return finding.str.casefold().map(undrawn)


def _words(texts: pd.Series) -> dict[str, set[str]]:
    """Return the words of each text, between bars; many films share a text."""
    return {text: set(text.split("|")) for text in texts.unique()}


def ranking(label: pd.Series, score: pd.Series, suffix: str = "") -> Measure:
    """Return the measures without threshold: auroc and average_precision, each + `suffix`."""

    films = metrics.Sorted(label, score)

    def measure(weight):
        return {name + suffix: value for name, value in _of_ranking(films.steps(weight)).items()}

    return measure


def _of_ranking(ranked: metrics.Ranking | metrics.Steps) -> dict[str, np.ndarray]:
    return {"auroc": ranked.auroc(), "average_precision": ranked.average_precision()}


def _all_measures(films: metrics.Sorted, test, validation: pd.DataFrame) -> Measure:
    """Return rankings, decisions and calibration; thresholds and probabilities from validation."""
    thresholds = _thresholds(validation["label"], validation["score"])
    errors = {
        curve: metrics.errors(test["label"], probability)
        for curve, probability in probabilities(validation, test["score"]).items()
    }

    def measure(weight):
        ranked = films.ranking(weight)
        measures = _of_ranking(ranked)
        measures["recall_at_specificity_0.90"] = ranked.recall_at_specificity(0.90)
        measures["specificity_at_recall_0.90"] = ranked.specificity_at_recall(0.90)
        for name, threshold in thresholds.items():
            decisions = films.decisions(ranked, threshold)
            measures |= {f"{kind}_at_{name}": getattr(decisions, kind)() for kind in DECISIONS}
        for curve, of_curve in errors.items():
            measures[BRIER[curve]], measures[ERROR[curve]] = of_curve(weight)
        return measures

    return measure


def _thresholds(label: pd.Series, score: pd.Series) -> dict[str, float]:
    thresholds = {}
    if label.eq(0).any():
        thresholds["threshold_normals_0.95"] = metrics.threshold_from_normals(
            score[label.eq(0)], 0.95
        )
    if label.eq(1).any():
        thresholds["threshold_recall_0.90"] = metrics.threshold_for_recall(label, score, 0.90)
    return thresholds


def _estimated(level, group, measure: Measure, weights, label) -> Iterator[dict]:
    shared = {"level": level, "group": group, "n": len(label), "base_rate": label.mean()}
    for name, estimate in metrics.bootstrap(measure, weights).items():
        yield {**shared, "metric": name, **estimate._asdict()}


def _located(level, scored, in_level, flagged, resamples, index, build) -> Iterator[dict]:
    rows = pd.Index(index["image_id"]).get_indexer(scored.maps["image_id"][in_level])
    lesions, counted = _lesions_and_counted(scored.dataset, rows, build)
    width_and_height = lesions.shape[:0:-1]
    maps = np.array(
        [cv2.resize(stored, width_and_height) for stored in scored.maps["map"][in_level]]
    )
    weights = metrics.patient_weights(index["patient_id"].iloc[rows], resamples)
    shared = {"level": level, "group": "all", "n": len(rows)}
    shared["base_rate"] = lesions.sum() / counted.sum()
    measure = _location(maps, lesions, counted, flagged)
    for name, estimate in metrics.bootstrap(measure, weights).items():
        row = {**shared, "metric": name, **estimate._asdict()}
        fitted = {"setting": with_validation_labels(scored.setting)}
        yield row | (fitted if name in FITTED else {})
    for row in _by_size(maps, lesions, counted, weights):
        yield {"level": level} | row


def _by_size(maps, lesions, counted, weights) -> Iterator[dict]:
    """Yield AUPRO of the lesions of each size and the normal pixels of their films alone."""
    for size, group in OF_SIZE.items():
        of_size = metrics.of_size(lesions, size)
        films = of_size.any(axis=(1, 2))
        if films.sum() < metrics.FEWEST:
            continue
        asked, of_size = (counted & (of_size | ~lesions))[films], of_size[films]
        counts = metrics.pixel_counts(maps[films], of_size, asked, per_region=True)
        estimate = metrics.bootstrap(_overlap(counts), weights[:, films])["aupro"]
        shared = {"group": group, "n": int(films.sum())}
        shared["base_rate"] = of_size.sum() / asked.sum()
        yield {**shared, "metric": "aupro", **estimate._asdict()}


def _overlap(of_regions: tuple[np.ndarray, np.ndarray]) -> Measure:
    return lambda weight: {"aupro": metrics.aupro(*of_regions, weight)}


def _usual_share(dataset: str, rows: np.ndarray, build: Path) -> float | None:
    """Return the median share of the body that lesions cover in these films, None for too few."""
    if len(rows) < metrics.FEWEST:
        return None
    lesions, counted = _lesions_and_counted(dataset, rows, build)
    return float(np.median(lesions.sum(axis=(1, 2)) / counted.sum(axis=(1, 2))))


def _lesions_and_counted(dataset: str, rows: np.ndarray, build: Path):
    lesions = _masks(files.images(dataset, "lesions", build), rows)
    return lesions, lesions | _masks(files.images(dataset, "body", build), rows)


def _location(
    maps: np.ndarray, lesions: np.ndarray, counted: np.ndarray, flagged: float | None
) -> Measure:
    """Return the measures of maps; `iou` takes the share `flagged` of the body as lesion."""
    counts, hit = metrics.pixel_counts(maps, lesions, counted), metrics.pointing_game(maps, lesions)
    of_regions = metrics.pixel_counts(maps, lesions, counted, per_region=True)
    of_films = {"pointing_game": hit}
    if flagged is not None:
        of_films["iou"] = metrics.overlap(maps, lesions, counted, flagged)

    def measure(weight):
        ranking = metrics.rank_pixels(*counts, weight)
        return {
            "auroc": ranking.auroc(),
            "average_precision": ranking.average_precision(),
            "aupro": metrics.aupro(*of_regions, weight),
            "best_dice": ranking.best_dice(),
            **{name: weight @ one / weight.sum(axis=-1) for name, one in of_films.items()},
        }

    return measure


def _masks(path: Path, rows: np.ndarray) -> np.ndarray:
    return np.load(path, mmap_mode="r")[rows].astype(bool)
