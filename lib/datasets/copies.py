"""Find copies of films: exact copies by a hash of the pixels, near copies by a perceptual hash.

A film with a copy in training could be scored from memory in the test. Copies are therefore
assigned to one patient, who is never in two splits, and a copy of a film of the test list is
excluded from training.

Near copies, such as films saved again as JPEG, are detected by fine detail: the signs of the
difference between the film, reduced to 64 x 64 pixels, and its 3 x 3 median, so that anatomy,
frames and uniform borders, which are common to films, have little weight. On real films of NIH,
Kermany and knees the signs of two patients correlate by at most .20, those of one film saved again
by at least .75 (JPEG, quality 75) or .54 (quality 60, half the size).
"""

import hashlib
import warnings

import cv2
import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from lib.errors import BadData

NEAR = 0.45  # correlation of signs above which two films are copies
FLAT = 1e-4  # share of the range of grey levels below which detail is rounding
SIDE = 64  # pixels per side
LARGEST = 512  # pixels per side of films whose pixels are compared
MOST = 30_000  # films up to which near copies are searched for
BLOCK = 512  # films compared with all others at a time


def hashes(grey: np.ndarray) -> dict[str, str | bytes]:
    """Return the exact (`pixels`) and perceptual (`appearance`) hash of grey levels (h, w).

    Both are of a film of at most LARGEST pixels per side: what is the same in each grey level there
    is the same film. Films that are read at half their size are hashed so: of a film in JPEG 2000
    and its copy in another coding only the perceptual hashes agree.
    """
    content = hashlib.sha256(repr((grey.shape, grey.dtype.str)).encode())
    factor = min(1, LARGEST / max(grey.shape))
    height, width = (max(1, round(side * factor)) for side in grey.shape)
    small = cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA)
    content.update(np.ascontiguousarray(small))  # type: ignore[arg-type]
    small = cv2.resize(np.float32(small), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    detail = small - cv2.medianBlur(small, 3)
    signs = np.sign(detail) * (np.abs(detail) > FLAT * np.ptp(small))
    return {"pixels": content.hexdigest(), "appearance": signs.astype(np.int8).tobytes()}


def together(films: pd.DataFrame, name: str, of_user: bool) -> tuple[pd.DataFrame, dict[str, int]]:
    """Assign copies among films (with `pixels`, `appearance`) to one patient; return also counts.

    `of_user`: for a user's own films near copies count too, and a film that is both normal and
    abnormal raises BadData. Published tables name the patients and cannot be corrected: for these
    only exact copies count, and films of both classes are excluded. Above MOST films only exact
    copies count, since the cost of pairwise comparison is quadratic.
    """
    labels = films.groupby("pixels")["label"].transform("nunique")
    if of_user and (labels > 1).any():
        raise BadData(_in_both_classes(films[labels > 1], name))
    films = films[labels <= 1]
    nearly = of_user and len(films) <= MOST
    group = near_groups(films["appearance"]) if nearly else films["pixels"]
    copied = group.groupby(group).transform("size") > 1
    mixed = films["label"].groupby(group).transform("nunique") > 1
    if mixed.any():
        one, other = films[group.eq(group[mixed].iloc[0])].drop_duplicates("label")["path"]
        warnings.warn(
            f"{name}: {mixed.sum()} films are in both classes in nearly the same form, for example "
            f"{one} and {other}: check them.",
            stacklevel=2,
        )
    leaves = films["in_test_list"].groupby(group).transform("any") & ~films["in_test_list"]
    leaves &= films["label"].notna()  # films that are only scored may have copies
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
    """Return a number per film, equal for near copies."""
    signs = np.array([np.frombuffer(text, np.int8) for text in appearance], np.float32)
    signs /= np.maximum(np.linalg.norm(signs, axis=1, keepdims=True), 1)
    pairs = [np.empty((2, 0), int)]
    for start in range(0, len(signs), BLOCK):
        alike = signs[start : start + BLOCK] @ signs[start:].T > NEAR
        pairs.append(np.array(np.nonzero(alike)) + start)
    return pd.Series(_components(np.hstack(pairs), len(signs)), appearance.index)


def _merged(patients: pd.Series, group: pd.Series) -> pd.Series:
    """Return patient ids with all patients of a common group replaced by the first of them."""
    patient, names = pd.factorize(patients)
    pairs = np.array([patient, len(names) + pd.factorize(group)[0]])
    component = _components(pairs, len(names) + len(patients))
    return patients.groupby(component[patient]).transform("min")


def _components(pairs: np.ndarray, nodes: int) -> np.ndarray:
    """Return the number of each node's connected component, from pairs (2, m) of nodes."""
    graph = coo_array((np.ones(pairs.shape[1], bool), tuple(pairs)), shape=(nodes, nodes))
    return connected_components(graph, directed=False)[1]
