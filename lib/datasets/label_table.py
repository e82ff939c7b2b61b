"""Read any folder of films whose labels are given in a table.

The entry names the table's columns: `path` (path, file name or stem of each film), and either
`label`, whose cells contain one or several findings separated by `|`, with the words that are
`normal` and `abnormal`; or, if each label has its own column, the columns that are `normal` and
`abnormal`, with cells 1, 0, -1 (uncertain) or empty. `abnormal: any` denotes all labels that are
not normal. Films of neither class are excluded and counted.
"""

import os
import re
from pathlib import Path, PurePosixPath

import pandas as pd

from lib.datasets import words
from lib.datasets.entries import listed
from lib.datasets.film_files import film_files, locate
from lib.datasets.labels import ITS_TABLE, column_of, labels_of, plain
from lib.datasets.listing import Listing, digest, files_below
from lib.datasets.owner_tables import read_cells
from lib.errors import BadData

FACTS = ("view", "sex", "age", "body_part")
#: Columns published as groups of films: reduced to known words, so that no name is among them.
KNOWN = {"view": words.view, "sex": words.sex, "body_part": words.body_part}


def read(folder: Path, entry: dict) -> Listing:
    """List the films of the entry's tables. Raises BadData."""
    tables = find_tables(folder, entry)
    return films_of(read_rows(tables, entry), tables[0], folder, entry)


def find_tables(folder: Path, entry: dict) -> list[Path]:
    """Find the files below the folder that match the globs of `table`. Raises BadData."""
    files = {path.relative_to(folder).as_posix().lower(): path for path in files_below(folder)}
    globs = [glob.lower() for glob in listed(entry, "table")]
    tables = [files[name] for glob in globs for name in files if PurePosixPath(name).match(glob)]
    if not tables:
        raise BadData(
            f"No file below {folder} matches `table: {', '.join(listed(entry, 'table'))}`: put the "
            "table there, or correct `table` in params/datasets.yaml."
        )
    return list(dict.fromkeys(tables))


def read_rows(tables: list[Path], entry: dict) -> pd.DataFrame:
    """Read tables into one, as text, without duplicate rows.

    Raises BadData if one of them lacks the column of paths.
    """
    rows = []
    for table in tables:
        cells = read_cells(table)
        path = column_of(cells, str(entry["path"]), table)
        cells = cells.rename(columns={path: str(entry["path"])})
        rows.append(cells.assign(**{ITS_TABLE: table.name.lower()}))
    return pd.concat(rows, ignore_index=True).fillna("").drop_duplicates(ignore_index=True)


def films_of(
    rows: pd.DataFrame, table: Path, folder: Path, entry: dict, has_test_list: bool = False
) -> Listing:
    """List the films of a table that has been read. Raises BadData.

    rows: text, one or several per film; table: file named in errors; has_test_list: as in Listing.
    """
    paths = rows[column_of(rows, str(entry["path"]), table)]
    located = locate(paths, folder, table, unique=True)
    film = located.where(located.ne(""), paths)
    film = film.where(film.ne(""), [f"row {number}" for number in rows.index])  # absent
    facts = _facts(rows, paths.str.replace("\\", "/"), table, entry).assign(path=located, film=film)
    if "split" in entry and not has_test_list and not facts["in_test_list"].any():
        raise BadData(
            f"{table} has no film whose `{entry['split']}` is {', '.join(_test_values(entry))}: "
            "correct `test` or `split` in params/datasets.yaml."
        )
    _check_agreement(facts, table)
    films = facts.drop_duplicates("film").join(labels_of(rows, film, table, entry), on="film")
    reasons = films["reason"].value_counts().drop("", errors="ignore")
    counts = {"films listed": len(films)} | {
        f"left out: {reason}": n for reason, n in reasons.items()
    }
    if disagree := int((films["disagree"] & films["label"].eq(1)).sum()):
        counts["of these, rows disagree: counted as abnormal"] = disagree
    if unlisted := len(set(map(os.fspath, film_files(folder))).difference(located)):
        counts["left out: not in the table"] = unlisted
    films = _with_ids(films[films["label"].notna()], folder)
    return Listing(films, counts, has_test_list=has_test_list or "split" in entry)


def _facts(rows: pd.DataFrame, paths: pd.Series, table: Path, entry: dict) -> pd.DataFrame:
    """Return the facts in the table about the film of each row, except its labels."""
    facts = {key: _first(rows, table, entry, key) for key in FACTS}
    facts |= {key: facts[key].map(word) for key, word in KNOWN.items()}
    facts["patient_id"] = _named(rows, paths, table, entry, "patient")
    facts["study_id"] = _named(rows, paths, table, entry, "study")
    split = _named(rows, paths, table, entry, "split")
    facts["in_test_list"] = split.map(plain).isin(map(plain, _test_values(entry)))
    return pd.DataFrame(facts)


def _test_values(entry: dict) -> list[str]:
    return listed(entry, "test") or ["test"]


def _first(rows: pd.DataFrame, table: Path, entry: dict, key: str) -> pd.Series:
    """Return the cells of a key's column or, of several columns, the first non-empty cells."""
    cells = pd.Series("", index=rows.index)
    for name in listed(entry, key):
        cells = cells.where(cells.ne(""), rows[column_of(rows, name, table)])
    return cells


def _named(rows: pd.DataFrame, paths: pd.Series, table: Path, entry: dict, key: str) -> pd.Series:
    """Return the cells of the column that a key names, or the matches of its expression in paths.

    A match is the first group of the regular expression, or the whole if it has no group.
    """
    if key not in entry:
        return pd.Series("", index=rows.index)
    name = str(entry[key])
    if name.lower() in map(str.lower, rows) or not re.search(r"[\\(\[]", name):
        return rows[column_of(rows, name, table)]
    try:
        groups = re.compile(name).groups
    except re.error:
        raise BadData(
            f"params/datasets.yaml: `{key}: {name}` is neither a column of {table} nor a regular "
            "expression: correct it."
        ) from None
    cells = paths.str.extract(name if groups else f"({name})")[0]
    if cells.isna().any():
        raise BadData(
            f"params/datasets.yaml: `{key}: {name}` is not a column of {table} and does not "
            "match the paths of some films: make it match all paths, or leave it out."
        )
    return cells


def _check_agreement(facts: pd.DataFrame, table: Path) -> None:
    """Raise BadData if rows of one film name two patients, or are both in and outside the test."""
    for fact, values in (
        ("patient_id", "two patients"),
        ("in_test_list", "two parts of the split"),
    ):
        if facts.groupby("film")[fact].nunique().gt(1).any():
            raise BadData(f"{table} assigns {values} to one film: correct its rows.")


def _with_ids(films: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """Add ids that do not reveal names in paths or tables, which may be those of patients."""
    paths = [Path(path).relative_to(folder).as_posix() if path else "" for path in films["path"]]
    image_ids = pd.Series(map(digest, paths), index=films.index, dtype=str)
    studies = (films["patient_id"] + "/" + films["study_id"]).map(digest)
    return films.assign(
        image_id=image_ids, study_id=studies.where(films["study_id"].ne(""), image_ids)
    )
