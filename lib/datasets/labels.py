"""Derive the label of each film from the cells of a table: 1 abnormal, 0 normal, or none.

A film may have several rows, for example one per reader or per box: a label holds if it does in any
row. A film is abnormal if any abnormal label holds. Otherwise it is uncertain if one of its labels
is, and is treated according to the entry's `uncertain`. Otherwise it is normal if all columns of
`normal` hold or, if labels are words, if it has no other words than those of `normal`.

Findings are published. A word that the entry does not name is therefore a finding only if several
films have it: the description of a single film may contain a name.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from lib.datasets.checks import UNCERTAIN
from lib.datasets.entries import listed
from lib.errors import BadData

STATES = {
    **dict.fromkeys(("1", "true", "yes"), "holds"),
    **dict.fromkeys(("", "0", "false", "no", "nan"), "does not hold"),
    "-1": "uncertain",
}
ITS_TABLE = "its table"  # column with the file name of each row's table
COLUMN_KEYS = ("path", "patient", "study", "view", "sex", "age", "body_part", "split")
LONGEST = 60  # characters of a finding's name; longer words are codes or sentences
FEWEST = 5  # least number of films of a word that is a finding, unless the entry names it
UNKNOWN = float("nan")


@dataclass(frozen=True)
class Classes:
    """The labels of each class, as named by the entry.

    abnormal: None denotes all labels that are not normal.
    words: labels are the words of one column, not separate columns.
    findings: the labels that may be published; None denotes all.
    uncertain: the label of uncertain films; None excludes them.
    """

    normal: frozenset[str]
    abnormal: frozenset[str] | None
    words: bool
    uncertain: float | None
    findings: frozenset[str] | None = None

    def label(self, holds: set[str], doubts: set[str]) -> tuple[float, str, str]:
        """Return the label and finding of a film or, if it has none, the reason."""
        known = (holds | doubts) if self.abnormal is None else (self.normal | self.abnormal)
        if abnormal := holds & known - self.normal:
            return 1.0, self._finding(abnormal), ""
        if doubts & known:
            if self.uncertain is None:
                return UNKNOWN, "", "uncertain"
            return self.uncertain, "uncertain", ""
        if holds and (holds <= self.normal if self.words else self.normal <= holds):
            return 0.0, self._finding(holds & self.normal), ""
        return UNKNOWN, "", "neither class"

    def _finding(self, labels: set[str]) -> str:
        known = labels if self.findings is None else labels & self.findings
        short = {label for label in known if len(label) <= LONGEST}
        return "|".join(sorted(short | ({"abnormal"} if labels - short else set())))


def labels_of(rows: pd.DataFrame, films: pd.Series, table: Path, entry: dict) -> pd.DataFrame:
    """Label each film: `label`, `finding`, `reason` if it has no label, and `disagree`.

    The rows of a film disagree if some are normal by themselves and others abnormal.

    rows: the table as text; films: the film of each row; table: file named in errors. Raises
    BadData.
    """
    if "label" in entry:
        classes, holds = _words(rows, table, entry)
        doubts = [set()] * len(rows)
    else:
        classes, holds, doubts = _columns(rows, table, entry)
    held, doubted = _by_film(films, holds), _by_film(films, doubts)
    if classes.words:
        classes = replace(classes, findings=_findings(classes, held))
    labels = {film: classes.label(held[film], doubted[film]) for film in held}
    labels = pd.DataFrame.from_dict(labels, "index", columns=["label", "finding", "reason"])
    by_row = [classes.label(*row)[0] for row in zip(holds, doubts, strict=True)]
    by_row = pd.Series(by_row, index=films.index, dtype=float)
    return labels.assign(disagree=by_row.groupby(films).nunique().gt(1))


def _findings(classes: Classes, held: dict[str, set[str]]) -> frozenset[str]:
    """Return the words that the entry names, and those of several films."""
    films = Counter(word for words in held.values() for word in words)
    common = {word for word, number in films.items() if number >= FEWEST}
    return classes.normal | (classes.abnormal or frozenset()) | common


def column_of(rows: pd.DataFrame, name: str, table: Path) -> str:
    """Return the table's spelling of a column that the entry names in any case. Raises BadData."""
    spellings = {column.lower(): column for column in rows} | {column: column for column in rows}
    try:
        return spellings[name] if name in spellings else spellings[name.strip().lower()]
    except KeyError:
        columns = [column for column in rows if column != ITS_TABLE]
        raise BadData(
            f"{table} has no column {name!r}, which params/datasets.yaml names; it has "
            f"{', '.join(columns[:12])}."
        ) from None


def plain(cell: str) -> str:
    """Return a cell as it is compared: in lower case, whole numbers without decimals."""
    return re.sub(r"^(-?\d+)[.,]0*$", r"\1", cell.strip()).lower()


def _words(rows: pd.DataFrame, table: Path, entry: dict) -> tuple[Classes, list[set[str]]]:
    """Return the classes, and the words in the cell of each row, spelt as in the entry."""
    classes = _classes(entry, listed(entry, "normal"), listed(entry, "abnormal"))
    named = classes.normal | (classes.abnormal or set())
    spelling = {plain(word): word for word in named}
    column = column_of(rows, str(entry["label"]), table)
    words = {
        cell: {spelling.get(plain(word), word) for word in _words_of(cell)}
        for cell in rows[column].unique()
    }
    if absent := sorted(named.difference(*words.values())):
        raise BadData(
            f"{table} never has {absent[0]!r} in its column {column!r}: correct the words of "
            "`normal` and `abnormal` in params/datasets.yaml."
        )
    return classes, [words[cell] for cell in rows[column]]


def _words_of(cell: str) -> list[str]:
    """Return the words of a cell: `a|b`, or the list `['a', 'b']`, as in PadChest."""
    is_list = cell.startswith("[") and cell.endswith("]")
    words = cell[1:-1].split(",") if is_list else cell.split("|")
    return [word for word in (word.strip(" '\"") for word in words) if word]


def _columns(rows: pd.DataFrame, table: Path, entry: dict):
    """Return the classes, and the columns that hold or are uncertain in each row."""
    states = {cell: STATES.get(plain(cell)) for cell in pd.unique(rows.to_numpy().ravel())}
    normal, abnormal = (
        [column_of(rows, name, table) for name in listed(entry, key) if name != "any"]
        for key in ("normal", "abnormal")
    )
    is_any = listed(entry, "abnormal") == ["any"]
    others = _others(rows, states, table, entry) if is_any else abnormal
    names = list(dict.fromkeys(normal + others))
    for name in names:
        _check_states(rows[name], states, table)
    cells = [[states[cell] for cell in row] for row in rows[names].to_numpy()]
    holds, doubts = (
        [{name for name, state in zip(names, row, strict=True) if state == wanted} for row in cells]
        for wanted in ("holds", "uncertain")
    )
    return _classes(entry, normal, ["any"] if is_any else abnormal), holds, doubts


def _classes(entry: dict, normal: list[str], abnormal: list[str]) -> Classes:
    if both := sorted(set(normal) & set(abnormal)):
        raise BadData(f"params/datasets.yaml: {both[0]!r} is both normal and abnormal: keep one.")
    uncertain = UNCERTAIN[entry.get("uncertain", "leave_out")]
    abnormal_labels = None if abnormal == ["any"] else frozenset(abnormal)
    return Classes(frozenset(normal), abnormal_labels, "label" in entry, uncertain)


def _others(rows: pd.DataFrame, states: dict, table: Path, entry: dict) -> list[str]:
    """Return the columns that contain only labels and are not named by other keys of the entry."""
    names = [name for key in COLUMN_KEYS for name in listed(entry, key)]
    taken = {name.lower() for name in names}
    columns = [column for column in rows if column.lower() not in taken]
    return [column for column in columns if all(states[cell] for cell in rows[column].unique())]


def _check_states(column: pd.Series, states: dict, table: Path) -> None:
    if odd := [cell for cell in column.unique() if states[cell] is None]:
        raise BadData(
            f"{table} has {odd[0][:60]!r} in its column {column.name!r}: write 1, 0, -1 "
            "(uncertain) or leave it empty, or name the column as `label`."
        )


def _by_film(films: pd.Series, labels: Iterable[set[str]]) -> dict[str, set[str]]:
    """Return the labels of all rows of each film."""
    labels_of_film: dict[str, set[str]] = defaultdict(set)
    for film, row_labels in zip(films, labels, strict=True):
        labels_of_film[film] |= row_labels
    return labels_of_film
