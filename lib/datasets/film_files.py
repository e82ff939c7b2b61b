"""Find the files of the films that a table names.

A table names a film by its path, its file name or its stem. Since the table was written, films may
have been moved, renamed in other case, converted to another format or copied in part.
"""

import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from lib.datasets.listing import files_below
from lib.datasets.masks import FOLDERS
from lib.errors import BadData
from lib.films import FILM_SUFFIXES

NOT_FILMS = {"dicomdir", "readme", "license", "lockfile", "version", "autorun"}
Parts = tuple[str, ...]


def locate(listed: pd.Series, folder: Path, table: Path, unique: bool = False) -> pd.Series:
    """Return the absolute path of each listed film, "" where it is missing.

    Of several files of one film, such as copies in nested folders, the uppermost is used.
    `unique`: names are ambiguous outside their folders, so that a name of several films is an
    error. Raises BadData for this and if none of the films exists.
    """
    films = film_files(folder)
    matches = _matches(listed.unique(), films)
    if not matches:
        raise BadData(_missing_films(listed, films, folder, table))
    if unique:
        _check_unique(matches, folder, table)
    return listed.map(lambda name: os.fspath(matches[name][0]) if name in matches else "")


def film_files(folder: Path) -> list[Path]:
    """Return the files below a folder that may be films, the uppermost first.

    Folders of masks are excluded, since a mask often has the name of its film.
    """
    films = [path for path in files_below(folder) if is_film_name(path)]
    films = [
        path
        for path in films
        if FOLDERS.isdisjoint(map(str.lower, path.relative_to(folder).parts[:-1]))
    ]
    return sorted(films, key=lambda path: len(path.parts))


def stem(name: str) -> str:
    """Return the last part of a name in a table, without the suffixes of a film."""
    last = name.replace("\\", "/").rpartition("/")[2]
    name, suffix = os.path.splitext(last)
    return stem(name) if suffix.lower() in FILM_SUFFIXES else last


def is_film_name(path: Path) -> bool:
    """Return whether a name may be a film's; DICOM files often lack a suffix or end in a UID."""
    suffix = path.suffix.lower()
    named = not suffix or suffix in FILM_SUFFIXES or suffix[1:].isdigit()
    return named and path.name.lower() not in NOT_FILMS


def _matches(listed: Iterable[str], films: list[Path]) -> dict[str, list[Path]]:
    """Return the files of each name that has any.

    Leading folders of the names, which belong to the owner's disk, are dropped one by one until
    some film is found, or until two films would have the same name.
    """
    names = {name: _parts(name) for name in listed}
    distinct = len(set(names.values()))
    for dropped in range(max(map(len, names.values()), default=0)):
        ends = {name: parts[dropped:] or parts[-1:] for name, parts in names.items()}
        if len(set(ends.values())) < distinct:
            break
        files = _by_end(films, set(map(len, ends.values())))
        matches = {name: files[end] for name, end in ends.items() if end in files}
        if matches:
            return {name: _same_suffix_first(name, paths) for name, paths in matches.items()}
    return {}


def _by_end(films: list[Path], lengths: set[int]) -> dict[Parts, list[Path]]:
    """Return the files by the ends of their paths with the given numbers of parts."""
    files = defaultdict(list)
    for path in films:
        parts = _parts(os.fspath(path))
        for length in lengths:
            if 0 < length <= len(parts):
                files[parts[-length:]].append(path)
    return dict(files)


def _same_suffix_first(name: str, paths: list[Path]) -> list[Path]:
    return sorted(paths, key=lambda path: path.suffix.lower() != Path(name).suffix.lower())


def _parts(name: str) -> Parts:
    """Return a path as it is compared: folders and stem, normalised in case, `\\` and Unicode."""
    if re.search("[\udc80-\udcff]", name):  # bytes that are not UTF-8, as from an old Windows
        name = name.encode("utf-8", "surrogateescape").decode("cp1252", "replace")
    name = unicodedata.normalize("NFC", name).replace("\\", "/").lower()
    parts = [part.strip() for part in name.split("/")]
    parts = [part for part in parts if part not in ("", ".")]
    return (*parts[:-1], stem(parts[-1])) if parts else ()


def _check_unique(matches: dict[str, list[Path]], folder: Path, table: Path) -> None:
    """Raise BadData if a name matches two films that are not copies of one another."""
    for name, (first, *others) in matches.items():
        for other in others:
            end = _parts(os.fspath(first.relative_to(folder)))
            if _parts(os.fspath(other))[-len(end) :] != end:
                one, two = (path.relative_to(folder).as_posix() for path in (first, other))
                raise BadData(
                    f"{table} lists {name!r}, which matches {one} and {two}: write the folder in "
                    "front of the name."
                )


def _missing_films(listed: pd.Series, films: list[Path], folder: Path, table: Path) -> str:
    first = listed.iloc[0] if len(listed) else "no film"
    if not films:
        return f"{table} lists {first}, but {folder} contains no film: put the films there."
    return (
        f"{table} lists {first}, but {folder} contains "
        f"{films[0].relative_to(folder).as_posix()} and no film that the table lists: put its "
        "films there, or the table of these films."
    )
