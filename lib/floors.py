"""Compute floors: baselines that a detector must exceed before its score indicates disease.

`python -m lib.floors mura` writes build/floors/mura.csv: image_id and one column per floor, larger
= more abnormal, for the validation and test films. There are two kinds.

Simple detectors are fitted to normal training films without labels. Since the direction of disease
is unknown to a detector, mean_grey and grey_spread are absolute distances from the median normal
film; pca_reconstruction, knn and isolation_forest are fitted to the pixels.

Shortcuts (shortcut_*) use the labels of all training films and one covariate that is not disease: a
grey level, the shape or size of the film, the body part, the view, sex or age. Each is the score of
a model that has learnt only this covariate. A covariate is left out if it is constant or missing in
the training films.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.tree import DecisionTreeClassifier
from tqdm import tqdm

from lib import accidents, files
from lib.datasets.split import FEWEST_NORMALS
from lib.datasets.table import load_index
from lib.errors import BadData

SHORTCUT = "shortcut_"
SIDE = 64  # pixels; larger films are reduced to this size for the detectors fitted to pixels
NORMALS = 5000  # most training films of these detectors, drawn at random with seed 0
TOGETHER = 5000  # films that these score at once, so that memory does not grow with the films


def write_floors(dataset: str, build: Path | None = None) -> pd.DataFrame:
    """Write build/floors/<dataset>.csv from the index and the images of the data set.

    Raises BadData if these are missing or do not match.
    """
    index, films = _read(dataset, build)
    training = index["split"].eq("train")
    normal, scored = training & index["label"].eq(0), index["split"].ne("train")
    facts = covariates(index, films)
    floors = pd.concat(
        [
            index["image_id"],
            distances(facts[["mean_grey", "grey_spread"]], normal),
            pixel_detectors(films, np.flatnonzero(normal), np.flatnonzero(scored)),
            shortcuts(facts, index["label"].where(training)),
        ],
        axis=1,
    )[scored]
    with files.whole_file(files.floors(dataset, build)) as unfinished:
        floors.to_csv(unfinished, index=False, float_format="%.6g")
    return floors


def covariates(index: pd.DataFrame, films: np.ndarray) -> pd.DataFrame:
    """Return what is known of each film besides its content: numbers as floats, words as text.

    mean_grey, grey_spread (standard deviation): grey levels of the preprocessed film (n, h, w);
    aspect_ratio (width / height), film_size (pixels): of the original film; age in years.
    """
    grey = np.array([(film.mean(), film.std()) for film in tqdm(films, "grey levels", unit="film")])
    return pd.DataFrame(
        {
            "mean_grey": grey[:, 0],
            "grey_spread": grey[:, 1],
            "aspect_ratio": index["width"] / index["height"],
            "film_size": (index["width"] * index["height"]).astype(float),
            "age": index["age"].astype(float),
            "body_part": index["body_part"],
            "view": index["view"],
            "sex": index["sex"],
        }
    )


def distances(facts: pd.DataFrame, normal: pd.Series) -> pd.DataFrame:
    """Return the absolute distance of each film's facts from their medians over normal films."""
    return (facts - facts[normal].median()).abs()


def pixel_detectors(
    films: np.ndarray, normals: np.ndarray, scored: np.ndarray, seed: int = 0
) -> pd.DataFrame:
    """Score the films in rows `scored` with detectors fitted to the pixels of rows `normals`.

    pca_reconstruction: mean absolute error in grey levels with 16 components; knn: distance to the
    fifth neighbour; isolation_forest. The latter two are PyOD's, with its defaults.
    """
    from pyod.models.iforest import IForest
    from pyod.models.knn import KNN

    if len(normals) > NORMALS:
        normals = np.random.default_rng(seed).choice(normals, NORMALS, replace=False)
    reference = _pixels(films, np.sort(normals))
    pca = PCA(min(16, len(reference) - 1), svd_solver="randomized", random_state=seed)
    pca.fit(reference)
    detectors = {
        "pca_reconstruction": lambda x: np.abs(x - pca.inverse_transform(pca.transform(x))).mean(1),
        "knn": KNN().fit(reference).decision_function,
        "isolation_forest": IForest(random_state=seed).fit(reference).decision_function,
    }
    parts = []
    for some in np.array_split(scored, max(1, -(-len(scored) // TOGETHER))):
        examined = _pixels(films, some)
        scores = {name: score(examined) for name, score in detectors.items()}
        parts.append(pd.DataFrame(scores, index=some))
    return pd.concat(parts)


def shortcuts(facts: pd.DataFrame, label: pd.Series) -> pd.DataFrame:
    """Predict abnormality from each fact alone, fitted to the films whose `label` is not NaN."""
    known = label.notna()
    informative = [name for name in facts if facts.loc[known, name].nunique() > 1]
    if label.nunique() < 2:
        return pd.DataFrame(index=facts.index)
    scores_from = {True: _scores_from_numbers, False: _scores_from_words}
    return pd.DataFrame(
        {
            SHORTCUT + name: scores_from[pd.api.types.is_float_dtype(facts[name])](
                facts[name], label
            )
            for name in informative
        },
        index=facts.index,
    )


def _scores_from_numbers(fact: pd.Series, label: pd.Series) -> np.ndarray:
    """Score with a small decision tree, since abnormal values may be high, low or in the middle."""
    known = label.notna()
    values = fact.fillna(fact[known].median()).to_numpy()[:, None]
    tree = DecisionTreeClassifier(max_leaf_nodes=8, min_samples_leaf=0.05, random_state=0)
    return tree.fit(values[known], label[known]).predict_proba(values)[:, 1]


def _scores_from_words(fact: pd.Series, label: pd.Series) -> pd.Series:
    """Score with the share of abnormal films of the same category, shrunk by one average film."""
    films, base_rate = label.groupby(fact), label.mean()
    share = (films.sum() + base_rate) / (films.count() + 1)
    return fact.map(share)


def _pixels(films: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the grey levels of the films, float32 (n, at most SIDE * SIDE)."""
    side = min(SIDE, films.shape[1])
    reduced = [cv2.resize(films[row], (side, side), interpolation=cv2.INTER_AREA) for row in rows]
    return np.array(reduced, np.float32).reshape(len(rows), -1)


def _read(dataset: str, build: Path | None) -> tuple[pd.DataFrame, np.ndarray]:
    index = load_index(files.index(dataset, build))
    path = files.images(dataset, build=build)
    remedy = f"run `python -m lib.preprocessing {dataset}`."
    if not path.exists():
        raise BadData(f"{path} is missing: {remedy}")
    films = np.load(path, mmap_mode="r")
    if len(films) != len(index):
        raise BadData(f"{path} has {len(films)} films and the index {len(index)}: {remedy}")
    if (index["split"].eq("train") & index["label"].eq(0)).sum() < FEWEST_NORMALS:
        raise BadData(
            f"{dataset} has fewer than {FEWEST_NORMALS} normal training films, which its floors "
            "need: add normal films."
        )
    return index, films


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description="Write the scores of shortcuts and simple detectors."
    )
    parser.add_argument("dataset")
    with accidents.in_one_sentence(BadData):
        write_floors(parser.parse_args().dataset)
