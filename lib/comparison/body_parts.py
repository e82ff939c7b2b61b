"""AUROC per body part of the methods of a family, and what others published per body part."""

import pandas as pd

from lib.comparison import choices, claims
from lib.comparison.tables import read_measures, without_ablations
from lib.fits import method_card

GROUP = "body part: "  # prefix of the groups in results
BY_PART = "by_body_part"  # metric in params/published.csv


def measured(dataset: str, methods: list[str]) -> pd.DataFrame:
    """Return the rows of results per body part; none if the films show one part only."""
    results = without_ablations(read_measures(dataset, "results"))
    per_part = results["method"].isin(methods) & results["group"].str.startswith(GROUP)
    rows = results[per_part & results["level"].eq("image") & results["metric"].eq("auroc")]
    return rows.assign(part=rows["group"].str.removeprefix(GROUP))


def table(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one row per fit and one column per body part with its films; `rows` as measured."""
    if rows.empty:
        return pd.DataFrame()
    films = rows["part"] + " (" + rows["n"].astype(int).astype(str) + ")"
    several = rows["seed"].nunique() > 1
    names = choices.with_marks(rows)["method"]
    fit = names + (", seed " + rows["seed"] if several else "")
    wide = rows.assign(films=films, method=fit).pivot(
        index="method", columns="films", values="value"
    )
    return wide.rename_axis(columns=None).reset_index()


def sentence(rows: pd.DataFrame) -> str:
    """Say between which values AUROC lies, and how often it may be chance."""
    rows = choices.with_marks(rows)
    least, most = rows.loc[rows["value"].idxmin()], rows.loc[rows["value"].idxmax()]
    return (
        f"AUROC lies between {least['value']:.2f} ({least['method']}, {least['part']}) and "
        f"{most['value']:.2f} ({most['method']}, {most['part']}); the 95 % interval contains 0.5 "
        f"in {claims.holding_chance(rows)} of {len(rows)} cases{claims.of_wrong_way(rows['high'])}."
    )


def published(dataset: str, methods: list[str]) -> str:
    """Say what others published per body part of this data set, each with its source."""
    rows = method_card.read_published()
    rows = rows[rows["dataset"].eq(dataset) & rows["metric"].eq(BY_PART)]
    return " ".join(
        f"For {row.method} {row.value} is reported ({row.source}; {row.note})."
        for row in rows[rows["method"].isin(methods)].itertuples()
    )
