"""Keeps the results of real films in git, with the line that says where they come from."""

import shutil
from datetime import date
from pathlib import Path

import pandas as pd

from lib import ROOT, grid
from lib.comparison.peers import EXPLANATION, beside_peers, interval, read_peers
from lib.comparison.studies import without_studies
from lib.datasets.entries import BadData
from lib.datasets.table import load_index
from lib.provenance import commit, data_import, holds_phantoms

SPLITS = ["train", "validation", "test"]
OVER_SEEDS = {
    "auroc_over_seeds": "Studies, AUROC on test films: the mean over seeds of each variant, with "
    "Student's t interval (95 %) of that mean.",
    "auroc_difference": "Studies, differences in AUROC to the reference, paired by seed, with "
    "Student's t interval (95 %) of their mean.",
}
LABELS = {0.0: "normal", 1.0: "abnormal"}


def record(root: Path = ROOT) -> str:
    """Copy reports/results.csv into reports/real/ and say there which films it is of.

    README.md there has the tables, with the reference codes beside where they were run.

    Returns that line. Raises BadData, changing nothing, when data/ holds phantoms or the results
    are of other films.
    """
    films = data_import(root)
    if holds_phantoms(root):
        raise BadData("data/ holds phantoms, not real films: nothing was recorded.")
    published, kept = root / "reports/results.csv", root / "reports/real"
    if "md5" not in films["outs"][0] or not published.exists():
        raise BadData("These films have no results yet: run `dvc repro` first.")
    results = pd.read_csv(published)
    counts = {name: _counts(name, results, root) for name in results["dataset"].unique()}
    line = (
        f"`results.csv` was recorded on {date.today()} at commit {commit()}, with the profile "
        f"`{grid.parameters('study')['profile']}`, from the films of MD5 {films['outs'][0]['md5']}."
    )
    kept.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(published, kept / "results.csv")
    cells = without_studies(results)
    tables = [*_auroc(cells, read_peers(root)), *_studies(results), _counts_of_films(counts)]
    (kept / "README.md").write_text("\n".join(["# Results on real films\n", f"{line}\n", *tables]))
    return line


def _counts(dataset: str, results: pd.DataFrame, root: Path) -> pd.DataFrame:
    """Films by split and label; BadData when the results are of another number of test films."""
    index = load_index(root / f"build/index/{dataset}.csv")
    tested = (index["split"].eq("test") & index["label"].notna()).sum()
    rows = results.query("dataset == @dataset and level == 'image' and group == 'all'")
    if rows["n"].ne(tested).any():
        raise BadData(f"reports/results.csv has other films of {dataset}: run `dvc repro` first.")
    label = index["label"].map(LABELS).fillna("unknown")
    counts = pd.crosstab(index["split"], label)
    return counts.reindex(index=SPLITS, columns=[*LABELS.values(), "unknown"], fill_value=0)


def _auroc(results: pd.DataFrame, peers: pd.DataFrame) -> list[str]:
    """Detectors and the best three floors of each data set, best first, with intervals.

    A table of the study's own protocols and, where there are such data sets, one of the peers'.
    """
    rows = results.query("level == 'image' and group == 'all' and metric == 'auroc'")
    ranked = rows.sort_values(["dataset", "value"], ascending=[True, False])
    floors = ranked[ranked["family"].eq("floor")].groupby("dataset").head(3)
    shown = ranked[ranked["family"].ne("floor") | ranked.index.isin(floors.index)]
    own = shown[~shown["dataset"].isin(peers["dataset"])]
    table = own[["dataset", "method", "setting", "n", "base_rate"]].copy()
    table.insert(3, "AUROC (95 %)", interval(own))
    title = "AUROC on test films, with the three best floors of each data set:"
    tables = [f"{title}\n\n{_table(table)}"]
    if len(own) < len(shown):
        tables.append(f"{EXPLANATION}\n\n{_table(beside_peers(shown, peers))}")
    return tables


def _studies(results: pd.DataFrame) -> list[str]:
    """Means over seeds of each variant of a study, and differences to its reference."""
    tables = []
    for metric, title in OVER_SEEDS.items():
        rows = results[results["metric"].eq(metric)]
        table = rows[["dataset", "method", "setting", "n", "base_rate"]].copy()
        table.insert(1, "study", rows["family"].str.removeprefix(grid.STUDY))
        ends = zip(rows["value"], rows["low"], rows["high"], strict=True)
        said = [f"{value:.3f} ({low:.3f} to {high:.3f})" for value, low, high in ends]
        table.insert(4, "AUROC (95 % over seeds)", said)
        if len(rows):
            tables.append(f"{title}\n\n{_table(table)}")
    return tables


def _counts_of_films(counts: dict[str, pd.DataFrame]) -> str:
    table = pd.concat(counts, names=["data set", "split"]).reset_index()
    return "Films:\n\n" + _table(table)


def _table(table: pd.DataFrame) -> str:
    rows = [table.columns, ["---"] * table.shape[1], *table.to_numpy()]
    return "".join(f"| {' | '.join(map(str, row))} |\n" for row in rows)
