"""The record on real films (reports/real/), read for the page that shows it, without any phantom.

Of several seeds the median run represents a method, as on the first page.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

import pandas as pd

from lib import ROOT, prose
from lib.ablations import ABLATION
from lib.comparison import choices, claims, overview, peers, recorded
from lib.comparison.answer import films_of
from lib.comparison.in_brief import FILMS
from lib.comparison.pretraining import pretraining
from lib.comparison.rows import UNLIKE
from lib.datasets import sources
from lib.grid import FLOOR, FUSION
from lib.shown import runs, shown

AXIS = "known normal and known abnormal training films (% each)"
LEFT_OUT = (FLOOR, FUSION)  # of the comparison over groups of films
LABELS = f"{ABLATION}label_fraction"
CONSTANT_MAP = 0.15  # AUPRO of a constant map, half of the largest false positive rate


class Record(NamedTuple):
    """The tables of the record."""

    results: pd.DataFrame  # all rows, as in reports/results.csv
    runs: pd.DataFrame  # one row per run: commit, profile, day
    tests: pd.DataFrame  # paired tests
    roc: pd.DataFrame  # ROC curves
    strata: pd.DataFrame  # AUROC within strata of circumstances

    @property
    def auroc(self) -> pd.DataFrame:
        """The AUROC per film of the median run of each method, and of the floors."""
        return shown(self.results)

    @property
    def differences(self) -> pd.DataFrame:
        """The mean differences of all ablations from their references."""
        return overview.changes(self.results)


def read() -> Record:
    """Return the record. Raises BadData if a table of it is mixed."""
    return Record(*map(recorded.table, Record._fields))


def fits_recorded(record: Record) -> str:
    """Say which fits of each data set were recorded, and at which commit, as items in Markdown."""
    fits = record.runs[~record.runs["family"].isin(LEFT_OUT)]
    fits = fits.drop_duplicates(["dataset", "method", "setting", "seed"])  # of several ablations
    return "\n".join(
        f"- **{films_of(dataset)}**: {len(rows)} fits of {rows['method'].nunique()} methods, at "
        f"commit {rows['commit'].iloc[0]}, with the profile `{rows['profile'].iloc[0]}`."
        for dataset, rows in fits.groupby("dataset", sort=False)
    )


def films() -> pd.DataFrame:
    """Return how many normal and abnormal films each data set has for training and for testing."""
    counts = pd.read_csv(ROOT / FILMS)
    counts["films"] = [
        f"{row.normal:,} normal, {row.abnormal:,} abnormal" for row in counts.itertuples()
    ]
    table = counts.pivot_table("films", "dataset", "split", aggfunc="first", sort=False)
    table = table.reset_index().rename(columns={"dataset": "films"})
    return table.assign(films=table["films"].map(films_of))


def origins(record: Record) -> pd.DataFrame:
    """Return who published the films of each data set, who labelled them, and how they were split.

    Columns in Markdown, one row per data set.
    """
    rows = []
    for dataset in record.runs["dataset"].unique():
        known = sources.of_owner(dataset)
        words = f"{known['origin']} {known['terms']} {known['cite'].rstrip('.')}."
        rows.append((films_of(dataset), words, known["labels"], known.get("protocol", "")))
    return pd.DataFrame(rows, columns=["films", "from", "labels", "films of this data set"])


def label_curves(
    results: pd.DataFrame,
) -> Iterator[tuple[str, pd.DataFrame, pd.DataFrame, dict[str, float]]]:
    """Yield per data set what figures.trend draws: its name, means, fits, and the best floor."""
    rows = results[results["family"].eq(LABELS)]
    rows = rows.assign(percent=rows["setting"].map(_percent)).dropna(subset=["percent"])
    floors = runs(results).query("family == @FLOOR").sort_values("value", ascending=False)
    for dataset, of_dataset in rows.groupby("dataset", sort=False):
        means, fits = (
            of_dataset[of_dataset["metric"].eq(metric)] for metric in ("auroc_over_seeds", "auroc")
        )
        best = floors[floors["dataset"].eq(dataset)].head(1)
        yield dataset, means, fits, dict(zip(best["method"], best["value"], strict=True))


def _percent(setting: str) -> float | None:
    """Return the share of known films of a setting, 0 without labels, in %; none of another."""
    if setting == "unlabelled":
        return 0.0
    shares = re.fullmatch(r"([\d.]+) % known normal \+ \1 % known abnormal", setting)
    return float(shares[1]) if shares else None


def groups(record: Record) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield per data set the AUROC of the median run of each detector over each group of films."""
    keys = ["dataset", "method", "seed"]
    rows = record.results.query(
        "level == 'image' and metric == 'auroc' and group != 'all' and family not in @LEFT_OUT"
    )
    rows = rows[rows["group"].ne(UNLIKE)]
    rows = rows.merge(record.auroc[keys])
    yield from rows.groupby("dataset", sort=False)


def annotated(record: Record) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield per data set with places of findings the measures of maps, the largest AUPRO first.

    Of each method the rows of the median run, without its seed.
    """
    keys = ["dataset", "method", "seed"]
    rows = record.results.query("level in @overview.ANNOTATED and family not in @LEFT_OUT")
    rows = rows.merge(record.auroc[keys]).assign(seed="")
    aupro = rows[rows["metric"].eq("aupro") & rows["group"].eq("all")]
    order = aupro.set_index(["dataset", "method"])["value"].rename("order")
    ordered = rows.join(order, on=["dataset", "method"]).sort_values("order", ascending=False)
    yield from ordered.drop(columns="order").groupby("dataset", sort=False)


def of_annotated(rows: pd.DataFrame) -> str:
    """Say on how many films maps were measured, and how many are better than a constant map."""
    aupro = rows[rows["metric"].eq("aupro") & rows["group"].eq("all")]
    best = aupro.iloc[0]
    above = aupro["low"].gt(CONSTANT_MAP).sum()
    return (
        f"**{films_of(best['dataset'])}**: {best['n']:.0f} test films with places of findings, "
        f"which cover {best['base_rate']:.1%} of the body. AUPRO has a median of "
        f"{aupro['value'].median():.3f} over {len(aupro)} methods and is highest for "
        f"{prose.literal(best['method'])}, "
        f"{prose.interval(best['value'], best['low'], best['high'])}; the intervals of {above} lie "
        f"above {CONSTANT_MAP}, that of a constant map."
    )


def contrasts(results: pd.DataFrame) -> pd.DataFrame:
    """Return mean differences between two methods with the same labels, with corrected p values."""
    rows = overview.changes(results, "auroc_contrast")
    settings = rows["setting"].astype(str).str.extract("(.*), against (.*)")
    return pd.DataFrame(
        {
            "dataset": rows["dataset"],
            "method": rows["method"].map(prose.literal),
            "compared with": settings[1].map(prose.literal),
            "known labels": settings[0].str.replace("known ", ""),
            "difference in AUROC [95 % interval]": [
                prose.unbroken(prose.interval(row.value, row.low, row.high, "+z.3f"))
                for row in rows.itertuples()
            ],
            "p (Holm)": rows["p_holm"].map(prose.p_value),
        }
    )


def without_dataset(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of one data set as a table below its name."""
    return table.drop(columns="dataset")


def beside_codes(record: Record) -> dict[str, str]:
    """Return per data set the table of our numbers and those of the reference codes, in Markdown.

    The codes' protocols are in the column `note`.
    """
    rows = record.auroc
    floors = rows[rows["family"].eq(FLOOR)].sort_values("value", ascending=False)
    shown = pd.concat([rows[rows["family"].ne(FLOOR)], floors.groupby("dataset").head(3)])
    shown = shown.assign(
        seeds=1,
        wrong_way=shown["high"].map(claims.is_wrong_way),
        **{"pre-training": shown["method"].map(pretraining)},
    )
    shown = choices.with_marks(shown.assign(AUROC=peers.number(shown)))
    table = peers.with_peers(shown, peers.read_peers(ROOT))
    words = table.assign(**{name: table[name].map(prose.literal) for name in ("method", "of")})
    return {
        dataset: prose.table(without_dataset(of_dataset))
        for dataset, of_dataset in words.groupby("dataset", sort=False)
    }
