"""Files and folders are written whole or not at all, and by one process at a time."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from socket import gethostname

import psutil
import pytest

from lib import files


def start(code: str, *arguments) -> subprocess.Popen:
    """Start a process of its own that runs the code; its arguments are sys.argv[1:]."""
    command = [sys.executable, "-c", f"import sys, time\n{code}", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def dead_process() -> int:
    """Return the number of a process that has ended."""
    ended = start("")
    ended.wait()
    assert not psutil.pid_exists(ended.pid)
    return ended.pid


@pytest.mark.parametrize("stop", [ValueError, KeyboardInterrupt])
def test_a_file_is_written_whole_or_stays_as_it_was(tmp_path, stop):
    path = tmp_path / "new/table.csv"
    with files.whole_file(path) as unfinished:
        unfinished.write_text("first")
        assert not path.exists()
    with pytest.raises(stop), files.whole_file(path) as unfinished:
        unfinished.write_text("half")
        raise stop
    assert path.read_text() == "first" and os.listdir(path.parent) == ["table.csv"]


def test_a_folder_is_replaced_as_a_whole_or_stays_as_it_was(tmp_path):
    path = tmp_path / "cell"
    for number in (1, 2):
        with files.whole_folder(path) as unfinished:
            (unfinished / f"{number}.txt").touch()
            assert len(os.listdir(tmp_path)) == number
    assert os.listdir(path) == ["2.txt"] and os.listdir(tmp_path) == ["cell"]
    with pytest.raises(ValueError), files.whole_folder(path):
        raise ValueError
    assert os.listdir(path) == ["2.txt"] and os.listdir(tmp_path) == ["cell"]


def test_what_the_dead_left_is_removed_and_what_others_write_is_not(tmp_path):
    host, dead = gethostname(), dead_process()
    owners = {
        f"{host}-{dead}-1": False,
        f"{host}-{os.getpid()}-1": True,
        f"other-{host}-{dead}-1": True,
    }
    for owner in owners:
        (tmp_path / f".cell@{owner}.partial/cell").mkdir(parents=True)
    (tmp_path / f".an.other@cell@{host}-{dead}-1.partial").mkdir()
    (tmp_path / ".of somebody else.partial").mkdir()
    with files.whole_folder(tmp_path / "cell"):
        pass
    for owner, stays in owners.items():
        assert (tmp_path / f".cell@{owner}.partial").exists() == stays, owner
    assert not (tmp_path / f".an.other@cell@{host}-{dead}-1.partial").exists()
    assert (tmp_path / ".of somebody else.partial").exists()


def test_attempts_are_listed_while_others_end(tmp_path, monkeypatch):
    """With many workers a folder may be removed between its listing and its own."""
    for name in ("one", "two"):
        (tmp_path / f"cell/.{name}@elsewhere-1-1.partial/{name}").mkdir(parents=True)
    gone, listing = tmp_path / "cell/.one@elsewhere-1-1.partial", os.scandir

    def slow(path):
        if str(path).endswith(".one@elsewhere-1-1.partial"):
            gone.rename(tmp_path / "gone")
        return listing(path)

    monkeypatch.setattr(os, "scandir", slow)
    listed = files.attempts(tmp_path, at_any_depth=True)
    assert {attempt.name for attempt in listed} == {"one", "two"}
    assert list(files.attempts(tmp_path)) == []


@pytest.mark.parametrize("whole", [files.whole_file, files.whole_folder])
def test_what_another_has_removed_is_not_published(tmp_path, whole):
    path = tmp_path / "cell"
    path.mkdir()
    with pytest.raises(OSError, match="another process removed"), whole(path):
        (attempt,) = files.attempts(tmp_path)
        attempt.folder.rename(tmp_path / "elsewhere")
    assert path.is_dir()


WRITE_SLOWLY = """
from pathlib import Path
from lib import files
path = Path(sys.argv[1])
with files.locked(path), files.whole_folder(path) as folder:
    (folder / "scores").write_text(sys.argv[2])
    print("working", flush=True)
    time.sleep(float(sys.argv[3]))
    (folder / "cell").write_text(sys.argv[2])
"""


def test_two_processes_write_one_after_the_other_and_the_second_says_for_whom_it_waits(tmp_path):
    path = tmp_path / "cell"
    first = start(WRITE_SLOWLY, path, "first", 1)
    first.stdout.readline()
    second = start(WRITE_SLOWLY, path, "second", 0)
    second.stdout.readline()
    assert first.wait() == 0, "the second began before the first had ended"
    _, printed = second.communicate()
    assert f"being written by process {first.pid} on {gethostname()}" in printed
    assert {file.read_text() for file in path.iterdir()} == {"second"}
    assert sorted(os.listdir(tmp_path)) == [".cell.lock", "cell"]


def test_a_lock_dies_with_its_process(tmp_path):
    path = tmp_path / "cell"
    killed = start(WRITE_SLOWLY, path, "first", 60)
    killed.stdout.readline()
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    began = time.monotonic()
    assert start(WRITE_SLOWLY, path, "second", 0).wait() == 0
    assert time.monotonic() - began < 10
    assert {file.read_text() for file in path.iterdir()} == {"second"}
    assert sorted(os.listdir(tmp_path)) == [".cell.lock", "cell"], "nothing of the first is left"


DRAW_SALT = """
from pathlib import Path
from lib.datasets.pseudonyms import salt
print(salt(Path(sys.argv[1])))
"""


@pytest.mark.parametrize("left", [None, ""])
def test_two_processes_draw_one_salt(tmp_path, left):
    salt = tmp_path / "build/salt"
    if left is not None:  # by a process that was killed while it wrote
        salt.parent.mkdir()
        salt.write_text(left)
    drawn = {start(DRAW_SALT, tmp_path) for _ in range(2)}
    salts = {process.communicate()[0].strip() for process in drawn}
    assert salts == {Path(salt).read_text()} and len(salts.pop()) == 32
    assert salt.stat().st_mode & 0o777 == 0o600
