"""Read published CSV tables, in their original form or saved again by another program."""

import codecs
import csv
import gzip
import io
import re
import warnings
import zlib
from fnmatch import fnmatchcase
from pathlib import Path

import pandas as pd
import pandera.pandas as pandera
from pandera.errors import SchemaErrors

from lib.datasets.listing import files_below
from lib.errors import BadData

SEPARATORS = ",;\t"
RARE_SEPARATOR = "|"  # used only if no other occurs, since cells of NIH contain it
NO_TABLE = (OSError, EOFError, zlib.error, csv.Error, ValueError, pd.errors.ParserWarning)


def find_table(folder: Path, *patterns: str) -> Path | None:
    """Find the first of these tables at any depth below the folder, in any case.

    Of several matches of a pattern, the shortest name is the original; others are `… (1).csv`.
    """
    files = files_below(folder)
    for pattern in patterns:
        matches = [path for path in files if fnmatchcase(path.name.lower(), pattern.lower())]
        if matches:
            return min(matches, key=lambda path: len(path.name))
    return None


def first_table(folder: Path, *patterns: str) -> Path:
    """Find a table as `find_table` does. Raises BadData if there is none."""
    if table := find_table(folder, *patterns):
        return table
    name = patterns[0].replace("*", "")
    raise BadData(f"{folder / name} is missing: put the owner's table there.")


def read_table(path: Path, schema: pandera.DataFrameSchema, header: bool = True) -> pd.DataFrame:
    """Read a published table and validate it; empty cells become "" in text, NaN in numbers.

    Without a header, columns are in the order of the schema. Raises BadData.
    """
    cells = read_cells(path, None if header else list(schema.columns))
    names = {name.lower(): name for name in schema.columns}
    cells = cells.rename(columns=lambda name: names.get(name.lower(), name))
    for name in cells.columns.intersection(list(schema.columns)):
        cells[name] = _with_points(cells[name], str(schema.columns[name].dtype))
    try:
        return schema.validate(cells, lazy=True)
    except SchemaErrors as errors:
        first = errors.failure_cases.iloc[0]
        raise BadData(f"{path} {_problem(first)}: get the owner's file again.") from None


def read_cells(path: Path, columns: list[str] | None = None) -> pd.DataFrame:
    """Read a table as text without surrounding spaces, empty cells as "". Raises BadData.

    Without `columns`, the first line is the header. Separators are commas, semicolons, tabs or `|`;
    the encoding is UTF-8, UTF-16 or Windows-1252, as written by spreadsheets in Western Europe.
    Empty rows, empty unnamed columns and an unnamed first column of row numbers are dropped.
    """
    if not path.is_file():
        raise BadData(f"{path} is missing: put the owner's table there.")
    try:
        text = read_text(path)
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # rows longer than the header
            cells = pd.read_csv(
                io.StringIO(text),
                sep=_separator(text),
                header=0 if columns is None else None,
                names=columns,
                dtype=str,
                keep_default_na=False,
                index_col=False,
            )
    except NO_TABLE:
        remedy = "save it as CSV" if _is_workbook(path) else "get the owner's file again"
        raise BadData(f"{path} cannot be read as a table: {remedy}.") from None
    cells = cells.fillna("").rename(columns=str.strip)
    cells = cells.apply(lambda column: column.str.strip())
    unnamed = [name for name in cells if re.match("Unnamed: ", name)]
    dropped = [name for name in unnamed if name == cells.columns[0] or cells[name].eq("").all()]
    cells = cells.drop(columns=dropped)
    return cells[cells.ne("").any(axis=1)].reset_index(drop=True)


def read_text(path: Path) -> str:
    """Read a text file in any of these encodings. Raises ValueError or OSError if it is none."""
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = content.decode("utf-16")
    else:
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = content.decode("cp1252")
    if "\0" in text:
        raise ValueError(f"{path} is not a text file")
    return re.sub(r'\A"?sep=."?\r?\n', "", text)  # a line read only by Excel


def _separator(text: str) -> str:
    """Return the separator that splits the first line into most cells."""
    line = text.lstrip("\r\n").partition("\n")[0]
    if RARE_SEPARATOR in line and not any(mark in line for mark in SEPARATORS):
        return RARE_SEPARATOR
    return max(SEPARATORS, key=lambda mark: len(next(csv.reader([line], delimiter=mark), [])))


def _is_workbook(path: Path) -> bool:
    return path.suffix.lower() in (".xlsx", ".xls", ".ods", ".numbers")


def _with_points(cells: pd.Series, dtype: str) -> pd.Series:
    """Return numbers in the notation of Python: a decimal point, whole numbers without one."""
    if dtype == "float64":
        return cells.str.replace(",", ".").replace("", None)
    return cells.str.replace(r"[.,]0*$", "", regex=True) if dtype == "int64" else cells


def _problem(failure: pd.Series) -> str:
    value = str(failure["failure_case"])[:60]
    match failure["check"]:
        case "column_in_dataframe":
            return f"lacks the column {value!r}"
        case "column_in_schema":
            return f"has an unknown column {value!r}"
    return f"has {value!r} in its column {failure['column']!r}"
