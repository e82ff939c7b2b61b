"""The results of real films in git, with their origin.

In reports/real/: `results.csv`; `runs.csv`, one row per run (the first columns of results.csv) with
its commit, profile, films (MD5) and day; `films.csv`, the number of films per data set; and
`README.md` with the tables. Earlier records are kept, unless the same run was repeated or the films
of its data set have changed: a study of real films may take several days.
"""

import json
from datetime import date
from pathlib import Path

import pandas as pd

from lib import ROOT, ablations, files, params
from lib.comparison.compare import mean_over_seeds
from lib.comparison.peers import EXPLANATION, beside_peers, number, read_peers
from lib.comparison.tables import COLUMNS, ORIGIN, without_ablations
from lib.datasets.table import load_index
from lib.errors import BadData
from lib.provenance import NOT_COPIED, commit, data_hash, holds_phantoms

SPLITS = ["train", "validation", "test"]
OVER_SEEDS = {
    "auroc_over_seeds": "Ablations, AUROC on test films: the mean over seeds of each variant, with "
    "Student's t interval (95 %) of that mean.",
    "auroc_difference": "Ablations, differences in AUROC from the reference, paired by seed, with "
    "Student's t interval (95 %) of their mean.",
    "auroc_contrast": "Ablations, differences in AUROC between two methods with the same labels, "
    "paired by seed, with Student's t interval (95 %) of their mean.",
}
LABELS = {0.0: "normal", 1.0: "abnormal"}


def record(root: Path = ROOT) -> str:
    """Add reports/results.csv to reports/real/; return a line on date, commit, profile and films.

    Raises BadData, without changes, if data/ holds phantoms or the results are of other films.
    """
    films = data_hash(root)
    if holds_phantoms(root):
        raise BadData("data/ holds phantoms, not real films: nothing was recorded.")
    published, kept = root / "reports/results.csv", root / "reports/real"
    if films == NOT_COPIED or not published.exists():
        raise BadData("These films have no results yet: run `dvc repro` first.")
    results = pd.read_csv(published, dtype={"seed": str}).fillna({"seed": ""})
    counts = pd.concat(_counts(name, results, root) for name in results["dataset"].unique())
    runs = _runs(results, films, root)
    tables = {"results": results, "runs": runs, "films": counts}
    tables = {name: _with_earlier(name, table, runs, kept) for name, table in tables.items()}
    tables["results"] = _with_means(tables["results"])
    line = (
        f"Last recorded on {date.today()} at commit {commit()}, with the profile "
        f"`{params.read('study')['profile']}`, from the films of MD5 {films}."
    )
    _write(line, tables, read_peers(root), kept)
    return line


def _write(line: str, tables: dict[str, pd.DataFrame], peers: pd.DataFrame, kept: Path) -> None:
    kept.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        table.to_csv(kept / f"{name}.csv", index=False)
    where = "[runs.csv](runs.csv) says of each run at which commit and from which films it is."
    results = tables["results"]
    shown = [
        *_auroc(without_ablations(results), peers),
        *_ablations(results),
        "Films:\n\n" + _table(tables["films"]),
    ]
    text = "\n".join(["# Results on real films\n", f"{line} {where}\n", *shown])
    (kept / "README.md").write_text(text)


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


def _runs(results: pd.DataFrame, films: str, root: Path) -> pd.DataFrame:
    """Return one row per run: its origin, and the commit of its training, if recorded."""
    runs = results.loc[results["seed"].ne("mean"), ORIGIN].drop_duplicates()

    def trained_at(run) -> str:
        folder = root / "build/fits" / run.dataset / run.method
        records = folder.glob(f"*/{run.seed}/{files.RECORD}")
        commits = {json.loads(made.read_text())["trace"]["commit"] for made in records}
        return ", ".join(sorted(commits)) or commit()

    at = [trained_at(run) for run in runs.itertuples()]
    profile = params.read("study")["profile"]
    return runs.assign(commit=at, profile=profile, films=films, recorded=str(date.today()))


def _with_earlier(name: str, table: pd.DataFrame, runs: pd.DataFrame, kept: Path) -> pd.DataFrame:
    """Return the new table, followed by the earlier rows that are still valid."""
    if not (kept / "runs.csv").exists():
        return table
    earlier = pd.read_csv(kept / f"{name}.csv", dtype={"seed": str}, keep_default_na=False)
    if name == "films":
        return pd.concat([table, earlier[~earlier["dataset"].isin(table["dataset"])]])
    before = pd.read_csv(kept / "runs.csv", dtype=str, keep_default_na=False)
    again = before["dataset"].isin(runs["dataset"])
    outdated = again & ~before["films"].isin(runs["films"])
    gone = set(map(tuple, pd.concat([before[outdated], runs])[ORIGIN].to_numpy()))
    stays = [origin not in gone for origin in map(tuple, earlier[ORIGIN].to_numpy())]
    return pd.concat([table, earlier[stays]])


def _with_means(results: pd.DataFrame) -> pd.DataFrame:
    """Return rows sorted by data set, with recomputed means over seeds, except for ablations."""
    numbers = [*COLUMNS[COLUMNS.index("value") :]]
    results = results.assign(**results[numbers].apply(pd.to_numeric))
    results = results.sort_values(["dataset", "family", "method", "seed"], kind="stable")
    runs = results[results["seed"].ne("mean")]
    over_seeds = results["metric"].isin([*OVER_SEEDS, "auroc_contrast_p_holm"])
    of_ablations = results[over_seeds].drop_duplicates([*ORIGIN, "metric"])
    return pd.concat([runs, mean_over_seeds(runs).round(4), of_ablations], ignore_index=True)


def _auroc(results: pd.DataFrame, peers: pd.DataFrame) -> list[str]:
    """Return the tables of detectors and the three best floors per data set, best first.

    One table of the study's own protocols and, if there are such data sets, one of the peers'.
    """
    rows = _one_a_method(results.query("level == 'image' and group == 'all' and metric == 'auroc'"))
    ranked = rows.sort_values(["dataset", "value"], ascending=[True, False])
    floors = ranked[ranked["family"].eq("floor")].groupby("dataset").head(3)
    shown = ranked[ranked["family"].ne("floor") | ranked.index.isin(floors.index)]
    own = shown[~shown["dataset"].isin(peers["dataset"])]
    table = own[["dataset", "method", "setting", "n", "base_rate"]].copy()
    table.insert(3, "AUROC", number(own))
    title = (
        "AUROC on test films, with the three best floors of each data set: of one run with its "
        "95 % interval over patients, of several seeds the mean and their standard deviation."
    )
    tables = [f"{title}\n\n{_table(table)}"]
    if len(own) < len(shown):
        tables.append(f"{EXPLANATION}\n\n{_table(beside_peers(shown, peers))}")
    return tables


def _one_a_method(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the mean of several seeds, or the single one; `seeds` is their number."""
    keys = [name for name in ORIGIN if name != "seed"]
    seeds = rows[rows["seed"].ne("mean")].groupby(keys)["seed"].nunique().rename("seeds")
    rows = rows.join(seeds, on=keys)
    return rows[rows["seed"].eq("mean") | rows["seeds"].eq(1)]


def _ablations(results: pd.DataFrame) -> list[str]:
    """Return the tables of ablations: means over seeds, and differences from the reference."""
    tables = []
    for metric, title in OVER_SEEDS.items():
        rows = results[results["metric"].eq(metric)]
        table = rows[["dataset", "method", "setting", "n", "base_rate"]].copy()
        table.insert(1, "ablation", rows["family"].str.removeprefix(ablations.ABLATION))
        ends = zip(rows["value"], rows["low"], rows["high"], strict=True)
        said = [f"{value:.3f} ({low:.3f} to {high:.3f})" for value, low, high in ends]
        table.insert(4, "AUROC (95 % over seeds)", said)
        if len(rows):
            tables.append(f"{title}\n\n{_table(table)}")
    return tables


def _table(table: pd.DataFrame) -> str:
    rows = [table.columns, ["---"] * table.shape[1], *table.to_numpy()]
    return "".join(f"| {' | '.join(map(str, row))} |\n" for row in rows)
