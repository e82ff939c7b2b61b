"""The tables of all data sets."""

from pathlib import Path

import pandas as pd

from lib import files
from lib.ablations import ABLATION
from lib.comparison.tables import COLUMNS, OF_ALL, read_measures
from lib.grid import FLOOR


def compare(datasets: list[str], build: Path | None = None) -> pd.DataFrame:
    """Write the tables of the comparison, to four decimal places, into build/comparison/.

    Returns the results. Raises BadData for a data set without measures.
    """
    tables = {
        name: pd.concat([read_measures(dataset, name, build) for dataset in datasets])
        for name in OF_ALL
    }
    results = tables["results"]
    of_ablations = results["family"].str.startswith(ABLATION)
    parts = [results[~of_ablations], results[of_ablations], mean_over_seeds(results)]
    tables["results"] = pd.concat(parts, ignore_index=True)
    for name, table in tables.items():
        with files.whole_file(files.compared(build) / f"{name}.csv") as unfinished:
            table.round(4).replace(-0.0, 0.0).to_csv(unfinished, index=False)
    return tables["results"]


def mean_over_seeds(results: pd.DataFrame) -> pd.DataFrame:
    """Return rows of the seed `mean` over several seeds: mean, low and high one sd around it."""
    keys = [name for name in COLUMNS[: COLUMNS.index("value")] if name != "seed"]
    runs = results[results["family"].ne(FLOOR)].groupby(keys, sort=False)
    kept = {name: (name, "first") for name in ("n", "base_rate")}
    means = runs.agg(value=("value", "mean"), sd=("value", "std"), **kept)
    means = means[runs["seed"].nunique() > 1].reset_index()
    low, high = means["value"] - means["sd"], means["value"] + means["sd"]
    return means.assign(seed="mean", low=low, high=high)[COLUMNS]
