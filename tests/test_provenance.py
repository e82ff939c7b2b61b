"""Fingerprints follow imports and code, and nothing else."""

import os
import subprocess
import threading

import pytest

from lib import provenance


@pytest.fixture
def lib(tmp_path, monkeypatch):
    """Return a small library: method -> losses; figures is separate."""
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    folder = tmp_path / "lib"
    (folder / "methods").mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "methods/__init__.py").write_text("from .vae import VAE\n")
    (folder / "methods/vae.py").write_text(
        "def fit():\n    from lib.losses import kl\n    return kl\n"
    )
    (folder / "losses.py").write_text('"""Losses."""\n\ndef kl():\n    """KL."""\n    return 1\n')
    (folder / "figures.py").write_text("import lib.losses\n")
    return folder


def fingerprint():
    return provenance.fingerprint("lib.methods.vae")


def test_reaches_imports_inside_functions_and_relative_ones(lib):
    assert [line.split()[0] for line in fingerprint().splitlines()] == [
        "lib.losses",
        "lib.methods.vae",
    ]
    package = provenance.fingerprint("lib.methods")
    assert "lib.methods.vae" in package


def test_changes_with_code_in_reach(lib):
    before = fingerprint()
    (lib / "losses.py").write_text((lib / "losses.py").read_text().replace("return 1", "return 2"))
    assert fingerprint() != before


@pytest.mark.parametrize(
    "text",
    [
        '"""Other."""\n\n\ndef kl():\n    return 1  # a remark\n',
        'def kl():\n    """KL."""\n    return (1)\n',
    ],
)
def test_ignores_comments_docstrings_and_layout(lib, text):
    (lib / "losses.py").write_text('"""Losses."""\n\ndef kl():\n    """KL."""\n    return 1\n')
    before = fingerprint()
    (lib / "losses.py").write_text(text)
    assert fingerprint() == before


def test_ignores_code_out_of_reach(lib):
    before = fingerprint()
    (lib / "figures.py").write_text("NEW = 1\n")
    assert fingerprint() == before


@pytest.mark.parametrize("module", provenance.STAGES.values())
def test_a_figure_is_out_of_reach_of_stages_that_make_numbers(module):
    assert "lib.figures" not in provenance.fingerprint(module, f"{module}.__main__")


def test_the_trace_names_commit_data_and_packages():
    trace = provenance.trace()
    assert {"commit", "data", "keras", "numpy"} <= set(trace)
    assert all(isinstance(value, str) and value for value in trace.values())


def _checkout(folder, monkeypatch):
    """Return a repository with one commit; its hash."""
    (folder / "lib").mkdir(parents=True)
    (folder / "lib/a.py").write_text("")
    me = ("-c", "user.name=t", "-c", "user.email=t@t")
    for command in (["init", "-q"], ["add", "-A"], [*me, "commit", "-qm", "one"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=folder, capture_output=True, text=True)
    monkeypatch.setattr(provenance, "ROOT", folder)
    return head.stdout[:10]


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to give files to another user")
def test_the_commit_of_a_checkout_of_another_owner_is_named(tmp_path, monkeypatch):
    head = _checkout(tmp_path / "ours", monkeypatch)
    for path in [tmp_path / "ours", *(tmp_path / "ours").rglob("*")]:
        os.chown(path, 1000, 1000, follow_symlinks=False)
    plain = subprocess.run(["git", "status"], cwd=tmp_path / "ours", capture_output=True, text=True)
    assert "dubious ownership" in plain.stderr
    assert provenance.commit() == head
    (tmp_path / "ours/lib/a.py").write_text("A = 1\n")
    assert provenance.commit() == f"{head} with local changes"


def test_a_copy_without_git_says_so_and_names_no_other_repository(tmp_path, monkeypatch):
    _checkout(tmp_path, monkeypatch)
    (tmp_path / "unpacked").mkdir()
    monkeypatch.setattr(provenance, "ROOT", tmp_path / "unpacked")
    assert provenance.commit() == "none (no git)"
    monkeypatch.setenv("PATH", "")
    assert provenance.commit() == "none (no git)"


def test_the_source_of_the_films_names_no_folder(monkeypatch):
    assert provenance.data_source() == "phantoms"
    monkeypatch.setattr(provenance, "holds_phantoms", lambda *_: False)
    assert provenance.data_source() == "films of your own folder"


def test_a_fit_depends_on_its_method_and_on_what_trains_it_alone():
    reached = provenance.fingerprint("lib.fits.train", "lib.methods.deep_svdd")
    modules = {line.split()[0] for line in reached.splitlines()}
    assert {
        "lib.engine",
        "lib.losses",
        "lib.datasets.training",
        "lib.methods.autoencoder",
    } <= modules
    pages = {"lib.comparison", "lib.figures", "lib.report", "lib.metrics", "lib.fits.evidence"}
    elsewhere = {"lib.grid", "lib.files", "lib.films", "lib.fits.score", "lib.methods.vae"}
    assert (pages | elsewhere).isdisjoint(modules)
    assert not any(name.startswith(("lib.films", "lib.datasets.nih")) for name in modules)


@pytest.mark.parametrize("written", [0, 20, 150, 230, 330])
def test_the_hash_of_the_films_is_whole_while_dvc_writes_its_lock(tmp_path, written):
    side = "    - path: {}\n      hash: md5\n      md5: " + "a" * 32 + ".dir\n"
    record = "  data:\n    cmd: python -m lib.data\n    deps:\n" + side.format("build/phantoms.csv")
    listed = side.replace("a" * 32 + ".dir", "b" * 32).format("build/manifest.csv")
    record += "    outs:\n" + listed + side.format("data")
    whole = f"schema: '2.0'\nstages:\n{record}  other:\n    cmd: another\n"
    lock = tmp_path / "dvc.lock"
    lock.write_text(whole[:written])
    finish = threading.Timer(0.3, lock.write_text, [whole])
    finish.start()
    assert provenance.data_hash(tmp_path) == "a" * 32 + ".dir"
    finish.join()
