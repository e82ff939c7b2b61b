"""List the films of data/ with size and hash: `python -m lib.manifest`, the stage `manifest`.

Stages that read films depend on this list, directly or through the index, and not on data/: DVC,
which has to look at each film of a folder to see that none has changed, does so for one stage and
not for ten.
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

COLUMNS = ("place", "size", "md5")


def write(root: Path = ROOT) -> None:
    """Write build/manifest.csv: place below data/, size in bytes and MD5 of each film, by place.

    The hashes are DVC's own, which reads films that are new or changed since it last hashed them,
    and no others. Times are left out, since a film that was only saved again is the same film.
    """
    paths = dict(sorted(films_in(root / "data").items()))
    with Repo(str(root)) as repo:
        of_film = partial(_facts, state=repo.state)
        facts = thread_map(of_film, paths.values(), desc="films listed", unit="film", chunksize=16)
    path = files.manifest(root / "build")
    with files.whole_file(path) as unfinished, unfinished.open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(COLUMNS)
        rows.writerows((place, *row) for place, row in zip(paths, facts, strict=True))


def _facts(path: Path, state: StateBase) -> tuple[int | None, str | None]:
    meta, hashed = hash_file(str(path), localfs, "md5", state=state)
    return meta.size, hashed.value


if __name__ == "__main__":
    try:
        write()
    except OSError as error:
        sys.exit(f"The films of data/ cannot be listed: {error.strerror}.")
