"""One film under several names: exact copies by a hash of the pixels, near ones by how they look.

A copy in training and test would be scored from memory. So copies become films of one patient, who
is never in two splits, and a copy of a film of the test list is left out of training.

Near copies, as after saving again as JPEG, are told by a perceptual hash of fine detail: a film of
64 x 64 pixels less its median of 3 x 3 pixels, of which only the signs are kept, so that anatomy,
frames and flat borders, which films share, count for little. On real films of NIH, Kermany and
knees the signs of two patients correlate by at most .20, those of one film saved again by .75 and
more (JPEG, quality 75) or .54 and more (quality 60, half the size).
"""

import hashlib
import warnings

import cv2
import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from lib.errors import BadData

NEAR = 0.45  # correlation of the signs of two films that are the same
FLAT = 1e-4  # of the range of grey levels: detail that is nothing but rounding
SIDE = 64  # pixels a side
MOST = 30_000  # films of which near copies are looked for
BLOCK = 512  # films compared with all others at a time


def hashes(grey: np.ndarray) -> dict[str, str | bytes]:
    """The hash of a film's grey levels (h, w), `pixels`, and of its looks, `appearance`."""
    content = hashlib.sha256(repr((grey.shape, grey.dtype.str)).encode())
    content.update(np.ascontiguousarray(grey))  # type: ignore[arg-type]
    small = cv2.resize(np.float32(grey), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    detail = small - cv2.medianBlur(small, 3)
    signs = np.sign(detail) * (np.abs(detail) > FLAT * np.ptp(small))
    return {"pixels": content.hexdigest(), "appearance": signs.astype(np.int8).tobytes()}


def together(films: pd.DataFrame, name: str, own: bool) -> tuple[pd.DataFrame, dict[str, int]]:
    """The films (with `pixels` and `appearance`), copies as one patient's, and the counts.

    `own`: a user's own films, of which near copies count too, and of which one that is both normal
    and abnormal raises BadData. An owner's tables name the patients and cannot be mended: there
    exact copies count, and a film of both classes is left out. Beyond MOST films, too, exact copies
    alone count, as the comparison of all with all grows with the square of their number.
    """
    labels = films.groupby("pixels")["label"].transform("nunique")
    if own and (labels > 1).any():
        raise BadData(_in_both_classes(films[labels > 1], name))
    films = films[labels <= 1]
    nearly = own and len(films) <= MOST
    group = near_groups(films["appearance"]) if nearly else films["pixels"]
    copied = group.groupby(group).transform("size") > 1
    mixed = films["label"].groupby(group).transform("nunique") > 1
    if mixed.any():
        one, other = films[group.eq(group[mixed].iloc[0])].drop_duplicates("label")["path"]
        warnings.warn(
            f"{name}: {mixed.sum()} films are in both classes in nearly the same form, for example "
            f"{one} and {other}: look at them.",
            stacklevel=2,
        )
    leaves = films["in_test_list"].groupby(group).transform("any") & ~films["in_test_list"]
    leaves &= films["label"].notna()  # what is only scored may be there twice
    counts = {
        "left out: the same film in both classes": labels > 1,
        "left out: the same film, or nearly, as one of the test list": leaves,
        "the same film, or nearly, as another: one patient's": copied & ~leaves,
        "in both classes in nearly the same form": mixed,
    }
    films, group = films[~leaves], group[~leaves]
    films = films.assign(patient_id=_merged(films["patient_id"], group))
    return films, {step: int(which.sum()) for step, which in counts.items() if which.any()}


def _in_both_classes(films: pd.DataFrame, name: str) -> str:
    first = films[films["pixels"].eq(films["pixels"].iloc[0])].drop_duplicates("label")
    return (
        f"{' and '.join(first['path'])} of {name} are the same film, once normal and once "
        f"abnormal ({films['pixels'].nunique()} such films): remove it from one class."
    )


def near_groups(appearance: pd.Series) -> pd.Series:
    """A number for each film, the same for films that look the same."""
    signs = np.array([np.frombuffer(text, np.int8) for text in appearance], np.float32)
    signs /= np.maximum(np.linalg.norm(signs, axis=1, keepdims=True), 1)
    pairs = [np.empty((2, 0), int)]
    for start in range(0, len(signs), BLOCK):
        alike = signs[start : start + BLOCK] @ signs[start:].T > NEAR
        pairs.append(np.array(np.nonzero(alike)) + start)
    return pd.Series(_components(np.hstack(pairs), len(signs)), appearance.index)


def _merged(patients: pd.Series, group: pd.Series) -> pd.Series:
    """Patient ids in which all patients with a film in one group are the first of them."""
    patient, names = pd.factorize(patients)
    pairs = np.array([patient, len(names) + pd.factorize(group)[0]])
    component = _components(pairs, len(names) + len(patients))
    return patients.groupby(component[patient]).transform("min")


def _components(pairs: np.ndarray, nodes: int) -> np.ndarray:
    """The number of the connected component of each node, from pairs (2, m) of nodes."""
    graph = coo_array((np.ones(pairs.shape[1], bool), tuple(pairs)), shape=(nodes, nodes))
    return connected_components(graph, directed=False)[1]
