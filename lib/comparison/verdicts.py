"""What an ablation shows, in words that follow from its numbers."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

import pandas as pd

from lib import prose
from lib.comparison import choices, claims, findings
from lib.comparison.ablations import Judged, is_untaught
from lib.comparison.tests import CLEAR

NAMED = ("method", "against")  # columns that name methods
#: Columns of tables as pages show them.
NAMES = {"short": "variant", "sd": "SD", "p_holm": "p (Holm)"}


def shown(judged: Judged) -> Judged:
    """Return an ablation as pages show it: with the digits of results.csv, and marked methods.

    A number so reads the same here and on the page of the comparison, which draws it from there.
    """
    dataset = judged.ablation.dataset

    def name(method: str) -> str:
        return f"{method}{choices.marked(dataset, method)}"

    def table(rows: pd.DataFrame) -> pd.DataFrame:
        names = {column: rows[column].map(name) for column in NAMED if column in rows}
        return rows.round(4).replace(-0.0, 0.0).assign(**names)

    ablation = replace(judged.ablation, methods=[name(one) for one in judged.ablation.methods])
    return Judged(
        ablation,
        table(judged.fits),
        table(judged.means),
        table(judged.differences),
        table(judged.contrasts),
        table(judged.failures),
        judged.given.rename(index=name, level="method"),
    )


def verdicts(judged: Judged) -> list[str]:
    """Return a sentence per method: which differences are clear, to which side, which are not."""
    return [verdict(judged, method) for method in judged.ablation.methods]


def verdict(judged: Judged, method: str) -> str:
    """Return the sentence of one method."""
    rows = judged.differences[judged.differences["method"].eq(method)]
    if rows.empty and judged.given.query("method == @method")["untaught"].any():
        return (
            f"{method}: no difference, since it learns from labels alone and the reference gives "
            "it none"
        )
    if rows.empty:
        return (
            f"{method}: no difference, for lack of fits of the reference or of a variant that "
            "finished and changed something"
        )
    sides = _sides(rows)
    besides = (rows["low"].gt(0) | rows["high"].lt(0)) & sides.eq(0)
    kinds = {
        judged.ablation.above: rows[sides.eq(1)],
        judged.ablation.below: rows[sides.eq(-1)],
        "on one side of 0, but not after Holm's correction": rows[besides],
        "no clear difference": rows[sides.eq(0) & ~besides],
    }
    parts = [
        f"**{kind}**: {', '.join(_interval(row) for _, row in of_kind.iterrows())}"
        for kind, of_kind in kinds.items()
        if len(of_kind)
    ]
    return f"{method}: {'; '.join(parts)}"


def contrasts(judged: Judged, methods: Collection[str]) -> list[str]:
    """Say per comparison of these methods with another: where it is clear, and its range."""
    table = judged.contrasts[judged.contrasts["method"].isin(methods)]
    return [
        f"{method} compared with {against}: {_of_contrast(rows, len(judged.contrasts))}"
        for (method, against), rows in table.groupby(["method", "against"], sort=False)
    ]


def table_of_differences(differences: pd.DataFrame) -> pd.DataFrame:
    """Return differences from the reference as the page of an ablation shows them."""
    columns = ["method", "short", "reference", "value", "sd", "low", "high", "seeds", "p_holm"]
    return differences[columns].rename(columns=NAMES)


def table_of_contrasts(contrasts: pd.DataFrame) -> pd.DataFrame:
    """Return comparisons of methods as the page of an ablation shows them."""
    columns = ["method", "against", "short", "value", "sd", "low", "high", "seeds", "p_holm"]
    return contrasts[columns].rename(columns=NAMES | {"against": "compared with"})


def of_all_contrasts(judged: Iterable[Judged], claim: str) -> str:
    """Say how many contrasts show a claim that the first method is better, by data set."""
    clauses, better, every = [], 0, 0
    pairs: dict[str, None] = {}
    for one in judged:
        table, sides = one.contrasts, _sides(one.contrasts)
        if table.empty:
            continue
        names = table["method"] + " with " + table["against"]
        pairs |= dict.fromkeys(prose.literal(name) for name in names)
        dataset = one.ablation.dataset
        concerned = [*table["method"], *table["against"]]
        mark = next(filter(None, (choices.marked(dataset, name) for name in concerned)), "")
        clauses.append(
            f"on {prose.literal(dataset)}{mark} clearly higher in {sides.eq(1).sum()} and clearly "
            f"lower in {sides.eq(-1).sum()} of {len(sides)}"
        )
        better, every = better + sides.eq(1).sum(), every + len(sides)
    if not clauses:
        return ""
    return (
        f"That {claim} is shown by {better or 'none'} of {every} comparisons with the same labels "
        f"({', '.join(pairs)}; paired by seed, after Holm's correction): AUROC is "
        f"{'; '.join(clauses)}."
    )


def of_variant(judged: Iterable[Judged], variant: str) -> str:
    """Say what a variant changes on each data set, and how many of these changes are clear."""
    clauses, sides = [], []
    for one in judged:
        rows, dataset = one.differences, one.ablation.dataset
        rows = rows[rows["variant"].eq(variant)]
        named = [
            f"{prose.literal(row['method'])}{choices.marked(dataset, row['method'])} "
            f"{_difference(row)}"
            for _, row in rows.iterrows()
        ]
        if named:
            clauses.append(f"on {prose.literal(dataset)}, {', '.join(named)}")
            sides.extend(_sides(rows))
    if not clauses:
        return ""
    clear = sum(side != 0 for side in sides)
    return (
        f"*{variant}* changes AUROC, compared with the reference of its ablation, in the mean over "
        f"seeds: {'; '.join(clauses)}. Clear after Holm's correction: {clear} of {len(sides)}."
    )


def _sides(rows: pd.DataFrame) -> pd.Series:
    """Return the side of each difference or contrast after Holm's correction."""
    return claims.sides(rows.rename(columns={"value": "difference"}))


def _of_contrast(rows: pd.DataFrame, number: int) -> str:
    """Say where differences are clear after correction over `number` of them, and their range."""
    sides = _sides(rows)
    words = {1: "clearly higher at", -1: "clearly lower at", 0: "not clearly different at"}
    counted = ", ".join(
        f"{word} {', '.join(rows.loc[sides.eq(side), 'short'])}"
        for side, word in words.items()
        if sides.eq(side).any()
    )
    ranked = rows.sort_values("value")
    ends = " to ".join(
        f"{row.value:+.3f} ({row.short})" for row in ranked.iloc[[0, -1][: len(rows)]].itertuples()
    )
    return (
        f"its AUROC is {counted} (p < {CLEAR:g} after Holm's correction over {number} "
        f"comparisons); the mean difference is {ends}"
    )


def result(judged: Judged) -> str:
    """Return one sentence: how many differences are clear, and the largest of these."""
    table = judged.differences
    if table.empty:
        return "No difference could be measured: see the fits that failed."
    films, sides = table.iloc[0], _sides(table)
    above, below = table[sides.eq(1)], table[sides.eq(-1)]
    reference = table["reference"].iloc[0]
    differences = "1 difference" if len(table) == 1 else f"{len(table)} differences"
    counted = (
        f"Measured {findings.tested(films['n'], films['base_rate'])}: of {differences} "
        f"in AUROC from `{reference}`, clearly above 0 after Holm's correction "
        f"({judged.ablation.above}): {len(above)}; clearly below 0 ({judged.ablation.below}): "
        f"{len(below)}"
    )
    clear = pd.concat([above, below]).sort_values("value", key=abs, ascending=False)
    if clear.empty:
        return f"{counted}."
    top = clear.iloc[0]
    return f"{counted}; the largest of these: {top['method']}, {_interval(top)}."


def of_means(judged: Judged, floor: Mapping[str, float]) -> str:
    """Return one sentence per method: lowest and highest mean, those below the floor or chance."""
    lines = []
    for method, rows in judged.means.groupby("method", sort=False):
        ranked = rows.sort_values("value")
        ends = ranked.iloc[[0, -1][: len(rows)]]
        line = f"{method}: the mean AUROC is " + " to ".join(
            f"{row.value:.3f} ({row.short})" for row in ends.itertuples()
        )
        for name, value in floor.items():
            below = rows["value"].lt(value).sum()
            line += f"; {below} of {len(rows)} means are below the {name} ({value:.3f})"
        if wrong := sum(map(claims.is_wrong_way, rows["high"])):
            line += f"; {wrong} of {len(rows)} intervals lie below 0.5: a score {claims.WRONG_WAY}"
        lines.append(f"- {line}.")
    return "\n".join(lines)


def what_was_given(judged: Judged) -> pd.DataFrame:
    """Return per method and variant: fits, failed, mean training films, labels and seconds."""
    table = judged.given.reset_index()
    seconds = [f"{value:.1f}" if pd.notna(value) else "" for value in table["seconds"]]
    names = {"films": "training films", "known": "of known label"}
    names["untaught"] = "without labels to learn from"
    return table.assign(seconds=seconds).rename(columns=names)


def by_seed(judged: Judged) -> pd.DataFrame:
    """Return AUROC and average precision of each seed, one row per method and variant."""
    names = {"auroc": "AUROC", "average_precision": "average precision"}
    fits = judged.fits.assign(
        measure=judged.fits["metric"].map(names) + ", seed " + judged.fits["seed"].astype(str)
    )
    table = fits.pivot_table("value", ["method", "short"], "measure", sort=False)
    return table.sort_index(axis=1).reset_index().rename(columns={"short": "variant"})


def of_failures(judged: Judged) -> list[str]:
    """Return one sentence per method, variant and reason for which fits have no numbers."""
    groups = judged.failures.groupby(["method", "variant", "reason"], sort=False)["seed"]
    return [
        f"{method}, {variant}, seed {', '.join(map(str, seeds))}: {_why(variant, reason)}"
        for (method, variant, reason), seeds in groups
    ]


def _why(variant: str, reason: str) -> str:
    """Return the reason for which a fit has no numbers, which may be as intended."""
    if is_untaught(variant, reason):
        return "not a failure: it learns from labels alone, and this variant gives it none."
    return reason


def _interval(row: pd.Series) -> str:
    """Return `5 % (+0.080 [+0.020, +0.140])`."""
    return f"{row['short']} ({_difference(row)})"


def _difference(row: pd.Series) -> str:
    ends = prose.ends(row["low"], row["high"], "+.3f") if row["seeds"] > 1 else "of one seed"
    return f"{row['value']:+.3f} {ends}"
