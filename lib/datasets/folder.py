"""Any folder of films; globs in params/datasets.yaml tell which are normal and which abnormal."""

import hashlib
import re
from pathlib import Path

import pandas as pd

from lib.datasets.entries import BadData, listed
from lib.datasets.listing import Listing, files_below, is_visible

SUFFIXES = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".dcm", ".dicom", ""}


def read(folder: Path, entry: dict) -> Listing:
    """Lists the films that `normal` and `abnormal` match. Raises BadData."""
    normal, abnormal = _matched(folder, entry, "normal"), _matched(folder, entry, "abnormal")
    if both := sorted(normal & abnormal):
        raise BadData(
            f"{both[0]} is both normal and abnormal: correct the globs of params/datasets.yaml."
        )
    paths = sorted(normal | abnormal)
    relative = [path.relative_to(folder).as_posix() for path in paths]
    image_ids = [
        hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:12]
        for name in relative
    ]
    test = _matched(folder, entry, "test")
    films = pd.DataFrame(
        {
            "image_id": image_ids,  # the file's name may hold a patient's
            "path": [str(path) for path in paths],
            "patient_id": [_patient(name, entry) for name in relative],
            "study_id": image_ids,
            "body_part": entry.get("body_part", ""),
            "view": entry.get("view", ""),
            "finding": [path.parent.name for path in paths],
            "label": [int(path in abnormal) for path in paths],
            "in_test_list": [path in test for path in paths],
        }
    )
    listed_films = sum(_is_film(path) for path in files_below(folder))
    counts = {"films listed": listed_films, "left out: neither class": listed_films - len(films)}
    return Listing(films, counts)


def _matched(folder: Path, entry: dict, key: str) -> set[Path]:
    """The films that are matched by a glob of the entry, or that lie below a folder it matches."""
    found = set()
    for pattern in listed(entry, key):
        for path in folder.glob(pattern):
            below = files_below(path) if path.is_dir() else [path]
            parts = path.relative_to(folder).parts
            found |= {film for film in below if _is_film(film) and all(map(is_visible, parts))}
    return found


def _is_film(path: Path) -> bool:
    """Whether a name may be a film's; DICOM files often end in nothing, or in a UID's digits."""
    suffix = path.suffix.lower()
    return suffix in SUFFIXES or suffix[1:].isdigit()


def _patient(relative: str, entry: dict) -> str:
    """The first group of `patient`, sought in the file's name or, with a /, in its path."""
    if "patient" not in entry:
        return ""
    expression = str(entry["patient"])
    match = re.search(expression, relative if "/" in expression else Path(relative).name)
    if not match:
        raise BadData(
            f"params/datasets.yaml: `patient: {expression}` finds nobody in some films' names: "
            "make it match them all, or leave it out to take each film as its own patient."
        )
    return match[1]
