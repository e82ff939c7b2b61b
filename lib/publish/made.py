"""Which files the last run made, and from what, by the record of the graph in dvc.lock.

A page in reports/ may be older than the data of now, and then show other films. It is one of the
last run if its hash is that in dvc.lock, and if everything it was made from has the hash that its
own stage recorded, back to the films.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from functools import cached_property
from itertools import chain
from pathlib import Path

from ruamel.yaml import YAML

from lib import files
from lib.provenance import OF_PHANTOMS

IGNORED = re.compile(r"/__pycache__/|/\.[^/]*\.(lock$|partial/)")
DATA = "data"  # the stage that links the films


class Record:
    """The stages of dvc.lock that are in the grid of now; the lock keeps earlier ones as well."""

    def __init__(self, root: Path):
        lock = root / "dvc.lock"
        content = _read(lock) if lock.exists() else {}
        of_grid = _names_of_grid(root)
        self.root = root
        self.current: dict[str, bool] = {}
        self.stages: dict[str, dict] = {
            name: stage
            for name, stage in content.get("stages", {}).items()
            if "@" not in name or name.partition("@")[2] in of_grid
        }

    @cached_property
    def outputs(self) -> dict[str, tuple[str, str]]:
        """The stage and the hash of each output."""
        return {
            output["path"]: (name, output["md5"])
            for name, stage in self.stages.items()
            for output in stage.get("outs", [])
        }

    def holds_phantoms(self) -> bool:
        """Return whether the films of the last run were phantoms."""
        copied = self.stages.get(DATA, {}).get("deps", [])
        return [films["path"] for films in copied] == [OF_PHANTOMS["list"]]

    def files(self, folder: str) -> Iterator[tuple[Path, bool]]:
        """Yield the files of the outputs in a folder, and whether each is of the last run."""
        for path, (stage, recorded) in self.outputs.items():
            if f"{path}/".startswith(f"{folder}/") and (self.root / path).exists():
                current = self.is_current(stage) and hash_of(self.root / path) == recorded
                for file in sorted(_files(self.root / path)):
                    yield file, current

    def is_current(self, stage: str) -> bool:
        """Return whether a stage was last run on what the stages before it made last.

        A folder with the outputs of several stages is followed to them, without its hash.
        """
        if stage not in self.current:
            self.current[stage] = True
            self.current[stage] = all(map(self._is_last, self.stages[stage].get("deps", [])))
        return self.current[stage]

    def _is_last(self, dependency: dict) -> bool:
        path = dependency["path"]
        if path in self.outputs:
            stage, made = self.outputs[path]
            return made == dependency["md5"] and self.is_current(stage)
        below = {stage for name, (stage, _) in self.outputs.items() if name.startswith(f"{path}/")}
        return all(map(self.is_current, below))


def _read(path: Path) -> dict:
    return YAML(typ="safe").load(path) or {}


def _names_of_grid(root: Path) -> set[str]:
    """Return the names in params/study.yaml after which stages are named."""
    study = _read(root / "params/study.yaml")
    of_grid = (study["grid"][key] for key in ("datasets", "ablations", "unlabelled"))
    return {*study["source"].get("drawn", ()), *chain.from_iterable(of_grid)}


def hash_of(path: Path) -> str:
    """Return DVC's MD5 of a file, or of a folder: that of the list of its files."""
    if path.is_file():
        return files.hash_of(path, "md5")
    listed = [
        {"md5": hash_of(file), "relpath": file.relative_to(path).as_posix()}
        for file in _files(path)
    ]
    listed.sort(key=lambda entry: tuple(entry["relpath"].split("/")))
    return hashlib.md5(json.dumps(listed, sort_keys=True).encode()).hexdigest() + ".dir"


def _files(path: Path) -> list[Path]:
    """Return the files of an output, but for those that DVC ignores (.dvcignore)."""
    below = [path] if path.is_file() else path.rglob("*")
    return [file for file in below if file.is_file() and not IGNORED.search(file.as_posix())]
