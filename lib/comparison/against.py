"""Compare a detector of one's own with the recorded ones, on the same test films.

    python -m lib.comparison.against nih_peers mine.csv

`mine.csv` has the columns film and score, larger for more abnormal, of all test films of the data
set, which reports/real/scores/ names (lib.comparison.record_scores). No film is needed here. Holm's
correction is over all lines of the answer, detectors and floors; pages correct floors apart.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from lib import ROOT, accidents, metrics, prose
from lib.comparison import record_scores
from lib.errors import BadData

COLUMNS = ["method", "auroc", "difference", "low", "high", "p_holm", "test"]


def compare(dataset: str, given: Path, root: Path = ROOT) -> pd.DataFrame:
    """Compare scores of another detector with those of each recorded one, on the same films.

    `given` is a CSV with columns film and score, larger for more abnormal, of all test films.
    Returns a row per recorded detector, best first: method, auroc, its difference from the given
    one's (given minus recorded) with 95 % interval, p_holm after Holm's correction, and the test
    (metrics.paired_test). The first row is the given detector. Raises BadData if a test film has
    no score.
    """
    recorded = record_scores.read(dataset, root)
    score = _given(given, recorded)
    rows = []
    for method in recorded.columns.drop(record_scores.OF_FILMS):
        (difference, low, high), p_value, test = metrics.paired_test(
            recorded["label"], score, recorded[method], recorded["patient"]
        )
        auroc = metrics.auroc(recorded["label"], recorded[method])
        rows.append((method, auroc, difference, low, high, p_value, test))
    table = pd.DataFrame(rows, columns=COLUMNS)
    table["p_holm"] = metrics.holm(table["p_holm"])
    first = pd.DataFrame({"method": [given.stem], "auroc": metrics.auroc(recorded["label"], score)})
    return pd.concat([first, table.sort_values("auroc", ascending=False)], ignore_index=True)


def _given(path: Path, recorded: pd.DataFrame) -> pd.Series:
    """Return the scores of a file, in the order of the recorded films. Raises BadData."""
    if not path.is_file():
        raise BadData(f"{path} is not a file: give a CSV with the columns film and score.")
    try:
        table = pd.read_csv(path, dtype={"film": str})
    except ValueError as reason:  # empty, or no text
        words = str(reason).strip()
        raise BadData(f"{path} is not a CSV with the columns film and score: {words}") from None
    if absent := {"film", "score"} - set(table):
        raise BadData(
            f"{path} has no column {' and no column '.join(sorted(absent))}: its first line has to "
            "name them, separated by commas."
        )
    if table.empty or not table["film"].isin(recorded["film"]).any():
        raise BadData(
            f"{path} has none of the {len(recorded)} test films: the column film of "
            f"{record_scores.FOLDER}/ names them, as {recorded['film'].iloc[0]}."
        )
    if not pd.api.types.is_numeric_dtype(table["score"]):
        raise BadData(f"{path} has a score that is no number.")
    table = table[table["film"].isin(recorded["film"])]
    if (twice := table["film"].duplicated()).any():
        raise BadData(f"{path} has the film {table['film'][twice].iloc[0]} twice.")
    score = table.set_index("film")["score"].astype(float).reindex(recorded["film"])
    if missing := list(score.index[~np.isfinite(score)]):
        raise BadData(
            f"{path} lacks finite scores of {len(missing)} of the {len(recorded)} test films, as "
            f"{missing[0]}: the column film of {record_scores.FOLDER}/ names them all."
        )
    return score.reset_index(drop=True)


def in_words(table: pd.DataFrame) -> str:
    """Return the table of `compare` as lines of text."""
    own, *recorded = table.to_dict("records")
    lines = [f"{own['method']}: AUROC {own['auroc']:.3f}; minus each recorded detector:"]
    for row in recorded:
        difference = prose.interval(row["difference"], row["low"], row["high"], "+.3f")
        p_value = f"{prose.with_sign(row['p_holm'])} ({row['test']}, Holm)"
        lines.append(f"{row['method']:40} {row['auroc']:.3f}  {difference}  {p_value}")
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Compare scores with those of the record.")
    parser.add_argument("dataset")
    parser.add_argument("scores", type=Path, help="a CSV with the columns film and score")
    arguments = parser.parse_args()
    with accidents.in_one_sentence(BadData):
        print(in_words(compare(arguments.dataset, arguments.scores)))
