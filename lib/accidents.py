"""End a stage of dvc.yaml normally or with an error in one sentence, never later than DVC itself.

A full disk, lack of memory, a missing package and an interruption are accidents: they depend
neither on a method nor on the films. A stage that fails by an accident leaves earlier results
unchanged, and `dvc repro` runs it again.
"""

import errno
import os
import signal
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
#: Messages of the operating system, the library loader and the backends.
NO_MEMORY = (
    *("Cannot allocate memory", "failed to map segment", "RESOURCE_EXHAUSTED", "OOM when"),
    "can't start new thread",
)
PATIENCE = 30  # seconds granted to a process for cleaning up
AGAIN = "Nothing was saved; `dvc repro` runs the stage again."


@contextmanager
def in_one_sentence(*types: type[Exception]) -> Iterator[None]:
    """End the process with one sentence if an accident, or an error of these types, occurs.

    Errors of these types already consist of one sentence. Any other error is a defect of the code
    and keeps its traceback. SIGTERM and SIGHUP unwind the block, as SIGINT does, and a process
    started by DVC ends when DVC ends.
    """
    _listen()
    try:
        yield
    except types as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        print(f"Interrupted. {AGAIN}", file=sys.stderr)
        sys.exit(128 + signal.SIGINT)
    except Exception as error:
        if not (sentence := accident(error)):
            raise
        sys.exit(f"{sentence} {AGAIN}")


@contextmanager
def of_a_command(*types: type[Exception]) -> Iterator[None]:
    """End a command that is no stage as `in_one_sentence` ends a stage, which DVC runs again.

    The command writes all of its output at the end, so that it has written nothing.
    """
    try:
        yield
    except types as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("Interrupted: nothing was written.")
    except Exception as error:
        if not (sentence := accident(error)):
            raise
        sys.exit(f"{sentence} Nothing was written.")


def accident(error: BaseException) -> str:
    """Describe an accident in one sentence; return "" for any other error.

    An error that was caused by an accident counts as that accident.
    """
    text = textwrap.shorten(str(error), 300)
    if isinstance(error, MemoryError) or any(words in text for words in NO_MEMORY):
        return f"There is not enough memory ({text}): end other programs, or use a larger machine."
    match error:
        case BrokenProcessPool():
            return "A worker process died, most often for lack of memory: end other programs."
        case ImportError():
            return f"A package cannot be imported ({text}): repair the environment."
        case PermissionError():
            return f"Permission is denied ({text}): give yourself permission to read and write it."
        case OSError() if error.errno not in FULL:
            return f"A file cannot be read or written ({text})."
    if isinstance(error, OSError) or "No space left on device" in text:  # the message of HDF5
        return f"The disk is full ({text}): free some space."
    if type(error).__module__.startswith("ray."):
        return f"A worker of the cluster died ({text})."
    if type(error).__module__.startswith(("tensorflow", "jax")):
        return f"The backend stopped ({text})."
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return accident(cause) if cause else ""


def _listen() -> None:
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:  # `nohup` ignores SIGHUP
            signal.signal(number, _interrupt)
    if "DVC_STAGE" in os.environ:
        threading.Thread(target=_end_with, args=[os.getppid()], daemon=True).start()


def _interrupt(*_) -> None:
    raise KeyboardInterrupt


def _end_with(parent: int) -> None:
    """End this process when its parent, DVC, has died, since its results are no longer needed."""
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(PATIENCE)  # compiled code may delay the signal's handling in the main thread
    os._exit(1)
