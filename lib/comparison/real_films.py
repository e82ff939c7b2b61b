"""The record on real films (reports/real/), read for the page that shows it, without any phantom.

It holds experiments on the same films and protocols, which are shown apart: the methods of the
study and, of data sets that are not yet recorded with all methods at once, those on a network
trained on photographs. Of several seeds the median run represents a method, as on the first page.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

import pandas as pd

from lib import ROOT, prose
from lib.ablations import ABLATION
from lib.comparison import choices, claims, overview, peers
from lib.comparison.ablations import P_HOLM
from lib.comparison.answer import films_of
from lib.comparison.in_brief import FILMS
from lib.comparison.recorded import EXPERIMENTS, OF_ABLATIONS, read_one, tables, tests
from lib.comparison.rows import UNLIKE
from lib.comparison.tables import OF_ALL
from lib.grid import FLOOR, FUSION
from lib.shown import runs, shown

AXIS = "known normal and known abnormal training films (% each)"
LEFT_OUT = (FLOOR, FUSION)  # of the comparison over groups of films
LABELS = f"{ABLATION}label_fraction"


class Experiment(NamedTuple):
    """One experiment of the record."""

    title: str
    folder: str
    results: pd.DataFrame  # all rows, as in reports/results.csv
    runs: pd.DataFrame  # one row per fit: commit, profile, day
    tests: pd.DataFrame  # paired tests, and ROC curves, of the data sets that have them
    roc: pd.DataFrame

    @property
    def auroc(self) -> pd.DataFrame:
        """The AUROC per film of the median run of each method, and of the floors."""
        return shown(self.results)

    @property
    def differences(self) -> pd.DataFrame:
        """The mean differences of all ablations from their references."""
        return self.results[self.results["metric"].eq("auroc_difference")]


def experiments() -> list[Experiment]:
    """Return the experiments of the record that exist. Raises BadData if one of them is mixed."""
    return [
        Experiment(
            title,
            folder,
            results,
            pd.read_csv(ROOT / folder / "runs.csv", dtype=str),
            tests([f"{folder}/results.csv"]),
            _curves(folder),
        )
        for folder, title in EXPERIMENTS.items()
        for results in tables([f"{folder}/results.csv"])
    ]


def _curves(folder: str) -> pd.DataFrame:
    path = ROOT / folder / "roc.csv"
    return read_one(path) if path.exists() else pd.DataFrame(columns=OF_ALL["roc"])


def origin(experiment: Experiment) -> str:
    """Say what an experiment consists of, and from which code it is, as an item in Markdown."""
    made = experiment.runs.query("family != 'floor' and family != 'fusion'")
    commits, profiles = (
        ", ".join(sorted(made[column].unique())) for column in ("commit", "profile")
    )
    apart = "; of one seed, so that the answer above leaves it out"
    return (
        f"- **{experiment.title}** (`{experiment.folder}`): {len(made)} fits of "
        f"{made['method'].nunique()} methods, at commit {commits}, with the profile `{profiles}`"
        f"{apart if experiment.folder in OF_ABLATIONS else ''}."
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


def groups(experiment: Experiment) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield per data set the AUROC of the median run of each detector over each group of films."""
    keys = ["dataset", "method", "seed"]
    rows = experiment.results.query(
        "level == 'image' and metric == 'auroc' and group != 'all' and family not in @LEFT_OUT"
    )
    rows = rows[rows["group"].ne(UNLIKE)]
    rows = rows.merge(experiment.auroc[keys])
    yield from rows.groupby("dataset", sort=False)


def contrasts(results: pd.DataFrame) -> pd.DataFrame:
    """Return mean differences between two methods with the same labels, with corrected p values."""
    keys = ["dataset", "method", "setting"]
    p_values = results[results["metric"].eq(f"auroc_contrast{P_HOLM}")].set_index(keys)["value"]
    rows = results[results["metric"].eq("auroc_contrast")]
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
            "p (Holm)": [
                prose.p_value(p_values[tuple(key)]) for key in rows[keys].itertuples(index=False)
            ],
        }
    )


def without_dataset(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of one data set as a table below its name."""
    return table.drop(columns="dataset")


def beside_codes(experiment: Experiment) -> dict[str, str]:
    """Return per data set the table of our numbers and those of the reference codes, in Markdown.

    With the pre-training of each of ours; the codes' protocols are in the column `note`.
    """
    rows = experiment.auroc
    floors = rows[rows["family"].eq(FLOOR)].sort_values("value", ascending=False)
    shown = pd.concat([rows[rows["family"].ne(FLOOR)], floors.groupby("dataset").head(3)])
    shown = shown.assign(
        seeds=1, wrong_way=shown["high"].map(claims.is_wrong_way), before=shown["method"]
    )
    shown = choices.with_marks(shown.assign(AUROC=peers.number(shown)))
    before = dict(zip(shown["method"], shown["before"].map(overview.pretraining), strict=True))
    table = peers.with_peers(shown, peers.read_peers(ROOT))
    is_ours = table["of"].eq("this study")
    table.insert(
        2, "pre-training", table["method"].map(before).where(is_ours, "see its publication")
    )
    words = table.assign(**{name: table[name].map(prose.literal) for name in ("method", "of")})
    return {
        dataset: prose.table(without_dataset(of_dataset))
        for dataset, of_dataset in words.groupby("dataset", sort=False)
    }
