"""One file that holds a release: source, results, indices of phantoms, scores, weights and pages.

`make archive` writes build/archive/<name>-<version>.tar.gz. All is in one folder of it, with
SHA256SUMS, which `sha256sum --check` reads. The source is that of the commit. Maps, embeddings and
the page of `make reader` are left out, being large; they follow from weights and source. The same
files give the same bytes.
"""

import argparse
import gzip
import hashlib
import io
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from lib import ROOT, accidents, files, provenance
from lib.errors import BadData
from lib.publish.made import Record
from lib.publish.site import allow, pages_of_the_run, tables
from lib.release.project import Release

SUMS = "SHA256SUMS"
OF_RUN = {  # folder of build/ -> files in it
    "fits": (files.WEIGHTS, files.HISTORY, files.RECORD),
    "scores": (files.SCORES, files.RECORD),
    **dict.fromkeys(("floors", "measures", "comparison", "index"), ("*.csv",)),
}


class Member(NamedTuple):
    """A file of the archive."""

    name: str
    content: bytes
    mode: int = 0o644


def write(root: Path = ROOT, films: bool = False) -> tuple[Path, dict[str, str]]:
    """Write the archive; return its path, and the SHA-256 of each file in it.

    `films`: also of films of patients, without their indices, which name files. Raises BadData as
    `lib.publish.site.publish` does, or if the code is that of no commit.
    """
    record = Record(root)
    allow(record, films)
    pages, _ = pages_of_the_run(root / "reports", record)
    release = Release.of(root)
    folder = f"{release.name}-{release.version}"
    path, sums = root / f"build/archive/{folder}.tar.gz", {}
    with files.whole_file(path) as unfinished, _tar(unfinished) as archive:
        for member in chain(source(root), results(record, pages)):
            digest = hashlib.sha256(member.content).hexdigest()
            if member.name not in sums:
                _add(archive, folder, member)
            elif sums[member.name] != digest:
                raise BadData(f"{member.name} is not that of the commit: commit it first.")
            sums[member.name] = digest
        listed = "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items()))
        _add(archive, folder, Member(SUMS, listed.encode()))
    return path, sums


def source(root: Path) -> Iterator[Member]:
    """Yield the files of the commit. Raises BadData without one, or with changes since."""
    at = provenance.commit()
    command = ["git", "archive", "--format=tar", "HEAD"]
    run = subprocess.run(command, cwd=root, capture_output=True) if " " not in at else None
    if not run or run.returncode:
        raise BadData(f"The code is of no commit ({at}): commit lib/, notebooks/ and params/.")
    with tarfile.open(fileobj=io.BytesIO(run.stdout)) as archive:
        for member in archive:
            if content := archive.extractfile(member):
                yield Member(member.name, content.read(), 0o755 if member.mode & 0o100 else 0o644)


def results(record: Record, pages: list[Path]) -> Iterator[Member]:
    """Yield tables and pages, and of each fit its scores, weights, history and record.

    Raises BadData if one of these is not that of the last run.
    """
    root = record.root
    paths = [*tables(root / "reports"), *pages]
    for folder, names in OF_RUN.items():
        if folder == "index" and not record.holds_phantoms():
            continue  # indices of films of patients name their files
        for path, current in record.files(f"build/{folder}"):
            if not any(path.match(name) for name in names):
                continue
            if not current:
                name = path.relative_to(root)
                raise BadData(f"{name} is not that of the last run: run `make study` first.")
            paths.append(path)
    for path in sorted(paths):
        yield Member(path.relative_to(root).as_posix(), path.read_bytes())


@contextmanager
def _tar(path: Path) -> Iterator[tarfile.TarFile]:
    """Yield a new archive, in which nothing depends on the time."""
    with (
        path.open("wb") as file,
        gzip.GzipFile("", "wb", compresslevel=6, fileobj=file, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as archive,
    ):
        yield archive


def _add(archive: tarfile.TarFile, folder: str, member: Member) -> None:
    about = tarfile.TarInfo(f"{folder}/{member.name}")
    about.size, about.mode = len(member.content), member.mode
    archive.addfile(about, io.BytesIO(member.content))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write the archive of a release.")
    parser.add_argument("--films", default="", help="yes: of films of patients as well")
    with accidents.in_one_sentence(BadData):
        path, sums = write(films=parser.parse_args().films == "yes")
        size = path.stat().st_size
        print(f"{path.relative_to(ROOT)}: {len(sums)} files, {size / 1e6:.1f} MB.")
        print(f"SHA-256 {files.hash_of(path)}")
