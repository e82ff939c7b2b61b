"""List the original films below the folders that a user names.

Links are followed, to the films themselves. Hidden files are left out.
"""

import csv
import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from lib.datasets.listing import is_circular, is_visible
from lib.errors import BadData
from lib.files import whole_file

#: Problems with which no film is studied -> remedy.
PROBLEMS = {
    "is a broken link": "restore its target, or remove it",
    "is a link to a folder that contains it": "remove it",
    "cannot be read": "give yourself permission to read it",
    "has a name that is not UTF-8": "rename it, for instance with convmv",
    "has a line break or another control character in its name": "rename it",
    "is neither a file nor a folder": "remove it",
}


class Original(NamedTuple):
    """A film in its original place. A change of the film changes its size, time or inode."""

    place: str  # below data/
    path: str
    size: int  # bytes
    mtime_ns: int
    ctime_ns: int
    inode: int

    @classmethod
    def at(cls, path: str, place: str, facts: os.stat_result) -> "Original":
        """Describe the file at `path`."""
        return cls(place, path, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino)

    def is_unchanged(self) -> bool:
        """Return whether the file still exists and is unchanged."""
        try:
            return self == Original.at(self.path, self.place, os.stat(self.path))
        except OSError:
            return False


@dataclass
class Originals:
    """The contents of a folder: files, unreadable files, and problems with others."""

    files: list[Original] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    problems: dict[str, list[str]] = field(default_factory=dict)

    def add(self, other: "Originals") -> None:
        """Add the contents of another folder."""
        self.files += other.files
        self.unreadable += other.unreadable
        for kind, paths in other.problems.items():
            self.problems.setdefault(kind, []).extend(paths)

    def check(self) -> None:
        """Raise BadData, which names the first, if files cannot be read or tracked by DVC."""
        for problem, (first, *others) in self.problems.items():
            more = f" (and {len(others)} more)" if others else ""
            raise BadData(f"{first} {problem}{more}: {PROBLEMS[problem]}.")


def originals(folders: Mapping[str, Path]) -> Originals:
    """List the files below folders, which are given by places below data/ (`.` is data/ itself)."""
    listing = Originals()
    for place, folder in folders.items():
        _walk(folder, "" if place == "." else f"{place}/", listing)
    by_place = {file.place: file for file in listing.files}
    listing.files = sorted(by_place.values())
    return listing


def write_list(path: Path, files: Iterable[Original]) -> None:
    """Write a list of originals, completely or not at all."""
    with whole_file(path) as unfinished, unfinished.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(Original._fields)
        rows.writerows(files)


def read_list(path: Path) -> list[Original]:
    """Read a list written by `write_list`. Raises BadData."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file)
            if tuple(header) == Original._fields:
                return [Original(row[0], row[1], *map(int, row[2:])) for row in rows]
    except (OSError, ValueError, TypeError):
        pass
    raise BadData(
        f"{path.name} is not a list of films: create it again with `make data FROM=folder`."
    )


def may_be_read(folder: Path) -> bool:
    """Return whether the user has permission to list a folder and to open its files."""
    return os.access(folder, os.R_OK | os.X_OK, effective_ids=True)


def shown(path: str | Path) -> str:
    """Return a printable path, with control characters and bytes that are not UTF-8 escaped."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _walk(folder: Path | str, place: str, listing: Originals) -> None:
    """Add the files below `folder`, whose place below data/ is `place`."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return _note(listing, "cannot be read", folder)
    for entry in entries:
        if is_visible(entry.name):
            _add(entry, f"{place}{entry.name}", listing)


def _add(entry: os.DirEntry, place: str, listing: Originals) -> None:
    if problem := _problem_of_name(entry.name):
        return _note(listing, problem, entry.path)
    try:
        facts = entry.stat()
    except PermissionError:
        return _note(listing, "cannot be read", entry.path)
    except OSError:
        return _note(listing, "is a broken link", entry.path)
    if stat.S_ISDIR(facts.st_mode):
        if is_circular(Path(entry.path)):
            return _note(listing, "is a link to a folder that contains it", entry.path)
        _walk(entry.path, f"{place}/", listing)
    elif not stat.S_ISREG(facts.st_mode):
        _note(listing, "is neither a file nor a folder", entry.path)
    elif os.access(entry.path, os.R_OK):
        listing.files.append(Original.at(entry.path, place, facts))
    else:
        listing.unreadable.append(shown(entry.path))


def _problem_of_name(name: str) -> str | None:
    try:
        name.encode()
    except UnicodeEncodeError:
        return "has a name that is not UTF-8"
    if any(ord(c) < 32 or ord(c) == 127 for c in name):
        return "has a line break or another control character in its name"
    return None


def _note(listing: Originals, problem: str, path: Path | str) -> None:
    listing.problems.setdefault(problem, []).append(shown(path))
