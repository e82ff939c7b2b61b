"""List the films of a folder before any film is opened: what all layouts have in common."""

import glob
import hashlib
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from lib.errors import BadData

FILM_COLUMNS = [
    *("image_id", "path", "patient_id", "study_id", "body_part", "view", "sex", "age"),
    *("finding", "label", "in_test_list"),
]
BOX_COLUMNS = ["image_id", "finding", "x", "y", "width", "height"]
BOX_FRAME = 1024  # pixels per side: boxes of NIH and RSNA refer to films of 1024 x 1024
DAYS = {"Y": 365.25, "M": 365.25 / 12, "W": 7.0, "D": 1.0}
LEFT_BY_SYSTEMS = {"__MACOSX", "lost+found", "$RECYCLE.BIN", "System Volume Information"}
OLDEST = 120  # years; NIH and RSNA hold films of patients "aged" 148 to 411


@dataclass
class Listing:
    """The films of a data set that are listed, exist and may be used.

    films: FILM_COLUMNS as text, except label 0/1 (NaN: unknown) and in_test_list bool; path is
      absolute. Films without a path are listed but missing: they are counted and excluded.
    counts: step -> number of films, for the protocol.
    boxes: BOX_COLUMNS, in a frame of `box_frame` pixels per side or, if None, in that of the film.
    masks: image_id -> files of its lesion masks.
    has_test_list: there is an official test list; the protocol reports if none was found.
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
    """List all files below a folder, sorted, without hidden files, AppleDouble `._` and `__MACOSX`.

    Links to files and folders are followed, except a link to a folder above itself, which would
    not terminate. Names that are not UTF-8 keep their bytes (surrogateescape). Raises BadData if a
    folder cannot be opened, whose films would be missing from the study without a word.
    """
    files = []
    for parent, folders, names in os.walk(folder, onerror=_cannot_open, followlinks=True):
        folders[:] = sorted(
            name for name in folders if is_visible(name) and not is_circular(Path(parent, name))
        )
        files += [Path(parent, name) for name in sorted(names) if is_visible(name)]
    return files


def _cannot_open(reason: OSError) -> None:
    """Raise BadData, unless the folder does not exist, which contains no file."""
    if not isinstance(reason, (FileNotFoundError, NotADirectoryError)):
        raise BadData(
            f"{reason.filename}: the folder cannot be opened ({reason.strerror}): "
            "make it readable, or move it away."
        ) from None


def is_circular(folder: Path) -> bool:
    """Return whether a folder is a link to one of the folders that contain it."""
    if not folder.is_symlink():
        return False
    return os.path.realpath(folder) in map(os.path.realpath, folder.absolute().parents)


def matching(folder: Path, pattern: str) -> set[Path]:
    """Return the paths below a folder that match a glob; `**` enters folders that are links, too.

    Unless a link leads to a folder above itself, below which there would be no end. Raises the
    errors of Path.glob for what is no glob.
    """
    paths = set(folder.glob(pattern))
    if "**" in pattern and not _has_circle(folder):
        found = glob.iglob(pattern, root_dir=folder, recursive=True)
        paths |= {folder / path for path in found}
    return paths


def _has_circle(folder: Path) -> bool:
    for parent, folders, _ in os.walk(folder, followlinks=True):
        folders[:] = filter(is_visible, folders)
        if any(is_circular(Path(parent, name)) for name in folders):
            return True
    return False


def is_visible(name: str) -> bool:
    """Return whether a file or folder is neither hidden nor left by an operating system."""
    return not name.startswith(".") and name not in LEFT_BY_SYSTEMS


def digest(text: str) -> str:
    """Return twelve hexadecimal digits in place of a name that may be a patient's."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:12]


def age_in_years(text: str) -> float:
    """Read `058Y`, `013M`, `021D` or a plain number of years; NaN if empty or impossible."""
    match = re.fullmatch(r"\s*(\d+(?:[.,]\d*)?)\s*([YMWD]?)\s*", str(text).upper())
    if not match:
        return float("nan")
    years = float(match[1].replace(",", ".")) * DAYS[match[2] or "Y"] / DAYS["Y"]
    return years if years <= OLDEST else float("nan")
