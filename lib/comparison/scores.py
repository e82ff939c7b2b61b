"""Reading of the scores of fits and floors; rejection of those that cannot be compared."""

import hashlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import pandas as pd

from lib import files, metrics
from lib.datasets.table import UNLABELLED
from lib.errors import BadData
from lib.fits import store, work
from lib.floors import SHORTCUT
from lib.grid import FLOOR, Fit

VALIDATION_LABELS = "validation labels"  # the end of a setting that uses these


def with_validation_labels(setting: str) -> str:
    """Return the setting of a number for which labels of validation films were used as well."""
    return setting if setting.endswith(VALIDATION_LABELS) else f"{setting}, {VALIDATION_LABELS}"


class BrokenFit(ValueError):
    """A fit has no scores that can be compared; the message is the reason in one sentence."""


@dataclass(frozen=True)
class Scored:
    """A fit or a floor with its scores."""

    dataset: str
    method: str
    family: str
    seed: str  # empty for floors
    setting: str
    films: pd.DataFrame  # validation and test films of known label: index and scores
    maps: dict[str, np.ndarray]  # image_id (m,), map (m, h, w); empty without maps
    variant: str = ""

    @property
    def auroc(self) -> float:
        """AUROC on the test films."""
        films = self.split("test")
        return float(metrics.auroc(films["label"], films["score"]))

    @property
    def digest(self) -> str:
        """A hash of its scores, by which two fits with the same scores are known."""
        scores = self.films.sort_values("image_id")["score"].to_numpy(float)
        return hashlib.sha256(scores.tobytes()).hexdigest()[:16]

    def split(self, name: str) -> pd.DataFrame:
        """Return the films of one split, numbered from 0."""
        return self.films[self.films["split"].eq(name)].reset_index(drop=True)


def check_patients(dataset: str, index: pd.DataFrame) -> None:
    """Raise BadData if films of one patient are in several splits, which would raise every AUROC.

    Patients are not named, since they may be the user's.
    """
    films = index[index["split"].ne(UNLABELLED)]
    if shared := int(films.groupby("patient_id")["split"].nunique().gt(1).sum()):
        raise BadData(
            f"{dataset}: {shared} patients are in more than one split of the index; create it "
            f"again with `python -m lib.preprocessing {dataset}`."
        )


def read_fits(
    fits: Iterable[Fit], index: pd.DataFrame, build: Path
) -> tuple[list[Scored], list[dict]]:
    """Return the fits of one data set with scores, and the reason for each fit without."""
    scored, failures = [], []
    for fit in fits:
        try:
            scored.append(read_fit(fit, index, build))
        except BrokenFit as error:
            failures.append(asdict(fit) | {"reason": str(error)})
    return scored, failures


def read_floors(dataset: str, index: pd.DataFrame, build: Path) -> list[Scored]:
    """Return the floors of a data set. Raises BadData if they do not match its index."""
    try:
        table = _read_scores(files.floors(dataset, build), index)
    except ValueError as error:
        raise BadData(
            f"Floors of {dataset}: {error}; run `python -m lib.floors {dataset}`."
        ) from None
    return [_floor(dataset, name, table, index) for name in table.columns.drop("image_id")]


def best_floor(floors: list[Scored]) -> list[Scored]:
    """Return [the floor of best AUROC on the test films], an optimistic choice; [] if none."""
    return sorted(floors, key=lambda floor: floor.auroc)[-1:]


def _floor(dataset: str, name: str, table: pd.DataFrame, index: pd.DataFrame) -> Scored:
    setting = "supervised" if name.startswith(SHORTCUT) else "unlabelled"
    scores = table[["image_id", name]].rename(columns={name: "score"})
    title = f"floor: {name.replace('_', ' ')}"
    return Scored(dataset, title, FLOOR, "", setting, labelled(index, scores), {})


def read_fit(fit: Fit, index: pd.DataFrame, build: Path) -> Scored:
    """Return scores and maps of one fit. Raises BrokenFit if they are missing or not comparable."""
    folder = files.scored(fit, build)
    try:
        record = store.record(fit, build)
        if not record:
            raise BrokenFit(f"The fit {fit} has not run: run `{work.command('run', fit)}`.")
        if record["status"] != "finished":
            raise BrokenFit(record["reason"])
        scores = _read_scores(folder / files.SCORES, index)
        if "score" not in scores:
            raise ValueError("scores.csv has no column score")
        if scores["score"].nunique() == 1 < len(scores):
            raise ValueError("scores.csv has the same score for all films")
        maps = _read_maps(folder / "maps.npz")
    except BrokenFit:
        raise
    except (ValueError, KeyError, BadZipFile) as error:
        raise BrokenFit(f"The fit {fit}: {error}; run `{work.command('score', fit)}`.") from None
    origin = (fit.dataset, fit.method, fit.family, str(fit.seed), record["setting"])
    return Scored(*origin, labelled(index, scores), maps, fit.variant)


def labelled(index: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Return the films of known label among those with scores: index and scores."""
    return index[index["label"].notna()].merge(scores, on="image_id")


def _read_scores(path: Path, index: pd.DataFrame) -> pd.DataFrame:
    """Read finite scores of exactly the validation and test films. Raises ValueError otherwise."""
    scores = read_table(path)
    check_films_and_scores(path.name, scores, index)
    return scores


def read_table(path: Path) -> pd.DataFrame:
    """Return a table with a column image_id. Raises ValueError if there is none."""
    if not path.exists():
        raise ValueError(f"{path.name} is missing")
    table = pd.read_csv(path, dtype={"image_id": str})
    if "image_id" not in table:
        raise ValueError(f"{path.name} has no column image_id")
    return table


def check_films_and_scores(name: str, scores: pd.DataFrame, index: pd.DataFrame) -> None:
    """Raise ValueError unless `scores` are finite and of exactly the validation and test films."""
    numbers = scores.drop(columns="image_id")
    if shared := sorted(set(numbers) & set(index)):
        raise ValueError(f"{name} has a score named {shared[0]!r}, which is a column of the index")
    finite = np.isfinite(numbers.apply(pd.to_numeric, errors="coerce"))
    if not finite.all(axis=None):
        films = (~finite).any(axis=1).sum()
        raise ValueError(f"{name} has {films} films with scores that are not finite")
    _check_films(name, scores["image_id"], index["image_id"][index["split"].ne("train")])


def _check_films(name: str, image_id: pd.Series, expected: pd.Series) -> None:
    wrong = {
        "contains films more than once": image_id[image_id.duplicated()],
        "contains films that are not validation or test films of the index": image_id[
            ~image_id.isin(expected)
        ],
        "lacks films of the index": expected[~expected.isin(image_id)],
    }
    for reason, image_ids in wrong.items():
        if len(image_ids):
            raise ValueError(f"{name} {reason} ({len(image_ids)}, as {image_ids.iloc[0]})")


def _read_maps(path: Path) -> dict[str, np.ndarray]:
    if not path.exists():
        return {}
    with np.load(path, allow_pickle=False) as stored:
        maps = {"image_id": stored["image_id"], "map": stored["map"].astype(np.float32)}
    if not np.isfinite(maps["map"]).all():
        raise ValueError("maps.npz has values that are not finite")
    return maps
