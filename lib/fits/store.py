"""Reading of fits and of their trained detectors; TensorFlow is imported for the latter only."""

import os
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from lib import files, grid, params
from lib.datasets.table import load_index
from lib.fits import landing, work
from lib.grid import Fit

if TYPE_CHECKING:
    from lib.detector import Detector


class Finished(NamedTuple):
    """A trained fit whose weights have scored films."""

    fit: Fit
    info: dict  # the record: setting, score_name, parameters, films, duration_s, trace, ...
    scores: pd.DataFrame  # index and scores of all films except training ones, by row of the arrays
    history: pd.DataFrame  # one row per epoch
    # Stored by lib.samples and lib.fits.evidence; each is empty if not available.
    drawn: dict[str, np.ndarray]  # samples (k, m, h, w) uint8 and their sample_titles (k,)
    maps: dict[str, np.ndarray]  # image_id (m,), map (m, h, w), reconstruction (m, h, w)
    chain: dict[str, np.ndarray]  # chain (steps, n, h, w), chain_image_id (n,)
    embedding: dict[str, np.ndarray]  # image_id (m,), embedding (m, d), sphere (m,)
    sweep: pd.DataFrame  # image_id, one column per setting, score


class FitFailed(RuntimeError):
    """Training or scoring of a fit failed; the message is the recorded reason."""


def load(
    dataset: str, method: str, seed: int = 0, variant: str = "", retrain: bool = False
) -> Finished:
    """Return a fit; train and score it first if necessary, or if `retrain` is true.

    A stage of dvc.yaml trains nothing here. Raises FitFailed with the recorded reason of a failed
    fit, or where a stage lacks it. Warns of a fit with parameters other than those in params/.
    """
    fit = Fit(dataset, method, variant, seed)
    if retrain or not record(fit):
        if "DVC_STAGE" in os.environ:
            raise FitFailed(f"The fit {fit} has not run: run `{work.command('train', fit)}`.")
        work.train_and_score(fit, again=retrain)
    info = record(fit)
    if info["status"] == "failed":
        raise FitFailed(f"The fit {fit} failed. {info['reason']}")
    _compare_parameters(fit, info)
    trained, scored = files.trained(fit), files.scored(fit)
    return Finished(
        fit,
        info,
        load_index(files.index(dataset)).join(
            _table(scored / files.SCORES).set_index("image_id"),
            on="image_id",
            how="inner",
            validate="one_to_one",
        ),
        _table(trained / files.HISTORY),
        arrays(trained / files.DRAWN),
        arrays(scored / "maps.npz"),
        arrays(scored / "chain.npz"),
        arrays(scored / "embedding.npz"),
        _table(scored / "sweep.csv"),
    )


def detector(fit: Fit) -> "Detector":
    """Return the trained detector of a fit. Raises BadData if it is not trained, FitFailed."""
    from lib.fits import recipes, train

    trained = work.record_of_training(fit)
    if trained["status"] == "failed":
        raise FitFailed(f"The fit {fit} failed. {trained['reason']}")
    _compare_parameters(fit, trained)
    built = train.build(
        fit,
        params.part(fit.method, trained["parameters"]),
        recipes.body(fit.dataset),
        trained["image_size"],
        trained["films"]["training"],
    )
    built.load_weights(files.trained(fit) / files.WEIGHTS)
    return built


def _compare_parameters(fit: Fit, info: dict) -> None:
    """Warn if a fit was trained with parameters other than those that params/ gives it."""
    if info["parameters"] != fit.entry:
        warnings.warn(
            f"{fit} was trained with other parameters than params/ gives it now: to train it again "
            f"run `{work.command('train', fit)}`, and `score` in place of `train`.",
            stacklevel=3,
        )


def record(fit: Fit, build: Path | None = None) -> dict:
    """Return the record of a fit; empty unless it failed or these weights have scored films."""
    trained = landing.read(files.trained(fit, build))
    if not trained or trained["status"] == "failed":
        return trained
    scored = landing.read(files.scored(fit, build))
    if scored.get("trained") != landing.made_by(trained):
        return {}
    outcome = {name: scored[name] for name in ("status", "reason")}
    duration = round(trained["duration_s"] + scored["duration_s"], 1)
    return trained | outcome | {"duration_s": duration}


def finished(dataset: str, family: str | None = None) -> dict[str, Finished]:
    """Return the finished fits of the grid on a data set, or those of a family on it.

    By method (and seed, if several). Nothing is trained.
    """
    fits = grid.fits(dataset)
    several = len({fit.seed for fit in fits}) > 1
    return {
        f"{fit.method}, seed {fit.seed}" if several else fit.method: load(
            dataset, fit.method, fit.seed
        )
        for fit in fits
        if family in (None, fit.family) and record(fit).get("status") == "finished"
    }


def failures() -> list[str]:
    """Return one sentence per failed fit of the grid."""
    records = {fit: record(fit) for fit in grid.fits()}
    failed = {fit: left for fit, left in records.items() if left.get("status") == "failed"}
    return [f"The fit {fit} failed. {left['reason']}" for fit, left in failed.items()]


def arrays(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of an .npz file, none if there is no such file."""
    return dict(np.load(path, allow_pickle=False)) if path.exists() else {}


def _table(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype={"image_id": str}) if path.exists() else pd.DataFrame()


if __name__ == "__main__":
    sentences = failures()
    print("\n".join(sentences))
    sys.exit(1 if sentences else 0)
