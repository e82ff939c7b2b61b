"""Test films selected for display: where a fit, or a family of fits, is right and where wrong."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from lib import files
from lib.figures.films import map_scale
from lib.fits.store import Finished


class Examples(NamedTuple):
    """Test films with their maps, selected to show where a detector is right and where wrong."""

    films: np.ndarray  # uint8 (n, h, w)
    reconstructions: np.ndarray | None  # uint8 (n, h, w)
    maps: np.ndarray  # (n, h, w)
    lesions: np.ndarray  # 0/1 (n, h, w)
    titles: list[str]


class Telling(NamedTuple):
    """The test films at the head of a page, in the order in which `figures.overlays` takes them."""

    films: np.ndarray  # uint8 (n, h, w)
    captions: list[str]
    lesions: np.ndarray  # 0/1 (n, h, w)
    maps: np.ndarray | None  # (n, h, w)
    scale: tuple[float, float] | None  # of the maps


class Shown(NamedTuple):
    """Test films for display."""

    films: np.ndarray  # uint8 (n, h, w)
    lesions: np.ndarray  # 0/1 (n, h, w)
    titles: list[str]


class Compared(NamedTuple):
    """The same test films as several fits see them."""

    films: np.ndarray  # uint8 (n, h, w)
    lesions: np.ndarray  # 0/1 (n, h, w)
    titles: list[str]
    maps: dict[str, np.ndarray]  # of each fit that has maps, (n, h, w)
    ranks: dict[str, np.ndarray]  # of each fit, (n,): the share of test films with a lower score


def telling(fit: Finished) -> Telling:
    """Return the abnormal films of highest and of lowest score, and the normal one of highest.

    They are test films, of those with maps where the fit has maps. A caption says which share of
    the other test films has a lower score.
    """
    selected = _telling(fit)
    ranks = _ranks(fit)[selected["image_id"]]
    films, lesions = _films_and_lesions(fit, selected.index)
    return Telling(
        films,
        [
            f"{kind}: above {rank:.0%} of the other test films"
            for kind, rank in zip(selected["kind"], ranks, strict=True)
        ],
        lesions,
        _maps(fit, selected["image_id"]) if fit.maps else None,
        scale_of_maps(fit) if fit.maps else None,
    )


def _telling(fit: Finished) -> pd.DataFrame:
    """Return the rows of the scores of telling films, and their `kind`; none without labels."""
    films = fit.scores[fit.scores["split"].eq("test")].sort_values("score")
    if fit.maps:
        films = films[films["image_id"].isin(fit.maps["image_id"])]
    normal, abnormal = films[films["label"].eq(0)], films[films["label"].eq(1)]
    kinds = {
        "Abnormal, highest score": abnormal.tail(1),
        "Abnormal, lowest score": abnormal.iloc[:-1].head(1),
        "Normal, highest score": normal.tail(1),
    }
    return pd.concat(kinds, names=["kind", "row"]).reset_index(level="kind")


def examples(fit: Finished, each: int = 2) -> Examples:
    """Return `each` normals of low score, false alarms, hits and misses among the films with maps.

    Those of `telling`, which a page shows before, are left out. A reader sees what is normal first;
    hits come loudest first, misses quietest first.
    """
    with_maps = pd.Series(range(len(fit.maps["image_id"])), fit.maps["image_id"], name="place")
    films = fit.scores.join(with_maps, on="image_id", how="inner").sort_values("score")
    films = films.drop(_telling(fit).index)
    normal, abnormal = films[films["label"].eq(0)], films[films["label"].eq(1)]
    kinds = {
        "normal": normal.head(each),
        "false alarm": normal.tail(each),
        "hit": abnormal.tail(each)[::-1],
        "miss": abnormal.head(each),
    }
    selected = pd.concat(kinds, names=["kind", "row"]).reset_index(level="kind")
    place = selected["place"].to_numpy()
    films, lesions = _films_and_lesions(fit, selected.index)
    return Examples(
        films,
        fit.maps["reconstruction"][place] if "reconstruction" in fit.maps else None,
        fit.maps["map"][place],
        lesions,
        [f"{row.kind}: {row.score:.3g}" for row in selected.itertuples()],
    )


def scale_of_maps(fit: Finished) -> tuple[float, float]:
    """Return the map values of a fit that are drawn clear and fully red (`figures.map_scale`)."""
    normal = fit.scores.loc[fit.scores["label"].eq(0), "image_id"]
    return map_scale(fit.maps["map"], np.isin(fit.maps["image_id"], normal))


def near_and_far(fit: Finished, parts: int = 3, each: int = 2) -> Shown:
    """Return `each` test films of lowest and of highest score of the commonest body parts.

    Part after part, lowest first; films that state no part count as one.
    """
    test = fit.scores[fit.scores["split"].eq("test")].sort_values("score")
    selected = []
    for part in test["body_part"].value_counts().index[:parts]:
        films = test[test["body_part"].eq(part)]
        selected.append(films.iloc[np.unique(np.r_[:each, -each:0] % len(films))])
    selected = pd.concat(selected)
    kind = selected["label"].map({0: "normal", 1: "abnormal"}).fillna("unknown")
    descriptions = zip(selected["body_part"], kind, selected["score"], strict=True)
    titles = [
        ", ".join(filter(None, (part, name, f"{score:.3g}"))) for part, name, score in descriptions
    ]
    return Shown(*_films_and_lesions(fit, selected.index), titles)


def compared(fits: Mapping[str, Finished], each: int = 2) -> Compared:
    """Return `each` normal films, abnormal films detected by most fits and missed by most fits.

    By the mean of the ranks that the fits of one data set give a test film: normal films near the
    median, abnormal films with the highest and with the lowest mean, among the films of which all
    fits that have maps kept one.
    """
    first = next(iter(fits.values()))
    test = first.scores[first.scores["split"].eq("test")]
    ranks = pd.DataFrame({name: _ranks(fit)[test["image_id"]] for name, fit in fits.items()})
    ranks.index = test.index
    with_maps = {name: fit for name, fit in fits.items() if fit.maps}
    films = test.assign(rank=ranks.mean(axis=1)).sort_values("rank")
    for fit in with_maps.values():
        films = films[films["image_id"].isin(fit.maps["image_id"])]
    normal, abnormal = (films[films["label"].eq(label)] for label in (0, 1))
    middle = normal.loc[normal["rank"].sub(normal["rank"].median()).abs().sort_values().index]
    by_most = " by most" if len(fits) > 1 else ""
    selected = pd.concat(
        {
            "normal": middle.head(each),
            f"detected{by_most}": abnormal.tail(each)[::-1],
            f"missed{by_most}": abnormal.head(each),
        },
        names=["kind", "row"],
    ).reset_index(level="kind")
    return Compared(
        *_films_and_lesions(first, selected.index),
        list(selected["kind"]),
        {name: _maps(fit, selected["image_id"]) for name, fit in with_maps.items()},
        {name: ranks.loc[selected.index, name].to_numpy() for name in fits},
    )


def _ranks(fit: Finished) -> pd.Series:
    """Return the share of test films with a lower score, by image_id."""
    test = fit.scores[fit.scores["split"].eq("test")].set_index("image_id")["score"]
    return (test.rank(method="min") - 1) / max(1, len(test) - 1)


def _maps(fit: Finished, image_id: pd.Series) -> np.ndarray:
    """Return the maps (n, h, w) of films, all of which the fit kept."""
    place = pd.Index(fit.maps["image_id"]).get_indexer(image_id)
    return fit.maps["map"][place]


def _films_and_lesions(fit: Finished, rows) -> tuple[np.ndarray, np.ndarray]:
    """Return films and lesion masks (n, h, w) in these rows of the arrays of a fit's data set."""
    dataset = fit.fit.dataset
    paths = (files.images(dataset), files.images(dataset, "lesions"))
    films, lesions = (np.load(path, mmap_mode="r")[rows] for path in paths)
    return films, lesions
