"""Paths of the files in build/ and reports/, and the only way to write them: whole or not at all.

Unfinished files are kept in a hidden folder next to their target. Its name contains the host, the
process and the time, so that two attempts never share it; the folder of a process that died is
removed by the next attempt. DVC and git ignore these folders.
"""

import hashlib
import os
import re
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import gethostname
from typing import NamedTuple, Protocol

import psutil
from filelock import FileLock, Timeout

from lib import ROOT

BUILD = ROOT / "build"
REPORTS = ROOT / "reports"
RESULTS = REPORTS / "results.csv"
# Files in the folders of a fit; the rest are the evidence of its card (lib.fits.evidence).
RECORD = "record.json"  # its inputs and its outcome
WEIGHTS = "weights.weights.h5"
HISTORY = "history.csv"  # one row per epoch
DRAWN = "drawn.npz"  # images of a generator during training (lib.samples)
SCORES = "scores.csv"  # image_id and every score
UNFINISHED = re.compile(r"\.(?P<name>.+)@(?P<host>[^@]+)-(?P<process>\d+)-\d+\.partial")


class HasPlace(Protocol):
    """A fit (lib.grid), of which only the folder matters here."""

    @property
    def place(self) -> Path:
        """The folder, relative to the common folder of all fits."""


class Attempt(NamedTuple):
    """A file or folder that is or was being written, and the process that writes it."""

    folder: Path
    name: str
    host: str
    process: int

    @property
    def is_dead(self) -> bool:
        """Whether its process has certainly ended, which is unknown on another host."""
        return self.host == gethostname() and not psutil.pid_exists(self.process)

    def __str__(self) -> str:
        return f"process {self.process} on {self.host}"


# Paths of files. `build` is the folder build/ of another copy of the study, None for this copy's.


def index(dataset: str, build: Path | None = None) -> Path:
    """Return the path of a data set's index, one row per film."""
    return (build or BUILD) / f"index/{dataset}.csv"


def annotations(dataset: str, build: Path | None = None) -> Path:
    """Return the path of the lesion annotations of a data set."""
    return (build or BUILD) / f"index/{dataset}.annotations.csv"


def problems(dataset: str, build: Path | None = None) -> Path:
    """Return the path of the films that were left out, with the reasons."""
    return (build or BUILD) / f"index/{dataset}.problems.csv"


def protocol(dataset: str, build: Path | None = None) -> Path:
    """Return the path of the counts of films by step of the reading."""
    return (build or BUILD) / f"index/{dataset}.protocol.csv"


def images(dataset: str, kind: str = "", build: Path | None = None) -> Path:
    """Return the path of the films as an array, or of their masks (`body`, `lesions`)."""
    return (build or BUILD) / f"images/{'.'.join(filter(None, (dataset, kind)))}.npy"


def features(dataset: str, kind: str, folder: str = "", build: Path | None = None) -> Path:
    """Return the path of an array for methods on a backbone; `folder` is `grid.Features.folder`."""
    return (build or BUILD) / "features" / dataset / folder / f"{kind}.npy"


def floors(dataset: str, build: Path | None = None) -> Path:
    """Return the path of the scores of the floors."""
    return (build or BUILD) / f"floors/{dataset}.csv"


def trained(fit: HasPlace, build: Path | None = None) -> Path:
    """Return the folder of a fit's weights."""
    return (build or BUILD) / "fits" / fit.place


def scored(fit: HasPlace, build: Path | None = None) -> Path:
    """Return the folder of a fit's scores, maps and embeddings."""
    return (build or BUILD) / "scores" / fit.place


def measured(dataset: str, build: Path | None = None) -> Path:
    """Return the folder of the measures of a data set."""
    return (build or BUILD) / "measures" / dataset


def unlabelled(dataset: str, build: Path | None = None) -> Path:
    """Return the path of the ranks of the unlabelled films."""
    return (build or BUILD) / f"unlabelled/{dataset}.csv"


def robustness(dataset: str, build: Path | None = None) -> Path:
    """Return the path of the AUROC of fits on perturbed films of a data set."""
    return (build or BUILD) / f"robustness/{dataset}.csv"


def compared(build: Path | None = None) -> Path:
    """Return the folder of the tables of all data sets."""
    return (build or BUILD) / "comparison"


def hash_of(path: str | Path, algorithm: str = "sha256") -> str:
    """Return the hash of a file's content in hexadecimal digits; of DVC's files it is `md5`."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a path for a file that replaces `path` once the block is complete.

    Raises OSError if another process has removed the unfinished file.
    """
    with _private_folder(path) as private:
        yield private / path.name
        _publish(private, path)


@contextmanager
def scratch_file(path: Path) -> Iterator[Path]:
    """Yield a path, on the same disk as `path`, for a file that is removed after the block."""
    with _private_folder(path) as private:
        yield private / path.name


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder that replaces `path` once the block is complete.

    Raises OSError as `whole_file` does. The earlier folder is kept until then.
    """
    with _private_folder(path) as private:
        (private / path.name).mkdir()
        yield private / path.name
        _publish(private, path)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Let one process at a time work at `path`; others report the holder and wait.

    The kernel releases the lock when the process ends, for whatever reason.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path.with_name(f".{path.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        names = [str(other) for other in attempts(path.parent) if other.name == path.name]
        holder = " or ".join(names) or "another process"
        print(f"{path} is being written by {holder}; waiting for it to end.", file=sys.stderr)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def attempts(folder: Path, at_any_depth: bool = False) -> Iterator[Attempt]:
    """Yield the attempts to write into a folder, or also into the folders below it.

    Folders that other processes remove meanwhile are passed over.
    """
    for place, folders, names in os.walk(folder):  # which ignores what it can no longer list
        for name in (*folders, *names):
            if owner := UNFINISHED.fullmatch(name):
                path = Path(place, name)
                yield Attempt(path, owner["name"], owner["host"], int(owner["process"]))
        if not at_any_depth:
            return


def remove_leftovers(folder: Path, at_any_depth: bool = False) -> None:
    """Remove the unfinished files of dead processes among those found by `attempts`."""
    for attempt in list(attempts(folder, at_any_depth)):
        if attempt.is_dead:
            shutil.rmtree(attempt.folder, ignore_errors=True)


@contextmanager
def _private_folder(path: Path) -> Iterator[Path]:
    """Yield a folder of this attempt only, next to `path`, which is removed after the block."""
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(path.parent)
    owner = f"{gethostname()}-{os.getpid()}-{time.time_ns()}"
    private = path.with_name(f".{path.name}@{owner}.partial")
    private.mkdir()
    try:
        yield private
    finally:
        shutil.rmtree(private, ignore_errors=True)


def _publish(private: Path, path: Path) -> None:
    """Rename the finished file or folder to `path`, after moving an existing folder away."""
    finished, earlier = private / path.name, private / ".earlier"
    if not finished.exists():
        raise OSError(f"{path} was not written: another process removed its unfinished part.")
    if finished.is_dir() and path.exists():
        path.rename(earlier)
    try:
        finished.replace(path)
    except OSError:
        if earlier.exists():
            earlier.rename(path)
        raise
