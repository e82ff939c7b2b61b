"""Shared fixtures: a small copy of the whole study, rebuilt once, and the folder of real films."""

import gc
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from lib import ROOT
from lib.fits.queue import forget
from lib.grid import Fit

SMALL_STUDY = """
profile: tiny
source: {folder: build/phantoms, list: build/phantoms.csv, drawn: [phantoms]}
grids:
  phantoms: &phantoms
    seeds: [0]
    datasets: [rsna]
    unlabelled: []
    families:
      supervised: [{datasets: [rsna], methods: [resnet]}]
      reconstruction: [{datasets: [rsna], methods: [autoencoder, gaussian, f_anogan]}]
      features: [{datasets: [rsna], methods: [padim]}]
      one_class: [{datasets: [rsna], methods: [deep_svdd]}]
    fusions:
      joined: {rule: soft maximum, parts: [padim, autoencoder]}
    ablations:
      label_fraction: &label_fraction
        # a network that learns from labels alone cannot run without: a fit that fails
        question: How much do a few labels help?
        axis: known normal and known abnormal training films (% each)
        datasets: [rsna]
        methods: [autoencoder, resnet]
        seeds: [0, 1]
        variants: [{labels: none}, {labels: {normal: 0.1, abnormal: 0.1}}]
      as_published:
        question: Do defects matter?
        datasets: [rsna]
        methods: [vae]
        seeds: [0]
        variants: [{as_published: false}, {as_published: true}]
      pretraining: &pretraining
        question: What carries the result?
        datasets: [rsna]
        methods: [deep_svdd]
        seeds: [0]
        variants: [{name: random features, pretraining_epochs: 0, epochs: 0}, {name: both}]
  films: &films
    seeds: [0]
    datasets: &found [rsna]
    unlabelled: []
    families:
      one_class: [{datasets: *found, methods: [deep_svdd]}]
    ablations:
      label_fraction: {<<: *label_fraction, datasets: *found, methods: [autoencoder], seeds: [0]}
grid: *phantoms
"""
TINY_PROFILE = """
images: {size: 32, equalize: clahe}
split: {validation: 0.2, test: 0.4, seed: 0}
resnet: {labels: all, epochs: 2, width: 4, blocks: [1, 1]}
autoencoder: {epochs: 2}
deep_svdd: {pretraining_epochs: 2, epochs: 3, width: 4, blocks: [1, 1, 1]}
vae: {epochs: 8, learning_rate: 0.003, kl_weight: 0.00001}
gaussian:
  {method: anoddpm, noise: gaussian, epochs: 1, width: 8, attention: [], steps: 3,
   swept_calls: [6], swept_levels: []}
padim: {features: coarse, channels: 20}
f_anogan: {gan_epochs: 1, epochs: 1, width: 4, n_critic: 1}
"""


def pytest_collection_modifyitems(items):
    """Start the files that take longest first, so that no worker works long after the others."""

    def seconds(item):
        marker = item.get_closest_marker("seconds")
        return marker.args[0] if marker else 0

    items.sort(key=seconds, reverse=True)


@pytest.fixture(autouse=True, scope="module")
def forgotten_graphs():
    """Delete the graphs of a file's tests, through which each collection of garbage would pass.

    Together they would make the tests of later files several times as slow.
    """
    yield
    if "keras" in sys.modules:
        forget()
        gc.freeze()


class Study:
    """A copy of the working tree in which stages can be run and files edited."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(folder),
        }

    def run(self, *command: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True
        )

    def dvc(self, *arguments: str) -> subprocess.CompletedProcess:
        return self.run("dvc", *arguments)

    def edit(self, path: str, old: str, new: str) -> None:
        text = (self.folder / path).read_text()
        assert old in text, f"{path} no longer holds {old!r}: mend this test"
        (self.folder / path).write_text(text.replace(old, new, 1))

    def trained(self) -> dict[str, int]:
        """When the published weights of each fit were written: later where it is trained again."""
        weights = self.folder.glob("build/fits/[!.]*/[!.]*/[!.]*/[!.]*/weights.weights.h5")
        return {str(path.parent.relative_to(self.folder / "build/fits")): path.stat().st_mtime_ns
                for path in weights}  # fmt: skip

    def waiting(self) -> set[str]:
        """Return the fits that `dvc repro` would train, by data set, method, variant and seed."""
        code = "from lib.ablations import every_fit; from lib.fits.work import is_trained; "
        code += "print(*(fit.place for fit in every_fit() if not is_trained(fit)), sep='\\n')"
        asked = self.run("python", "-c", code)
        assert asked.returncode == 0, asked.stderr[-2000:]
        return set(asked.stdout.split())

    def make_page(self, notebook: str, **parameters) -> subprocess.CompletedProcess:
        """Run a notebook alone, into build/page.html."""
        pairs = [word for pair in parameters.items() for word in ("-p", *pair)]
        place = (f"notebooks/{notebook}.ipynb", "build/page.html")
        return self.run("python", "-m", "lib.report", *place, *pairs)

    def page(self, name: str) -> str:
        return (self.folder / "reports" / f"{name}.html").read_text()


def copy_of_working_tree(folder: Path) -> Path:
    """Copy the files that git tracks, or would, into a repository of its own."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((ROOT / name).read_bytes())
    for command in (
        ["init", "-q"],
        ["add", "-A"],
        ["-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "copy"],
    ):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder


@pytest.fixture
def at_commit(monkeypatch):
    """Let the grid have limbs, with fits up to date; set commit, profile and an old fit."""
    fits = [Fit("limbs", "deep_svdd"), Fit("limbs", "autoencoder")]
    at = {"commit": "abcdef0123", "profile": "hours", "outdated": ()}
    monkeypatch.setattr("lib.comparison.experiment.commit", lambda: at["commit"])
    monkeypatch.setattr("lib.params.profile_name", lambda: at["profile"])
    monkeypatch.setattr("lib.ablations.every_fit", lambda name: fits * (name == "limbs"))
    monkeypatch.setattr("lib.fits.work.is_up_to_date", lambda fit: fit not in at["outdated"])
    return at


@pytest.fixture(scope="session")
def small_study(tmp_path_factory) -> Study:
    """Rebuild the whole study on a few small phantoms by `dvc repro`, once for all workers."""
    folder = tmp_path_factory.mktemp("study")
    together = folder.parent.parent if "PYTEST_XDIST_WORKER" in os.environ else folder.parent
    with FileLock(together / "study.lock"):
        if not (together / "rebuilt").exists():
            _rebuild(together / "unfinished").rename(together / "rebuilt")
    shutil.copytree(together / "rebuilt", folder, symlinks=True, dirs_exist_ok=True)
    return Study(folder)


def _rebuild(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    study = Study(copy_of_working_tree(folder))
    (study.folder / "params/study.yaml").write_text(SMALL_STUDY)
    (study.folder / "params/tiny.yaml").write_text(TINY_PROFILE)
    films = "films: {mura: 2100, nih: 700, rsna: 700}"
    study.edit("params/datasets.yaml", films, "films: {mura: 8, nih: 8, rsna: 80}")
    study.edit("params/robustness.yaml", "films: 60", "films: 12")
    study.edit("notebooks/03_first_fit.ipynb", "films = 300", "films = 48")
    study.run("git", "add", "params", "notebooks")
    rebuilt = study.dvc("repro")
    assert rebuilt.returncode == 0, rebuilt.stdout[-3000:] + rebuilt.stderr[-3000:]
    return folder


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """Yield a window of Chromium, for all tests of this process that look at pages."""
    from browser import Browser  # which only pytest finds

    window = Browser(tmp_path_factory.mktemp("browser"))
    yield window
    window.close()
