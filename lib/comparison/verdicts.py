"""What an ablation shows, in words that follow from its numbers."""

import pandas as pd

from lib.comparison.ablations import Judged


def verdicts(judged: Judged) -> list[str]:
    """One sentence per method: which differences are clear, to which side, and which are not."""
    return [verdict(judged, method) for method in judged.ablation.methods]


def verdict(judged: Judged, method: str) -> str:
    """The sentence of one method."""
    rows = judged.differences[judged.differences["method"].eq(method)]
    if rows.empty:
        return f"{method}: no difference, as no fit of the reference or of another variant finished"
    kinds = {
        judged.ablation.above: rows[rows["low"] > 0],
        judged.ablation.below: rows[rows["high"] < 0],
        "not clear": rows[~((rows["low"] > 0) | (rows["high"] < 0))],
    }
    parts = [
        f"**{kind}**: {', '.join(_interval(row) for _, row in of_kind.iterrows())}"
        for kind, of_kind in kinds.items()
        if len(of_kind)
    ]
    return f"{method}: {'; '.join(parts)}"


def result(judged: Judged) -> str:
    """One sentence: how many differences are clear, and the largest of these."""
    table = judged.differences
    if table.empty:
        return "no difference could be measured: see the fits that failed."
    above, below = table[table["low"] > 0], table[table["high"] < 0]
    reference = table["reference"].iloc[0]
    counted = (
        f"of {len(table)} differences in AUROC from `{reference}`, {len(above)} are clearly above "
        f"0 ({judged.ablation.above}) and {len(below)} clearly below ({judged.ablation.below})"
    )
    clear = pd.concat([above, below]).sort_values("value", key=abs, ascending=False)
    if clear.empty:
        return f"{counted}."
    top = clear.iloc[0]
    return f"{counted}; the largest of these: {top['method']}, {_interval(top)}."


def of_failures(judged: Judged) -> list[str]:
    """One sentence for the fits of a method and variant that failed for the same reason."""
    groups = judged.failures.groupby(["method", "variant", "reason"], sort=False)["seed"]
    return [
        f"{method}, {variant}, seed {', '.join(map(str, seeds))}: {reason}"
        for (method, variant, reason), seeds in groups
    ]


def _interval(row: pd.Series) -> str:
    """`5 % (+0.080 [+0.020, +0.140])`."""
    interval = f"[{row['low']:+.3f}, {row['high']:+.3f}]" if row["seeds"] > 1 else "of one seed"
    return f"{row['short']} ({row['value']:+.3f} {interval})"
