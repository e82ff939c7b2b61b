"""The entries of params/datasets.yaml: which films there are, and how each is laid out."""

from pathlib import Path

from ruamel.yaml import YAML

from lib import ROOT

COMMON_KEYS = {
    *("layout", "folder", "body", "upright", "images"),
    *("official_split", "test_patients", "peers"),
}
TABLE_KEYS = {
    *("table", "path", "label", "normal", "abnormal", "uncertain", "patient", "study"),
    *("view", "sex", "age", "body_part", "split", "test"),
}
LAYOUT_KEYS = {
    "mura": set(),
    "nih": {"abnormal"},
    "rsna": set(),
    "folder": {"normal", "abnormal", "patient", "view", "body_part", "test"},
    **dict.fromkeys(("table", "chexpert", "mimic", "vindr"), TABLE_KEYS),
}
NEEDED_KEYS = {
    "nih": {"abnormal"},
    "folder": {"normal", "abnormal"},
    "table": {"table", "path", "normal"},
}
TEST_PATIENTS = "params/test_patients"  # the folder of their lists; dvc.yaml depends on it
SPLIT = {"validation": 0.15, "test": 0.3, "seed": 0}


class BadData(Exception):
    """One sentence for the user: which file, what is wrong with it, and what to do."""


def load_entries(root: Path = ROOT) -> dict[str, dict]:
    """Reads and checks the entries of params/datasets.yaml: {name: settings}. Raises BadData.

    `test_patients` is the list of ids that the file it names holds.
    """
    entries = _yaml(root / "params/datasets.yaml").get("datasets") or {}
    for name, entry in entries.items():
        _check(name, entry)
        if "test_patients" in entry:
            entry["test_patients"] = _test_patients(name, str(entry["test_patients"]), root)
    return entries


def load_entry(name: str, root: Path = ROOT) -> dict:
    """Reads the entry of one data set. Raises BadData, naming those that there are."""
    entries = load_entries(root)
    if name not in entries:
        raise BadData(
            f"{name} is no data set of params/datasets.yaml: name one of {', '.join(entries)}."
        )
    return entries[name]


def load_split_settings(root: Path = ROOT) -> dict:
    """Reads `split` (validation, test, seed) of the profile that params/study.yaml names."""
    profile = _yaml(root / "params/study.yaml").get("profile", "quick")
    return SPLIT | (_yaml(root / f"params/{profile}.yaml").get("split") or {})


def available(data: Path = ROOT / "data", root: Path = ROOT) -> list[str]:
    """Names the data sets of params/datasets.yaml whose folder lies below `data`."""
    return [name for name, entry in load_entries(root).items() if (data / entry["folder"]).is_dir()]


def _yaml(path: Path) -> dict:
    return (YAML(typ="safe").load(path) or {}) if path.exists() else {}


def _check(name: str, entry: dict) -> None:
    where = f"params/datasets.yaml: {name}"
    if entry.get("layout") not in LAYOUT_KEYS:
        raise BadData(f"{where} needs a `layout`, one of {', '.join(LAYOUT_KEYS)}.")
    allowed = COMMON_KEYS | LAYOUT_KEYS[entry["layout"]]
    needed = {"folder", "body"} | NEEDED_KEYS.get(entry["layout"], set())
    if missing := sorted(needed - entry.keys()):
        raise BadData(f"{where} lacks `{missing[0]}`: add it.")
    if unknown := sorted(entry.keys() - allowed):
        raise BadData(
            f"{where} has an unknown key `{unknown[0]}`: use {', '.join(sorted(allowed))}."
        )
    if entry["body"] not in ("chest", "limb"):
        raise BadData(f"{where} has the body {entry['body']!r}: write chest or limb.")
    if not isinstance(entry.get("upright", False), bool):
        raise BadData(f"{where} has `upright: {entry['upright']}`: write true or false.")
    globs = [
        glob for key in ("folder", "normal", "abnormal", "test") for glob in listed(entry, key)
    ]
    if any(Path(glob).is_absolute() or ".." in Path(glob).parts for glob in globs):
        raise BadData(f"{where} leaves the data folder: name only folders below data/.")
    if "test_patients" in entry and entry["layout"] == "folder":
        if "patient" not in entry:
            raise BadData(f"{where} lacks `patient`, which `test_patients` needs: add it.")
        if "test" in entry:
            raise BadData(f"{where} has both `test` and `test_patients`: keep one.")


def _test_patients(name: str, path: str, root: Path) -> list[str]:
    """The ids in the file, one a line. Raises BadData."""
    where = f"params/datasets.yaml: {name}: `test_patients`"
    file, folder = (root / path).resolve(), (root / TEST_PATIENTS).resolve()
    if not file.is_relative_to(folder):
        raise BadData(f"{where} leaves {TEST_PATIENTS}/: name a file in that folder.")
    if not file.is_file():
        raise BadData(f"{where}: {path} is missing: write it, one patient id a line.")
    lines = file.read_text(encoding="utf-8-sig", errors="surrogateescape").splitlines()
    if not (patients := [line.strip() for line in lines if line.strip()]):
        raise BadData(f"{where}: {path} names nobody: write one patient id a line.")
    return patients


def listed(entry: dict, key: str) -> list[str]:
    """The value of a key as a list of words, whether one stands there, several or none."""
    value = entry.get(key, [])
    return [str(item) for item in (value if isinstance(value, list) else [value])]
