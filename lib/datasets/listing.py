"""What an owner's folder says of its films, before any film is opened; what all layouts share."""

import os
import re
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pandera.pandas as pandera
from pandera.errors import SchemaErrors

from lib.datasets.entries import BadData

FILM_COLUMNS = [
    *("image_id", "path", "patient_id", "study_id", "body_part", "view", "sex", "age"),
    *("finding", "label", "in_test_list"),
]
BOX_COLUMNS = ["image_id", "finding", "x", "y", "width", "height"]
BOX_FRAME = 1024  # pixels a side: NIH and RSNA draw their boxes on films of 1024 x 1024
DAYS = {"Y": 365.25, "M": 365.25 / 12, "W": 7.0, "D": 1.0}
OLDEST = 120  # years; NIH and RSNA hold films of patients "aged" 148 to 411


@dataclass
class Listing:
    """The films that an owner lists and the study may use.

    films: FILM_COLUMNS as text, but label 0/1 and in_test_list bool; path is absolute.
    counts: step -> number of films, for the protocol.
    boxes: BOX_COLUMNS, in a frame of 1024 x 1024.
    masks: image_id -> the files of its lesion masks.
    """

    films: pd.DataFrame
    counts: dict[str, int]
    boxes: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=BOX_COLUMNS))
    masks: dict[str, list[Path]] = field(default_factory=dict)

    def __post_init__(self):
        for column in FILM_COLUMNS:
            if column not in self.films:
                self.films[column] = False if column == "in_test_list" else ""
        self.films = self.films[FILM_COLUMNS].reset_index(drop=True)


def files_below(folder: Path) -> list[Path]:
    """All files below a folder, sorted; without hidden ones, AppleDouble `._` and `__MACOSX`.

    Links to folders are followed, unless they lead back to a folder that they lie in.
    """
    found = []
    for parent, folders, names in os.walk(folder, followlinks=True):
        below = sorted(name for name in folders if is_visible(name))
        folders[:] = [name for name in below if not leads_back(Path(parent, name))]
        found += [Path(parent, name) for name in sorted(names) if is_visible(name)]
    return found


def leads_back(path: Path) -> bool:
    """Whether a path is a link to a folder that it lies in: who follows it never ends."""
    return path.is_symlink() and any(above.samefile(path) for above in path.parents)


def is_visible(name: str) -> bool:
    """Whether a file or folder is the owner's own and not left there by an operating system."""
    return not name.startswith(".") and name != "__MACOSX"


def first_table(folder: Path, *names: str) -> Path:
    """The first of these tables that lies anywhere below the folder. Raises BadData without one."""
    found = {path.name: path for path in reversed(files_below(folder)) if path.name in names}
    for name in names:
        if name in found:
            return found[name]
    raise BadData(f"{folder / names[0]} is missing: put the owner's table there.")


def read_table(path: Path, schema: pandera.DataFrameSchema, header: bool = True) -> pd.DataFrame:
    """Reads an owner's CSV and validates it; empty cells become "" in text, NaN in numbers.

    Without a header the schema's columns are taken in their order. Raises BadData.
    """
    if not path.is_file():
        raise BadData(f"{path} is missing: put the owner's table there.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # rows longer than the header
            table = pd.read_csv(
                path,
                header=0 if header else None,
                names=None if header else list(schema.columns),
                dtype=str,
                keep_default_na=False,
                encoding="utf-8-sig",
                index_col=False,
            )
    except (ValueError, pd.errors.ParserWarning):  # pandas' and Unicode's errors are ValueErrors
        raise BadData(f"{path} cannot be read as a table: get the owner's file again.") from None
    nameless = [name for name in table if name.startswith("Unnamed:") and table[name].eq("").all()]
    return _validated(table.drop(columns=nameless), schema, path)


def _validated(table: pd.DataFrame, schema: pandera.DataFrameSchema, path: Path) -> pd.DataFrame:
    numbers = [name for name, column in schema.columns.items() if str(column.dtype) == "float64"]
    for name in table.columns.intersection(numbers):
        table[name] = table[name].replace("", None)
    try:
        return schema.validate(table, lazy=True)
    except SchemaErrors as errors:
        first = errors.failure_cases.iloc[0]
        raise BadData(f"{path} {_complaint(first)}: get the owner's file again.") from None


def _complaint(failure: pd.Series) -> str:
    case = str(failure["failure_case"])[:60]
    match failure["check"]:
        case "column_in_dataframe":
            return f"lacks the column {case!r}"
        case "column_in_schema":
            return f"has an unknown column {case!r}"
    return f"has {case!r} in its column {failure['column']!r}"


def age_in_years(text: str) -> float:
    """Reads `058Y`, `013M`, `021D` or a bare number of years; NaN where empty or impossible."""
    match = re.fullmatch(r"\s*(\d+)(?:\.0*)?\s*([YMWD]?)\s*", str(text).upper())
    if not match:
        return float("nan")
    years = int(match[1]) * DAYS[match[2] or "Y"] / DAYS["Y"]
    return years if years <= OLDEST else float("nan")
