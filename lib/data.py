"""Fill data/ with the films of the study. `python -m lib.data` is the stage `data` of dvc.yaml.

The films listed in data.csv by `make data FROM=folder` stay where they are: data/ has a link to
each. The phantoms are copied. A complete data/ replaces the earlier one, provided that no film is
lost: each file in data/ must be a link of the study, or a copy (listed in `data/.films.csv`) whose
original still exists or can be generated again, as earlier versions made of all films.
"""

import errno
import fcntl
import filecmp
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tqdm.contrib.concurrent import thread_map

from lib import ROOT, provenance
from lib.datasets.listing import is_visible
from lib.datasets.originals import Original, originals, read_list, write_list
from lib.errors import BadData
from lib.files import hash_of

LIST = ".films.csv"  # in data/: the originals of its films; ignored by DVC (.dvcignore)
LITTER = {LIST, ".DS_Store", "Thumbs.db", "desktop.ini"}  # not created by the user
AGAIN = "run `make data FROM=folder` again"


def fill(root: Path = ROOT) -> None:
    """Put the films named in params/study.yaml into data/, completely or not at all.

    Raises BadData and then changes nothing.
    """
    with alone(root):
        _fill(root, planned(root))


@contextmanager
def alone(root: Path, wait: bool = True) -> Iterator[None]:
    """Wait until no other process fills data/, as one may after its `dvc repro` was killed.

    Raises BadData at once if one does and `wait` is False.
    """
    folder = os.open(root, os.O_RDONLY)
    try:
        # The lock is released when the process ends, for whatever reason.
        fcntl.flock(folder, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    except BlockingIOError:
        raise BadData(
            "data/ is being filled: wait until it is complete, or stop the study, and run the "
            "command again; nothing was changed."
        ) from None
    finally:
        os.close(folder)


def planned(root: Path = ROOT) -> list[Original]:
    """Return the films that data/ should contain. Raises BadData."""
    if not provenance.holds_phantoms(root):
        return read_list(root / provenance.source(root)["list"])
    phantoms = originals({".": root / provenance.PHANTOMS})
    phantoms.check()
    return phantoms.files


def changes(root: Path = ROOT) -> str:
    """Report the source of data/, and whether the user's folder has changed since.

    Links to films that are gone and that are not to be studied any more are removed, since DVC
    would end with an error at them. Raises BadData if a film to be studied is gone, or if data/
    holds what the study did not put there.
    """
    source = provenance.source(root)
    in_data, files = _listed(root / "data"), films_in(root / "data")
    listed = set(planned(root)) if "places" in source else set()
    held = {
        place: film
        for place, film in in_data.items()
        if place in files and (_is_link(files[place], film) or _is_copy(files[place], film))
    }
    if in_data:
        others = files.keys() - held.keys()
        _check_known(place for place in others if all(map(is_visible, Path(place).parts)))
    dead = [place for place in _dead_links(root / "data", in_data) if in_data[place] in listed]
    if dead:
        raise BadData(
            f"{len(dead)} films are gone, to which data/ has links, the first in "
            f"data/{_start(dead[0])}: put them back, or {AGAIN} to study the others."
        )
    with alone(root):
        drop_dead_links(root)
    if "places" not in source:
        if all(map(_is_phantom, held.values())):
            return "data/ is a copy of the phantoms."
        return "data/ contains films other than the phantoms: `make study` replaces them."
    places = {place: Path(folder) for place, folder in source["places"].items()}
    present = set(originals(places).files)
    if listed != present:
        return (
            f"Of the films of {source['folder']}, {len(present - listed)} are new or changed and "
            f"{len(listed - present)} missing or changed since `make data` listed them: {AGAIN} to "
            "study them."
        )
    if listed != set(held.values()):
        return f"data/ does not yet hold the films of {source['folder']}: it is filled next."
    return f"data/ holds the films of {source['folder']}, as they are now."


def drop_dead_links(root: Path = ROOT) -> None:
    """Remove the links in data/ whose films are gone, at which DVC would end with an error."""
    data = root / "data"
    for place in _dead_links(data, _listed(data)):
        (data / place).unlink()


def real_place(root: Path) -> Path:
    """Return the resolved path of data/, which may be a link to a larger disk. Raises BadData."""
    data = root / "data"
    real = Path(os.path.realpath(data))
    if os.path.ismount(real):  # cannot be renamed
        raise BadData(
            f"data/ is the top folder of a disk, {real}: make data/ a link to a folder on that "
            f"disk, for instance {real / 'films'}."
        )
    interrupted = real.with_name(".data.earlier").exists()  # repaired when data/ is next filled
    if data.is_symlink() and not real.is_dir() and not interrupted:
        raise BadData(
            f"data/ is a link to {real}, which is not a folder: create it, or remove the link."
        )
    return real


def check_apart(films: Iterable[Original], folders: Iterable[Path], data: Path) -> None:
    """Raise BadData if originals are in data/, or data/ is in one of the folders to be studied.

    data: the resolved path of data/. A new data/ would remove the originals with the earlier one.
    """
    for folder in folders:
        if data.is_relative_to(os.path.realpath(folder)):
            raise BadData(
                f"data/ is in {folder}, whose films are to be studied: move data/ or, if it is a "
                "link, change its target."
            )
    if inside := list(filter(None, (_place_in(data, film) for film in films))):
        raise BadData(
            f"{len(inside)} films to be studied are already in data/, the first in "
            f"data/{_start(inside[0])}: move them to another folder; data/ is unchanged."
        )


def _fill(root: Path, films: list[Original]) -> None:
    data = Path(os.path.realpath(root / "data"))
    unfinished, earlier = (data.with_name(f".data.{word}") for word in ("unfinished", "earlier"))
    _clear(data, unfinished, earlier)
    _check_can_be_filled(data, films, root)
    try:
        _put_all(films, data, unfinished)
        # This takes a while, in which a user may change the list.
        if planned(root) != films:
            raise BadData(
                "The list of films changed while data/ was filled: run `make study` again; data/ "
                "is unchanged."
            )
        _check_nothing_is_lost(data, films, root)
        if data.exists():
            data.rename(earlier)
        unfinished.rename(data)
    finally:
        _clear(data, unfinished, earlier)


def _check_can_be_filled(data: Path, films: list[Original], root: Path) -> None:
    """Raise BadData if data/ cannot be filled, or a file would be lost."""
    real_place(root)
    source = provenance.source(root)
    check_apart(films, source.get("places", {".": root / provenance.PHANTOMS}).values(), data)
    _check_nothing_is_lost(data, films, root)
    if changed := [film for film in films if not film.is_unchanged()]:
        raise BadData(
            f"{len(changed)} of {len(films)} films are missing or have changed since `make data` "
            f"listed them: {AGAIN}; data/ is unchanged."
        )


def _clear(data: Path, unfinished: Path, earlier: Path) -> None:
    """Remove the remains of an interruption; restore an earlier data/ without a successor."""
    if earlier.exists() and not data.exists():
        earlier.rename(data)
    for folder in (unfinished, earlier):
        if folder.exists():
            shutil.rmtree(folder)


def _check_nothing_is_lost(data: Path, films: Iterable[Original], root: Path) -> None:
    """Raise BadData if data/ holds a file that is not the study's, or the only copy of a film."""
    files, listed = films_in(data), _listed(data)
    links = {place for place, path in files.items() if _is_link(path, listed.get(place))}
    copies = {place for place, path in files.items() if _is_copy(path, listed.get(place))}
    planned_films = {film.place: film for film in films}
    others = files.keys() - links - copies
    _check_known(p for p in others if not _is_equal(files[p], planned_films.get(p)))
    orphans = [place for place in sorted(copies) if _is_orphan(listed[place], data)]
    orphans = _without_twin(orphans, files, films)
    if orphans:
        raise BadData(
            f"data/ contains the only copy of {len(orphans)} films, since their originals are "
            f"missing, the first in data/{_start(orphans[0])}: move them to another folder; data/ "
            "is unchanged."
        )


def _check_known(unknown: Iterable[str]) -> None:
    """Raise BadData if there are places in data/ that the study did not fill."""
    if places := sorted(unknown):
        raise BadData(
            f"data/ contains {len(places)} files that the study did not put there, the first in "
            f"data/{_start(places[0])}: move them to another folder; data/ is unchanged."
        )


def films_in(data: Path) -> dict[str, Path]:
    """Return all files and links in data/ by place, except those left by operating systems."""
    files = {}
    for parent, folders, names in os.walk(data):
        links = [name for name in folders if Path(parent, name).is_symlink()]
        for name in [*names, *links]:
            if name not in LITTER and not name.startswith("._"):
                path = Path(parent, name)
                files[path.relative_to(data).as_posix()] = path
    return files


def _listed(data: Path) -> dict[str, Original]:
    """Return the films that the study put into data/, by place."""
    try:
        return {film.place: film for film in read_list(data / LIST)}
    except BadData:  # made by an older version, or not by the study
        return {}


def _dead_links(data: Path, listed: dict[str, Original]) -> Iterator[str]:
    """Yield the places in data/ of links of the study whose films are gone."""
    for place, film in listed.items():
        if not os.path.exists(film.path) and _is_link(data / place, film):
            yield place


def _is_link(path: Path, film: Original | None) -> bool:
    return film is not None and path.is_symlink() and os.readlink(path) == film.path


def _is_copy(path: Path, film: Original | None) -> bool:
    facts = path.lstat()
    return film is not None and (facts.st_size, facts.st_mtime_ns) == (film.size, film.mtime_ns)


def _is_equal(path: Path, film: Original | None) -> bool:
    """Return whether a file in data/ is identical to the film that is to replace it."""
    if film is None or path.is_symlink() or not os.path.isfile(film.path):
        return False
    return filecmp.cmp(path, film.path, shallow=False)


def _is_orphan(film: Original, data: Path) -> bool:
    """Return whether a film has no original outside data/; phantoms can be generated again."""
    return not _is_phantom(film) and (not os.path.isfile(film.path) or bool(_place_in(data, film)))


def _without_twin(
    places: list[str], files: dict[str, Path], films: Iterable[Original]
) -> list[str]:
    """Return the places whose file is not identical to any film, as when a folder was renamed."""
    sizes = {files[place].stat().st_size for place in places}
    twins = [film.path for film in films if film.size in sizes and os.path.isfile(film.path)]
    known = set(thread_map(hash_of, twins, desc="films compared", disable=not twins, leave=False))
    return [place for place in places if hash_of(files[place]) not in known]


def _is_phantom(film: Original) -> bool:
    return film.path.endswith(f"/{provenance.PHANTOMS}/{film.place}")


def _place_in(data: Path, film: Original) -> str:
    """Return the place of a film, or of the link that is listed, in data/; "" if elsewhere."""
    folder, name = os.path.split(film.path)
    paths = (os.path.realpath(film.path), os.path.join(os.path.realpath(folder), name))
    start = f"{data}{os.sep}"
    return next((path.removeprefix(start) for path in paths if path.startswith(start)), "")


def _start(place: str) -> str:
    """Return the first two folders of a place, since deeper ones may name a patient."""
    return "/".join(Path(place).parent.parts[:2])


def _put_all(films: list[Original], data: Path, unfinished: Path) -> None:
    for folder in {unfinished / Path(film.place).parent for film in films} | {unfinished}:
        folder.mkdir(parents=True, exist_ok=True)
    put = partial(_put, unfinished=unfinished)
    workers = min(16, 4 * (os.cpu_count() or 1))
    thread_map(put, films, max_workers=workers, chunksize=16, desc="films of data/", unit="film")
    write_list(unfinished / LIST, films)


def _put(film: Original, unfinished: Path) -> None:
    target = unfinished / film.place
    if _is_phantom(film):  # which the study may draw anew at any time
        shutil.copyfile(film.path, target)
        os.utime(target, ns=(film.mtime_ns, film.mtime_ns))
    else:
        _link(film.path, target)
    if not film.is_unchanged():
        raise BadData(
            f"A film changed while data/ was filled, in data/{_start(film.place)}: wait until "
            f"all films are complete, and {AGAIN}; data/ is unchanged."
        )


def _link(film: str, target: Path) -> None:
    """Make a link to a film. Raises BadData on a disk without links, as exFAT and some shares."""
    try:
        os.symlink(film, target)
    except OSError as reason:
        if reason.errno not in (errno.EPERM, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP):
            raise
        raise BadData(
            "The disk of data/ holds no links, which the study makes to films: put the study, or "
            "the folder that data/ leads to, on one that does (as ext4, APFS or NTFS); data/ is "
            "unchanged."
        ) from None


if __name__ == "__main__":
    try:
        print(changes()) if sys.argv[1:] == ["changes"] else fill()
    except BadData as error:
        sys.exit(str(error))
    except OSError as error:
        sys.exit(f"data/ cannot be filled ({error.strerror}) and is unchanged.")
