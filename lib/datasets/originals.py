"""The originals of films: which files lie below the folders that a user names, and their list.

Links are followed, so that a copy holds the films themselves. Hidden files stay behind.
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

#: What stops a copy: what it is, and what to do.
PROBLEMS = {
    "leads nowhere": "restore what it leads to, or remove it",
    "is a link to a folder that it lies in": "remove it",
    "may not be read": "give yourself the right to read it",
    "has a name that is not UTF-8": "rename it, for instance with convmv",
    "has a line break or another control character in its name": "rename it",
    "is neither a file nor a folder": "remove it",
}


class Original(NamedTuple):
    """A film where its owner keeps it. Whoever changes it changes its size, time or inode."""

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
        """Whether the file is still there, as it was."""
        try:
            return self == Original.at(self.path, self.place, os.stat(self.path))
        except OSError:
            return False


@dataclass
class Originals:
    """What lies below a folder: files, those that may not be read, and what stops a copy."""

    files: list[Original] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    problems: dict[str, list[str]] = field(default_factory=dict)

    def add(self, other: "Originals") -> None:
        """Add what lies below another folder."""
        self.files += other.files
        self.unreadable += other.unreadable
        for kind, paths in other.problems.items():
            self.problems.setdefault(kind, []).extend(paths)

    def check(self) -> None:
        """Raise BadData, naming the first, if something cannot be copied or be named in DVC."""
        for problem, (first, *others) in self.problems.items():
            more = f", and so {len(others)} more" if others else ""
            raise BadData(f"{first} {problem}{more}: {PROBLEMS[problem]}.")


def originals(folders: Mapping[str, Path]) -> Originals:
    """List the files below folders, given by their places below data/ (`.` is data/ itself)."""
    listing = Originals()
    for place, folder in folders.items():
        _walk(folder, "" if place == "." else f"{place}/", listing)
    unique = {file.place: file for file in listing.files}
    listing.files = sorted(unique.values())
    return listing


def write_list(path: Path, files: Iterable[Original]) -> None:
    """Write a list of originals, whole or not at all."""
    with whole_file(path) as unfinished, unfinished.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(Original._fields)
        rows.writerows(files)


def read_list(path: Path) -> list[Original]:
    """Read a list that `write_list` wrote. Raises BadData."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file)
            if tuple(header) == Original._fields:
                return [Original(row[0], row[1], *map(int, row[2:])) for row in rows]
    except (OSError, ValueError, TypeError):
        pass
    raise BadData(f"{path.name} is no list of films: write it again with `make data FROM=folder`.")


def may_be_read(folder: Path) -> bool:
    """Whether the user has the rights to list a folder and to open what is in it."""
    return os.access(folder, os.R_OK | os.X_OK, effective_ids=True)


def shown(path: str | Path) -> str:
    """A path as it can be printed, bytes that are not UTF-8 and control characters escaped."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _walk(folder: Path | str, place: str, listing: Originals) -> None:
    """Add the files below `folder`, which is to stand at `place` below data/."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return _note(listing, "may not be read", folder)
    for entry in entries:
        if is_visible(entry.name):
            _add(entry, f"{place}{entry.name}", listing)


def _add(entry: os.DirEntry, place: str, listing: Originals) -> None:
    if problem := _problem_of_name(entry.name):
        return _note(listing, problem, entry.path)
    try:
        facts = entry.stat()
    except PermissionError:
        return _note(listing, "may not be read", entry.path)
    except OSError:
        return _note(listing, "leads nowhere", entry.path)
    if stat.S_ISDIR(facts.st_mode):
        if is_circular(Path(entry.path)):
            return _note(listing, "is a link to a folder that it lies in", entry.path)
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
