"""What a page shows of the robustness of detectors."""

from pathlib import Path

import pandas as pd

from lib import files, grid
from lib.comparison.choices import marked
from lib.comparison.overview import above_intervals, named
from lib.comparison.tables import read as read_table
from lib.prose import literal
from lib.robustness.table import DIFFERENCE, UNPERTURBED

NONE = "No fit of `params/robustness.yaml` is in the grid with enough test films of either label."


def read(build: Path | None = None) -> pd.DataFrame:
    """Return the tables of all data sets of the grid, one below the other."""
    tables = [read_table(files.robustness(name, build)) for name in grid.datasets()]
    return pd.concat(tables, ignore_index=True)


def strongest(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the difference in AUROC at the greatest strength, by perturbation and method."""
    last = _strongest(rows).assign(perturbation=lambda part: part["perturbation"] + _at(part))
    last["shown"] = above_intervals(last, "+")
    last["method"] = named(last, "method", "seed")
    table = last.pivot_table("shown", "perturbation", "method", aggfunc="first", sort=False)
    return table.reset_index()


def of_losses(rows: pd.DataFrame) -> str:
    """Say per data set and method the AUROC of unperturbed films, and where intervals are below."""
    lines = []
    for (dataset, method), group in rows.groupby(["dataset", "method"], sort=False):
        whole = group[group["perturbation"].eq(UNPERTURBED.perturbation)].iloc[0]
        last = _strongest(group)
        falls = last[last["high"] < 0].sort_values("value")
        pairs = zip(falls["perturbation"], falls["value"], strict=True)
        words = ", ".join(f"{name} ({value:+z.3f})" for name, value in pairs)
        lines.append(
            f"- {literal(dataset)}, {literal(method)}{marked(dataset, method)}: AUROC "
            f"{whole['value']:.3f} over {whole['n']:.0f} films; at the greatest strength the "
            f"interval of its change lies below 0 for {words or 'none of them'}."
        )
    return "\n".join(lines)


def _strongest(rows: pd.DataFrame) -> pd.DataFrame:
    differences = rows[rows["metric"].eq(DIFFERENCE)]
    return differences.drop_duplicates(["dataset", "method", "perturbation"], keep="last")


def _at(rows: pd.DataFrame) -> list[str]:
    return [f" {strength:g}" for strength in rows["strength"]]
