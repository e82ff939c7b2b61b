"""What an ablation shows, in words that follow from its numbers."""

import pandas as pd

from lib.comparison.ablations import Judged
from lib.grid import Ablation


def verdicts(judged: Judged) -> list[str]:
    """One sentence a method: which differences are clear, to which side, and which are not."""
    table = judged.differences
    return [
        _verdict(method, table[table["method"].eq(method)], judged.ablation)
        for method in judged.ablation.methods
    ]


def result(judged: Judged) -> str:
    """One sentence: how many differences are clear, and the largest of these."""
    table = judged.differences
    if table.empty:
        return "no difference could be measured: see the fits that failed."
    above, below = table[table["low"] > 0], table[table["high"] < 0]
    reference = table["reference"].iloc[0]
    counted = (
        f"of {len(table)} differences in AUROC from `{reference}` {len(above)} are clearly above 0 "
        f"({judged.ablation.above}) and {len(below)} clearly below ({judged.ablation.below})"
    )
    clear = pd.concat([above, below]).sort_values("value", key=abs, ascending=False)
    if clear.empty:
        return f"{counted}."
    top = clear.iloc[0]
    return f"{counted}; the largest of these: {top['method']}, {_said(top)}."


def of_failures(judged: Judged) -> list[str]:
    """One sentence for the fits of a method and variant that failed for the same reason."""
    groups = judged.failures.groupby(["method", "variant", "reason"], sort=False)["seed"]
    return [
        f"{method}, {variant}, seed {', '.join(map(str, seeds))}: {reason}"
        for (method, variant, reason), seeds in groups
    ]


def _verdict(method: str, rows: pd.DataFrame, words: Ablation) -> str:
    if rows.empty:
        return f"{method}: no difference, for want of the reference or of anything beside it"
    kinds = {
        words.above: rows[rows["low"] > 0],
        words.below: rows[rows["high"] < 0],
        "not told apart": rows[~((rows["low"] > 0) | (rows["high"] < 0))],
    }
    said = [
        f"**{kind}**: {', '.join(_said(row) for _, row in found.iterrows())}"
        for kind, found in kinds.items()
        if len(found)
    ]
    return f"{method}: {'; '.join(said)}"


def _said(row: pd.Series) -> str:
    """`5 % (+0.080 [+0.020, +0.140])`."""
    interval = f"[{row['low']:+.3f}, {row['high']:+.3f}]" if row["seeds"] > 1 else "of one seed"
    return f"{row['short']} ({row['value']:+.3f} {interval})"
