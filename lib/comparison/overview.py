"""The tables of pages 00 and 06 for one data set: whole, and no wider than a page.

Each function but the first takes rows of results.csv or of tests.csv and returns a table for
`prose.table`. A method is named with its seed where the rows have several.
"""

from collections.abc import Callable

import pandas as pd

from lib import prose
from lib.comparison.rows import UNLIKE
from lib.comparison.tests import CLEAR
from lib.prose import literal, unbroken

#: Metrics by the heading of their column.
RANKING = {
    "average_precision": "average precision",
    "recall_at_specificity_0.90": "recall at 90 % specificity",
    "specificity_at_recall_0.90": "specificity at 90 % recall",
    "brier": "Brier score",
    "calibration_error": "calibration error",
}
DECISIONS = {  # by the threshold
    words: {
        f"{metric}_at_threshold_{threshold}": metric.replace("f1", "F1")
        for metric in ("recall", "specificity", "f1", "kappa")
    }
    for threshold, words in {
        "normals_0.95": "95 % of the normal validation films are below it",
        "recall_0.90": "90 % of the abnormal validation films are above it",
    }.items()
}
PLACES = {
    "auroc": "AUROC over pixels",
    "average_precision": "average precision",
    "best_dice": "best Dice",
    "pointing_game": "pointing game",
}


def per_data_set(rows: pd.DataFrame, table: Callable[[pd.DataFrame], pd.DataFrame]) -> str:
    """The table of each data set under its name, in Markdown; "" where there are no rows."""
    return "\n\n".join(
        f"**{literal(dataset)}**\n\n{prose.table(table(own))}"
        for dataset, own in rows.groupby("dataset", sort=False)
    )


def ranked(auroc: pd.DataFrame) -> pd.DataFrame:
    """AUROC of detectors and floors, the best first."""
    rows = auroc.sort_values("value", ascending=False)
    return pd.DataFrame(
        {
            "method": _named(rows, "method", "seed"),
            "AUROC [95 % interval]": _intervals(rows, "value"),
            "films (abnormal)": [
                unbroken(f"{n:.0f} ({share:.0%})")
                for n, share in zip(rows["n"], rows["base_rate"], strict=True)
            ],
            "family": rows["family"].str.replace("_", " "),
            "known labels": rows["setting"].str.replace("known ", "").map(unbroken),
        }
    )


def pairs(tests: pd.DataFrame) -> pd.DataFrame:
    """Differences in AUROC between a and b, the largest first, with p values."""
    rows = tests.sort_values("difference", ascending=False)
    return pd.DataFrame(
        {
            "a": _named(rows, "method_a", "seed_a"),
            "b": _named(rows, "method_b", "seed_b"),
            "AUROC of a minus b [95 % interval]": _intervals(rows, "difference", "+"),
            "p": rows["p_value"].map(prose.p_value),
            "p (Holm)": rows["p_holm"].map(prose.p_value),
        }
    )


def against_floor(tests: pd.DataFrame) -> pd.DataFrame:
    """Differences in AUROC from the floor, one for all of them, that scores best."""
    table = pairs(tests)
    difference = table.columns[2]
    words = difference.replace("a minus b", f"it minus {table['b'].iloc[0]}")
    renamed = {"a": "method", difference: words}
    return table.drop(columns="b").rename(columns=renamed)


def order(tests: pd.DataFrame) -> pd.DataFrame:
    """Which methods each is clearly better than and clearly worse than, after Holm's correction."""
    both = tests.assign(
        a=_named(tests, "method_a", "seed_a"), b=_named(tests, "method_b", "seed_b")
    )
    turned = both.assign(a=both["b"], b=both["a"], difference=-both["difference"])
    both = pd.concat([both, turned])
    clear = both[both["p_holm"] < CLEAR]
    better = clear[clear["difference"] > 0].groupby("a")["b"].agg(list)
    worse = clear[clear["difference"] < 0].groupby("a")["b"].agg(list)
    rows = [(name, better.get(name, []), worse.get(name, [])) for name in both["a"].unique()]
    rows.sort(key=lambda row: len(row[2]) - len(row[1]))
    columns = ["method", "clearly better than", "clearly worse than"]
    texts = [(name, *(", ".join(names) or "none" for names in lists)) for name, *lists in rows]
    return pd.DataFrame(texts, columns=columns)


def measures(rows: pd.DataFrame, columns: dict[str, str], intervals: bool = False) -> pd.DataFrame:
    """One row per method, one column per metric of `columns` that there is."""
    shown = _intervals(rows, "value") if intervals else rows["value"]
    rows = rows.assign(method=_named(rows, "method", "seed"), shown=shown)
    rows = rows[rows["metric"].isin(columns)]
    table = rows.pivot_table("shown", "method", "metric", aggfunc="first", sort=False)
    there = [metric for metric in columns if metric in table]
    return table[there].rename(columns=columns).reset_index()


def scores(rows: pd.DataFrame) -> pd.DataFrame:
    """AUROC of each score of the methods that publish several."""
    rows = rows[rows["metric"].str.startswith("auroc_of_")]
    names = rows["metric"].str.removeprefix("auroc_of_").str.replace("_", " ")
    return pd.DataFrame(
        {
            "method": _named(rows, "method", "seed"),
            "score": names.map(literal),
            "AUROC [95 % interval]": _intervals(rows, "value"),
        }
    )


def unlike(rows: pd.DataFrame) -> pd.DataFrame:
    """AUROC over findings that look like no drawn lesion, the best first, and over all findings."""
    rows = rows.assign(method=_named(rows, "method", "seed"), shown=_intervals(rows, "value"))
    order = rows[rows["group"].eq(UNLIKE)].sort_values("value", ascending=False)["method"]
    table = rows.pivot_table("shown", "method", "group", aggfunc="first")
    shown = table.loc[order, [UNLIKE, "all"]].rename(columns={"all": "all findings"})
    return shown.reset_index()


def differences(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean differences of an ablation's variants from its reference, over seeds."""
    return pd.DataFrame(
        {
            "ablation": rows["family"].str.partition(": ")[2].str.replace("_", " "),
            "method": rows["method"].map(literal),
            "variant": rows["setting"].map(literal),
            "difference in AUROC [95 % interval]": _intervals(rows, "value", "+"),
        }
    )


def _named(rows: pd.DataFrame, method: str, seed: str) -> list[str]:
    """Methods, with seeds if there are several."""
    several = rows.loc[rows[seed].ne("") & rows[seed].notna(), seed].nunique() > 1
    return [
        literal(f"{name}, seed {one}" if several and one and pd.notna(one) else name)
        for name, one in zip(rows[method], rows[seed], strict=True)
    ]


def _intervals(rows: pd.DataFrame, value: str, sign: str = "") -> list[str]:
    """`0.841 [0.783, 0.900]` of each row, unbroken; with the sign `+` also above 0."""
    form = f"{sign}z.3f"  # z: no -0.000
    texts = [
        f"{mean:{form}} [{low:{form}}, {high:{form}}]"
        for mean, low, high in rows[[value, "low", "high"]].itertuples(index=False)
    ]
    return list(map(unbroken, texts))
