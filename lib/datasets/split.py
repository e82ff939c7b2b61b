"""Split films into training, validation and test by patient, across body parts and studies."""

import warnings

import numpy as np
import pandas as pd

from lib.datasets.table import SPLITS, UNLABELLED
from lib.errors import BadData

WORDS = ("normal", "abnormal")  # labels 0 and 1
FEWEST_NORMALS = 10  # least number of normal training films, required by the floors
FOLDS = 13  # at most, since smaller folds balance body parts worse


def split_by_patient(
    films: pd.DataFrame,
    seed: int = 0,
    *,
    validation: float = 0.15,
    test: float = 0.3,
    test_list: pd.Series | None = None,
    normals_only: bool = False,
) -> pd.Series:
    """Assign train, validation or test to each film, each patient to only one of them.

    The split is stratified by label and body part. `validation` and `test` are shares of the films.
    If some films are in `test_list` (bool, one per film), these are the only test films, and
    `validation` is a share of the others, which may then all be normal, as may all films with
    `normals_only`. The order of films does not matter. Raises BadData.
    """
    split = pd.Series("train", index=films.index)
    listed = np.zeros(len(films), bool) if test_list is None else test_list.to_numpy(bool)
    split[listed] = "test"
    rest = films[~listed].sort_values("image_id")
    most = _number_of_folds(validation, test)
    fold, folds = _folds(rest, seed, most, normals_suffice=bool(listed.any()) or normals_only)
    validation_folds = max(1, round(validation * folds))
    test_folds = 0 if listed.any() else max(1, round(test * folds))
    split[fold.index[fold < validation_folds + test_folds]] = "test"
    split[fold.index[fold < validation_folds]] = "validation"
    return split


def check_split(films: pd.DataFrame, name: str, normals_only: bool = False) -> None:
    """Raise BadData if a patient is in two splits, or a split lacks normal or abnormal films.

    Warn if every abnormal film is in a test list, or if there is none (`normals_only`): methods
    that learn from normal films can still run.
    """
    films = films[films["split"].ne(UNLABELLED)]
    n_shared = int(films.groupby("patient_id")["split"].nunique().gt(1).sum())
    if n_shared:  # patients are not named, since they may be the user's
        raise BadData(
            f"{name}: {n_shared} patients are in the test list and outside it; "
            "set `official_split: false` in params/datasets.yaml, or correct the list."
        )
    needed = [(part, label) for part in SPLITS for label in (0, 1)]
    if normals_only:
        needed = [(part, 0) for part in SPLITS]
        warnings.warn(
            f"{name} has only normal films: methods that learn from them are trained and score "
            "films, but nothing can be measured.",
            stacklevel=2,
        )
    elif not films.loc[films["split"].ne("test"), "label"].eq(1).any():
        needed = [("train", 0), ("validation", 0), ("test", 0), ("test", 1)]
        warnings.warn(
            f"{name}: every abnormal film is in the test list, so methods that learn from labels "
            "cannot run, and thresholds that need abnormal validation films cannot be set.",
            stacklevel=2,
        )
    for part, label in needed:
        if not (films["split"].eq(part) & films["label"].eq(label)).any():
            raise BadData(
                f"{name}: no {WORDS[label]} film is in {part}; check its classes in "
                "params/datasets.yaml, add films, or set `official_split: false`."
            )


def _number_of_folds(*shares: float) -> int:
    """Return the number of folds, at most FOLDS, whose multiples approximate the shares best.

    13 for 15 % and 30 %, 10 for 10 % and 20 %.
    """

    def error(folds: int) -> float:
        return sum(abs(max(1, round(share * folds)) / folds - share) for share in shares)

    return min(range(FOLDS, len(SPLITS) - 1, -1), key=error)


def _folds(
    films: pd.DataFrame, seed: int, most: int, normals_suffice: bool
) -> tuple[pd.Series, int]:
    """Return the fold of each film, and the number of folds, at most `most`."""
    patients = films.groupby("label")["patient_id"].nunique().reindex([0, 1], fill_value=0)
    if normals_suffice and patients[1] == 0:
        patients = patients.loc[[0]]
    folds = min(most, int(patients.min()))
    if folds < len(SPLITS):
        label_name = WORDS[patients.argmin()]
        raise BadData(
            f"Only {folds} patients with {label_name} films can be split, but at least three are "
            "needed: check the classes and the test list of params/datasets.yaml, or add films."
        )
    strata = films["label"].astype(str) + films["body_part"]
    if strata.value_counts().max() < folds:  # a small set with many body parts
        strata = films["label"].astype(str)
    # Imported here, since scikit-learn takes a second, and every fit imports this file.
    from sklearn.model_selection import StratifiedGroupKFold

    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    fold = pd.Series(0, index=films.index)
    with warnings.catch_warnings():
        # A rare body part may have fewer films than there are folds.
        warnings.simplefilter("ignore", UserWarning)
        for number, (_, rows) in enumerate(splitter.split(films, strata, films["patient_id"])):
            fold.iloc[rows] = number
    return fold, folds
