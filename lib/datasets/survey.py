"""What of params/datasets.yaml a folder of films holds: found, tried and counted before a copy.

Each entry is judged alone: one that is broken or too small does not stop the others.
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
from lib.datasets.index import MOST_UNREADABLE, list_films, split_films
from lib.datasets.listing import is_visible
from lib.datasets.originals import Originals, may_be_read, originals, shown
from lib.datasets.split import FEWEST_NORMALS
from lib.errors import BadData
from lib.films import NotAFilm, UnreadableFilm, read_film

#: The entries that come with the study: nobody misses them where their films are not there.
SHIPPED = {
    *("mura", "nih", "rsna", "nih_any", "nih64", "kermany", "kermany224", "knee_oa"),
    *("nih_peers", "kermany224_peers", "knee_oa_peers", "knee_oa_peers_labels"),
}
TRIED = 24  # films of a data set that are opened
MOST_BROKEN = 0.5  # of those; a set of which more cannot be read was not copied or exported well
SHOWN = 8  # names of folders in a sentence


@dataclass(eq=False)
class DataSet:
    """What there is of an entry.

    folder: where its films lie, whatever `folder` says. films: as `split_films` gives them, empty
    where the set cannot be read; reason: why it is not studied. counts: films left out by reason.
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
        """The folders to copy, by their places below data/: the films, and masks kept apart."""
        place = PurePosixPath(self.entry["folder"])
        places = {str(place): self.folder}
        # Masks may lie where the first of the set's folders does: masks/ours/ with ours/.
        if place.parts and self.folder.parts[-len(place.parts) :] == place.parts:
            masks = self.folder.parents[len(place.parts) - 1] / "masks" / place
            places |= {str("masks" / place): masks} if os.path.isdir(masks) else {}
        return places


def survey(source: Path, root: Path = ROOT, peers: bool = False) -> list[DataSet]:
    """Find, try and count the data sets in a folder: those to study, and those that cannot be.

    Of entries with one folder, the first serves: the same films are not studied twice. Entries
    that are marked so are taken up where `peers` is True, and of a folder all. Raises BadData
    where params/datasets.yaml has a slip.
    """
    entries = load_entries(root)
    own = {name: entry for name, entry in entries.items() if not entry.get("peers")}
    found = _in_places(own, source) or _at(own, source) or _above(own, source)
    if peers:
        theirs = {name: entry for name, entry in entries.items() if entry.get("peers")}
        found |= _in_places(theirs, source)
    sets: list[DataSet] = []
    for name, folders in found.items():
        place = entries[name]["folder"]
        before = [s.folder for s in sets if not s.reason and s.entry["folder"] == place]
        if entries[name].get("peers"):
            sets.append(_examined(name, entries[name], before[:1] or folders, root))
        elif not before and (folders := _not_in(sets, folders)):
            sets.append(_examined(name, entries[name], folders, root))
    missed = [name for name in own if name not in found and name not in SHIPPED]
    return sets + [_absent(name, own[name], source) for name in missed]


def studied(sets: list[DataSet]) -> list[DataSet]:
    """Those that can be studied; without any, those that are too small, whose index can be made."""
    good = [data_set for data_set in sets if not data_set.reason]
    return good or [data_set for data_set in sets if len(data_set.films)]


def _not_in(sets: list[DataSet], folders: list[Path]) -> list[Path]:
    """The folders that none of the sets is to be studied in, by whatever name or link."""
    taken = {os.path.realpath(data_set.folder) for data_set in sets if not data_set.reason}
    return [folder for folder in folders if os.path.realpath(folder) not in taken]


# --- where the films of an entry lie


def _in_places(entries: dict[str, dict], source: Path) -> dict[str, list[Path]]:
    """The entries whose `folder` is in `source`, is `source`, or lies up to two folders below."""
    found = {}
    for name, entry in entries.items():
        if folders := list(dict.fromkeys(_nested(_places(source, str(entry["folder"]))))):
            found[name] = folders
    return found


def _at(entries: dict[str, dict], source: Path) -> dict[str, list[Path]]:
    """The entry whose films lie in `source` itself, whatever its `folder`; the user's own first."""
    for name in sorted(entries, key=SHIPPED.__contains__):
        try:
            with warnings.catch_warnings(action="ignore"):
                list_films(name, entries[name] | {"folder": "."}, source)
            return {name: [source]}
        except (BadData, OSError):
            pass
    return {}


def _above(entries: dict[str, dict], source: Path) -> dict[str, list[Path]]:
    """The entries one of whose class folders is, or holds, `source`: their films lie above it."""
    found = {}
    for name, entry in entries.items():
        globs = [glob for key in ("normal", "abnormal") for glob in listed(entry, key)]
        for above in source.parents[:2] if entry["layout"] == "folder" else ():
            classes = [_matches(above, glob) for glob in globs]
            in_one = any({source, source.parent} & set(folders) for folders in classes)
            if all(classes) and in_one:
                found.setdefault(name, [above])
    return found


def _matches(folder: Path, glob: str) -> list[Path]:
    try:
        return list(folder.glob(glob))
    except (
        ValueError,
        NotImplementedError,
        IndexError,
        OSError,
    ):  # the reader of films will say so
        return []


def _places(source: Path, folder: str) -> list[Path]:
    """The places of `folder` next to `source`: in it, above it, or in folders below it."""
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
    """Each place, and the folder of its own name in it, as an archive is often unpacked."""
    for place in places:
        yield place
        if os.path.isdir(inner := place / place.name):
            yield inner


def _but_for_case(folder: Path, parts: tuple[str, ...]) -> Path | None:
    """The folder below `folder`, spelt with other capitals if need be."""
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
    """The folders in a folder; none where it may not be read: the search passes it over."""
    try:
        return sorted(p for p in folder.iterdir() if is_visible(p.name) and os.path.isdir(p))
    except OSError:
        return []


def _names(folder: Path) -> str:
    folders = {path: "" if may_be_read(path) else " (may not be read)" for path in _folders(folder)}
    names = [f"{shown(path.name)}{right}" for path, right in folders.items()]
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "") or "no folder"


# --- whether they can be studied


def _examined(name: str, entry: dict, folders: list[Path], root: Path) -> DataSet:
    """The set in the first of the folders that can be studied, else the reason of the first."""
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
    """Fill in films, counts and remarks. Raises BadData where the set cannot be studied."""
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
    """The films that can be copied; a remark counts those that the user may not read."""
    if files.unreadable:
        data_set.remarks.append(f"{len(files.unreadable)} files may not be read and are left out")
    there = {file.path for file in files.files}
    missing = ~films["path"].isin(there)
    if missing.any():
        data_set.remarks.append(f"{missing.sum()} films that are listed are not there")
    return films[~missing].reset_index(drop=True)


def _try(films: pd.DataFrame, data_set: DataSet) -> None:
    """Open some films, evenly over the classes. Raises BadData if most cannot be read."""
    if films.empty:
        raise BadData("none of its films is there: get them, or correct the table that lists them.")
    shuffled = films.sample(frac=1, random_state=0)
    order = shuffled.groupby("label", dropna=False).cumcount().sort_values(kind="stable").index
    tried = films["path"][order[:TRIED]]
    bar = tqdm(tried, f"films of {data_set.name}", unit="film", leave=False)
    reasons = [reason for path in bar if (reason := _reason(path))]
    if len(reasons) > MOST_BROKEN * len(tried):
        raise BadData(
            f"{len(reasons)} of {len(tried)} films that were tried cannot be read, the first as it "
            f"is {reasons[0]}: export or download them again."
        )
    if reasons:
        data_set.remarks.append(
            f"{len(reasons)} of {len(tried)} films that were tried cannot be read ({reasons[0]}); "
            f"more than {MOST_UNREADABLE:.0%} of all would stop its index"
        )


def _reason(path: str) -> str:
    try:
        read_film(path)
    except NotAFilm:  # passed over, and counted when all films are opened
        return ""
    except UnreadableFilm as reason:
        return str(reason)
    except (OSError, ValueError):
        return "cannot be opened"
    return ""


def _absent(name: str, entry: dict, source: Path) -> DataSet:
    reason = (
        f"`folder: {entry['folder']}` was not found in {source} nor up to two folders below, and "
        f"its classes do not lie in {source} itself; there are {_names(source)}: correct `folder`, "
        "or name the folder that holds it with FROM."
    )
    return DataSet(name, entry, source, reason)
