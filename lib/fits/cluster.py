"""Fits on a cluster of machines, by Ray: an executor for lib.fits.queue.

`make study ON=ray` starts Ray on this machine, `ON=ray:ADDRESS` uses a cluster that is running
(docs/cluster.md). A fit runs where the cores, the GPU and the memory that it asks for are free
(lib.fits.resources). If its process or its machine dies it runs again elsewhere; fits that ended
are kept. The machines see the study's folder, or else (`SHIP=yes`) films are sent to them once and
weights and scores come back.
"""

import logging
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from lib import ROOT, processes, provenance
from lib.errors import BadData
from lib.fits import resources, shipping
from lib.grid import Fit

ENGINE = "ray"
TRIES = 4  # of a fit whose process or machine dies


@contextmanager
def executor(on: str, ship: bool = False) -> Iterator["Cluster | None"]:
    """Yield the executor of `on`: None for the cores of this machine, or a cluster.

    `on` is "" or `local`, `ray` to start Ray here, or `ray:` and the address of a cluster. Raises
    BadData for anything else, without Ray, or if no cluster answers at the address.
    """
    engine, _, address = on.partition(":")
    if on in ("", "local"):
        yield None
        return
    if engine != ENGINE:
        raise BadData(f"ON={on} is unknown: use ON=ray, ON=ray:ADDRESS, or nothing.")
    with tempfile.TemporaryDirectory() as folder:
        code = shipping.copy_code(Path(folder)) if ship else None
        ray = _connected(address, code)
        try:
            yield Cluster(ray, ship)
        finally:
            ray.shutdown()


class Cluster(Executor):
    """The executor of one call of the queue; its tasks end with it."""

    def __init__(self, ray: Any, ship: bool = False):
        self.ray, self.ship = ray, ship
        self.machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        self.sent: dict[Path, tuple[str, Any]] = {}

    def submit(self, function: Callable, /, *arguments: Any, **_: Any) -> Future:
        """Run function(task, fit, again), which returns a record, where it has what it asks for.

        Raises BadData if no machine of the cluster could ever have it.
        """
        fit: Fit = arguments[1]
        asked = resources.of(fit)
        options = {
            "num_cpus": asked.cpus,
            "num_gpus": asked.gpus,
            "memory": asked.memory,
            "max_retries": TRIES - 1,
            "retry_exceptions": [OSError, MemoryError],  # not of the fit's method
            "name": str(fit),
        }
        self._check(fit, asked)
        if not self.ship:
            remote = self.ray.remote(function).options(**options)
            return remote.remote(*arguments).future()
        sent = {path: self._sent(path) for path in shipping.inputs(fit)}
        remote = self.ray.remote(_elsewhere).options(**options)
        arriving = remote.remote(function, arguments, self._trace, sent).future()
        future: Future = Future()
        arriving.add_done_callback(partial(_received, future, fit))
        return future

    @cached_property
    def _trace(self) -> dict[str, str]:
        """The commit and the films, which a machine with the code alone cannot tell."""
        return {"commit": provenance.commit(), "data": provenance.data_hash()}

    def _check(self, fit: Fit, asked: resources.Resources) -> None:
        """Raise BadData if every machine has less than a fit asks for: Ray would wait for ever."""
        names = {"CPU": asked.cpus, "GPU": asked.gpus, "memory": asked.memory}
        for name, number in names.items():
            most = max(machine.get(name, 0) for machine in self.machines)
            if number > most:
                unit, words = (
                    (resources.GIGABYTE, "GB of memory") if name == "memory" else (1, name)
                )
                raise BadData(
                    f"{fit} asks for {number / unit:g} {words}, and no machine of the cluster has "
                    f"more than {most / unit:g}: correct {resources.FILE}."
                )

    def _sent(self, path: Path) -> tuple[str, Any]:
        """Return the hash of a file and its place in the cluster's store, sent there once."""
        if path not in self.sent:
            content = np.fromfile(ROOT / path, np.uint8)
            self.sent[path] = shipping.hash_of(content), self.ray.put(content)
        return self.sent[path]


def _elsewhere(function: Callable, arguments: tuple, trace: dict, sent: dict) -> tuple[dict, bytes]:
    """Do the task on a machine with the code alone; return its record and the fit's folders."""
    import ray

    for path, (digest, place) in sent.items():
        shipping.lay(path, digest, partial(ray.get, place))
    provenance.given.update(trace)
    return function(*arguments), shipping.pack(arguments[1])


def _received(future: Future, fit: Fit, arrived: Future) -> None:
    """Put the folders of a fit in their places here, and its record into the future."""
    try:
        record, archive = arrived.result()
        shipping.unpack(fit, archive)
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(record)


def _connected(address: str, code: Path | None) -> Any:
    """Return the package Ray, connected. Raises BadData without it, or if nothing answers."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent to its makers
    try:
        import ray
    except ImportError as error:
        raise BadData(
            f"ON=ray needs the package ray ({error}): install it, or leave ON out."
        ) from None
    variables = {"TF_FORCE_GPU_ALLOW_GROWTH": "true"}  # TensorFlow leaves a shared GPU to others
    environment: dict = {"worker_process_setup_hook": "lib.fits.queue.settle"}
    if code:
        environment |= {"working_dir": str(code), "env_vars": variables}
    else:
        environment["env_vars"] = variables | {"PYTHONPATH": str(ROOT)}
    options: dict = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address:
        options |= {"address": address}
    else:
        options |= {"num_cpus": processes.CORES, "_node_ip_address": "127.0.0.1"}
    try:
        context = ray.init(runtime_env=environment, **options)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise BadData(
            f"No cluster of Ray answers at {address or 'this machine'}: {error}"
        ) from None
    if context.dashboard_url:
        print(f"Ray's dashboard: http://{context.dashboard_url}", file=sys.stderr)
    return ray
