"""The units of work on a fit, from files to files: training, scoring, and one after the other.

TensorFlow is imported only if there is work to do.
"""

import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from lib import ablations, files, methods, provenance
from lib.datasets.entries import load_entries
from lib.errors import BadData
from lib.fits import landing
from lib.fits.films import (
    hash_of_films,
    index_and_images,
    index_and_phantoms,
    parameters_of,
    size_of_maps,
)
from lib.fits.recipes import body, digest, recipe
from lib.grid import Fit
from lib.methods import BACKENDS


class Task(NamedTuple):
    """A unit of work: what it is called, whether it is done, and the work itself."""

    title: str
    is_done: Callable[[Fit], bool]
    run: Callable[[Fit, bool], dict]  # (fit, again) -> its record


def train(fit: Fit, again: bool = False) -> dict:
    """Train a fit unless it is up to date; return its record. Raises BadData without its films.

    It is trained on the films of its data set, on phantoms, or on the one after the other.
    """
    entry = fit.entry
    index, films = index_and_images(fit)
    methods.check_backend()

    def work(folder: Path) -> dict:
        from lib.fits import train

        parameters, of_body, size = parameters_of(fit), body(fit.dataset), size_of_maps(fit)
        if parameters.phantoms:
            drawn = index_and_phantoms(fit)
            record = train.train(fit, parameters.for_phantoms, of_body, *drawn, size, folder)
            if parameters.phantoms == "alone":
                return record
        further = bool(parameters.phantoms)
        return train.train(fit, parameters, of_body, index, films, size, folder, further)

    about = asdict(fit) | {"parameters": entry, "backend": backend(), "recipe": recipe(fit)}
    place, key = files.trained(fit), key_of_training(fit)
    return landing.land(place, key, work, about, again=again, needs=files.WEIGHTS)


def score(fit: Fit, again: bool = False) -> dict:
    """Score films with the weights of a fit unless up to date; return its record.

    For a fit without variant, the data of its card are also written. After a failed training
    nothing is scored: the record of the training is returned. Raises BadData for a fit that has not
    been trained.
    """
    trained = record_of_training(fit)
    if trained["status"] == "failed":
        return trained
    index, films = index_and_images(fit)
    methods.check_backend()

    def work(folder: Path) -> dict:
        from lib.fits import score, store

        detector = store.detector(fit)
        score.write_scores(detector, index, films, folder)
        if not fit.variant:
            score.write_evidence(detector, index, films, _annotated(fit.dataset), folder)
        return {}

    about = asdict(fit) | {"trained": landing.made_by(trained)}
    place, key = files.scored(fit), _key_of_scoring(fit, trained)
    return landing.land(place, key, work, about, again=again, needs=files.SCORES)


def train_and_score(fit: Fit, again: bool = False) -> dict:
    """Train a fit and score films with its weights, unless up to date; return its record."""
    train(fit, again)
    return score(fit, again)


def is_trained(fit: Fit) -> bool:
    """Return whether a fit's weights are up to date with code, parameters, data and seed."""
    return landing.is_done(files.trained(fit), key_of_training(fit), files.WEIGHTS)


def is_scored(fit: Fit) -> bool:
    """Return whether a fit's scores are of these weights; nothing is scored if training failed."""
    if landing.read(files.trained(fit)).get("status") == "failed":
        return True
    return landing.is_done(files.scored(fit), key_of_scoring(fit), files.SCORES)


def is_up_to_date(fit: Fit) -> bool:
    """Return whether a fit is trained and scored by the code, parameters and data of now."""
    return is_trained(fit) and is_scored(fit)


def record_of_training(fit: Fit) -> dict:
    """Return the record of a fit's training. Raises BadData if it has not been trained."""
    record = landing.read(files.trained(fit))
    if not record:
        raise BadData(f"{fit} has not been trained: run `{command('train', fit)}`.")
    return record


def key_of_training(fit: Fit) -> str:
    """Return a hash of all that determines a training: code, parameters, data and seed."""
    elsewhere = [] if backend() == BACKENDS[0] else [backend()]
    return digest(recipe(fit), hash_of_films(fit), *elsewhere)


def key_of_scoring(fit: Fit) -> str:
    """Return a hash of all that determines the scores of a fit and the data of its card."""
    return _key_of_scoring(fit, landing.read(files.trained(fit)))


def _key_of_scoring(fit: Fit, trained: dict) -> str:
    code = provenance.fingerprint("lib.fits.score")
    shown = "" if fit.variant else files.annotations(fit.dataset).read_text(errors="replace")
    return digest(code, landing.made_by(trained), shown)


def backend() -> str:
    """Return the Keras backend that is chosen."""
    return os.environ.get("KERAS_BACKEND") or BACKENDS[0]


def command(task: str, fit: Fit) -> str:
    """Return the shell command for the task of one fit."""
    return f"python -m lib.fits {task} {fit.dataset} {fit.method} {fit.seed}"


TASKS = {
    "train": Task("training", is_trained, train),
    "score": Task("scoring", is_scored, score),
    "run": Task("training and scoring", is_up_to_date, train_and_score),
}


def fits_on(dataset: str, method: str | None = None, seed: int | None = None) -> list[Fit]:
    """Return the fits that params/ specifies for a data set, or those of a method and a seed.

    For a method outside the grid it is one fit, so that any pair can be run.
    """
    fits = ablations.every_fit(dataset)
    if not fits and dataset not in load_entries():
        raise BadData(f"{dataset} is not a data set of params/datasets.yaml: correct the name.")
    if method is None:
        return fits
    selected = [fit for fit in fits if fit.method == method and seed in (None, fit.seed)]
    return selected or [Fit(dataset, method, seed=seed or 0)]


def _annotated(dataset: str) -> pd.Series:
    """Return the image_id of each annotated film."""
    return pd.read_csv(files.annotations(dataset), dtype={"image_id": str})["image_id"]
