"""Survey the data sets of params/datasets.yaml in a folder of films, before it is selected.

Each entry is assessed separately: a defective or small data set does not affect the others.
"""

import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import pandas as pd
from tqdm import tqdm

from lib import ROOT
from lib.datasets.entries import listed, load_entries, load_split_settings
from lib.datasets.examination import MOST_UNREADABLE
from lib.datasets.index import list_films, split_films
from lib.datasets.listing import is_visible
from lib.datasets.originals import Originals, may_be_read, originals, shown
from lib.datasets.split import FEWEST_NORMALS
from lib.errors import BadData
from lib.films import NotAFilm, UnreadableFilm, read_film

#: The entries that come with the study, not reported as missing if their films are absent.
SHIPPED = {
    *("mura", "nih", "rsna", "nih_any", "nih64", "kermany", "kermany224", "knee_oa"),
    *("nih_peers", "kermany224_peers", "knee_oa_peers", "knee_oa_peers_labels"),
    *("mura_hand_peers", "rsna_peers"),
}
TRIED = 24  # number of films of a data set that are opened
MOST_BROKEN = 0.5  # share of these; with more unreadable films, the copy or export is defective
SHOWN = 8  # most names of folders in a sentence


@dataclass(eq=False)
class DataSet:
    """The films of an entry that exist.

    folder: the actual folder of its films, which may differ from the entry's. films: as returned by
    `split_films`, empty if the set cannot be read; reason: why it is not studied; counts: films
    left out, by reason.
    """

    name: str
    entry: dict
    folder: Path
    reason: str = ""
    films: pd.DataFrame = field(default_factory=pd.DataFrame)
    counts: dict[str, int] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    @property
    def places(self) -> dict[str, Path]:
        """The folders to study, by places below data/: the films, and any separate masks."""
        place = PurePosixPath(self.entry["folder"])
        places = {str(place): self.folder}
        # Masks may be next to the first of the set's folders: masks/ours/ next to ours/.
        if place.parts and self.folder.parts[-len(place.parts) :] == place.parts:
            masks = self.folder.parents[len(place.parts) - 1] / "masks" / place
            places |= {str("masks" / place): masks} if os.path.isdir(masks) else {}
        return places


def survey(source: Path, root: Path = ROOT, peers: bool = False) -> list[DataSet]:
    """Find, test and count the data sets in a folder, including those that cannot be studied.

    Of entries with the same folder only the first is used, so that no films are studied twice.
    Entries marked `peers` are added if `peers` is True, also several per folder. Raises BadData if
    params/datasets.yaml contains a mistake.
    """
    entries = load_entries(root)
    ordinary = {name: entry for name, entry in entries.items() if not entry.get("peers")}
    places = _in_places(ordinary, source) or _at(ordinary, source) or _above(ordinary, source)
    if peers:
        theirs = {name: entry for name, entry in entries.items() if entry.get("peers")}
        places |= _in_places(theirs, source)
    sets: list[DataSet] = []
    for name, folders in places.items():
        place = entries[name]["folder"]
        before = [s.folder for s in sets if not s.reason and s.entry["folder"] == place]
        if entries[name].get("peers"):
            sets.append(_examined(name, entries[name], before[:1] or folders, root))
        elif not before and (folders := _not_in(sets, folders)):
            sets.append(_examined(name, entries[name], folders, root))
    missed = [name for name in ordinary if name not in places and name not in SHIPPED]
    return sets + [_absent(name, ordinary[name], source) for name in missed]


def studied(sets: list[DataSet]) -> list[DataSet]:
    """Return the sets that can be studied or, if none, the small sets that can be indexed."""
    good = [data_set for data_set in sets if not data_set.reason]
    return good or [data_set for data_set in sets if len(data_set.films)]


def _not_in(sets: list[DataSet], folders: list[Path]) -> list[Path]:
    """Return the folders, links resolved, that are not those of any set to be studied."""
    taken = {os.path.realpath(data_set.folder) for data_set in sets if not data_set.reason}
    return [folder for folder in folders if os.path.realpath(folder) not in taken]


# --- the folder of an entry's films


def _in_places(entries: dict[str, dict], source: Path) -> dict[str, list[Path]]:
    """Return the entries whose `folder` is `source`, in `source`, or up to two levels below."""
    places = {}
    for name, entry in entries.items():
        if folders := list(dict.fromkeys(_nested(_places(source, str(entry["folder"]))))):
            places[name] = folders
    return places


def _at(entries: dict[str, dict], source: Path) -> dict[str, list[Path]]:
    """Return the entry with films in `source` itself, whatever its `folder`, the user's first."""
    for name in sorted(entries, key=SHIPPED.__contains__):
        try:
            with warnings.catch_warnings(action="ignore"):
                list_films(name, entries[name] | {"folder": "."}, source)
            return {name: [source]}
        except (BadData, OSError):
            pass
    return {}


def _above(entries: dict[str, dict], source: Path) -> dict[str, list[Path]]:
    """Return the entries with a class folder that is or contains `source`, so films are above."""
    places = {}
    for name, entry in entries.items():
        globs = [glob for key in ("normal", "abnormal") for glob in listed(entry, key)]
        for above in source.parents[:2] if entry["layout"] == "folder" else ():
            classes = [_matches(above, glob) for glob in globs]
            in_one = any({source, source.parent} & set(folders) for folders in classes)
            if all(classes) and in_one:
                places.setdefault(name, [above])
    return places


def _matches(folder: Path, glob: str) -> list[Path]:
    try:
        return list(folder.glob(glob))
    except (
        ValueError,
        NotImplementedError,
        IndexError,
        OSError,
    ):  # reported by the reader of films
        return []


def _places(source: Path, folder: str) -> list[Path]:
    """Return the places of `folder` near `source`: in it, above it, or in folders below it."""
    parts = PurePosixPath(folder).parts
    inside = _but_for_case(source, parts)
    for position, part in enumerate(parts):
        if not inside and part.lower() == source.name.lower():
            inside = _but_for_case(source, parts[position + 1 :])
    if inside:
        return [inside]
    below = _folders(source)
    for parents in (below, [folder for parent in below for folder in _folders(parent)]):
        if places := [place for parent in parents if (place := _but_for_case(parent, parts))]:
            return places
    return []


def _nested(places: list[Path]) -> Iterator[Path]:
    """Yield each place, and a folder of the same name in it, as often left by an archive."""
    for place in places:
        yield place
        if os.path.isdir(inner := place / place.name):
            yield inner


def _but_for_case(folder: Path, parts: tuple[str, ...]) -> Path | None:
    """Return the folder below `folder`, in other case if necessary."""
    for part in parts:
        if os.path.isdir(folder / part):
            folder /= part
            continue
        alike = [path for path in _folders(folder) if path.name.lower() == part.lower()]
        if len(alike) != 1:
            return None
        folder = alike[0]
    return folder


def _folders(folder: Path) -> list[Path]:
    """Return the folders in a folder, none if it cannot be read."""
    try:
        return sorted(p for p in folder.iterdir() if is_visible(p.name) and os.path.isdir(p))
    except OSError:
        return []


def _names(folder: Path) -> str:
    folders = {path: "" if may_be_read(path) else " (cannot be read)" for path in _folders(folder)}
    names = [f"{shown(path.name)}{right}" for path, right in folders.items()]
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "") or "no folder"


# --- assessment


def _examined(name: str, entry: dict, folders: list[Path], root: Path) -> DataSet:
    """Return the set in the first folder that can be studied, else the reason of the first."""
    failed = []
    apart = [folder for folder in folders if folder.parent not in folders]
    if len(apart) > 1:
        reason = f"it is in {apart[0]} and in {apart[1]}: name one of them with FROM."
        return DataSet(name, entry, apart[0], reason)
    for folder in folders:
        data_set = DataSet(name, entry, folder)
        try:
            _count(data_set, root)
            return data_set
        except BadData as reason:
            data_set.reason = str(reason).removeprefix(f"{name}: ")
            failed.append(data_set)
        except OSError as error:
            data_set.reason = f"{shown(error.filename or folder)} cannot be read: {error.strerror}."
            failed.append(data_set)
    return failed[0]


def _count(data_set: DataSet, root: Path) -> None:
    """Fill in films, counts and remarks. Raises BadData if the set cannot be studied."""
    files = originals(data_set.places)
    files.check()
    with warnings.catch_warnings(record=True) as remarks:
        warnings.simplefilter("always", UserWarning)
        listing = list_films(data_set.name, data_set.entry | {"folder": "."}, data_set.folder)
        films = _readable(listing.films, files, data_set)
        _try(films, data_set)
        films = split_films(films, data_set.name, data_set.entry, load_split_settings(root))
    prefix = f"{data_set.name}: "
    data_set.remarks += [str(remark.message).removeprefix(prefix) for remark in remarks]
    normals = int((films["split"].eq("train") & films["label"].eq(0)).sum())
    if normals < FEWEST_NORMALS:
        data_set.reason = (
            f"too small: {normals} normal films are in training, and floors and methods need "
            f"{FEWEST_NORMALS}: add normal films."
        )
    left_out = {step: count for step, count in listing.counts.items() if "left out" in step}
    data_set.counts = {step.removeprefix("left out: "): n for step, n in left_out.items() if n}
    data_set.films = films


def _readable(films: pd.DataFrame, files: Originals, data_set: DataSet) -> pd.DataFrame:
    """Return the films that can be read, and remark on those that cannot."""
    if files.unreadable:
        data_set.remarks.append(f"{len(files.unreadable)} files cannot be read and are left out")
    there = {file.path for file in files.files}
    missing = ~films["path"].isin(there)
    if missing.any():
        data_set.remarks.append(f"{missing.sum()} listed films are missing")
    return films[~missing].reset_index(drop=True)


def _try(films: pd.DataFrame, data_set: DataSet) -> None:
    """Open some films of each class. Raises BadData if most of them cannot be read."""
    if films.empty:
        raise BadData(
            "all of its films are missing: provide them, or correct the table that lists them."
        )
    shuffled = films.sample(frac=1, random_state=0)
    order = shuffled.groupby("label", dropna=False).cumcount().sort_values(kind="stable").index
    tried = films["path"][order[:TRIED]]
    bar = tqdm(tried, f"films of {data_set.name}", unit="film", leave=False)
    reasons = [reason for path in bar if (reason := _reason(path))]
    if len(reasons) > MOST_BROKEN * len(tried):
        raise BadData(
            f"{len(reasons)} of {len(tried)} films that were tested cannot be read, the first "
            f"because it is {reasons[0]}: export or download them again."
        )
    if reasons:
        data_set.remarks.append(
            f"{len(reasons)} of {len(tried)} films that were tested cannot be read ({reasons[0]}); "
            f"more than {MOST_UNREADABLE:.0%} unreadable films stop the index"
        )


def _reason(path: str) -> str:
    try:
        read_film(path)
    except NotAFilm:  # ignored here, and counted when all films are opened
        return ""
    except UnreadableFilm as reason:
        return str(reason)
    except (OSError, ValueError):
        return "cannot be opened"
    return ""


def _absent(name: str, entry: dict, source: Path) -> DataSet:
    reason = (
        f"`folder: {entry['folder']}` was not found in {source} nor up to two folders below, and "
        f"its classes are not in {source}, which contains {_names(source)}: correct `folder`, "
        "or give the folder that contains it with FROM."
    )
    return DataSet(name, entry, source, reason)
