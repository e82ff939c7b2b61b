"""Rank unlabelled films by their scores in each finished fit of the grid.

`python -m lib.unlabelled ours` writes build/unlabelled/ours.csv, one row per film, the most
suspicious first. The file is not published, since it links film numbers to files.

- number: the film's name on pages, constant as long as the films are the same
- path, image_id: as in the index
- median: the median of the methods' percentiles, by which films are sorted; ties are sorted by
  their mean rank
- one column per method: the percentile of the film's score among those of validation normals, 100
  if it is higher than all of them
- one column `rank, <method>`: the film's rank among unlabelled films, 1 for the highest score
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from lib import accidents, files
from lib.comparison.fusion import rank_average
from lib.datasets.table import ODD_NAMES, UNLABELLED, load_index
from lib.errors import BadData
from lib.fits import store

FILM = ["number", "image_id", "path", "median"]
RANK = "rank, "  # before the name of a method


def write_ranks(dataset: str, build: Path | None = None) -> pd.DataFrame:
    """Write the table of a data set. Raises BadData if it has no unlabelled films or no scores."""
    index = load_index(files.index(dataset, build))
    films = index.loc[index["split"].eq(UNLABELLED), ["image_id", "path"]]
    if films.empty:
        raise BadData(
            f"{dataset} has no film without a label: remove it from `unlabelled` in the grid of "
            "params/study.yaml."
        )
    fits = store.finished(dataset)
    percentiles = {name: percentile(fit.scores) for name, fit in fits.items()}
    ranks = {f"{RANK}{name}": rank(fit.scores) for name, fit in fits.items()}
    if not percentiles:
        raise BadData(f"No method has scored the films of {dataset}: run `dvc repro -k`.")
    table = films.assign(number=np.arange(1, len(films) + 1)).set_index("image_id", drop=False)
    table = table.assign(median=pd.DataFrame(percentiles).median(axis=1), **percentiles)
    table = table.assign(mean=pd.DataFrame(ranks).mean(axis=1), **ranks)
    table = table.sort_values(["median", "mean", "number"], ascending=[False, True, True])
    table = table[[*FILM, *percentiles, *ranks]].round(2)
    with files.whole_file(files.unlabelled(dataset, build)) as unfinished:
        table.to_csv(unfinished, index=False, errors=ODD_NAMES)
    return table


def percentile(scores: pd.DataFrame) -> pd.Series:
    """Return the percentile of each unlabelled film, by image_id, among validation normals.

    `scores` has columns image_id, split, label, score. Ties count half.
    """
    normal = scores["split"].eq("validation") & scores["label"].eq(0)
    unlabelled = scores.loc[scores["split"].eq(UNLABELLED)].set_index("image_id")["score"]
    shares = rank_average(scores.loc[normal, ["score"]].to_numpy(), unlabelled.to_numpy()[:, None])
    return pd.Series(100 * shares, unlabelled.index)


def rank(scores: pd.DataFrame) -> pd.Series:
    """Return the rank of each unlabelled film, by image_id, 1 for the highest score."""
    unlabelled = scores.loc[scores["split"].eq(UNLABELLED)].set_index("image_id")["score"]
    return unlabelled.rank(ascending=False, method="min").astype(int)


def load_ranks(dataset: str, build: Path | None = None) -> pd.DataFrame:
    """Read the table of a data set without paths, which are not shown on pages."""
    table = pd.read_csv(
        files.unlabelled(dataset, build), dtype={"image_id": str}, encoding_errors=ODD_NAMES
    )
    return table.drop(columns="path")


def methods_of(ranks: pd.DataFrame) -> list[str]:
    """Return the methods of a table of ranks."""
    return [column for column in ranks if column not in FILM and not column.startswith(RANK)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Rank the films of a data set without a label.")
    parser.add_argument("dataset")
    with accidents.in_one_sentence(BadData):
        write_ranks(parser.parse_args().dataset)
