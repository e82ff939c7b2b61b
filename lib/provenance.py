"""Record the provenance of results: the code, the commit, the data and the packages.

`python -m lib.provenance` writes one fingerprint per stage and notebook to build/code/. A stage of
dvc.yaml depends on its fingerprint rather than on files of lib/, so that it runs again if code that
it can reach has changed, but not if a comment, a docstring or other code has. The dependencies of
fits are written by lib.fits.recipes.
"""

import ast
import hashlib
import json
import os
import re
import subprocess
import time
from contextlib import suppress
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from ruamel.yaml import YAML

from lib import ROOT, accidents, files

PHANTOMS = Path("build/phantoms")  # the default source of data/
#: `source` in params/study.yaml where phantoms are studied.
OF_PHANTOMS = {"folder": str(PHANTOMS), "list": f"{PHANTOMS}.csv", "drawn": [PHANTOMS.name]}
NO_FILMS = "not in data/ yet"  # in place of the hash of films that data/ does not hold yet
BEING_WRITTEN = 5  # seconds after its last change during which dvc.lock may be unfinished
FINGERPRINTS = ROOT / "build/code"
STAGES = {  # file in build/code/ -> the module that the stage runs
    **{
        name: f"lib.{name}"
        for name in ("phantoms", "features", "floors", "comparison", "robustness", "checklist")
    },
    **{"films": "lib.preprocessing", "scores": "lib.fits.score"},
}
PACKAGES = ("tensorflow", "keras", "numpy", "pandas", "scikit-learn", "opencv-python-headless")
#: Modules that cannot change a result; what lib.params reads is tracked by its values.
CHANGES_NO_NUMBER = {
    *("lib.provenance", "lib.files", "lib.accidents"),
    *("lib.params", "lib.variants", "lib.grid", "lib.ablations"),
}


#: Commit and data hash where this copy of the code has neither, as on a machine of a cluster.
given: dict[str, str] = {}


def trace() -> dict[str, str]:
    """Return the contents of a page's footer: commit, data hash and package versions."""
    return (given or {"commit": commit(), "data": data_hash()}) | versions()


def commit() -> str:
    """Return the short hash of the checked-out commit, marked if tracked files differ from it.

    `none (no git)` if git is not installed or this copy of the study is not a checkout.
    """
    head = _git("rev-parse", "--short=10", "HEAD")
    # The grid, changed by `make data`, selects which fits run, not what a fit is.
    code = ("lib", "notebooks", "params", ":!params/study.yaml")
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", *code)
    return (head or "none (no git)") + (" with local changes" if changed else "")


def committed(path: str) -> str:
    """Return the text of a file in the checked-out commit, "" if it has none."""
    return _git("show", f"HEAD:{path}")


def data_hash(root: Path = ROOT) -> str:
    """Return DVC's hash of data/, or NO_FILMS while it does not hold the selected films."""
    films, stage = root / source(root)["list"], _recorded_copy(root / "dvc.lock")
    if not stage or root / stage["deps"][0]["path"] != films:
        return NO_FILMS
    listed = films.is_file() and files.hash_of(films, "md5")
    if listed and listed != stage["deps"][0]["md5"]:
        return NO_FILMS
    return _hash_of_data(stage)


def _recorded_copy(lock: Path) -> dict | None:
    """Read the record of the stage `data` in dvc.lock, None if it has not run.

    If another lane is writing the file, which takes DVC seconds, it is read again. Only this stage
    is parsed, since parsing the whole file takes a second.
    """
    while lock.exists():
        record = re.search(
            r"^  data:\n(?:    .*\n)+?    outs:\n(?:    .*\n)+", lock.read_text(), re.M
        )
        stage = YAML(typ="safe").load(record[0])["data"] if record else None
        if stage and _hash_of_data(stage):
            return stage
        if time.time() - lock.stat().st_mtime > BEING_WRITTEN:
            break
        time.sleep(0.2)
    return None


def _hash_of_data(stage: dict) -> str:
    """Return the recorded hash of the folder, "" where it is not written yet."""
    return next((out.get("md5", "") for out in stage["outs"] if out.get("path") == "data"), "")


def data_source(root: Path = ROOT) -> str:
    """Return the source of data/ in words, without the folder's name, which may be a clinic's."""
    return "phantoms" if holds_phantoms(root) else "films of your own folder"


def holds_phantoms(root: Path = ROOT) -> bool:
    """Return whether data/ is a copy of the phantoms, not of a folder of films."""
    return Path(source(root)["folder"]) == PHANTOMS


def source(root: Path) -> dict:
    """Return the source of data/ in params/study.yaml: `folder`, and the `list` of files."""
    study = root / "params/study.yaml"
    return _loaded(study, study.stat().st_mtime_ns)["source"] if study.exists() else OF_PHANTOMS


@lru_cache(maxsize=8)
def _loaded(study: Path, _changed: int) -> dict:
    """Read it once per state of the file, not twice per fit: it may list thousands of them."""
    return YAML(typ="safe").load(study)


def versions() -> dict[str, str]:
    """Return the versions of the packages that results depend on most."""
    installed = {}
    for package in PACKAGES:
        with suppress(PackageNotFoundError):  # an environment for JAX has no TensorFlow
            installed[package] = version(package)
    return installed


def fingerprint(*roots: str) -> str:
    """Return one line, name and hash, per module of lib that the roots reach by imports."""
    reachable = sorted(_reachable(roots).items())
    return "".join(f"{name} {_code(name, path).hash}\n" for name, path in reachable)


def write_fingerprints(folder: Path = FINGERPRINTS) -> None:
    """Write the fingerprint of every stage and notebook into `folder`."""
    texts = {
        stage: fingerprint(module, f"{module}.__main__") for stage, module in STAGES.items()
    } | {"docstrings": _docstrings()}
    for notebook in sorted((ROOT / "notebooks").glob("*.ipynb")):
        imported = _imports(_notebook_code(notebook), "notebook")
        texts[notebook.stem] = fingerprint("lib.report", *imported)
    for name, text in texts.items():
        with files.whole_file(folder / f"{name}.txt") as unfinished:
            unfinished.write_text(text)


def _docstrings() -> str:
    """Return the docstrings of methods, which cards show and no fingerprint of code holds."""
    paths = [ROOT / "lib/detector.py", *sorted((ROOT / "lib/methods").glob("*.py"))]
    trees = [ast.parse(path.read_text()) for path in paths if path.exists()]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    shown = [node for node in nodes if isinstance(node, ast.Module | ast.ClassDef)]
    return "\n".join(ast.get_docstring(node) or "" for node in shown)


def _reachable(roots) -> dict[str, Path]:
    paths, names = {}, list(roots)
    while names:
        name = names.pop()
        path = _file_of(name)
        if path and name not in paths and name not in CHANGES_NO_NUMBER:
            paths[name] = path
            names += _code(name, path).imports
    return paths


class _Code(NamedTuple):
    imports: tuple[str, ...]
    hash: str


def _code(name: str, path: Path) -> _Code:
    return _read_code(name, path, path.stat().st_mtime_ns)


@lru_cache(maxsize=1000)
def _read_code(name: str, path: Path, _changed: int) -> _Code:
    return _Code(tuple(_imports(ast.parse(path.read_text()), name)), _hash_of_code(path))


def _imports(tree: ast.AST, importer: str) -> list[str]:
    """Return the imports from lib: modules, and names in them that `_file_of` filters out."""
    names = []
    package = (
        importer
        if (_file_of(importer) or Path()).name == "__init__.py"
        else importer.rpartition(".")[0]
    )
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = (
                ".".join(package.split(".")[: len(package.split(".")) - node.level + 1])
                if node.level
                else ""
            )
            module = ".".join(part for part in (start, node.module) if part)
            names += [module, *(f"{module}.{alias.name}" for alias in node.names)]
    return [name for name in names if name == "lib" or name.startswith("lib.")]


def _file_of(name: str) -> Path | None:
    return next((path for path in _candidates(ROOT, name) if path.is_file()), None)


@lru_cache(maxsize=2000)
def _candidates(root: Path, name: str) -> tuple[Path, Path]:
    """Return the files that a module may have; kept, since each fit asks for dozens of modules."""
    place = root / name.replace(".", "/")
    return place.with_suffix(".py"), place / "__init__.py"


def _hash_of_code(path: Path) -> str:
    """Return the hash of a module's code without comments, docstrings, layout and messages."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            node.body = node.body[ast.get_docstring(node) is not None :] or [ast.Pass()]
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            node.exc.args = []  # the words of an error
    return hashlib.sha256(ast.unparse(tree).encode()).hexdigest()


def _notebook_code(path: Path) -> ast.AST:
    cells = json.loads(path.read_text())["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    return ast.parse(
        "\n".join(line for line in "\n".join(code).splitlines() if not line.startswith("%"))
    )


def _git(*arguments: str) -> str:
    """Return git's output in this checkout, whoever owns it; "" if git fails or is missing."""
    git = ["git", "-c", f"safe.directory={ROOT}", *arguments]
    # Inside another repository, the commit of that repository must not be returned.
    environment = os.environ | {"GIT_CEILING_DIRECTORIES": str(ROOT.parent)}
    try:
        result = subprocess.run(git, cwd=ROOT, env=environment, capture_output=True, text=True)
    except FileNotFoundError:
        return ""
    return result.stdout.strip()


if __name__ == "__main__":
    with accidents.in_one_sentence():
        write_fingerprints()
