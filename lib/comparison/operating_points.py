"""Operating points of a score: recall and specificity on test films, PPV and NPV at a base rate.

PPV and NPV depend on how common abnormal films are, which differs from department to department:
a card computes them in the page at its reader's own base rate, from the steps given here. Steps
hold scores and shares of films and name none.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from IPython.display import display

from lib import metrics, prose
from lib.comparison.rows import enough
from lib.prose import DECISIONS

MOST = 200  # steps
SPECIFICITIES = (0.5, 0.8, 0.9)


def show(test: pd.DataFrame, thresholds: Mapping[str, float]) -> None:
    """Display a table of a few thresholds, from which a page makes a slider; nothing if too few.

    `test` are films with label and score; `thresholds`, by what they were set on, come from
    validation films, and the slider starts at the first.
    """
    known = test[test["label"].notna()]
    if not enough(known["label"]) or not thresholds:
        return
    every = steps(known, thresholds.values())
    start = int(np.searchsorted(every["threshold"], next(iter(thresholds.values()))))
    numbers = {
        "steps": [[_short(at), round(r, 4), round(s, 4)] for at, r, s in every.to_numpy()],
        "start": start,
        "base_rate": float(known["label"].mean()),
    }
    table = prose.table(at_a_few(known, thresholds))
    display({DECISIONS: numbers, "text/markdown": table, "text/plain": table}, raw=True)


def steps(test: pd.DataFrame, always=(), most: int = MOST) -> pd.DataFrame:
    """Return threshold, recall, specificity: at each test score, or `most` evenly ranked ones.

    The thresholds `always` are among them, and the last, infinity, finds no film.
    """
    scores = np.unique(test["score"])
    place = np.linspace(0, len(scores) - 1, min(most - 1 - len(set(always)), len(scores)))
    at = np.unique([*scores[np.round(place).astype(int)], *always, np.inf])
    # A film is flagged at or above a threshold: those below are to the left of it.
    normal, abnormal = (np.sort(test.loc[test["label"].eq(y), "score"]) for y in (0, 1))
    return pd.DataFrame(
        {
            "threshold": at,
            "recall": 1 - np.searchsorted(abnormal, at) / len(abnormal),
            "specificity": np.searchsorted(normal, at) / len(normal),
        }
    )


def at_a_few(test: pd.DataFrame, thresholds: Mapping[str, float]) -> pd.DataFrame:
    """Return what the thresholds, and some that test films set, do at the base rate of the test."""
    every = steps(test, most=len(test) + 1)
    named = {f"validation: {name}": at for name, at in thresholds.items()}
    for least in SPECIFICITIES:
        at = every.loc[every["specificity"].ge(least), "threshold"].iloc[0]
        named[f"test: specificity of {least:.0%} at least".replace("%", " %")] = at
    base_rate = test["label"].mean()
    rows = []
    for name, at in named.items():
        decided = metrics.decide(test["label"], test["score"], at)
        recall, specificity = float(decided.recall()), float(decided.specificity())
        flagged, *values = predictive(recall, specificity, base_rate)
        score = f"{at:.4g}" if np.isfinite(at) else "above all"
        rows.append([name, score, recall, specificity, f"{1000 * flagged:.0f}", *values])
    heads = ["threshold, set on", "score", "recall", "specificity", "flagged per 1,000", "PPV"]
    return pd.DataFrame(rows, columns=[*heads, "NPV"])


def predictive(recall: float, specificity: float, base_rate: float) -> tuple[float, float, float]:
    """Return the share of films flagged, and PPV and NPV (Bayes), at a base rate in [0, 1].

    PPV is NaN where no film is flagged, NPV where all are.
    """
    detected, missed = base_rate * recall, base_rate * (1 - recall)
    false, cleared = (1 - base_rate) * (1 - specificity), (1 - base_rate) * specificity
    ppv, npv = metrics.divide(detected, detected + false), metrics.divide(cleared, cleared + missed)
    return detected + false, float(ppv), float(npv)


def _short(threshold: float) -> float | None:
    """Return a threshold as a page shows it, JSON having no infinity."""
    return float(f"{threshold:.4g}") if np.isfinite(threshold) else None
