"""Where the files of build/ and reports/ are, and the one way to write them: whole or not at all.

What is unfinished lies in a hidden folder beside its target and belongs to one attempt: its name
holds the host, the process and the moment. Two attempts therefore never share it, and what a
process left that died is removed by the next attempt. DVC and git ignore these folders.
"""

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
RECORD = "record.json"  # in the folder of a fit: what made it and what came of it
UNFINISHED = re.compile(r"\.(?P<name>.+)@(?P<host>[^@]+)-(?P<process>\d+)-\d+\.partial")


class HasPlace(Protocol):
    """A fit (lib.grid), of which only the place of its folder matters here."""

    @property
    def place(self) -> Path:
        """The folder, relative to those of all fits."""


class Attempt(NamedTuple):
    """What is, or was, being written, and by whom."""

    folder: Path
    name: str
    host: str
    process: int

    @property
    def is_dead(self) -> bool:
        """Whether its process has certainly ended: of another host nothing is known."""
        return self.host == gethostname() and not psutil.pid_exists(self.process)

    def __str__(self) -> str:
        return f"process {self.process} on {self.host}"


# Where files are. `build` is the folder build/ of another copy of the study, None for this one's.


def index(dataset: str, build: Path | None = None) -> Path:
    """One row per film of a data set."""
    return (build or BUILD) / f"index/{dataset}.csv"


def annotations(dataset: str, build: Path | None = None) -> Path:
    """The lesions drawn in its films."""
    return (build or BUILD) / f"index/{dataset}.annotations.csv"


def images(dataset: str, kind: str = "", build: Path | None = None) -> Path:
    """Its films as an array; of the kind `body` or `lesions`, their masks."""
    return (build or BUILD) / f"images/{'.'.join(filter(None, (dataset, kind)))}.npy"


def floors(dataset: str, build: Path | None = None) -> Path:
    """The scores of its floors."""
    return (build or BUILD) / f"floors/{dataset}.csv"


def trained(fit: HasPlace, build: Path | None = None) -> Path:
    """The folder of a fit's weights."""
    return (build or BUILD) / "fits" / fit.place


def scored(fit: HasPlace, build: Path | None = None) -> Path:
    """The folder of what a fit's weights give: scores, maps, embeddings."""
    return (build or BUILD) / "scores" / fit.place


def measured(dataset: str, build: Path | None = None) -> Path:
    """The folder of the tables measured on a data set."""
    return (build or BUILD) / "measures" / dataset


def unlabelled(dataset: str, build: Path | None = None) -> Path:
    """The ranks of its films without a label."""
    return (build or BUILD) / f"unlabelled/{dataset}.csv"


def compared(build: Path | None = None) -> Path:
    """The folder of the tables of all data sets together."""
    return (build or BUILD) / "comparison"


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield where to write a file that takes the place of `path` unless the block is left.

    Raises OSError, in one sentence, when another process has removed what was being written.
    """
    with _private_folder(path) as own:
        yield own / path.name


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder that takes the place of `path` unless the block is left.

    Raises OSError as `whole_file` does. The folder that was there stays until then.
    """
    with _private_folder(path) as own:
        (own / path.name).mkdir()
        yield own / path.name


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Let one process at a time work at `path`; another one waits and says for whom.

    The kernel holds the lock and releases it when the process ends, however it ends.
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


def attempts(folder: Path, pattern: str = "*") -> Iterator[Attempt]:
    """What is, or was, being written in a folder; with the pattern `**/*` also anywhere below."""
    for path in folder.glob(f"{pattern}.partial"):
        if owner := UNFINISHED.fullmatch(path.name):
            yield Attempt(path, owner["name"], owner["host"], int(owner["process"]))


def remove_leftovers(folder: Path, pattern: str = "*") -> None:
    """Remove what processes that died have left where `attempts` looks."""
    for attempt in list(attempts(folder, pattern)):
        if attempt.is_dead:
            shutil.rmtree(attempt.folder, ignore_errors=True)


@contextmanager
def _private_folder(path: Path) -> Iterator[Path]:
    """A folder of this attempt alone, of which `path.name` is published at the end."""
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(path.parent)
    owner = f"{gethostname()}-{os.getpid()}-{time.time_ns()}"
    own = path.with_name(f".{path.name}@{owner}.partial")
    own.mkdir()
    try:
        yield own
        _publish(own, path)
    finally:
        shutil.rmtree(own, ignore_errors=True)


def _publish(own: Path, path: Path) -> None:
    """Rename what is finished to `path`; a folder that is there already makes room for it first."""
    finished, earlier = own / path.name, own / ".earlier"
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
