"""Numeric libraries compute in one thread in notebooks, which import pandas before lib."""

import contextlib
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from urllib.request import Request, urlopen

import pytest
from jupyter_client import BlockingKernelClient

from lib import ROOT

THREADS = ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
#: What notebooks do; `sklearn.cluster` loads OpenMP, as k-means needs it.
FIRST = "import pandas, sklearn.cluster, scipy.linalg, threadpoolctl"
COUNT = "print({pool['user_api']: pool['num_threads'] for pool in threadpoolctl.threadpool_info()})"
TOKEN = "token-of-this-test"


@pytest.fixture
def nothing_set(tmp_path):
    """Return the environment of a shell that sets no threads, with its own home and Jupyter."""
    kept = {name: value for name, value in os.environ.items() if name not in THREADS}
    settings = {
        "HOME": str(tmp_path),
        "JUPYTER_RUNTIME_DIR": str(tmp_path),
        "PYTHONPATH": str(ROOT),
    }
    return kept | settings | {"PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}"}


@pytest.fixture
def kernel(nothing_set, tmp_path):
    """Yield a client of a kernel that JupyterLab started, which `make lab` started."""
    recipe = subprocess.run(
        ["make", "--no-print-directory", "-n", "lab"], cwd=ROOT, capture_output=True, text=True
    ).stdout
    options = ["--no-browser", "--allow-root", "--ServerApp.port=0"]
    lab = [*shlex.split(recipe.splitlines()[-1]), *options, f"--IdentityProvider.token={TOKEN}"]
    server = subprocess.Popen(lab, cwd=ROOT, env=nothing_set, stderr=subprocess.DEVNULL)
    client = None
    try:
        client = BlockingKernelClient(connection_file=str(_started_kernel(server, tmp_path)))
        client.load_connection_file()
        client.start_channels()
        client.wait_for_ready(timeout=120)
        yield client
    finally:
        if client:
            client.shutdown()
            client.stop_channels()
        for number in (signal.SIGINT, signal.SIGTERM):  # SIGINT alone asks whether it is meant
            server.send_signal(number)
        server.wait(60)


def _started_kernel(server, runtime):
    """Ask the server for a kernel, once it answers; return the kernel's connection file."""
    while not _listens(runtime):  # it writes down its port before it listens
        assert server.poll() is None, "JupyterLab has ended"
        time.sleep(0.1)
    place = _written_down(runtime)["url"] + "api/kernels"
    asked = Request(place, b"{}", {"Authorization": f"token {TOKEN}"}, method="POST")
    identity = json.load(urlopen(asked, timeout=120))["id"]
    return runtime / f"kernel-{identity}.json"


def _listens(runtime) -> bool:
    known = _written_down(runtime)
    if not known:
        return False
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", known["port"])) == 0


def _written_down(runtime) -> dict:
    """Return what the server wrote down of itself; {} before it has, or while it does."""
    with contextlib.suppress(StopIteration, json.JSONDecodeError):
        return json.loads(next(runtime.glob("jpserver-*.json")).read_text())
    return {}


def printed(client, code: str) -> str:
    texts = []
    client.execute_interactive(
        code,
        timeout=120,
        output_hook=lambda message: texts.append(message["content"].get("text", "")),
    )
    return "".join(texts)


def test_a_kernel_of_make_lab_computes_in_one_thread(kernel):
    assert eval(printed(kernel, f"{FIRST}; {COUNT}")) == {"blas": 1, "openmp": 1}
    names = f"import os; print([os.environ[name] for name in {THREADS}])"
    assert eval(printed(kernel, names)) == ["1", "1", "1"]


@pytest.mark.parametrize("of_user", [{}, {"OMP_NUM_THREADS": "2"}, {"OPENBLAS_NUM_THREADS": "2"}])
def test_what_another_editors_kernel_has_loaded_is_set_to_one_thread(nothing_set, of_user):
    if os.cpu_count() == 1:
        pytest.skip("one core: everything computes in one thread")

    def threads(code):
        command = [sys.executable, "-c", f"{FIRST}; {code}; {COUNT}"]
        environment = nothing_set | of_user
        return eval(subprocess.check_output(command, cwd=ROOT, env=environment, text=True))

    before = threads("pass")
    assert max(before.values()) > 1, "nothing would be tested"
    kept = {"OMP_NUM_THREADS": "openmp", "OPENBLAS_NUM_THREADS": "blas"}
    untouched = {kept[name] for name in of_user}
    assert threads("import lib") == {api: before[api] if api in untouched else 1 for api in before}
