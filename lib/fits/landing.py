"""A piece of work on a fit lands whole, once, and with a record of what made it.

The key in the record is a hash of all that decides the numbers: code, parameters, data and seed.
Work whose key is there already is not done again, so a stage that was ended goes on where it was.
A method that fails or collapses is a result too. An accident of the machine is none: it leaves what
was there and is tried again.
"""

import json
import resource
import shutil
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from lib import accidents, files, provenance
from lib.errors import BadData

#: What speaks of a method, besides a collapse: labels that it needs and the films lack (BadData),
#: parameters that it does not take, mistakes in its code. All follow from what a fit depends on,
#: so another attempt would end alike. Any other error is an accident.
OF_THE_METHOD = (
    *(BadData, TypeError, ValueError, NotImplementedError),
    *(ArithmeticError, AssertionError, AttributeError, LookupError, NameError),
)


def land(
    folder: Path, key: str, work: Callable[[Path], dict], about: dict, again: bool = False
) -> dict:
    """Do the work, which writes into the folder it is given, and return its record.

    Work that was done with this key is not repeated, unless `again` asks for it. Another process
    at work on the folder is waited for. The record holds `status` (finished or failed), `reason`,
    `duration_s`, `memory_mb` (the most the process has used so far), what `work` returned, what it
    is `about`, the key and the trace. Raises what says nothing about a method, as accidents and
    interruptions do; the folder is then as it was before.
    """
    with files.locked(folder):
        if read(folder).get("key") == key and not again:
            return read(folder)
        with files.whole_folder(folder) as unfinished:
            record = attempt(lambda: work(unfinished))
            if record["status"] == "failed":
                print(record.pop("traceback"), file=sys.stderr)
                shutil.rmtree(unfinished)
                unfinished.mkdir()
            record |= {**about, "key": key, "trace": provenance.trace()}
            (unfinished / files.RECORD).write_text(json.dumps(record, indent=1))
    return record


def read(folder: Path) -> dict:
    """The record in a folder, empty where there is none that can be read."""
    path = folder / files.RECORD
    try:
        return json.loads(path.read_text()) if path.exists() else {}
    except ValueError:
        return {}


def attempt(work: Callable[[], dict]) -> dict:
    """What `work` returns, with its status, reason, seconds and memory; a failure is a result too.

    Raises what says nothing about a method, as accidents and interruptions do.
    """
    from lib.collapse import Collapsed  # here, as it imports Keras

    started = time.monotonic()
    try:
        outcome = {"status": "finished", "reason": "", **work()}
    except (Collapsed, *OF_THE_METHOD) as error:
        if accidents.accident(error):
            raise
        reason = f"{type(error).__name__}: {error}"
        outcome = {"status": "failed", "reason": reason, "traceback": traceback.format_exc()}
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # kilobytes on Linux
    return outcome | {
        "duration_s": round(time.monotonic() - started, 1),
        "memory_mb": round(most / 1024),
    }
