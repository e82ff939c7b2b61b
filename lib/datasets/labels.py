"""From the cells of a table to the label of each film: 1 abnormal, 0 normal, or none.

A film may have several rows, as one a reader or one a box: a label holds if it does in one of them.
A film is abnormal if any abnormal label holds. Else it is uncertain if one of its labels is, and
the entry's `uncertain` says what becomes of it. Else it is normal if all columns of `normal` hold
or, where words tell, if it has no other word than those of `normal`.

A finding is published. So a word that the entry does not name is one only if several films have it:
what a reader wrote of a single film may hold a name.
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
ITS_TABLE = "its table"  # the column of rows of several tables that names the file of each
COLUMN_KEYS = ("path", "patient", "study", "view", "sex", "age", "body_part", "split")
LONGEST = 60  # characters of a word; more are a code or a sentence, and no finding's name
FEWEST = 5  # films that a word must occur for, unless the entry names it, to be a finding
UNKNOWN = float("nan")


@dataclass(frozen=True)
class Classes:
    """The labels of each class, as the entry names them.

    abnormal: None stands for all labels that are not normal.
    words: labels are the words of one column, not columns of their own.
    findings: the labels that may be published; None stands for all.
    uncertain: the label of films that are uncertain; None leaves them out.
    """

    normal: frozenset[str]
    abnormal: frozenset[str] | None
    words: bool
    uncertain: float | None
    findings: frozenset[str] | None = None

    def label(self, holds: set[str], doubts: set[str]) -> tuple[float, str, str]:
        """The label and finding of a film or, if it has none, the reason."""
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
    """Labels each film: `label`, `finding`, `reason` where it has no label, and `disagree`.

    The rows of a film disagree where some are of one class by themselves, and some of the other.

    rows: the table as text; films: the film of each row; table: the file to name. Raises BadData.
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
    """The words that the entry names, and those that occur for several films."""
    films = Counter(word for words in held.values() for word in words)
    common = {word for word, number in films.items() if number >= FEWEST}
    return classes.normal | (classes.abnormal or frozenset()) | common


def column_of(rows: pd.DataFrame, name: str, table: Path) -> str:
    """The table's spelling of a column that the entry names, in any case. Raises BadData."""
    spellings = {column.lower(): column for column in rows} | {column: column for column in rows}
    try:
        return spellings[name] if name in spellings else spellings[name.strip().lower()]
    except KeyError:
        columns = [column for column in rows if column != ITS_TABLE]
        raise BadData(
            f"{table} has no column {name!r}, which params/datasets.yaml names: it has "
            f"{', '.join(columns[:12])}."
        ) from None


def plain(cell: str) -> str:
    """A cell as it is compared: in small letters, whole numbers without decimals."""
    return re.sub(r"^(-?\d+)[.,]0*$", r"\1", cell.strip()).lower()


def _words(rows: pd.DataFrame, table: Path, entry: dict) -> tuple[Classes, list[set[str]]]:
    """The classes, and the words in each row's cell, spelt as in the entry."""
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
    """The words of a cell: `a|b`, or `['a', 'b']` as PadChest and others write a list."""
    is_list = cell.startswith("[") and cell.endswith("]")
    words = cell[1:-1].split(",") if is_list else cell.split("|")
    return [word for word in (word.strip(" '\"") for word in words) if word]


def _columns(rows: pd.DataFrame, table: Path, entry: dict):
    """The classes, the columns that hold in each row, and those that are uncertain there."""
    states = {cell: STATES.get(plain(cell)) for cell in pd.unique(rows.to_numpy().ravel())}
    normal, abnormal = (
        [column_of(rows, name, table) for name in listed(entry, key) if name != "any"]
        for key in ("normal", "abnormal")
    )
    anything = listed(entry, "abnormal") == ["any"]
    others = _others(rows, states, table, entry) if anything else abnormal
    names = list(dict.fromkeys(normal + others))
    for name in names:
        _check_states(rows[name], states, table)
    cells = [[states[cell] for cell in row] for row in rows[names].to_numpy()]
    holds, doubts = (
        [{name for name, state in zip(names, row, strict=True) if state == wanted} for row in cells]
        for wanted in ("holds", "uncertain")
    )
    return _classes(entry, normal, ["any"] if anything else abnormal), holds, doubts


def _classes(entry: dict, normal: list[str], abnormal: list[str]) -> Classes:
    if both := sorted(set(normal) & set(abnormal)):
        raise BadData(f"params/datasets.yaml: {both[0]!r} is both normal and abnormal: keep one.")
    uncertain = UNCERTAIN[entry.get("uncertain", "leave_out")]
    chosen = None if abnormal == ["any"] else frozenset(abnormal)
    return Classes(frozenset(normal), chosen, "label" in entry, uncertain)


def _others(rows: pd.DataFrame, states: dict, table: Path, entry: dict) -> list[str]:
    """The columns of labels alone that no other key of the entry names."""
    names = [name for key in COLUMN_KEYS for name in listed(entry, key)]
    taken = {name.lower() for name in names}
    columns = [column for column in rows if column.lower() not in taken]
    return [column for column in columns if all(states[cell] for cell in rows[column].unique())]


def _check_states(column: pd.Series, states: dict, table: Path) -> None:
    if odd := [cell for cell in column.unique() if states[cell] is None]:
        raise BadData(
            f"{table} has {odd[0][:60]!r} in its column {column.name!r}: write 1, 0, -1 "
            "(uncertain) or nothing there, or name the column as `label`."
        )


def _by_film(films: pd.Series, labels: Iterable[set[str]]) -> dict[str, set[str]]:
    """The labels of all rows of each film."""
    together: dict[str, set[str]] = defaultdict(set)
    for film, some in zip(films, labels, strict=True):
        together[film] |= some
    return together
