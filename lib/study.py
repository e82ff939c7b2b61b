"""One cell of the study: a data set, a method and a seed become weights, scores, history and maps.

`python -m lib.study mura deep_svdd 0` trains and scores that cell. A method that fails or collapses
is a result too: its reason is left in cell.json, its page shows it, and the other cells go on.
"""

import argparse
import json
import shutil
import sys
import time
import traceback
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from lib import ROOT, grid, provenance
from lib.datasets.entries import BadData, load_entry
from lib.datasets.table import load_index
from lib.datasets.training import setting_name, training_set
from lib.preprocessing.network_input import augmentation_for, to_float

FILMS_AT_A_TIME = 1024
FILMS_WITH_MAPS = 200  # annotated test films, and half as many of all test films


def run(cell: grid.Cell, parameters: dict | None = None) -> None:
    """Train and score a cell; leave the results in its folder, or the reason for failing.

    `parameters` replaces the profile's entry of the method. Raises BadData where the films or the
    parameters are missing. That, MemoryError and interruptions leave nothing behind: they say
    something about this copy of the study or the machine, and not about the method.
    """
    parameters = _parameters(cell) if parameters is None else parameters
    index, films = _index_and_films(cell.dataset)
    partial = cell.folder.with_name(f".{cell.folder.name}.partial")
    _empty(partial)
    started = time.monotonic()
    try:
        done = _train_and_score(cell, dict(parameters), index, films, partial)
        outcome = {"status": "finished", "reason": "", **done}
    except MemoryError:
        raise
    except Exception as error:
        traceback.print_exc()
        _empty(partial)
        outcome = {"status": "failed", "reason": f"{type(error).__name__}: {error}"}
    outcome |= {**asdict(cell), "parameters": parameters, "trace": provenance.trace()}
    outcome["duration_s"] = round(time.monotonic() - started, 1)
    (partial / "cell.json").write_text(json.dumps(outcome, indent=1))
    shutil.rmtree(cell.folder, ignore_errors=True)
    partial.rename(cell.folder)


def _parameters(cell: grid.Cell) -> dict:
    profile = grid.profile()
    if cell.method not in profile:
        raise BadData(f"params/{grid.profile_name()}.yaml has no entry {cell.method}: add one.")
    return profile[cell.method]


def _index_and_films(dataset: str) -> tuple[pd.DataFrame, np.ndarray]:
    index = load_index(ROOT / f"build/index/{dataset}.csv")
    pictures = ROOT / f"build/images/{dataset}.npy"
    if not pictures.exists():
        raise BadData(
            f"{pictures} is missing: write it with `python -m lib.preprocessing {dataset}`."
        )
    return index, np.load(pictures, mmap_mode="r")


def _train_and_score(cell, hyperparameters: dict, index, films, folder: Path) -> dict:
    labels = hyperparameters.pop("labels", "none")
    contamination = hyperparameters.pop("contamination", 0.0)
    training = training_set(index, labels, cell.seed, contamination)

    detector = _build(cell, films.shape[1], hyperparameters)
    history = detector.fit(
        *_films_and_labels(films, training),
        validation_data=_films_and_labels(films, _validation_set(index, labels)),
        verbose=1 if sys.stdout.isatty() else 2,
    )
    pd.DataFrame(history.history).to_csv(folder / "history.csv", index_label="epoch")
    detector.save_weights(folder / "weights.weights.h5")
    scores = _score(detector, films, index)
    scores.to_csv(folder / "scores.csv", index=False)
    _save_maps(detector, films, index, _films_with_maps(cell.dataset, index, scores), folder)
    return {
        "setting": setting_name(labels, contamination),
        "films": {"training": len(training), "with known label": int(training["y"].notna().sum())},
    }


def _build(cell, size, hyperparameters):
    """The detector of a cell; `augment` in its parameters gives it variants of its films."""
    import keras

    from lib import methods

    keras.utils.set_random_seed(cell.seed)
    augment = hyperparameters.pop("augment", False)
    augmentation = augmentation_for(load_entry(cell.dataset)["body"]) if augment else None
    method = methods.find(cell.method)
    return method(image_size=size, augmentation=augmentation, seed=cell.seed, **hyperparameters)


def _films_and_labels(films, chosen: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    return to_float(films[chosen["row"].to_numpy()]), chosen["y"].to_numpy("float32")


def _validation_set(index: pd.DataFrame, labels) -> pd.DataFrame:
    """Rows and labels of the validation films that training may watch: without labels, normals."""
    allowed = index["split"].eq("validation") & (index["label"].eq(0) | (labels != "none"))
    rows = np.flatnonzero(allowed)
    known = index["label"].to_numpy(float)[rows]
    return pd.DataFrame({"row": rows, "y": known if labels != "none" else np.nan})


def _score(detector, films, index) -> pd.DataFrame:
    """Every score that the method has, of validation and test films."""
    from lib.detector import check_scores

    rows = np.flatnonzero(index["split"].isin(["validation", "test"]))
    parts = []
    for some in np.array_split(rows, -(-len(rows) // FILMS_AT_A_TIME)):
        scores = detector.predict(to_float(films[some]), verbose=0)
        scores.pop("map", None)
        parts.append(pd.DataFrame({"image_id": index["image_id"].to_numpy()[some], **scores}))
    table = pd.concat(parts, ignore_index=True)
    check_scores(table["score"])
    return table


def _films_with_maps(dataset, index, scores) -> np.ndarray:
    """Rows of the test films whose maps are kept: annotated ones and others, over all ranks."""
    annotations = pd.read_csv(
        ROOT / f"build/index/{dataset}.annotations.csv", dtype={"image_id": str}
    )
    ranked = index.reset_index().merge(scores.sort_values("score"), on="image_id", how="right")
    ranked = ranked[ranked["split"].eq("test")]
    annotated = ranked[ranked["image_id"].isin(annotations["image_id"])]
    chosen = [_evenly(annotated, FILMS_WITH_MAPS), _evenly(ranked, FILMS_WITH_MAPS // 2)]
    return np.unique(np.concatenate(chosen))


def _evenly(ranked: pd.DataFrame, most: int) -> np.ndarray:
    places = np.linspace(0, len(ranked) - 1, min(len(ranked), most)).astype(int)
    return ranked["index"].to_numpy(int)[places]


def _save_maps(detector, films, index, rows, folder) -> None:
    x = to_float(films[rows])
    maps = detector.predict(x, verbose=0).get("map")
    if maps is None:
        return
    kept = {"image_id": index["image_id"].to_numpy(str)[rows], "map": maps.astype("float16")}
    reconstruction = detector.reconstruction(x)
    if reconstruction is not None:
        grey = np.clip((np.asarray(reconstruction)[..., 0] + 1) * 127.5, 0, 255)
        kept["reconstruction"] = grey.astype("uint8")
    np.savez_compressed(folder / "maps.npz", **kept)


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Train and score one cell of the study.")
    parser.add_argument("dataset")
    parser.add_argument("method")
    parser.add_argument("seed", type=int)
    asked = parser.parse_args()
    try:
        run(grid.cell(asked.dataset, asked.method, asked.seed))
    except BadData as error:
        sys.exit(str(error))
