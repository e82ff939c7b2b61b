"""What an owner's folder says of its films, before any film is opened; what all layouts share."""

import hashlib
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

FILM_COLUMNS = [
    *("image_id", "path", "patient_id", "study_id", "body_part", "view", "sex", "age"),
    *("finding", "label", "in_test_list"),
]
BOX_COLUMNS = ["image_id", "finding", "x", "y", "width", "height"]
BOX_FRAME = 1024  # pixels a side: NIH and RSNA draw their boxes on films of 1024 x 1024
DAYS = {"Y": 365.25, "M": 365.25 / 12, "W": 7.0, "D": 1.0}
LEFT_BY_SYSTEMS = {"__MACOSX", "lost+found", "$RECYCLE.BIN", "System Volume Information"}
OLDEST = 120  # years; NIH and RSNA hold films of patients "aged" 148 to 411


@dataclass
class Listing:
    """The films that an owner lists, that are there and that the study may use.

    films: FILM_COLUMNS as text, but label 0/1 (NaN: unknown) and in_test_list bool; path is
      absolute. Films without a path are listed but not there: they are counted and left out.
    counts: step -> number of films, for the protocol.
    boxes: BOX_COLUMNS, in a frame of `box_frame` pixels a side or, if None, in the film's own.
    masks: image_id -> files of its lesion masks.
    has_test_list: the owner has an official test list; the protocol says where none was found.
    """

    films: pd.DataFrame
    counts: dict[str, int]
    boxes: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=BOX_COLUMNS))
    box_frame: int | None = BOX_FRAME
    masks: dict[str, list[Path]] = field(default_factory=dict)
    has_test_list: bool = False

    def __post_init__(self):
        for column in FILM_COLUMNS:
            if column not in self.films:
                self.films[column] = False if column == "in_test_list" else ""
        absent = self.films["path"].eq("")
        self.films = self.films.loc[~absent, FILM_COLUMNS].reset_index(drop=True)
        if absent.any():
            self.counts["left out: not there"] = int(absent.sum())
        if self.has_test_list and not self.films["in_test_list"].any():
            self.counts["in the official test list"] = 0


def files_below(folder: Path) -> list[Path]:
    """Lists all files below a folder, sorted; without hidden ones, AppleDouble `._` and `__MACOSX`.

    Follows links to files and folders, wherever they lead, but not a link to a folder above
    itself, which would never end. Names that are not UTF-8 keep their bytes (surrogateescape).
    """
    files = []
    for parent, folders, names in os.walk(folder, followlinks=True):
        folders[:] = sorted(
            name for name in folders if is_visible(name) and not is_circular(Path(parent, name))
        )
        files += [Path(parent, name) for name in sorted(names) if is_visible(name)]
    return files


def is_circular(folder: Path) -> bool:
    """Whether a folder is a link to one of the folders through which it was reached."""
    if not folder.is_symlink():
        return False
    return os.path.realpath(folder) in map(os.path.realpath, folder.absolute().parents)


def is_visible(name: str) -> bool:
    """Whether a file or folder is the owner's own and not left there by an operating system."""
    return not name.startswith(".") and name not in LEFT_BY_SYSTEMS


def digest(text: str) -> str:
    """Twelve hexadecimal digits in place of a name that may be a patient's."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:12]


def age_in_years(text: str) -> float:
    """Reads `058Y`, `013M`, `021D` or a bare number of years; NaN where empty or impossible."""
    match = re.fullmatch(r"\s*(\d+(?:[.,]\d*)?)\s*([YMWD]?)\s*", str(text).upper())
    if not match:
        return float("nan")
    years = float(match[1].replace(",", ".")) * DAYS[match[2] or "Y"] / DAYS["Y"]
    return years if years <= OLDEST else float("nan")
