"""Check for problems that would stop every stage of the study, and repair them where it is safe.

`python -m lib.preflight` is the first step of `make study`. It repairs files that DVC was writing
when it was killed, removes unfinished files, and reports a Keras backend that does not run on this
machine and a disk that is nearly full.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import psutil
from dvc.schema import COMPILED_LOCKFILE_SCHEMA
from ruamel.yaml import YAML, YAMLError
from voluptuous import Invalid, Schema

from lib import ROOT, ablations, accidents, files, grid, methods, params
from lib.datasets.entries import load_entries
from lib.errors import BadData

ROOM = 2e9  # bytes; with less free space, films or weights may not fit


def check(root: Path = ROOT) -> None:
    """Repair what can be repaired, and report it. Raises BadData where the user has to act."""
    methods.check_backend()
    check_source(root)
    check_names_of_the_grid(root)
    mend_lock_of_paths(root)
    mend_record_of_stages(root)
    for folder in ("build", "reports"):
        files.remove_leftovers(root / folder, at_any_depth=True)
    if (free := shutil.disk_usage(root).free) < ROOM:
        _report(f"Only {free / 1e9:.1f} GB are free on the disk of the study, which may need more.")


def check_source(root: Path) -> None:
    """Raise BadData if params/study.yaml says of its source what earlier versions asked for."""
    if (root / "params/study.yaml").exists() and "drawn" not in params.read("study")["source"]:
        raise BadData(
            "`source` in params/study.yaml is of an earlier version: run `make data FROM=folder` "
            "once more, or `make data` for the phantoms."
        )


def check_names_of_the_grid(root: Path) -> None:
    """Raise BadData if the grid names a data set or a method that is not described."""
    if not (root / "params/study.yaml").exists():
        return
    selected = params.read("study")["grid"]
    if missing := [key for key in ("unlabelled", "ablations") if selected.get(key) is None]:
        raise BadData(
            f"The grid of params/study.yaml has no `{missing[0]}`, which dvc.yaml needs: write "
            f"`{missing[0]}: {'{}' if missing[0] == 'ablations' else '[]'}` for none."
        )
    entries = load_entries(root)
    for fit in ablations.every_fit():
        params.entry_of(fit.method)
    for dataset in [*grid.datasets(), *(fit.dataset for fit in grid.fits())]:
        if dataset not in entries:
            raise BadData(
                f"The grid of params/study.yaml names the data set {dataset}, which "
                "params/datasets.yaml does not describe: run `make data FROM=folder` again, or "
                "correct the name."
            )


def mend_lock_of_paths(root: Path) -> None:
    """Remove .dvc/tmp/rwlock, DVC's record of paths in use, if it is broken.

    Otherwise every command of DVC would fail. Raises BadData while DVC is running here.
    """
    lock = root / ".dvc/tmp/rwlock"
    if not lock.exists() or _holds_an_object(lock.read_bytes()):
        return
    _refuse_while_dvc_runs(root, lock)
    lock.unlink()
    _report(f"{lock} was broken, because DVC was killed while writing it; it was removed.")


def mend_record_of_stages(root: Path) -> None:
    """Restore a broken dvc.lock from git; stages missing from it are found in DVC's cache."""
    record = root / "dvc.lock"
    if not record.exists() or _fits(record, COMPILED_LOCKFILE_SCHEMA):
        return
    _refuse_while_dvc_runs(root, record)
    command = ["git", "show", "HEAD:./dvc.lock"]
    committed = (
        subprocess.run(command, cwd=root, capture_output=True) if shutil.which("git") else None
    )
    record.unlink()
    if committed and committed.returncode == 0:
        with files.whole_file(record) as unfinished:
            unfinished.write_bytes(committed.stdout)
    _report(f"{record} was broken, because DVC was killed while writing it; it was replaced.")


def _holds_an_object(content: bytes) -> bool:
    try:
        return isinstance(json.loads(content), dict)
    except ValueError:
        return False


def _fits(file: Path, schema: Schema) -> bool:
    """Return whether a YAML file has the form that DVC requires."""
    try:
        return bool(schema(YAML(typ="safe").load(file)))
    except (YAMLError, Invalid, UnicodeDecodeError, FileNotFoundError):
        return False


def _refuse_while_dvc_runs(root: Path, file: Path) -> None:
    for process in psutil.process_iter(["pid", "cmdline", "cwd"]):
        words = [Path(word).name for word in (process.info["cmdline"] or [])[:3]]
        if "dvc" in words and process.info["cwd"] == str(root):
            raise BadData(
                f"{file} is broken while DVC runs here (process {process.pid}): wait until it "
                "ends, or end it, and try again."
            )


def _report(sentence: str) -> None:
    print(sentence, file=sys.stderr)


if __name__ == "__main__":
    with accidents.in_one_sentence(BadData):
        check()
