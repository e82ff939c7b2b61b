"""What a fit asks of the machine that runs it: cores, GPUs and memory.

params/cluster.yaml names cores and GPUs, and memory where a network needs much; otherwise memory
follows from the size of the films, of which few are in memory at once, however many there are.
"""

from typing import NamedTuple

import numpy as np

from lib import params
from lib.errors import BadData
from lib.fits.films import path_of_stored
from lib.grid import Fit
from lib.preprocessing.network_input import DESCRIBED, SCORED

FILE = "params/cluster.yaml"
GIGABYTE = 1e9
#: Peak memory of a fit: packages and network, and copies as float32 of the films in use: a fit at
#: 64 px was measured at .41 GB (autoencoder) to .73 GB (synthetic lesions), for 1,000 films as for
#: 6,000.
OF_PACKAGES, COPIES = 1.0 * GIGABYTE, 6


class Resources(NamedTuple):
    """What one fit asks for; two fits with half a GPU each share one."""

    cpus: float = 1
    gpus: float = 0
    memory: float = OF_PACKAGES  # bytes


def of(fit: Fit) -> Resources:
    """Return what a fit asks for under the selected profile.

    Raises BadData for an entry of params/cluster.yaml that cannot be read, or without films.
    """
    entries = params.read("cluster").get(params.profile_name()) or {}
    asked = {**(entries.get("default") or {}), **(entries.get(fit.method) or {})}
    memory = asked.pop("memory_gb", None)
    unknown = set(asked) - {"cpus", "gpus"}
    if unknown or any(isinstance(number, str) or number < 0 for number in asked.values()):
        raise BadData(
            f"{FILE} asks for {asked} for {fit.method}: it may name cpus, gpus and memory_gb, each "
            "a number."
        )
    return Resources(
        asked.get("cpus", 1),
        asked.get("gpus", 0),
        memory_of(fit) if memory is None else memory * GIGABYTE,
    )


def memory_of(fit: Fit) -> float:
    """Return the peak memory of a fit in bytes, from above, by its films or their features.

    Raises BadData if these are not there.
    """
    films = np.load(path_of_stored(fit), mmap_mode="r")
    in_use = min(len(films), DESCRIBED if fit.features else SCORED)
    return OF_PACKAGES + COPIES * 4 * in_use * films[0].size
