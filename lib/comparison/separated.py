"""Which detectors of a data set the paired tests separate: runs of detectors in order of AUROC.

A critical-difference diagram (Demsar 2006) compares mean ranks over many data sets. Here tests are
within a data set, between each two detectors and over the same patients, so that each pair has a
p value of its own: a run is as many neighbours in order of AUROC as possible, no two of which
differ clearly after Holm's correction.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from lib.comparison import claims
from lib.comparison.choices import marked
from lib.comparison.overview import of_detectors
from lib.prose import literal


class Order(NamedTuple):
    """The detectors of a data set, best first, and the places of each run of them."""

    dataset: str
    names: list[str]
    values: list[float]
    pairs: set[frozenset[str]]  # that are separated
    runs: list[range]

    @property
    def marked(self) -> list[str]:
        """The names with the marks of choices made in sight."""
        return [f"{name}{marked(self.dataset, name)}" for name in self.names]

    def sentence(self) -> str:
        """Say how many pairs differ clearly, and from which detectors the best does not."""
        best, *others = self.names
        shown = dict(zip(self.names, map(literal, self.marked), strict=True))
        near = [shown[name] for name in others if frozenset((best, name)) not in self.pairs]
        total = len(self.names) * len(others) // 2
        words = f"{len(self.pairs)} of {total} pairs of detectors differ clearly. "
        if not near:
            return f"{words}{shown[best]}, with the highest AUROC, differs clearly from all others."
        return (
            f"{words}{shown[best]} has the highest AUROC; it does not differ clearly from "
            f"{', '.join(near)}."
        )


def orders(tests: pd.DataFrame, auroc: pd.DataFrame) -> Iterator[Order]:
    """Yield the order of each data set with tests; without floors and fusions.

    `tests` are rows of tests.csv between two detectors, `auroc` rows of results.csv per film.
    """
    detectors = of_detectors(auroc)
    detectors = detectors.sort_values("value", ascending=False, kind="stable")
    for dataset, rows in tests.groupby("dataset", sort=False):
        ends = [rows[[f"method_{end}", f"seed_{end}"]].to_numpy() for end in "ab"]
        tested = set(map(tuple, np.concatenate(ends)))
        of_dataset = detectors[detectors["dataset"].eq(dataset)]
        runs_of = zip(of_dataset["method"], of_dataset["seed"], strict=True)
        shown = of_dataset[[run in tested for run in runs_of]]
        names = list(shown["method"])
        clear = rows[claims.sides(rows).ne(0)]
        pairs = {frozenset(pair) for pair in zip(clear["method_a"], clear["method_b"], strict=True)}
        pairs = {pair for pair in pairs if pair <= set(names)}
        yield Order(dataset, names, list(shown["value"]), pairs, longest_runs(names, pairs))


def longest_runs(names: Sequence[str], pairs: Collection[frozenset[str]]) -> list[range]:
    """Return the places of each run of at least two names, no two of which are among `pairs`.

    None is a part of another.
    """
    runs: list[range] = []
    for first in range(len(names)):
        end = first + 1
        while end < len(names) and not any(
            frozenset((names[end], name)) in pairs for name in names[first:end]
        ):
            end += 1
        if end - first > 1 and (not runs or end > runs[-1].stop):
            runs.append(range(first, end))
    return runs
