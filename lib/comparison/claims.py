"""What may be claimed of a number, decided here for all pages, tables and sentences.

One detector is better than another, than a floor or than a part of a fusion if their paired test
says so after Holm's correction (lib.comparison.tests). An interval of a difference is not
corrected: that it lies above 0 is reported as such, and is no claim.
"""

from collections.abc import Mapping

import pandas as pd

from lib import prose
from lib.comparison.tests import CLEAR

CHANCE = 0.5
WRONG_WAY = "points the wrong way"  # abnormal films have lower scores


def side(test: Mapping) -> int:
    """Return 1 if a is better than b after Holm's correction, -1 if it is worse, otherwise 0."""
    if not test["p_holm"] < CLEAR:
        return 0
    return 1 if test["difference"] > 0 else -1


def sides(tests: pd.DataFrame) -> pd.Series:
    """Return the side of each row of tests.csv."""
    return pd.Series([side(test) for test in tests.to_dict("records")], tests.index, dtype=int)


def against_floor(test: Mapping) -> str:
    """Say how a detector compares with the best floor, as a predicate with its numbers."""
    floor = f"the best {test['method_b']}"
    numbers = prose.interval(test["difference"], test["low"], test["high"], "+z.3f")
    p_value = prose.with_sign(test["p_holm"])
    words = {1: f"beats {floor}", -1: f"is clearly **worse** than {floor}"}.get(side(test))
    if words:
        return f"{words} (difference {numbers}, {p_value} after Holm's correction)"
    if test["low"] > 0 or test["high"] < 0:
        place = "above" if test["low"] > 0 else "below"
        return (
            f"is {place} {floor}, but **not** after Holm's correction ({p_value}; difference "
            f"{numbers})"
        )
    return f"does **not** clearly beat {floor} (difference {numbers}, {p_value})"


def in_short(test: Mapping) -> str:
    """Return the same as a heading has it: `not clearly above the best floor`."""
    place = {1: "above", -1: "below"}.get(side(test), "not clearly above")
    return f"{place} the best floor"


def is_wrong_way(high: float) -> bool:
    """Return whether an interval of AUROC that ends at `high` lies below chance."""
    return high < CHANCE


def auroc(value: float, low: float, high: float) -> str:
    """Return an AUROC with its unbroken interval; say so if its score points the wrong way."""
    clause = f", {WRONG_WAY}" if is_wrong_way(high) else ""
    return prose.unbroken(prose.interval(value, low, high)) + clause


def holding_chance(rows: pd.DataFrame) -> int:
    """Return how many intervals of AUROC, with `low` and `high`, include chance."""
    return int((rows["low"].le(CHANCE) & rows["high"].ge(CHANCE)).sum())


def of_wrong_way(highs: pd.Series) -> str:
    """Return the clause on intervals of AUROC below chance, given their upper ends, or none."""
    number = int(highs.map(is_wrong_way).sum())
    return f"; {number} below it, where a score {WRONG_WAY}" if number else ""
