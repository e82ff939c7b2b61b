"""One cell of the study: data set, method and seed become weights, scores, history and evidence.

`python -m lib.study mura deep_svdd 0` trains and scores that cell. A method that fails or collapses
is a result too: its reason is left in cell.json, its page shows it, and the other cells go on. An
accident of the machine is none: it stops the cell, and leaves the results that were there.
"""

import argparse
import json
import math
import shutil
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from lib import ROOT, accidents, files, grid, methods, provenance
from lib.datasets.entries import BadData, load_entry
from lib.datasets.table import load_index
from lib.datasets.training import setting_name, training_set
from lib.preprocessing.network_input import augmentation_for, to_float

FILMS_IN_MEMORY = 1024  # as floats, which scoring takes
FILMS_WITH_SAMPLES = 6  # validation normals for what is drawn during training
#: What speaks of a method, beside a collapse: labels that it needs and the films lack (BadData),
#: parameters that it does not take, mistakes in its code. All follow from what a cell depends on,
#: so trying again would end alike. Any other error is an accident.
OF_THE_METHOD = (
    *(BadData, TypeError, ValueError, NotImplementedError),
    *(ArithmeticError, AssertionError, AttributeError, LookupError, NameError),
)


class Trained(NamedTuple):
    """A fitted detector and what it was given."""

    detector: Any
    history: dict[str, list[float]]  # name -> values by epoch
    setting: str  # which labels it was given, in words
    films: dict[str, int]  # how many: training, with known label


def run(cell: grid.Cell, parameters: dict | None = None) -> None:
    """Train and score a cell; leave the results in its folder, or the reason for failing.

    `parameters` replaces the profile's entry of the method. Waits for another process that is at
    work on the cell. Raises BadData where the films or the parameters are missing. That, accidents
    and interruptions leave what was there: they say something about this copy of the study or the
    machine, and not about the method.
    """
    parameters = entry_of(cell.method) if parameters is None else parameters
    index, films = index_and_films(cell.dataset)
    methods.check_backend()
    import lib.detector  # noqa: F401 - before the attempt: that it fails is no fault of a method

    with files.locked(cell.folder), files.whole_folder(cell.folder) as folder:
        outcome = attempt(lambda: _train_and_score(cell, parameters, index, films, folder))
        if outcome["status"] == "failed":
            print(outcome.pop("traceback"), file=sys.stderr)
            shutil.rmtree(folder)
            folder.mkdir()
        outcome |= {**asdict(cell), "parameters": parameters, "trace": provenance.trace()}
        (folder / "cell.json").write_text(json.dumps(outcome, indent=1))


def attempt(work: Callable[[], dict]) -> dict:
    """What `work` returns, with its status, reason and duration; a failure is a result too.

    Raises what says nothing about a method, as accidents and interruptions do.
    """
    from lib.collapse import Collapsed  # here, as it imports Keras

    started = time.monotonic()
    try:
        outcome = {"status": "finished", "reason": "", **work()}
    except (Collapsed, *OF_THE_METHOD) as error:
        if accidents.accident(error):
            raise
        reason = f"{type(error).__name__}: {error}"
        outcome = {"status": "failed", "reason": reason, "traceback": traceback.format_exc()}
    return outcome | {"duration_s": round(time.monotonic() - started, 1)}


def entry_of(method: str) -> dict:
    """The entry of a method in the chosen profile. Raises BadData where there is none."""
    profile = grid.profile()
    if method not in profile:
        raise BadData(f"params/{grid.profile_name()}.yaml has no entry {method}: add one.")
    return profile[method]


def index_and_films(dataset: str) -> tuple[pd.DataFrame, np.ndarray]:
    """The index of a data set and its pictures (n, h, w) uint8. Raises BadData without them."""
    index = load_index(ROOT / f"build/index/{dataset}.csv")
    pictures = ROOT / f"build/images/{dataset}.npy"
    if not pictures.exists():
        raise BadData(
            f"{pictures} is missing: write it with `python -m lib.preprocessing {dataset}`."
        )
    return index, np.load(pictures, mmap_mode="r")


def train(cell: grid.Cell, parameters: dict, index, films, watched=True, **options) -> Trained:
    """Fit the method of a cell on its training films; `watched`, with losses of validation films.

    `parameters` are those of a profile's entry; `options` are Keras's own of `fit`.
    """
    parameters = dict(parameters)
    labels = parameters.pop("labels", "none")
    contamination = parameters.pop("contamination", 0.0)
    training = training_set(index, labels, cell.seed, contamination)
    detector = _build(cell, films.shape[1], in_epochs(parameters, len(training)))
    if watched:
        options["validation_data"] = _films_and_labels(films, _validation_set(index, labels))
    history = detector.fit(*_films_and_labels(films, training), **options)
    given = {"training": len(training), "with known label": int(training["y"].notna().sum())}
    return Trained(detector, history.history, setting_name(labels, contamination), given)


def in_epochs(parameters: dict, films: int) -> dict:
    """Parameters with `updates`, `pretraining_updates`, ... told as epochs over so many films.

    What is given in updates costs the same on every data set. Epochs that are named too, as by a
    study, count instead. Raises BadData for updates of a batch size that is not named.
    """
    updates = {name: number for name, number in parameters.items() if name.endswith("updates")}
    if updates and "batch_size" not in parameters:
        raise BadData(f"{next(iter(updates))} in params/ needs a batch_size beside it.")
    steps = math.ceil(films / parameters["batch_size"]) if updates else 0
    told = {name.replace("updates", "epochs"): math.ceil(n / steps) for name, n in updates.items()}
    return told | {name: parameters[name] for name in parameters if name not in updates}


def _train_and_score(cell, parameters: dict, index, films, folder: Path) -> dict:
    # Here, as they import TensorFlow: what is missing is said without it.
    from lib import evidence
    from lib.samples import Samples

    samples = Samples(_films_for_samples(films, index))
    verbose = 1 if sys.stdout.isatty() else 2
    trained = train(cell, parameters, index, films, callbacks=[samples], verbose=verbose)
    detector = trained.detector
    pd.DataFrame(trained.history).to_csv(folder / "history.csv", index_label="epoch")
    detector.save_weights(folder / "weights.weights.h5")
    scores = score(detector, films, index)
    scores.to_csv(folder / "scores.csv", index=False)
    ranked = evidence.ranked_test_films(index, scores)
    evidence.keep(detector, samples, films, ranked, _annotated(cell.dataset), folder)
    return {"setting": trained.setting, "score": detector.score_name, "films": trained.films}


def _build(cell, size, parameters):
    """The detector of a cell.

    `augment` in its parameters shows it variants of its films in training, mirrored ones among
    them; then it scores films together with their mirror images, unless `mirrored` says otherwise.
    """
    import keras

    keras.utils.set_random_seed(cell.seed)
    augment = parameters.pop("augment", False)
    augmentation = _augmentation(cell.dataset) if augment else None
    method = methods.find(parameters.pop("method", cell.method))
    parameters = {"mirrored": augment, **parameters}
    return method(image_size=size, augmentation=augmentation, seed=cell.seed, **parameters)


def _augmentation(dataset):
    entry = load_entry(dataset)
    return augmentation_for(entry["body"], entry.get("upright", False))


def _films_and_labels(films, chosen: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    return to_float(films[chosen["row"].to_numpy()]), chosen["y"].to_numpy("float32")


def _validation_set(index: pd.DataFrame, labels) -> pd.DataFrame:
    """Rows and labels of the validation films that training may watch: without labels, normals."""
    allowed = index["split"].eq("validation") & (index["label"].eq(0) | (labels != "none"))
    rows = np.flatnonzero(allowed)
    known = index["label"].to_numpy(float)[rows]
    return pd.DataFrame({"row": rows, "y": known if labels != "none" else np.nan})


def score(detector, films, index) -> pd.DataFrame:
    """Every score that the detector has, of all films but the training films: image_id, score, ...

    Raises Collapsed where scores cannot rank films.
    """
    from lib.collapse import check_scores
    from lib.evidence import check_finite

    rows = np.flatnonzero(index["split"].ne("train"))
    parts = []
    for some in np.array_split(rows, -(-len(rows) // FILMS_IN_MEMORY)):
        scores = detector.predict(to_float(films[some]), maps=False, verbose=0)
        parts.append(pd.DataFrame({"image_id": index["image_id"].to_numpy()[some], **scores}))
    table = pd.concat(parts, ignore_index=True)
    check_scores(table["score"])
    check_finite(table)
    return table


def _films_for_samples(films, index) -> np.ndarray:
    """Validation normals, for a stage that draws from films and not from codes."""
    rows = _validation_set(index, "none")["row"].to_numpy()
    places = np.linspace(0, len(rows) - 1, min(len(rows), FILMS_WITH_SAMPLES)).astype(int)
    return to_float(films[rows[places]])


def _annotated(dataset) -> pd.Series:
    """The image_id of each annotated film."""
    path = ROOT / f"build/index/{dataset}.annotations.csv"
    return pd.read_csv(path, dtype={"image_id": str})["image_id"]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Train and score one cell of the study.")
    parser.add_argument("dataset")
    parser.add_argument("method")
    parser.add_argument("seed", type=int)
    asked = parser.parse_args()
    with accidents.in_one_sentence(BadData):
        run(grid.cell(asked.dataset, asked.method, asked.seed))
