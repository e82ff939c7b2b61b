"""The record of real films in git: of each data set one experiment, from one commit and profile.

In reports/real/: `results.csv`, whose rows also name the profile and the commit; `runs.csv`, one
row per run (the first columns of results.csv), with the films (MD5) and the day as well;
`tests.csv`, the paired tests, and of each method's median run `roc.csv`, the ROC curve, and
`strata.csv`, AUROC within strata of circumstances, all with profile and commit; `scores/`
(lib.comparison.record_scores); `films.csv`, the number of films per data set; and `README.md` with
the tables.

A data set is recorded as a whole: its rows replace earlier ones, if asked for where these are of
another commit or hold runs that the new ones lack. All data sets have the same profile and films.
An experiment with a name has a folder of its own, reports/real/<name>/, which no page shows.
"""

import os
from datetime import date
from pathlib import Path

import pandas as pd

from lib import ROOT, ablations, files, prose
from lib.comparison import choices, claims, experiment, peers, record_scores
from lib.comparison.ablations import P_HOLM
from lib.comparison.compare import mean_over_seeds
from lib.comparison.pretraining import pretraining
from lib.comparison.tables import COLUMNS, ORIGIN, read, without_ablations
from lib.datasets.table import load_index
from lib.errors import BadData
from lib.grid import FLOOR
from lib.provenance import NO_FILMS, holds_phantoms
from lib.shown import of_one_seed
from lib.shown import shown as shown_runs

OF_CODE = ["commit", "profile"]  # columns of results.csv
KEYS = COLUMNS[: COLUMNS.index("value")]
RUN = ["dataset", "method", "seed"]
SPLITS = ["train", "validation", "test"]
OVER_SEEDS = {
    "auroc_over_seeds": "Ablations, AUROC on test films: the mean over seeds of each variant, with "
    "Student's t interval (95 %) of that mean.",
    "auroc_difference": "Ablations, differences in AUROC from the reference, paired by seed, with "
    "Student's t interval (95 %) of their mean.",
    "auroc_contrast": "Ablations, differences in AUROC between two methods with the same labels, "
    "paired by seed, with Student's t interval (95 %) of their mean.",
}
AUROC = ("auroc", "auroc_over_seeds")  # numbers that are no differences
OF_ONE_SEED = (
    "Ablations of one seed, AUROC on test films of each variant, with its 95 % interval over "
    "patients."
)
OWN_SPLITS = (
    "AUROC on test films, with the three best floors of each data set: of one run with its 95 % "
    "interval over patients, of several seeds the mean and their standard deviation."
)
P_VALUES = tuple(f"{metric}{P_HOLM}" for metric in ("auroc_difference", "auroc_contrast"))
LABELS = {0.0: "normal", 1.0: "abnormal"}


def record(root: Path = ROOT, replace: bool = False, name: str = "") -> str:
    """Add reports/results.csv to the record; return a line on date, commit, profile and films.

    The record is in reports/real/, or in its folder `name`. With `replace` earlier results of the
    same data sets are dropped. Raises BadData, without changes, if data/ holds phantoms, if the
    results are of other films, code, parameters or scores, or if they would be added to those of
    another experiment.
    """
    if holds_phantoms(root):
        raise BadData("data/ contains phantoms, not real films; nothing was recorded.")
    if name == record_scores.FOLDER.name or Path(name).name != name:
        raise BadData(f"NAME={name} cannot be used: give the name of a new folder, as NAME=hours.")
    published, kept = root / "reports/results.csv", root / "reports/real" / name
    origin = experiment.of_now(root)
    if origin["films"] == NO_FILMS or not published.exists():
        raise BadData("These films have no results yet: run `dvc repro` first.")
    results = pd.read_csv(published, dtype={"seed": str}).fillna({"seed": ""})
    datasets = list(results["dataset"].unique())
    experiment.check_fits(datasets)
    counts = pd.concat(_counts(dataset, results, root) for dataset in datasets)
    experiment.check_numbers(results, root / "build")
    scores = {one: record_scores.table_of(one, results, root / "build") for one in datasets}
    of_code = {key: origin[key] for key in OF_CODE}
    tables = {
        "results": results.assign(**of_code),
        "runs": _runs(results).assign(**origin, recorded=str(date.today())),
        "tests": _compared("tests", results, root).assign(**of_code),
        **{name: _of_shown(name, results, root).assign(**of_code) for name in ("roc", "strata")},
        "films": counts,
    }
    if (kept / "runs.csv").exists():
        experiment.check_earlier(tables["runs"], kept, replace)
        tables = {key: _with_earlier(key, table, kept) for key, table in tables.items()}
    tables["results"] = _with_means(tables["results"])
    line = _origin(tables["runs"])
    peers_file = os.path.relpath(root / peers.FILE, kept)
    _write(line, tables, peers.read_peers(root), peers_file, kept)
    for dataset, table in scores.items():
        record_scores.keep(dataset, table, kept)
    return line


def _origin(of_runs: pd.DataFrame) -> str:
    """Return a line on date, commit, profile and films, one per commit with its data sets."""
    lines = []
    for commit, rows in of_runs.groupby("commit", sort=False):
        profile, films = rows[["profile", "films"]].iloc[0]
        lines.append(
            f"Recorded on {rows['recorded'].max()} at commit {commit}, with the profile "
            f"`{profile}`, from the films of MD5 {films}: {', '.join(rows['dataset'].unique())}."
        )
    return " ".join(lines)


def _write(
    line: str, tables: dict[str, pd.DataFrame], of_peers: pd.DataFrame, peers_file: str, kept: Path
) -> None:
    kept.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        table.to_csv(kept / f"{name}.csv", index=False)
    results = tables["results"]
    rows = without_ablations(results)
    pairs = rows.loc[rows["family"].ne(FLOOR), ["dataset", "method"]].drop_duplicates()
    shown = [
        line + " All fits are up to date with their commit; [runs.csv](runs.csv) lists them.",
        choices.paragraph(pairs.itertuples(index=False, name=None)),
        *_auroc(rows, of_peers, peers_file),
        *_ablations(results),
        "## Films\n\n" + _table(tables["films"]),
    ]
    text = "\n\n".join(["# Results on real films", *(part.strip() for part in shown if part)])
    (kept / "README.md").write_text(f"{text}\n")


def _counts(dataset: str, results: pd.DataFrame, root: Path) -> pd.DataFrame:
    """Count films by split and label. Raises BadData if results are of other test films."""
    index = load_index(files.index(dataset, root / "build"))
    tested = (index["split"].eq("test") & index["label"].notna()).sum()
    rows = results.query("dataset == @dataset and level == 'image' and group == 'all'")
    if rows["n"].ne(tested).any():
        raise BadData(f"reports/results.csv has other films of {dataset}: run `dvc repro` first.")
    label = index["label"].map(LABELS).fillna("unknown")
    counts = pd.crosstab(index["split"], label)
    counts = counts.reindex(index=SPLITS, columns=[*LABELS.values(), "unknown"], fill_value=0)
    counts = counts.rename_axis("split").rename_axis(None, axis=1).reset_index()
    return counts.assign(dataset=dataset)[["dataset", *counts.columns]]


def _runs(results: pd.DataFrame) -> pd.DataFrame:
    """Return one row per fit, floor and fusion, without means over seeds."""
    is_run = results["metric"].eq("auroc") & results["seed"].ne("mean")
    return results.loc[is_run & results["level"].eq("image"), ORIGIN].drop_duplicates()


def _compared(name: str, results: pd.DataFrame, root: Path) -> pd.DataFrame:
    """Return a table of the comparison on these data sets. Raises BadData if there is none."""
    path = files.compared(root / "build") / f"{name}.csv"
    if not path.exists():
        raise BadData(f"These films have no {name}.csv yet: run `dvc repro` first.")
    table = read(path)
    return table[table["dataset"].isin(results["dataset"])]


def _of_shown(name: str, results: pd.DataFrame, root: Path) -> pd.DataFrame:
    """Return the rows of a table of the comparison that are of the runs which pages show."""
    return _compared(name, results, root).merge(shown_runs(results)[RUN])


def _with_earlier(name: str, table: pd.DataFrame, kept: Path) -> pd.DataFrame:
    """Return the new table, followed by the earlier rows of other data sets."""
    path = kept / f"{name}.csv"
    if not path.exists():  # a record without tests or curves
        return table
    text = {"seed": str, "commit": str}  # a commit may look like a number
    earlier = pd.read_csv(path, dtype=text, keep_default_na=False)
    return pd.concat([table, earlier[~earlier["dataset"].isin(table["dataset"])]])


def _with_means(results: pd.DataFrame) -> pd.DataFrame:
    """Return rows sorted by data set, with recomputed means over seeds, except for ablations."""
    numbers = COLUMNS[len(KEYS) :]
    results = results.assign(**results[numbers].apply(pd.to_numeric))
    results = results.sort_values(["dataset", "family", "method", "seed"], kind="stable")
    of_seeds = results[results["seed"].ne("mean")]
    over_seeds = results["metric"].isin([*OVER_SEEDS, *P_VALUES])
    means = mean_over_seeds(of_seeds).round(4)
    means = means.merge(results[["dataset", *OF_CODE]].drop_duplicates())
    return pd.concat([of_seeds, means, results[over_seeds]], ignore_index=True)


def _auroc(results: pd.DataFrame, of_peers: pd.DataFrame, peers_file: str) -> list[str]:
    """Return the tables of detectors and the three best floors per data set, best first.

    First that of the reference codes' protocols, then one of the study's own splits, if any.
    """
    rows = _one_a_method(results.query("level == 'image' and group == 'all' and metric == 'auroc'"))
    ranked = rows.sort_values(["dataset", "value"], ascending=[True, False])
    floors = ranked[ranked["family"].eq(FLOOR)].groupby("dataset").head(3)
    shown = ranked[ranked["family"].ne(FLOOR) | ranked.index.isin(floors.index)]
    before = {"pre-training": shown["method"].map(pretraining)}
    shown = shown.assign(AUROC=peers.number(shown), **before)
    shown["method"] += [choices.marked(*pair) for pair in shown[ORIGIN[:2]].to_numpy()]
    compared = shown["dataset"].isin(of_peers["dataset"])
    of_protocols, own_splits = shown[compared], shown[~compared]
    tables = []
    if len(of_protocols):
        title = "## The protocols of the reference codes"
        caption = peers.CAPTION.format(file=peers_file)
        table = _table(peers.with_peers(of_protocols, of_peers))
        tables.append(f"{title}\n\n{caption}\n\n{table}")
    if len(own_splits):
        columns = ["dataset", "method", "pre-training", "setting", "AUROC", "n", "base_rate"]
        tables.append(f"## Own splits\n\n{OWN_SPLITS}\n\n{_table(own_splits[columns])}")
    return tables


def _one_a_method(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the mean of several seeds, or the single one.

    `seeds` is their number; `wrong_way` is true if the intervals of all seeds lie below chance.
    """
    keys = [name for name in ORIGIN if name != "seed"]
    runs = rows[rows["seed"].ne("mean")]
    runs = runs.assign(wrong_way=runs["high"].map(claims.is_wrong_way)).groupby(keys)
    rows = rows.join(runs.agg(seeds=("seed", "nunique"), wrong_way=("wrong_way", "all")), on=keys)
    return rows[rows["seed"].eq("mean") | rows["seeds"].eq(1)]


def _ablations(results: pd.DataFrame) -> list[str]:
    """Return the tables of ablations: over seeds, means and differences; of one seed, AUROC."""
    over_seeds = [
        _variants(title, "AUROC (95 % over seeds)", results[results["metric"].eq(metric)])
        for metric, title in OVER_SEEDS.items()
    ]
    tables = [*filter(None, [*over_seeds, _variants(OF_ONE_SEED, "AUROC", of_one_seed(results))])]
    return ["## Ablations", *tables] if tables else []


def _variants(title: str, column: str, rows: pd.DataFrame) -> str:
    """Return a table of variants below its title, with their numbers in `column`; "" of none."""
    if rows.empty:
        return ""
    table = rows[["dataset", "method", "setting", "n", "base_rate"]].copy()
    table["method"] += [choices.marked(*pair) for pair in rows[ORIGIN[:2]].to_numpy()]
    table.insert(1, "ablation", rows["family"].str.removeprefix(ablations.ABLATION))
    numbers = [
        prose.interval(row.value, row.low, row.high)
        + (f", {claims.WRONG_WAY}" if row.metric in AUROC and claims.is_wrong_way(row.high) else "")
        for row in rows.itertuples()
    ]
    table.insert(4, column, numbers)
    return f"{title}\n\n{_table(table)}"


def _table(table: pd.DataFrame) -> str:
    rows = [table.columns, ["---"] * table.shape[1], *table.to_numpy()]
    return "".join(f"| {' | '.join(map(str, row))} |\n" for row in rows)
