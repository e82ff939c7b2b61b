"""Select the training set, and the labels that are given to a method."""

import numpy as np
import pandas as pd

from lib.errors import BadData
from lib.params import Labels


def training_set(
    index: pd.DataFrame, labels: Labels = "none", seed: int = 0, contamination: float = 0.0
) -> pd.DataFrame:
    """Select the training films: columns row (position in the index) and y (1, 0, NaN unknown).

    labels="none"   the normal training films, y unknown.
    labels="all"    all labelled training films, y known.
    labels={"normal": a, "abnormal": b}   all normal training films and some anomalies, so that the
                    shares of known normals and known anomalies in the training set are `a` and `b`
                    (labelled films of Deep SAD, arXiv 1906.02694, section 4); the rest unknown.
    contamination   share of anomalies among the films of unknown label (pollution in Deep SAD).

    Known films and contaminants are drawn with `seed`, evenly over body parts, patient by patient.
    Raises BadData if there are too few films for these shares, ValueError for invalid shares.
    """
    train = index.reset_index(drop=True).query("split == 'train'")
    if isinstance(labels, str):
        if labels not in ("none", "all") or (labels == "all" and contamination):
            raise ValueError(
                f"labels must be none, all without contamination, or shares; not {labels!r} "
                f"with contamination={contamination}."
            )
        if labels == "all":
            if not train["label"].eq(1).any():
                raise BadData(
                    f"{index['dataset'].iloc[0]} has no abnormal training film, and `labels: all` "
                    "needs some: leave it out of the data sets of this method in params/study.yaml."
                )
            return _rows_and_labels(train[train["label"].notna()], train["label"].astype(float))
        labels = {}
    normal = _drawing_order(train[train["label"].eq(0)], seed)
    abnormal = _drawing_order(train[train["label"].eq(1)], seed)
    shares = labels.get("normal", 0.0), labels.get("abnormal", 0.0), contamination
    known_normal, known_abnormal, contaminants = _numbers(len(normal), *shares)
    anomalies = known_abnormal + contaminants
    if known_normal > len(normal) or anomalies > len(abnormal):
        raise BadData(
            f"{index['dataset'].iloc[0]} has {len(normal)} normal and {len(abnormal)} abnormal "
            f"training films, but {known_normal} and {anomalies} are needed: "
            "lower `labels` or `contamination` of the method in params/."
        )
    y = pd.Series(np.nan, index=train.index)
    y[normal[:known_normal]] = 0.0
    y[abnormal[:known_abnormal]] = 1.0
    return _rows_and_labels(train.loc[[*normal, *abnormal[:anomalies]]], y)


def _rows_and_labels(films: pd.DataFrame, y: pd.Series) -> pd.DataFrame:
    rows = films.index.sort_values()
    return pd.DataFrame({"row": rows.to_numpy(), "y": y[rows].to_numpy()})


def _drawing_order(films: pd.DataFrame, seed: int) -> np.ndarray:
    """Return the rows of films in the order of drawing, any first k evenly over body parts.

    Patients are shuffled and their films kept together, so that few patients are known in part.
    """
    # Patients are identified by their first film, since the salt of their ids varies by machine.
    first = films.sort_values("image_id").groupby("patient_id")["image_id"].transform("first")
    patients = np.sort(first.unique())
    rank = pd.Series(np.random.default_rng(seed).permutation(len(patients)), index=patients)
    ordered = films.assign(rank=first.map(rank)).sort_values(["rank", "image_id"])
    part = ordered.groupby("body_part")["rank"]
    position = (part.cumcount() + 0.5) / part.transform("size")
    return position.sort_values(kind="stable").index.to_numpy()


def _numbers(normals: int, a: float, b: float, contamination: float) -> tuple[int, int, int]:
    """Return the numbers of known normals, known anomalies and contaminants for these shares.

    With N films in total and r = contamination / (1 - contamination):
    known normals = a N, known anomalies = b N, contaminants = r (normals - a N).
    """
    if min(a, b, contamination) < 0 or a + b >= 1 or contamination >= 1:
        raise ValueError(
            "Shares must be at least 0, normal + abnormal and contamination below 1; not "
            f"normal {a}, abnormal {b}, contamination {contamination}."
        )
    r = contamination / (1 - contamination)
    total = normals * (1 + r) / (1 - b + r * a)
    known_normal = round(a * total)
    return known_normal, round(b * total), round(r * (normals - known_normal))
