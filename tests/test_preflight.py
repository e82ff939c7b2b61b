"""What a kill or another machine leaves is mended, or named, before the study runs."""

import json
import shutil
import subprocess
import sys
from socket import gethostname

import pytest

from lib import ROOT, params, preflight
from lib.errors import BadData

LOCK = "schema: '2.0'\nstages:\n  code:\n    cmd: make it\n"


@pytest.fixture
def copy(tmp_path):
    """Return a repository in which DVC has run."""
    (tmp_path / ".dvc/tmp").mkdir(parents=True)
    (tmp_path / "dvc.lock").write_text(LOCK)
    for command in (["init", "-q"], ["add", "dvc.lock"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    author = ["-c", "user.name=t", "-c", "user.email=t@t"]
    subprocess.run(["git", *author, "commit", "-qm", "study"], cwd=tmp_path, check=True)
    return tmp_path


def test_nothing_is_reported_or_changed_where_nothing_is_wrong(copy, capsys, monkeypatch):
    monkeypatch.setattr(preflight, "ROOM", 0)
    rwlock = copy / ".dvc/tmp/rwlock"
    rwlock.write_text(json.dumps({"write": {}, "read": {"/data": [{"pid": 1, "cmd": "dvc"}]}}))
    before = rwlock.read_text()
    preflight.check(copy)
    assert rwlock.read_text() == before and (copy / "dvc.lock").read_text() == LOCK
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("broken", [b"", b'{"write": {"/da', b"[]", b"\xff\x00"])
def test_a_broken_rwlock_is_removed_and_named(copy, capsys, broken):
    rwlock = copy / ".dvc/tmp/rwlock"
    rwlock.write_bytes(broken)
    preflight.mend_lock_of_paths(copy)
    assert not rwlock.exists()
    assert "rwlock was broken" in capsys.readouterr().err


@pytest.mark.parametrize("broken", ["", LOCK[:35], "stages:\n  code:\n    cm", "a: [", "\0"])
def test_a_broken_dvc_lock_is_taken_from_git_and_named(copy, capsys, broken):
    (copy / "dvc.lock").write_text(broken)
    preflight.mend_record_of_stages(copy)
    assert (copy / "dvc.lock").read_text() == LOCK
    assert "dvc.lock was broken" in capsys.readouterr().err


def test_a_dvc_lock_that_git_does_not_know_is_removed(copy):
    subprocess.run(["git", "rm", "-q", "--cached", "dvc.lock"], cwd=copy, check=True)
    author = ["-c", "user.name=t", "-c", "user.email=t@t"]
    subprocess.run(["git", *author, "commit", "-qm", "no lock"], cwd=copy, check=True)
    (copy / "dvc.lock").write_text("")
    preflight.mend_record_of_stages(copy)
    assert not (copy / "dvc.lock").exists()


@pytest.mark.parametrize("file", ["dvc.lock", ".dvc/tmp/rwlock"])
def test_nothing_is_mended_under_a_dvc_that_runs(copy, file):
    (copy / file).write_text("")
    (copy / "dvc").write_text("import time; print('running', flush=True); time.sleep(60)")
    command = [sys.executable, "dvc", "repro"]
    running = subprocess.Popen(command, cwd=copy, stdout=subprocess.PIPE)
    running.stdout.readline()
    try:
        with pytest.raises(BadData, match=f"process {running.pid}"):
            preflight.check(copy)
        assert (copy / file).read_text() == ""
    finally:
        running.kill()
        running.wait()


def test_what_a_kill_left_unfinished_is_removed_at_any_depth(copy):
    ended = subprocess.Popen(["true"])
    ended.wait()
    left = copy / f"build/cells/toy/.0@{gethostname()}-{ended.pid}-1.partial/0"
    left.mkdir(parents=True)
    preflight.check(copy)
    assert not left.parent.exists() and left.parent.parent.exists()


def test_a_disk_that_is_nearly_full_is_named(copy, capsys, monkeypatch):
    monkeypatch.setattr(preflight, "ROOM", 1e18)
    preflight.check(copy)
    assert "GB are free" in capsys.readouterr().err


@pytest.mark.parametrize("backend", ["torch", "numpy", "nonsense"])
def test_a_backend_that_does_not_run_here_is_named(copy, monkeypatch, backend):
    monkeypatch.setenv("KERAS_BACKEND", backend)
    with pytest.raises(BadData, match=f"backend {backend} does not run here: unset KERAS_BACKEND"):
        preflight.check(copy)


@pytest.mark.parametrize(
    ("file", "old", "new", "sentence"),
    [
        ("study", "datasets: [mura, nih, rsna]", "datasets: [mura, nih, rnsa]", "data set rnsa"),
        ("study", "methods: [anoddpm,", "methods: [anodpm,", "has no entry anodpm"),
        ("study", ", drawn: [phantoms]", "", "of an earlier version: run `make data FROM=folder`"),
        (
            "study",
            "methods: [deep_sad, resnet_few, resnet_few_pu]",
            "methods: [deep_sad, resnet_few, resnet_few_pu, resnet_fw]",
            "has no entry resnet_fw",
        ),
    ],
)
def test_names_of_the_grid_that_nothing_describes(tmp_path, monkeypatch, file, old, new, sentence):
    shutil.copytree(ROOT / "params", tmp_path / "params")
    path = tmp_path / f"params/{file}.yaml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    monkeypatch.setattr(params, "ROOT", tmp_path)
    with pytest.raises(BadData, match=sentence):
        preflight.check(tmp_path)
