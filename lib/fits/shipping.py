"""The files of a fit on their way to a machine that does not see this study's folder, and back.

Films, indices and features are sent once per machine; weights and scores come back as an archive.
"""

import hashlib
import io
import shutil
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lib import ROOT, files
from lib.fits.films import parameters_of, path_of_films, path_of_phantoms
from lib.grid import Fit

#: What a machine needs of the study itself, besides the films: the code and its parameters.
CODE = ("lib", "params", "dvc.lock", "dvc.yaml")


def copy_code(folder: Path) -> Path:
    """Copy the code and the parameters of the study into a folder, and return it."""
    for name in CODE:
        source, place = ROOT / name, folder / name
        if source.is_dir():
            shutil.copytree(source, place, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            shutil.copy(source, place)
    return folder


def inputs(fit: Fit) -> list[Path]:
    """Return the files that a fit reads, which are prepared first if they are missing.

    Relative to the study's folder. Raises BadData if they cannot be prepared.
    """
    paths = [files.index(fit.dataset), files.annotations(fit.dataset)]
    paths += [files.images(fit.dataset), path_of_films(fit)]
    if parameters_of(fit).phantoms:
        paths.append(path_of_phantoms(fit))
    kinds = ("body", "lesions")
    paths += [path for kind in kinds if (path := files.images(fit.dataset, kind)).exists()]
    return [path.relative_to(ROOT) for path in dict.fromkeys(paths)]


def hash_of(content: Any) -> str:
    """Return a hash of the content of a file."""
    return hashlib.sha256(memoryview(content)).hexdigest()


def lay(path: Path, digest: str, content: Callable[[], Any]) -> None:
    """Write a file, relative to the study's folder, unless this machine has it with this hash.

    Of a machine's workers the first fetches the content and writes, and the others wait.
    """
    place = ROOT / path
    mark = place.with_name(f".{place.name}.sha256")
    with files.locked(place):
        if place.exists() and mark.exists() and mark.read_text() == digest:
            return
        with files.whole_file(place) as unfinished:
            content().tofile(unfinished)
        mark.write_text(digest)


def pack(fit: Fit) -> bytes:
    """Return the folders of a fit, trained and scored, as an archive."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, folder in _folders(fit).items():
            if folder.exists():
                tar.add(folder, arcname=name)
    return archive.getvalue()


def unpack(fit: Fit, archive: bytes) -> None:
    """Put the folders of a fit from an archive in their places, each whole or not at all."""
    with tempfile.TemporaryDirectory() as private:
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall(private, filter="data")
        for name, folder in _folders(fit).items():
            if (Path(private) / name).exists():
                with files.locked(folder), files.whole_folder(folder) as unfinished:
                    shutil.copytree(Path(private) / name, unfinished, dirs_exist_ok=True)


def _folders(fit: Fit) -> dict[str, Path]:
    return {"trained": files.trained(fit), "scored": files.scored(fit)}
