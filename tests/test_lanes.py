"""Lanes run in parallel, and end together with all that they started."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from lib import lanes

#: A lane like `dvc repro -k`: it ignores SIGINT while a command runs, and goes on with the next.
LIKE_DVC = """
import os, signal, subprocess, sys
for stage in range(3):
    command = subprocess.Popen(["sleep", "60"])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.write(1, b"%d\\n" % command.pid)  # in one piece, as another lane writes too
    command.wait()
"""
TWO_LANES = f"""
import sys
from lib import lanes
lane = [sys.executable, "-c", {LIKE_DVC!r}]
sys.exit(lanes.run([lane, lane]))
"""


@pytest.mark.parametrize(("codes", "status"), [((0, 0), 0), ((0, 3), 1), ((255, 0), 1)])
def test_the_status_says_whether_a_lane_failed_and_the_others_go_on(tmp_path, codes, status):
    commands = [
        f"sleep 0.{3 * (code == 0)}; touch {tmp_path}/{n}; exit {code}"
        for n, code in enumerate(codes)
    ]
    assert lanes.run([["sh", "-c", command] for command in commands]) == status
    assert len(os.listdir(tmp_path)) == 2


def test_lanes_run_in_parallel():
    began = time.monotonic()
    assert lanes.run([["sleep", "0.5"]] * 3) == 0
    assert time.monotonic() - began < 1.4


@pytest.mark.parametrize("shell", [[], ["sh", "-c", 'exec "$@" & wait', "sh"]])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_all_lanes_and_their_commands(number, shell):
    """Also in the background of a shell, which lets SIGINT be ignored there."""
    command = [*shell, sys.executable, "-c", TWO_LANES]
    started = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    commands = [psutil.Process(int(started.stdout.readline())) for _ in range(2)]
    psutil.Process(commands[0].ppid()).parent().send_signal(number)
    _, alive = psutil.wait_procs(commands, timeout=10)
    assert not alive
    assert started.wait(timeout=10) == (0 if shell else 128 + number)


def test_what_does_not_end_when_it_is_interrupted_is_killed():
    deaf = ["sh", "-c", "trap '' INT TERM; echo deaf; sleep 60"]
    lane = subprocess.Popen(deaf, process_group=0, stdout=subprocess.PIPE, text=True)
    lane.stdout.readline()
    lanes.end_all([lane], patience=0.3)
    assert lane.wait(timeout=5) == -signal.SIGKILL


def test_nohup_is_respected():
    code = f"import signal\nsignal.signal(signal.SIGHUP, signal.SIG_IGN)\n{TWO_LANES}"
    started = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    commands = [psutil.Process(int(started.stdout.readline())) for _ in range(2)]
    started.send_signal(signal.SIGHUP)
    _, alive = psutil.wait_procs(commands, timeout=1)
    assert len(alive) == 2
    started.send_signal(signal.SIGTERM)
    assert started.wait(timeout=10) == 128 + signal.SIGTERM
