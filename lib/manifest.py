"""List the films of a folder with size and hash: `python -m lib.manifest data build/manifest.csv`.

Stages that read films depend on this list, directly or through the index, and not on the folder:
DVC, which has to look at each film of a folder to see that none has changed, does so once, for the
stage that fills it.
"""

import csv
import sys
from functools import partial
from pathlib import Path

from dvc.fs import localfs
from dvc.repo import Repo
from dvc_data.hashfile.hash import hash_file
from dvc_data.hashfile.state import StateBase
from tqdm.contrib.concurrent import thread_map

from lib import ROOT, files
from lib.data import films_in

USAGE = "usage: python -m lib.manifest FOLDER LIST (for example data build/manifest.csv)"

COLUMNS = ("place", "size", "md5")


def write(folder: Path, target: Path) -> None:
    """Write a table of the films of `folder`: place below it, size in bytes and MD5, by place.

    The hashes are DVC's own, which reads films that are new or changed since it last hashed them,
    and no others. Times are left out, since a film that was only saved again is the same film.
    """
    paths = dict(sorted(films_in(folder).items()))
    with Repo(str(ROOT)) as repo:
        of_film = partial(_facts, state=repo.state)
        facts = thread_map(of_film, paths.values(), desc="films listed", unit="film", chunksize=16)
    with files.whole_file(target) as unfinished, unfinished.open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(COLUMNS)
        rows.writerows((place, *row) for place, row in zip(paths, facts, strict=True))


def _facts(path: Path, state: StateBase) -> tuple[int | None, str | None]:
    meta, hashed = hash_file(str(path), localfs, "md5", state=state)
    return meta.size, hashed.value


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(USAGE)
    try:
        write(*map(Path, sys.argv[1:]))
    except OSError as error:
        sys.exit(f"The films of {sys.argv[1]}/ cannot be listed: {error.strerror}.")
