"""What befalls the machine ends a stage in one sentence, and nothing outlives DVC."""

import errno
import os
import signal
import subprocess
import sys
from concurrent.futures.process import BrokenProcessPool

import psutil
import pytest

from lib import accidents


class Refused(Exception):
    """A sentence for the user."""


@pytest.fixture(autouse=True)
def interruptible():
    """Let what a test starts be interrupted, also where a shell runs pytest in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (MemoryError(), "not enough memory"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "not enough memory"),
        (ImportError("libx.so: failed to map segment from shared object"), "not enough memory"),
        (OSError(errno.ENOSPC, "No space left on device", "maps.npz"), "disk is full .*maps.npz"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "disk is full"),
        (OSError("Can't write data (No space left on device)"), "No space left on device"),
        (RuntimeError("errno = 28, error message = 'No space left on device'"), "disk is full"),
        (PermissionError(errno.EACCES, "Permission denied", "cell"), "denied .*cell"),
        (OSError(errno.EIO, "Input/output error"), "cannot be read or written"),
        (ModuleNotFoundError("No module named 'torch'"), "cannot be imported .*torch"),
        (BrokenProcessPool("gone"), "worker process died"),
        (Refused("This file is wrong."), "^This file is wrong.$"),
    ],
)
def test_an_accident_is_reported_in_one_sentence(error, sentence):
    with pytest.raises(SystemExit, match=sentence) as end, accidents.in_one_sentence(Refused):
        raise error
    assert "\n" not in str(end.value)


def test_what_an_accident_caused_is_that_accident():
    def close_a_file_on_a_full_disk():
        try:
            raise OSError(errno.ENOSPC, "No space left on device")
        finally:
            raise ValueError("the file cannot be closed")

    with pytest.raises(SystemExit, match="disk is full"), accidents.in_one_sentence():
        close_a_file_on_a_full_disk()


def test_a_fault_of_the_code_keeps_its_traceback():
    with pytest.raises(ValueError, match="nonsense"), accidents.in_one_sentence(Refused):
        raise ValueError("nonsense")


STAGE = """
import sys, time
from lib import accidents
with accidents.in_one_sentence():
    try:
        print("working", flush=True)
        time.sleep(60)
    finally:
        print("cleaned", file=sys.stderr, flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stage_that_is_interrupted_cleans_up_and_reports_it(number):
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    stage = subprocess.Popen([sys.executable, "-c", STAGE], **pipes)
    stage.stdout.readline()
    stage.send_signal(number)
    _, printed = stage.communicate(timeout=10)
    assert printed.splitlines() == [
        "cleaned",
        "Interrupted. Nothing was saved; `dvc repro` runs the stage again.",
    ]
    assert stage.returncode == 130


START_A_STAGE = f"""
import os, subprocess, sys, time
stage = subprocess.Popen([sys.executable, "-c", {STAGE!r}], stdout=subprocess.PIPE)
stage.stdout.readline()
print(stage.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("by_dvc", [True, False])
def test_a_stage_ends_with_the_dvc_that_started_it_and_not_with_a_shell(by_dvc):
    environment = {name: value for name, value in os.environ.items() if name != "DVC_STAGE"}
    environment |= {"DVC_STAGE": "index"} if by_dvc else {}
    command = [sys.executable, "-c", START_A_STAGE]
    dvc = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    stage = psutil.Process(int(dvc.stdout.readline()))
    dvc.kill()
    dvc.wait()
    gone, alive = psutil.wait_procs([stage], timeout=5 if by_dvc else 2)
    assert bool(gone) == by_dvc
    for process in alive:
        process.kill()


WORKERS = """
import os, time
from lib import processes

def work(_):
    print(os.getpid(), flush=True)
    time.sleep(60)

if __name__ == "__main__":
    list(processes.each(work, range(2), "work", "piece", workers=2))
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_workers_end_with_the_process_that_started_them(tmp_path, number):
    (tmp_path / "work.py").write_text(WORKERS)
    command = [sys.executable, str(tmp_path / "work.py")]
    main = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    workers = [psutil.Process(int(main.stdout.readline())) for _ in range(2)]
    main.send_signal(number)
    main.wait(timeout=30)  # of the 60 seconds that the workers would sleep
    _, alive = psutil.wait_procs(workers, timeout=30)
    assert not alive
