"""Read the entries of params/datasets.yaml, which describe the data sets and their layouts."""

from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from lib import ROOT
from lib.datasets.checks import FILE, check_entry, check_names, check_top
from lib.errors import BadData

__all__ = ["listed", "load_entries", "load_entry", "load_split_settings"]

TEST_PATIENTS = "params/test_patients"  # folder of the lists; dvc.yaml depends on it
SPLIT = {"validation": 0.15, "test": 0.3, "seed": 0}
REMEDIES = {  # message of the YAML parser -> remedy
    "duplicate key": "two entries have one name: give the second another",
    "unknown escape": "write the regular expression in single quotes, not in double ones",
    "cannot start any token": "indent with spaces, not with tabs; put a value that begins with a "
    "character such as @ or % in quotes",
    "unexpected ':'": "put a value with a colon in quotes",
    "": "indent its lines as in the other entries, two spaces for the name, and close "
    "every bracket and quotation mark",
}


def load_entries(root: Path = ROOT) -> dict[str, dict]:
    """Read and check the entries of params/datasets.yaml: {name: settings}. Raises BadData.

    `test_patients` is replaced by the list of ids in the file that it names.
    """
    content = _yaml(root / FILE)
    check_top(content)
    entries = content.get("datasets") or {}
    check_names(entries)
    for name, entry in entries.items():
        check_entry(name, entry)
        if "test_patients" in entry:
            entry["test_patients"] = _test_patients(name, str(entry["test_patients"]), root)
    return entries


def load_entry(name: str, root: Path = ROOT) -> dict:
    """Read the entry of one data set. Raises BadData, which names the existing entries."""
    entries = load_entries(root)
    if name not in entries:
        raise BadData(f"{name} is not a data set of {FILE}: use one of {', '.join(entries)}.")
    return entries[name]


def load_split_settings(root: Path = ROOT) -> dict:
    """Read `split` (validation, test, seed) of the profile that params/study.yaml names."""
    profile = _yaml(root / "params/study.yaml").get("profile", "quick")
    return SPLIT | (_yaml(root / f"params/{profile}.yaml").get("split") or {})


def listed(entry: dict, key: str) -> list[str]:
    """Return the value of a key, one word, several or none, as a list of words."""
    value = entry.get(key, [])
    return [str(item) for item in (value if isinstance(value, list) else [value])]


def names_abnormal_films(entry: dict) -> bool:
    """Return whether a set has abnormal films; an entry without `abnormal` has only normal films.

    The layouts of published data sets define their abnormal films.
    """
    return entry["layout"] not in ("folder", "table") or "abnormal" in entry


def _yaml(path: Path) -> dict:
    """Read the mapping in a YAML file, empty if there is none. Raises BadData with the line."""
    name = "/".join(path.parts[-2:])
    try:
        content = YAML(typ="safe").load(path) if path.exists() else None
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        line = f", line {mark.line + 1}," if mark else ""
        remedy = next(REMEDIES[sign] for sign in REMEDIES if sign in str(error))
        raise BadData(f"{name}{line} cannot be read as YAML: {remedy}.") from None
    except UnicodeDecodeError:
        raise BadData(f"{name} is not UTF-8: save it as UTF-8.") from None
    if not isinstance(content or {}, dict):
        raise BadData(f"{name} is not a mapping: write `name: value` lines.")
    return content or {}


def _test_patients(name: str, path: str, root: Path) -> list[str]:
    """Read the ids in the file, one per line. Raises BadData."""
    where = f"{FILE}: {name}: `test_patients`"
    file, folder = (root / path).resolve(), (root / TEST_PATIENTS).resolve()
    if not file.is_relative_to(folder):
        raise BadData(f"{where} names a file outside {TEST_PATIENTS}/: name one in that folder.")
    if not file.is_file():
        raise BadData(f"{where}: {path} is missing: create it, with one patient id per line.")
    lines = file.read_text(encoding="utf-8-sig", errors="surrogateescape").splitlines()
    if not (patients := [line.strip() for line in lines if line.strip()]):
        raise BadData(f"{where}: {path} contains no patient id: write one per line.")
    return patients
