"""From trained fits and files of films to the table of a data set."""

from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd

from lib import ROOT, files, grid, params, processes
from lib.comparison.rows import enough
from lib.comparison.scores import read_fits
from lib.datasets.table import load_index
from lib.errors import BadData
from lib.films import UnreadableFilm, read_film
from lib.films.workers import on_one_core
from lib.fits.scorer import Scorer
from lib.grid import Fit
from lib.preprocessing.arrays import prepared_each
from lib.robustness.perturbations import PERTURBATIONS, perturb
from lib.robustness.table import COLUMNS, UNPERTURBED, Condition, rows_of_conditions

TOGETHER = 128  # films that are scored at once


class Reads(Protocol):
    """A trained detector that scores prepared films (lib.fits.scorer)."""

    def outputs(self, images: np.ndarray) -> Any:
        """Return what has the `scores` (n,) of uint8 pictures (n, s, s)."""


def write(dataset: str) -> pd.DataFrame:
    """Write build/robustness/<dataset>.csv; without rows where nothing can be measured.

    Raises BadData for an unknown perturbation, and UnreadableFilm, naming the film.
    """
    asked = params.read("robustness")
    at = conditions(asked["perturbations"])
    index = load_index(files.index(dataset))
    films = some_films(index, asked["films"])
    rows: list[dict] = []
    if enough(films["label"]):
        rows = _rows(fits(dataset, asked["methods"]), films, at, index)
    table = pd.DataFrame(rows, columns=COLUMNS).round(4).replace(-0.0, 0.0)
    with files.whole_file(files.robustness(dataset)) as unfinished:
        table.to_csv(unfinished, index=False)
    return table


def conditions(perturbations: dict[str, list[float]]) -> list[Condition]:
    """Return the unperturbed condition and each that is asked for. Raises BadData."""
    if unknown := sorted(perturbations.keys() - PERTURBATIONS.keys()):
        raise BadData(
            f"params/robustness.yaml: there is no perturbation {unknown[0]!r}: write one of "
            f"{', '.join(PERTURBATIONS)}."
        )
    pairs = [
        (name, strength) for name, strengths in perturbations.items() for strength in strengths
    ]
    return [UNPERTURBED, *(Condition(*pair) for pair in pairs)]


def some_films(index: pd.DataFrame, most: int) -> pd.DataFrame:
    """Return at most `most` test films of known label, half of either label or all there are."""
    test = index[index["split"].eq("test") & index["label"].notna()]
    test = test.sample(frac=1, random_state=0)
    place = test.groupby("label").cumcount()  # 0, 1, ... within each label
    kept = place.sort_values(kind="stable").index[:most]
    return test.loc[kept].sort_index().reset_index(drop=True)


def fits(dataset: str, methods: list[str]) -> list[Fit]:
    """Return the fits of these methods in the grid, each of the first of its seeds."""
    first = {fit.method: fit for fit in reversed(grid.fits(dataset))}
    return [first[name] for name in methods if name in first]


def scores_of(
    reader: Reads, pictures: np.ndarray, at: list[Condition]
) -> dict[Condition, np.ndarray]:
    """Return the scores (n,) of pictures uint8 (n, conditions, s, s) in each condition."""
    batches = np.array_split(pictures, -(-len(pictures) // TOGETHER))
    return {
        one: np.concatenate([reader.outputs(batch[:, place]).scores for batch in batches])
        for place, one in enumerate(at)
    }


def pictures_of(path: str, at: list[Condition], settings: list[dict]) -> list[np.ndarray]:
    """Return a film in each condition, prepared by each of the settings: uint8 (conditions, s, s).

    Noise depends on the name of the file. Raises UnreadableFilm, naming it.
    """
    try:
        film = read_film(path)
    except UnreadableFilm as reason:
        raise UnreadableFilm(f"{path}: {reason}") from None
    seed = sum(Path(path).name.encode(errors="surrogateescape"))
    changed = [film if one == UNPERTURBED else perturb(film, *one, seed) for one in at]
    prepared = [prepared_each(path, each, settings) for each in changed]
    return [
        np.stack([one.image for one in of_setting]) for of_setting in zip(*prepared, strict=True)
    ]


def _rows(scored_fits: list[Fit], films: pd.DataFrame, at: list[Condition], index) -> list[dict]:
    scored, _ = read_fits(scored_fits, index, files.BUILD)  # a fit without scores has no rows
    scorers = [Scorer(Fit(one.dataset, one.method, seed=int(one.seed))) for one in scored]
    settings = [scorer.settings for scorer in scorers]
    distinct = [one for place, one in enumerate(settings) if one not in settings[:place]]
    by_film = processes.each(
        partial(pictures_of, at=at, settings=distinct),
        [str(ROOT / "data" / path) for path in films["path"]],
        f"perturbed films of {films['dataset'].iloc[0]}",
        "film",
        chunk=4,
        start=on_one_core,
    )
    pictures = [np.stack(of_setting) for of_setting in zip(*by_film, strict=True)]
    rows = []
    for scorer in scorers:
        in_conditions = pictures[distinct.index(scorer.settings)]
        scores = scores_of(scorer, in_conditions, at)
        fit = {name: getattr(scorer.fit, name) for name in ("dataset", "method", "seed")}
        rows += [fit | row for row in rows_of_conditions(films, scores)]
    return rows
