"""The result of work on a fit: complete, computed once, with a record of its origin.

The key in the record is a hash of all that determines the numbers: code, parameters, data and seed.
Work with an existing key is not repeated, so that an interrupted stage resumes. A method that fails
or collapses is also a result. An accident of the machine is not: it leaves the folder unchanged,
and the work is repeated.
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

#: Errors of a method, other than a collapse: labels that it needs and the films lack (BadData),
#: parameters that it does not accept, errors in its code. All follow from inputs of the fit,
#: so that another attempt would fail likewise. Any other error is an accident.
OF_THE_METHOD = (
    *(BadData, TypeError, ValueError, RuntimeError),
    *(ArithmeticError, AssertionError, AttributeError, LookupError, NameError),
)


def land(
    folder: Path,
    key: str,
    work: Callable[[Path], dict],
    about: dict,
    *,
    again: bool = False,
    needs: str = "",
) -> dict:
    """Do the work, which writes into the folder it is given, and return its record.

    Work with this key is not repeated, unless `again` is true. Waits for another process at work on
    the folder. The record contains `status` (finished or failed), `reason`, `duration_s`,
    `memory_mb` (peak memory of the process), the result of `work`, `about`, the key and the trace.
    Raises errors that are not the method's, such as accidents and interruptions; the folder is then
    unchanged.
    """
    with files.locked(folder):
        if is_done(folder, key, needs) and not again:
            return read(folder)
        with files.whole_folder(folder) as unfinished:
            record = attempt(lambda: work(unfinished))
            if record["status"] == "failed":
                print(record.pop("traceback"), file=sys.stderr)
                shutil.rmtree(unfinished)
                unfinished.mkdir()
            record |= {**about, "key": key, "attempt": time.time_ns()}
            record["trace"] = provenance.trace()
            (unfinished / files.RECORD).write_text(json.dumps(record, indent=1))
    return record


def is_done(folder: Path, key: str, needs: str = "") -> bool:
    """Return whether a folder has the record of a key, and the file that a finished one needs."""
    record = read(folder)
    whole = record.get("status") == "failed" or not needs or (folder / needs).exists()
    return record.get("key") == key and whole


def read(folder: Path) -> dict:
    """Return the record in a folder, empty if there is none that can be read."""
    path = folder / files.RECORD
    try:
        record = json.loads(path.read_text()) if path.exists() else {}
    except ValueError:
        return {}
    return record if "status" in record else {}  # of an earlier form


def made_by(record: dict) -> str:
    """Return what tells the attempt of a record from others with the same key."""
    return str(record.get("attempt") or record.get("key"))


def attempt(work: Callable[[], dict]) -> dict:
    """Return the result of `work`, with status, reason, seconds and memory; a failure is a result.

    Raises errors that are not the method's, such as accidents and interruptions.
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
