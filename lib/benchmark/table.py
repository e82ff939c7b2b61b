"""The table of speeds, reports/benchmarks.csv: its columns, and how rows are added to it."""

import os
import platform

import numpy as np
import pandas as pd

from lib import files

KEPT = files.REPORTS / "benchmarks.csv"
#: Which rows are of the same measurement: a later one takes the place of an earlier one.
MEASUREMENT = ["task", "subject", "stage", "precision", "machine"]
#: Columns: `seconds` where no films are counted; the last ones are of programs on a GPU alone.
COLUMNS = [
    *("task", "subject", "films_per_s", "ratio", "ratio_to", "machine", "seconds", "memory_gb"),
    *("stage", "precision", "batch_size", "compile_s", "gflop_per_film"),
    *("roofline_share", "peak_tflop_per_s", "bandwidth_tb_per_s", "epochs", "hours_of_full"),
]
TEXT = ["task", "subject", "ratio_to", "machine", "stage", "precision"]


def machine() -> str:
    """Describe this machine in words."""
    return f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}"


def row(task: str, subject: str, **values: float | str) -> dict:
    """Return a row of this machine, its numbers to four digits."""
    rounded = {
        name: value if isinstance(value, str) else float(f"{value:.4g}")
        for name, value in values.items()
    }
    return {"task": task, "subject": subject, "machine": machine(), **rounded}


def load() -> pd.DataFrame:
    """Return all rows that are kept; a value that was not measured is NaN, a text empty."""
    table = pd.read_csv(KEPT) if KEPT.exists() else pd.DataFrame()
    table = table.reindex(columns=COLUMNS)
    return table.astype({name: object for name in TEXT}).fillna(dict.fromkeys(TEXT, ""))


def keep(rows: list[dict]) -> pd.DataFrame:
    """Add rows to those that are kept, in the place of earlier ones of the same measurement.

    Rows of other machines stay. Returns the whole table.
    """
    new = pd.DataFrame(rows).reindex(columns=COLUMNS)
    new = new.astype({name: object for name in TEXT}).fillna(dict.fromkeys(TEXT, ""))
    table = pd.concat([load(), new], ignore_index=True)
    table = table.drop_duplicates(MEASUREMENT, keep="last", ignore_index=True)
    table = _with_ratios_of_precisions(table)
    with files.whole_file(KEPT) as unfinished:
        table.to_csv(unfinished, index=False)
    return table


def _with_ratios_of_precisions(table: pd.DataFrame) -> pd.DataFrame:
    """Compare the speed of each program on a GPU with its speed in float32."""
    of_program = ["task", "subject", "stage", "machine"]
    reference = table[table["precision"] == "float32"].set_index(of_program)["films_per_s"]
    here = pd.MultiIndex.from_frame(table[of_program])
    ratio = table["films_per_s"].to_numpy(float) / reference.reindex(here).to_numpy(float)
    known = (table["precision"] != "") & np.isfinite(ratio)
    table.loc[known, "ratio"] = ratio[known].round(2)
    table.loc[known, "ratio_to"] = "float32"
    return table
