"""Whether methods rank on phantoms as they rank on real films: Spearman correlation over methods.

The worth of phantoms is that the order of methods on them is the order on real films. Of each pair
of phantoms and real films the methods are compared that have an AUROC on both: all of them, and
those by which the phantoms were not set.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from lib import prose
from lib.comparison.tables import without_ablations
from lib.grid import FLOOR, FUSION

LEFT_OUT = (FLOOR, FUSION)  # families that are no methods; ablations are left out as well
RESAMPLES = 2000
FEWEST = 4  # methods; a correlation of fewer is not reported
ALL, CHECKED = "all methods", "without those"  # which methods are compared


class Pair(NamedTuple):
    """A body: the data sets of its phantoms and of its real films.

    A method's AUROC is the mean over the data sets that have it; `otherwise` replaces `real` for
    methods without an AUROC there, because they need labels. By the AUROC of the methods `set_by`
    the strength of findings was set, or it was looked at meanwhile.
    """

    body: str
    phantoms: tuple[str, ...]
    real: tuple[str, ...]
    otherwise: tuple[str, ...] = ()
    set_by: tuple[str, ...] = ()


#: With methods that differ little from them.
SET_BY = (
    *("autoencoder", "vae", "deep_sad", "resnet", "resnet_few", "resnet_few_pu"),
    *("feature_distance", "feature_distance_448"),
)
LESIONS = ("synthetic_lesions", "nsa", "cutpaste", "lesion_head", "lesion_network")
ON_GRIDS = (
    *("padim", "patchcore", "patchcore_anywhere"),
    *("feature_autoencoder", "reverse_distillation", "feature_flow"),
)
PAIRS = (
    Pair(
        "chest",
        ("rsna", "nih"),
        ("nih_peers", "kermany224_peers"),
        set_by=(*SET_BY, *LESIONS, *ON_GRIDS, "linear_probe"),
    ),
    Pair("limb", ("mura",), ("knee_oa_peers",), ("knee_oa_peers_labels",), SET_BY),
)


def aurocs(results: pd.DataFrame, families: tuple[str, ...] = ()) -> pd.DataFrame:
    """Return the AUROC per film of methods (rows) on data sets (columns) from a table of results.

    The mean over seeds where it is given, otherwise the mean of the rows. Only the given families,
    without them all but floors, fusions and ablations.
    """
    rows = without_ablations(results)
    rows = rows.query("level == 'image' and group == 'all' and metric == 'auroc'")
    is_selected = rows["family"].isin(families) if families else ~rows["family"].isin(LEFT_OUT)
    rows = rows[is_selected]
    rows = rows.assign(of_seeds=rows["seed"].astype(str).eq("mean"))
    keys = ["method", "dataset"]
    rows = rows[rows["of_seeds"] | ~rows.groupby(keys)["of_seeds"].transform("any")]
    return rows.pivot_table(index="method", columns="dataset", values="value")


def ranked(phantoms: pd.DataFrame, real: pd.DataFrame, pair: Pair) -> pd.DataFrame:
    """Return the AUROCs of the methods that have one on both: columns phantoms, real.

    `phantoms` and `real` are tables of `aurocs`.
    """
    on_real = _mean(real, pair.real).combine_first(_mean(real, pair.otherwise))
    both = pd.DataFrame({"phantoms": _mean(phantoms, pair.phantoms), "real": on_real})
    return both.dropna().sort_values("real", ascending=False)


def _mean(table: pd.DataFrame, datasets: tuple[str, ...]) -> pd.Series:
    return table.reindex(columns=list(datasets)).astype(float).mean(axis=1)


def spearman(
    one: np.ndarray, other: np.ndarray, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[float, float, float]:
    """Return the correlation of two rows of AUROC, and its 95 % bootstrap interval over methods.

    NaN for fewer than `FEWEST` methods and for equal values; resamples of equal values are left
    out.
    """
    if len(one) < FEWEST or np.ptp(one) == 0 or np.ptp(other) == 0:
        return (np.nan,) * 3
    rows = np.random.default_rng(seed).integers(len(one), size=(resamples, len(one)))
    low, high = np.nanquantile(_correlations(one[rows], other[rows]), (0.025, 0.975))
    return float(_correlations(one[None], other[None])[0]), float(low), float(high)


def _correlations(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the correlation of ranks in each row of two arrays (n, methods), NaN if undefined."""
    x, y = (rankdata(values, axis=1) for values in (one, other))
    x, y = (ranks - ranks.mean(axis=1, keepdims=True) for ranks in (x, y))
    with np.errstate(invalid="ignore"):
        return (x * y).sum(axis=1) / np.sqrt((x**2).sum(axis=1) * (y**2).sum(axis=1))


def places(
    phantoms: pd.DataFrame, real: pd.DataFrame, families: tuple[str, ...] = ()
) -> pd.DataFrame:
    """Return where each method stands in two tables of results, phantoms and real films.

    Per body the best on real films first: body, method, phantoms and real (AUROC), higher (by how
    many places it stands higher on phantoms), set_by (whether phantoms were set by it). `families`
    as in `aurocs`: ("floor",) for the floors alone.
    """
    on_phantoms, on_real = aurocs(phantoms, families), aurocs(real, families)
    tables = []
    for pair in PAIRS:
        both = ranked(on_phantoms, on_real, pair)
        place = both.rank(ascending=False, method="min")
        both["higher"] = (place["real"] - place["phantoms"]).astype(int)
        tables.append(both.assign(body=pair.body, set_by=both.index.isin(pair.set_by)))
    return pd.concat(tables).rename_axis("method").reset_index()


def agreement(placed: pd.DataFrame) -> pd.DataFrame:
    """Compare the order of methods on phantoms with that on real films (table: `places`).

    Returns two rows per body, of ALL methods and of those that are CHECKED alone: body, of, methods
    (their number), spearman, low, high (95 % interval over methods).
    """
    rows = []
    for body in (pair.body for pair in PAIRS):
        every = placed[placed["body"].eq(body)]
        for of, some in {ALL: every, CHECKED: every[~every["set_by"]]}.items():
            value, low, high = spearman(some["phantoms"].to_numpy(), some["real"].to_numpy())
            rows.append((body, of, len(some), value, low, high))
    return pd.DataFrame(rows, columns=["body", "of", "methods", "spearman", "low", "high"])


def as_table(placed: pd.DataFrame, recorded: Sequence[str] = ()) -> pd.DataFrame:
    """Return `places` in words; `recorded` are methods that this study has not run itself."""
    words = pd.DataFrame(
        {
            "body": placed["body"],
            "method": placed["method"].map(prose.literal),
            "AUROC on phantoms": placed["phantoms"],
            "AUROC on real films": placed["real"],
            "places higher on phantoms": placed["higher"].map("{:+d}".format),
            "phantoms set by it": placed["set_by"].map({True: "yes", False: ""}),
        }
    )
    if recorded:
        words["run"] = placed["method"].isin(recorded).map({True: "recorded", False: "here"})
    return words


def misplaced(placed: pd.DataFrame, most: int = 3) -> str:
    """Say which methods stand furthest from their place on real films (table: `places`).

    Returns Markdown with at most `most` methods higher and lower per body, "" if no body has
    enough methods.
    """
    lines = []
    for body, rows in placed.groupby("body", sort=False):
        ordered = rows.sort_values("higher", ascending=False, kind="stable")
        higher, lower = ordered[ordered["higher"] > 0], ordered[ordered["higher"] < 0]
        ends = [_moved(higher.head(most)), _moved(lower.tail(most)[::-1])]
        if len(rows) >= FEWEST and all(ends):
            lines.append(f"- {body}: {'; '.join(ends)}")
    if not lines:
        return ""
    about = "The largest differences in places, + where a method stands higher on phantoms:"
    return "\n".join([about, "", *lines])


def _moved(rows: pd.DataFrame) -> str:
    pairs = zip(rows["method"], rows["higher"], strict=True)
    return ", ".join(f"{prose.literal(name)} {places:+d}" for name, places in pairs)


def sentence(table: pd.DataFrame, further: Sequence[pd.DataFrame] = ()) -> str:
    """Say how far the order of methods on phantoms is that on real films (table: `agreement`).

    `further` are such tables of phantoms that were drawn with other seeds. Returns Markdown, "" if
    no body has enough methods on both.
    """
    known = table.dropna(subset=["spearman"])
    every, checked = (known[known["of"].eq(of)] for of in (ALL, CHECKED))
    if every.empty:
        return ""
    text = (
        "The order of the methods on phantoms, compared with their order on real films: Spearman "
        f"correlation {_values(every)}, with 95 % intervals over methods."
    )
    if len(checked):
        text += f" Without the methods by which the phantoms were set: {_values(checked)}."
    text += _of_further(further)
    if unsure := [row.body for row in every.itertuples() if _least(known, row.body) <= 0]:
        text += (
            f" For {' and '.join(unsure)} films it cannot be distinguished from 0: which detector "
            "is best on phantoms does not say which is best on real films."
        )
    return text


def _least(table: pd.DataFrame, body: str) -> float:
    return table.loc[table["body"].eq(body), "low"].min()


def _of_further(further: Sequence[pd.DataFrame]) -> str:
    """Return the correlations on phantoms of further seeds, "" if there are none."""
    rows = pd.concat(further).dropna(subset=["spearman"]) if further else pd.DataFrame()
    if rows.empty:
        return ""
    parts = []
    for body, of_body in rows.groupby("body"):
        values = of_body.groupby("of", sort=False)["spearman"]
        words = [f"{', '.join(f'{one:.2f}' for one in of)} ({name})" for name, of in values]
        parts.append(f"{body} {' and '.join(words)}")
    return f" On phantoms of further seeds: {'; '.join(parts)}."


def _values(table: pd.DataFrame) -> str:
    return " and ".join(
        f"{prose.interval(row.spearman, row.low, row.high, '.2f')} for {row.body} films "
        f"({row.methods} methods)"
        for row in table.itertuples()
    )
