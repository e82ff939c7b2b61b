"""What training on phantoms is worth on real films: the recorded experiment `sim_to_real`.

It has a record of its own, reports/real/sim_to_real/, since its phantoms are drawn by newer code
than that at whose commit the other results on real films were recorded.
"""

import pandas as pd

from lib import params, prose
from lib.comparison import choices, claims, recorded
from lib.comparison.answer import films_of
from lib.comparison.overview import changes

FOLDER = recorded.FOLDER / "sim_to_real"
KEYS = ["dataset", "method", "films"]
REAL = "real films"
#: By the side of a difference, and whether its interval is on one side of 0.
VERDICTS = {
    (1, True): "clearly better",
    (-1, True): "clearly worse",
    (0, True): "on one side of 0, but not after Holm's correction",
    (0, False): "no clear difference",
}


def read() -> pd.DataFrame:
    """Return AUROC by data set, method and training films, with the difference from real films.

    Columns of results.csv, of means over seeds, `films` and `difference`, `from`, `to` and
    `p_holm`, which the reference lacks. Without rows if the experiment is not recorded.
    """
    results = recorded.table("results", FOLDER)
    pattern = f"({'|'.join(params.ON_PHANTOMS.values())})"
    trained_on = results["setting"].astype(str).str.extract(pattern)[0]
    results = results.assign(films=trained_on.fillna(REAL))
    means = results[results["metric"].eq("auroc_over_seeds")]
    change = changes(results).rename(columns={"value": "difference", "low": "from", "high": "to"})
    return means.merge(change[[*KEYS, "difference", "from", "to", "p_holm"]], on=KEYS, how="left")


def sentences(rows: pd.DataFrame) -> str:
    """Say per data set and kind of training how its methods compare with training on real films."""
    lines = []
    compared = rows.dropna(subset=["difference"])
    for (dataset, films), some in compared.groupby(["dataset", "films"], sort=False):
        sides, apart = claims.sides(some), some["from"].gt(0) | some["to"].lt(0)
        parts = (
            f"{verdict}: {', '.join(map(_change, some[alike].itertuples()))}"
            for (side, is_apart), verdict in VERDICTS.items()
            if (alike := sides.eq(side) & apart.eq(is_apart)).any()
        )
        lines.append(f"- **{films_of(dataset)}, {films}**, {'; '.join(parts)}.")
    if lines:
        run = rows.iloc[0]
        lines.append(
            f"\nRecorded at commit `{run['commit']}`, with the profile `{run['profile']}`."
        )
    return "\n".join(lines)


def _change(row) -> str:
    return f"{prose.literal(row.method)} ({row.difference:+z.3f})"


def table(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the means over seeds of one data set and their differences, as a page shows them."""
    return pd.DataFrame(
        {
            "method": choices.with_marks(rows)["method"].map(prose.literal),
            "trained on": rows["films"],
            "AUROC [95 % interval]": [
                prose.unbroken(prose.interval(row.value, row.low, row.high))
                for row in rows.itertuples()
            ],
            "difference [95 % interval]": [
                "" if pd.isna(value) else prose.unbroken(prose.interval(value, low, high, "+z.3f"))
                for value, low, high in rows[["difference", "from", "to"]].to_numpy()
            ],
            "p (Holm)": ["" if pd.isna(one) else prose.p_value(one) for one in rows["p_holm"]],
        }
    )
