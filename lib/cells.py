"""What the cells of the study left behind; a finished one is read without TensorFlow."""

import ast
import json
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from lib import ROOT, grid
from lib.datasets.table import load_index


class Finished(NamedTuple):
    """A finished cell."""

    info: dict  # cell.json: status, setting, score, parameters, number of films, duration, trace
    scores: pd.DataFrame  # index and scores of all films but training ones, by row of the arrays
    history: pd.DataFrame  # one row an epoch
    # What lib/evidence keeps; each is empty where the method has nothing of the kind.
    maps: dict[str, np.ndarray]  # image_id (m,), map (m, h, w), reconstruction (m, h, w)
    pictures: dict[str, np.ndarray]  # samples and their titles, chain and its image_id
    embedding: dict[str, np.ndarray]  # image_id (m,), embedding (m, d), sphere (m,)
    sweep: pd.DataFrame  # image_id, one column a setting, score


class Examples(NamedTuple):
    """Test films with their maps, chosen to show where a detector is right and where wrong."""

    films: np.ndarray  # uint8 (n, h, w)
    reconstructions: np.ndarray | None  # uint8 (n, h, w)
    maps: np.ndarray  # (n, h, w)
    lesions: np.ndarray  # 0/1 (n, h, w)
    titles: list[str]


class Shown(NamedTuple):
    """Test films to be looked at."""

    films: np.ndarray  # uint8 (n, h, w)
    lesions: np.ndarray  # 0/1 (n, h, w)
    titles: list[str]


class CellFailed(RuntimeError):
    """A cell's training or scoring failed; the message is the reason that it left."""


def load(dataset: str, method: str, seed: int = 0, retrain: bool = False) -> Finished:
    """A cell of the study; trained first when it never ran, or when `retrain` asks for it.

    Raises CellFailed with the reason that a failed cell left.
    """
    cell = grid.cell(dataset, method, seed)
    if retrain or not (cell.folder / "cell.json").exists():
        from lib import study

        study.run(cell)
    info = _info(cell)
    if info["status"] == "failed":
        raise CellFailed(f"Cell {cell} failed. {info['reason']}")
    index = load_index(ROOT / f"build/index/{dataset}.csv")
    scores = pd.read_csv(cell.folder / "scores.csv", dtype={"image_id": str}, index_col="image_id")
    sweep = cell.folder / "sweep.csv"
    return Finished(
        info,
        index.join(scores, on="image_id", how="inner", validate="one_to_one"),
        pd.read_csv(cell.folder / "history.csv"),
        _arrays(cell.folder / "maps.npz"),
        _arrays(cell.folder / "pictures.npz"),
        _arrays(cell.folder / "embedding.npz"),
        pd.read_csv(sweep, dtype={"image_id": str}) if sweep.exists() else pd.DataFrame(),
    )


def examples(cell: Finished, each: int = 2) -> Examples:
    """`each` quiet normals, false alarms, hits and misses among the films with maps.

    A reader sees what is normal first; hits come loudest first, misses quietest first.
    """
    with_maps = pd.Series(range(len(cell.maps["image_id"])), cell.maps["image_id"], name="place")
    films = cell.scores.join(with_maps, on="image_id", how="inner").sort_values("score")
    normal, abnormal = films[films["label"].eq(0)], films[films["label"].eq(1)]
    kinds = {
        "normal": normal.head(each),
        "false alarm": normal.tail(each),
        "hit": abnormal.tail(each)[::-1],
        "miss": abnormal.head(each),
    }
    chosen = pd.concat(kinds, names=["kind", "row"]).reset_index(level="kind")
    place = chosen["place"].to_numpy()
    films, lesions = _films_and_lesions(cell, chosen.index)
    return Examples(
        films,
        cell.maps["reconstruction"][place] if "reconstruction" in cell.maps else None,
        cell.maps["map"][place],
        lesions,
        [f"{row.kind}: {row.score:.3g}" for row in chosen.itertuples()],
    )


def near_and_far(cell: Finished, parts: int = 3, each: int = 2) -> Shown:
    """The test films of lowest and of highest score, `each` of them, of the commonest body parts.

    Part after part, lowest first; films that state no part count as one.
    """
    test = cell.scores[cell.scores["split"].eq("test")].sort_values("score")
    chosen = []
    for part in test["body_part"].value_counts().index[:parts]:
        films = test[test["body_part"].eq(part)]
        chosen.append(films.iloc[np.unique(np.r_[:each, -each:0] % len(films))])
    chosen = pd.concat(chosen)
    kind = chosen["label"].map({0: "normal", 1: "abnormal"}).fillna("unknown")
    told = zip(chosen["body_part"], kind, chosen["score"], strict=True)
    titles = [", ".join(filter(None, (part, name, f"{score:.3g}"))) for part, name, score in told]
    return Shown(*_films_and_lesions(cell, chosen.index), titles)


def _films_and_lesions(cell: Finished, rows) -> tuple[np.ndarray, np.ndarray]:
    """Films and lesion masks (n, h, w) in these rows of the arrays of a cell's data set."""
    pictures = ROOT / f"build/images/{cell.info['dataset']}"
    named = (f"{pictures}.npy", f"{pictures}.lesions.npy")
    return tuple(np.load(path, mmap_mode="r")[rows] for path in named)


def method_card(method: str) -> str:
    """What a method's file says of it: citation, equation, differences from the paper."""
    file = ROOT / f"lib/methods/{grid.method_of(method)}.py"
    return ast.get_docstring(ast.parse(file.read_text())) or ""


def duration(cell: grid.Cell) -> float:
    """How long the cell took to train and score, in seconds."""
    return _info(cell)["duration_s"]


def finished(dataset: str) -> dict[str, Finished]:
    """The finished cells of the grid on a data set, by method, with the seed where it has several.

    Trains nothing.
    """
    of_dataset = [cell for cell in grid.cells() if cell.dataset == dataset]
    several = len({cell.seed for cell in of_dataset}) > 1
    return {
        f"{cell.method}, seed {cell.seed}" if several else cell.method: load(
            dataset, cell.method, cell.seed
        )
        for cell in of_dataset
        if (cell.folder / "cell.json").exists() and _info(cell)["status"] == "finished"
    }


def failures() -> list[str]:
    """One sentence for each cell of the grid that failed."""
    infos = {cell: _info(cell) for cell in grid.cells()}
    return [
        f"Cell {cell} failed. {info['reason']}"
        for cell, info in infos.items()
        if info["status"] == "failed"
    ]


def _arrays(path: Path) -> dict[str, np.ndarray]:
    return dict(np.load(path, allow_pickle=False)) if path.exists() else {}


def _info(cell: grid.Cell) -> dict:
    return json.loads((cell.folder / "cell.json").read_text())


if __name__ == "__main__":
    sentences = failures()
    print("\n".join(sentences))
    sys.exit(1 if sentences else 0)
