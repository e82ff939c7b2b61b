"""Test films of a fit chosen to be looked at: where it is right, where it is wrong."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from lib import files
from lib.fits.store import Finished


class Examples(NamedTuple):
    """Test films with their maps, chosen to show where a detector is right and where wrong."""

    films: np.ndarray  # uint8 (n, h, w)
    reconstructions: np.ndarray | None  # uint8 (n, h, w)
    maps: np.ndarray  # (n, h, w)
    lesions: np.ndarray  # 0/1 (n, h, w)
    titles: list[str]


class Shown(NamedTuple):
    """Test films to be looked at."""

    films: np.ndarray  # uint8 (n, h, w)
    lesions: np.ndarray  # 0/1 (n, h, w)
    titles: list[str]


def examples(fit: Finished, each: int = 2) -> Examples:
    """`each` quiet normals, false alarms, hits and misses among the films with maps.

    A reader sees what is normal first; hits come loudest first, misses quietest first.
    """
    with_maps = pd.Series(range(len(fit.maps["image_id"])), fit.maps["image_id"], name="place")
    films = fit.scores.join(with_maps, on="image_id", how="inner").sort_values("score")
    normal, abnormal = films[films["label"].eq(0)], films[films["label"].eq(1)]
    kinds = {
        "normal": normal.head(each),
        "false alarm": normal.tail(each),
        "hit": abnormal.tail(each)[::-1],
        "miss": abnormal.head(each),
    }
    chosen = pd.concat(kinds, names=["kind", "row"]).reset_index(level="kind")
    place = chosen["place"].to_numpy()
    films, lesions = _films_and_lesions(fit, chosen.index)
    return Examples(
        films,
        fit.maps["reconstruction"][place] if "reconstruction" in fit.maps else None,
        fit.maps["map"][place],
        lesions,
        [f"{row.kind}: {row.score:.3g}" for row in chosen.itertuples()],
    )


def near_and_far(fit: Finished, parts: int = 3, each: int = 2) -> Shown:
    """The test films of lowest and of highest score, `each` of them, of the commonest body parts.

    Part after part, lowest first; films that state no part count as one.
    """
    test = fit.scores[fit.scores["split"].eq("test")].sort_values("score")
    chosen = []
    for part in test["body_part"].value_counts().index[:parts]:
        films = test[test["body_part"].eq(part)]
        chosen.append(films.iloc[np.unique(np.r_[:each, -each:0] % len(films))])
    chosen = pd.concat(chosen)
    kind = chosen["label"].map({0: "normal", 1: "abnormal"}).fillna("unknown")
    told = zip(chosen["body_part"], kind, chosen["score"], strict=True)
    titles = [", ".join(filter(None, (part, name, f"{score:.3g}"))) for part, name, score in told]
    return Shown(*_films_and_lesions(fit, chosen.index), titles)


def _films_and_lesions(fit: Finished, rows) -> tuple[np.ndarray, np.ndarray]:
    """Films and lesion masks (n, h, w) in these rows of the arrays of a fit's data set."""
    dataset = fit.fit.dataset
    paths = (files.images(dataset), files.images(dataset, "lesions"))
    films, lesions = (np.load(path, mmap_mode="r")[rows] for path in paths)
    return films, lesions
