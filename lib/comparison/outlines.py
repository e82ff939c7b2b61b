"""How many abnormal films of each finding have an outline: an annotated mask or box."""

import numpy as np
import pandas as pd

from lib.figures.style import largest_groups

MOST = 14  # findings; further ones, and those of fewer films than pages name, are combined


def by_finding(index: pd.DataFrame, lesions: np.ndarray) -> pd.DataFrame:
    """Return finding, films and how many of them are outlined; a film counts for each finding.

    `lesions` (n, h, w) are 0/1 masks, by row of the index. No rows without abnormal films.
    """
    rows = index.index[index["label"].eq(1)]
    finding = index["finding"][rows].replace("", "not named")
    outlined = np.array([bool(np.any(lesions[row])) for row in rows], bool)
    films = pd.DataFrame({"finding": finding.str.split("|"), "outlined": outlined})
    films = films.explode("finding")
    films["finding"] = largest_groups(films["finding"], MOST)
    table = films.groupby("finding")["outlined"].agg(films="size", outlined="sum")
    return table.sort_values("films", ascending=False).reset_index()
