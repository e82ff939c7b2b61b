"""pyproject.toml, requirements.txt and environment.yml describe the one environment that runs."""

import os
import re
import subprocess
import sys
import tomllib
from importlib import metadata

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from lib import ROOT

REQUIREMENTS = (ROOT / "requirements.txt").read_text()
ENTRIES = re.findall(r"^[\w.-].*(?:\n    --hash.*)*", REQUIREMENTS, flags=re.MULTILINE)
PINS = [Requirement(entry.split("\\")[0]) for entry in ENTRIES]

ENVIRONMENT = (ROOT / "environment.yml").read_text()
*FROM_CONDA, FROM_PIP = yaml.safe_load(ENVIRONMENT)["dependencies"]
FROM_PYPI = [Requirement(line) for line in FROM_PIP["pip"] if line != "-e ."]

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
OPTIONAL = [*EXTRAS["jax"], *EXTRAS["cluster"]]
LOCKED = re.findall(r"--extra (\w+)", (ROOT / "Makefile").read_text())
DIRECT = {
    canonicalize_name(Requirement(line).name): Requirement(line)
    for line in [*PROJECT["dependencies"], *(line for name in LOCKED for line in EXTRAS[name])]
}
DISTRIBUTIONS = metadata.packages_distributions()  # by the name that is imported


def pinned(name: str, python: str) -> list[str]:
    """Return the versions of a package in requirements.txt under a Python: one, or none."""
    under = {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": "linux",
    }
    return [
        str(pin.specifier)
        for pin in PINS
        if canonicalize_name(pin.name) == canonicalize_name(name)
        and (pin.marker is None or pin.marker.evaluate(under))
    ]


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize("name", sorted(DIRECT))
def test_every_direct_dependency_has_one_pinned_version(name, python):
    (version,) = pinned(name, python)
    assert DIRECT[name].specifier.contains(version.removeprefix("=="))


def test_every_pin_is_exact_and_has_its_hashes():
    assert len(ENTRIES) > len(DIRECT)
    for entry, pin in zip(ENTRIES, PINS, strict=True):
        assert re.fullmatch(r"==[\w.+!]+", str(pin.specifier)), entry.splitlines()[0]
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", entry), entry.splitlines()[0]


def test_the_lock_names_no_index():
    assert not re.search(r"://|--(extra-)?index-url|--find-links|--trusted-host", REQUIREMENTS)
    assert not (ROOT / "uv.lock").exists(), "uv.lock names the index it was made from"


def test_the_newest_packages_are_those_of_the_lock():
    workflow = (ROOT / ".github/workflows/newest.yml").read_text()
    assert re.search(r'"\.\[([\w,]+)\]"', workflow)[1].split(",") == LOCKED


def test_conda_installs_the_pinned_versions():
    python = FROM_CONDA[0].removeprefix("python=")
    assert Requirement(f"python{PROJECT['requires-python']}").specifier.contains(python)
    assert set(DIRECT) <= {canonicalize_name(package.name) for package in FROM_PYPI}
    for package in FROM_PYPI:
        assert pinned(package.name, python) == [str(package.specifier)], package


def test_every_package_of_conda_says_what_uses_it():
    lines = re.findall(r"^ +- (?!pip:)(.*)$", ENVIRONMENT, flags=re.MULTILINE)[
        1:
    ]  # after the channel
    assert len(lines) == len(FROM_CONDA) + len(FROM_PIP["pip"])
    for line in lines:
        assert re.fullmatch(r".*\S +# \S.*", line), f"environment.yml: {line} has no comment"


@pytest.mark.parametrize("line", re.findall(r"- (\S+==.* # .*\blib\..*)", ENVIRONMENT))
def test_a_module_listed_as_user_of_a_package_imports_it(line):
    package, use = line.split(" # ")
    for module in re.findall(r"lib\.\w+", use):
        assert canonicalize_name(Requirement(package).name) in packages_imported_by(module), line


def packages_imported_by(module: str) -> set[str]:
    """Return the distributions that the files of a module of lib import."""
    place = ROOT / module.replace(".", "/")
    files = place.rglob("*.py") if place.is_dir() else [place.with_suffix(".py")]
    code = "\n".join(file.read_text() for file in files)
    names = re.findall(r"^ *(?:import|from) (\w+)", code, flags=re.MULTILINE)
    return {canonicalize_name(found) for name in names for found in DISTRIBUTIONS.get(name, [])}


@pytest.mark.parametrize("name", sorted(DIRECT))
def test_what_is_installed_is_what_is_pinned(name):
    if name in OPTIONAL and not _installed(name):
        pytest.skip(f"{name} is optional and not installed")
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert pinned(name, python) == [f"=={metadata.version(name)}"], "run `make test` to renew .venv"


def test_opencv_is_the_headless_build():
    import cv2

    assert re.search(r"GUI: +NONE", cv2.getBuildInformation())
    assert not _installed("opencv-python"), "opencv-python needs libGL and hides the headless build"


IMPORT_FOR_TABLES_AND_PAGES = """
import importlib, sys
named = "films phantoms datasets metrics floors figures fits.store comparison.ablations report"
for module in named.split():
    importlib.import_module(f"lib.{module}")
    slow = {"tensorflow", "keras", "jax"} & set(sys.modules)
    assert not slow, f"lib.{module} imports {slow}, which takes seconds: import it where it is used"
"""


def test_tables_and_pages_need_no_tensorflow():
    command = [sys.executable, "-c", IMPORT_FOR_TABLES_AND_PAGES]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("asked, given", [(None, "1"), ("3", "3")])
def test_sums_run_in_one_thread_unless_somebody_asks_for_more(asked, given):
    names = ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    before = {name: value for name, value in os.environ.items() if name not in names}
    code = f"import os, lib; print(*(os.environ[name] for name in {names}))"
    environment = before | (dict.fromkeys(names, asked) if asked else {})
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert run.stdout.split() == [given] * len(names)


def _installed(distribution: str) -> bool:
    return any(found.name == distribution for found in metadata.distributions())
