"""Every target of the Makefile can start: make reads it, and what it calls is there."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from lib import ROOT

TARGETS = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
IMPORT = """
import sys
from importlib import import_module, util
for name in sys.argv[1:]:
    if hasattr(import_module(name), "__path__"):
        assert util.find_spec(f"{name}.__main__"), f"the package {name} cannot be run"
"""
STAGES_OF_FAULTS = """
import sys
from pathlib import Path
from tests.faults import small_study
listed = small_study(Path(sys.argv[1], "study")).dvc("stage", "list", "--name-only")
print(listed.stdout, listed.stderr)
sys.exit(listed.returncode)
"""


def commands(target: str) -> str:
    """Return what make would run for a target in an environment that is ready."""
    make = ["make", "-n", "-o", ".venv/ready", target]
    run = subprocess.run(make, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_the_targets_are_found():
    assert {"study", "faults", "test", "lab", "data", "benchmark", "lock"} <= set(TARGETS)


@pytest.mark.parametrize("target", [target for target in TARGETS if target != "reader"])
def test_the_programs_that_a_target_calls_are_installed(target):
    programs = re.findall(r"^(?:exec )?([\w./]+) ", commands(target), re.MULTILINE)
    assert programs, "make would run nothing"
    for name in {Path(program).name for program in programs}:
        assert shutil.which(name) or Path(sys.executable).with_name(name).exists(), name


@pytest.mark.parametrize(
    ("node", "npm"),
    [("", ""), ("v9.1.0", "6"), ("v18.20.4", "9"), ("v20.0.0", ""), ("v22.1.0", "10")],
)
def test_a_reader_without_node_or_with_an_old_one_is_refused_in_a_sentence(tmp_path, node, npm):
    """Programs that only print their version stand for Node and npm."""
    for name in ("sh", "bash"):
        (tmp_path / name).symlink_to(shutil.which(name))
    for name, version in {"node": node, "npm": npm}.items():
        if version:
            (tmp_path / name).write_text(f"#!{shutil.which('sh')}\necho {version}\n")
            (tmp_path / name).chmod(0o755)
    make = [shutil.which("make"), "-o", ".venv/ready", "reader"]
    environment = {"PATH": str(tmp_path)}
    run = subprocess.run(make, cwd=ROOT, env=environment, capture_output=True, text=True)
    if node == "v22.1.0":
        assert run.returncode == 0, run.stdout + run.stderr
        return
    assert run.returncode == 2 and len(run.stdout.splitlines()) == 1
    assert run.stdout.startswith("make reader needs Node") and "install nodejs" in run.stdout
    assert f"here are Node {node or 'none'}, npm {npm or 'none'}." in run.stdout


def test_tests_in_a_browser_have_node_wherever_they_run():
    """Debian 12, on which the image is based, has an older Node than the page needs."""
    assert "COPY --from=node:20-bookworm-slim" in (ROOT / "Dockerfile").read_text()
    for path in WORKFLOWS:
        steps = yaml.safe_load(path.read_text())["jobs"]["test"]["steps"]
        (node,) = [one for one in steps if one.get("uses", "").startswith("actions/setup-node@")]
        assert node["with"]["node-version"] == 20
        assert steps.index(node) < [one.get("run") for one in steps].index(".ci/run")


def test_the_modules_that_make_calls_can_be_run():
    calls = "\n".join(map(commands, TARGETS))
    modules = sorted(set(re.findall(r"\bpython -m ([\w.]+)", calls)))
    assert {"lib.benchmark", "lib.lab", "tests.faults", "tests.kills", "tests.machines"} <= set(
        modules
    )
    code = [sys.executable, "-c", IMPORT, *modules]
    run = subprocess.run(code, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def test_the_graph_accepts_the_study_that_make_faults_disturbs(tmp_path):
    code = [sys.executable, "-c", STAGES_OF_FAULTS, str(tmp_path)]
    run = subprocess.run(code, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    assert {"drawn@phantoms", "data", "films@rsna", "comparison"} <= set(run.stdout.split())


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_asks_for_targets_and_scripts_that_exist(path):
    jobs = yaml.safe_load(path.read_text())["jobs"].values()
    steps = [step["run"] for job in jobs for step in job["steps"] if "run" in step]
    lines = [line.split() for step in steps for line in step.splitlines()]
    assert {words[1] for words in lines if words[0] == "make"} <= set(TARGETS)
    scripts = [ROOT / words[0] for words in lines if words[0].startswith(".ci/")]
    assert scripts and all(script.stat().st_mode & 0o100 for script in scripts)
