"""Check the entries of params/datasets.yaml; each mistake is reported in one sentence."""

import re
from collections.abc import Callable, Iterable
from pathlib import PurePosixPath
from typing import Any

from lib.errors import BadData

FILE = "params/datasets.yaml"
AT_THE_MARGIN = ("phantoms", "like_drawn_lesions", "datasets")
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_place(value: Any) -> bool:
    """Return whether a value is one folder or glob, including a number, such as a grade."""
    return _is_text(value) or type(value) is int


def _are_globs(value: Any) -> bool:
    globs = value if isinstance(value, list) else [value]
    return bool(globs) and all(_is_place(glob) and str(glob).strip() != "." for glob in globs)


def _are_words(value: Any) -> bool:
    words = value if isinstance(value, list) else [value]
    return bool(words) and all(_is_place(word) or isinstance(word, bool) for word in words)


def _are_shares(value: Any) -> bool:
    """Return whether a value gives shares of the films, which leave some for training."""
    if not isinstance(value, dict) or not value or not value.keys() <= {"validation", "test"}:
        return False
    shares = list(value.values())
    return all(type(share) is float and share > 0 for share in shares) and sum(shares) < 1


def _are_parts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and set(map(str, value)) <= set(MURA_PARTS)


def _is_truth(value: Any) -> bool:
    return isinstance(value, bool)


#: The body parts of MURA, `XR_HAND` and so on.
MURA_PARTS = ("elbow", "finger", "forearm", "hand", "humerus", "shoulder", "wrist")
#: For each key, the test of its value and a description of valid values.
PLACE = (_is_place, "a folder below the films, as `our_films`")
GLOBS = (_are_globs, "a folder or a glob, as `healthy` or `*.png`, or a list of them")
WORD = (_is_text, "a word in quotation marks")
TRUTH = (_is_truth, "true or false")
EXPRESSION = (_is_text, "a regular expression in single quotes")
COLUMN = (_is_text, "a column of the table")
COLUMNS = (_are_words, "a column of the table, or a list of them")
NAMED = (_is_text, "a column of the table, or a regular expression on the path in single quotes")
LABELS = (_are_words, "the labels of the class, as [normal], or their columns")
COMMON: dict[str, tuple[Callable, str]] = {
    "layout": WORD,
    "folder": PLACE,
    "body": (lambda value: value in ("chest", "limb"), "chest or limb"),
    "upright": TRUTH,
    "official_split": TRUTH,
    "peers": TRUTH,
    "test_patients": (_is_text, "a file below params/test_patients/"),
    "shares": (_are_shares, "shares of the films, as {validation: 0.1, test: 0.2}"),
    "images": (lambda value: isinstance(value, dict), "settings, as {equalize: none}"),
}
UNCERTAIN = {"leave_out": None, "normal": 0.0, "abnormal": 1.0}  # -> the label of such films
TABLE: dict[str, tuple[Callable, str]] = {
    "table": GLOBS,
    **dict.fromkeys(("path", "label"), COLUMN),
    **dict.fromkeys(("normal", "abnormal", "test"), LABELS),
    "uncertain": (lambda value: value in UNCERTAIN, ", ".join(UNCERTAIN)),
    **dict.fromkeys(("patient", "study", "split"), NAMED),
    **dict.fromkeys(("view", "sex", "age", "body_part"), COLUMNS),
}
LAYOUTS: dict[str, dict[str, tuple[Callable, str]]] = {
    "mura": {"parts": (_are_parts, f"a list of {', '.join(MURA_PARTS)}")},
    "nih": {"abnormal": GLOBS},
    "rsna": {},
    "folder": {
        **dict.fromkeys(("normal", "abnormal", "unlabelled", "test", "masks"), GLOBS),
        **dict.fromkeys(("patient", "study"), EXPRESSION),
        **dict.fromkeys(("view", "body_part"), WORD),
    },
    **dict.fromkeys(("table", "chexpert", "mimic", "vindr"), TABLE),
}
NEEDED = {"nih": ("abnormal",), "folder": ("normal",), "table": ("table", "path", "normal")}
PATHS = ("folder", "table", "normal", "abnormal", "unlabelled", "test", "masks")
EXPRESSIONS = ("patient", "study")


def check_top(content: dict) -> None:
    """Raise BadData if an entry begins at the margin, outside `datasets`."""
    if outside := [name for name in content if name not in AT_THE_MARGIN]:
        raise BadData(
            f"{FILE}: {outside[0]} is not indented: put it below `datasets:`, its name after two "
            "spaces and its lines after four, as in the other entries."
        )


def check_names(entries: Any) -> None:
    """Raise BadData if a name is not valid for pages, DVC and the shell."""
    if not isinstance(entries, dict):
        raise BadData(f"{FILE}: `datasets` is a list: write one `name: {{layout: ...}}` per line.")
    names: dict[str, str] = {}
    for name in entries:
        if not (isinstance(name, str) and NAME.fullmatch(name)):
            raise BadData(
                f"{FILE}: {str(name)!r} cannot name a data set: use letters, digits, _ and -, "
                "with a letter first."
            )
        if (earlier := names.setdefault(name.lower(), name)) != name:
            raise BadData(f"{FILE}: {earlier} and {name} differ only in case: rename one.")


def check_entry(name: str, entry: Any) -> None:
    """Raise BadData for the first mistake in an entry."""
    where = f"{FILE}: {name}"
    if not isinstance(entry, dict):
        raise BadData(f"{where} is empty: write `layout`, `folder` and `body` below it.")
    if entry.get("layout") not in LAYOUTS:
        raise BadData(f"{where} needs a `layout`, one of {', '.join(LAYOUTS)}.")
    allowed = COMMON | LAYOUTS[entry["layout"]]
    if unknown := sorted(str(key) for key in entry.keys() - allowed.keys()):
        others = [layout for layout, keys in LAYOUTS.items() if unknown[0] in keys]
        hint = f", or the layout {' or '.join(others)}" if others else ""
        raise BadData(
            f"{where} has an unknown key `{unknown[0]}`: use {', '.join(sorted(allowed))}{hint}."
        )
    needed = ("folder", "body", *NEEDED.get(entry["layout"], ()))
    if missing := [key for key in needed if key not in entry]:
        raise BadData(f"{where} lacks `{missing[0]}`: add it.")
    for key, (is_right, remedy) in allowed.items():
        if key in entry and not is_right(entry[key]):
            raise BadData(f"{where} has `{key}: {_shown(entry[key])}`: write {remedy}.")
    _check_paths(where, entry)
    _check_expressions(where, entry)
    _check_test_list(where, entry)


def _shown(value: Any) -> str:
    """Return a value as it is typed in YAML."""
    words = {"None": "null", "True": "true", "False": "false", "": "''"}
    return words.get(str(value), str(value))


def _check_paths(where: str, entry: dict) -> None:
    for path in _globs(entry, PATHS):
        if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
            raise BadData(
                f"{where} names `{path}`, which is outside the data folder: name folders below it."
            )


def _globs(entry: dict, keys: Iterable[str]) -> Iterable[str]:
    for key in keys:
        value = entry.get(key, [])
        yield from map(str, value if isinstance(value, list) else [value])


def _check_expressions(where: str, entry: dict) -> None:
    for key in EXPRESSIONS:
        try:
            re.compile(entry.get(key, ""))
        except re.error as error:
            raise BadData(
                f"{where}: `{key}: {entry[key]}` is not a regular expression ({error.msg}): "
                "correct it; its first group in brackets identifies the patient or the study."
            ) from None


def _check_test_list(where: str, entry: dict) -> None:
    if "test_patients" in entry and entry["layout"] == "folder":
        if "patient" not in entry:
            raise BadData(f"{where} lacks `patient`, which `test_patients` needs: add it.")
        if "test" in entry:
            raise BadData(f"{where} has both `test` and `test_patients`: keep one.")
