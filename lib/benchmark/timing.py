"""How long some work takes, by the clock."""

import time
from collections.abc import Callable
from typing import Any


def seconds(work: Callable[[], Any]) -> float:
    """Do the work once; return the seconds that passed."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
