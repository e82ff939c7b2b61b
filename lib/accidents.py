"""How a stage of dvc.yaml ends: well, or with one sentence; and never later than DVC itself.

A full disk, a want of memory, a package that is not there, an interruption: such accidents say
nothing of a method or of the films. A stage that meets one leaves what was there, and `dvc repro`
tries it again.
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
#: What the system, its loader of libraries, and backends say of it.
NO_MEMORY = ("Cannot allocate memory", "failed to map segment", "RESOURCE_EXHAUSTED", "OOM when")
PATIENCE = 30  # seconds in which a process may clean up after itself
AGAIN = "Nothing was kept; `dvc repro` tries it again."


@contextmanager
def in_one_sentence(*told: type[Exception]) -> Iterator[None]:
    """End the process with a sentence where an accident, or one of `told`, ends the block.

    The errors of `told` are such sentences already. Whatever else is raised is a fault of the code
    and keeps its traceback. Meanwhile SIGTERM and SIGHUP unwind the block, as SIGINT does, and a
    process that DVC started ends with it.
    """
    _listen()
    try:
        yield
    except told as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        print(f"Interrupted. {AGAIN}", file=sys.stderr)
        sys.exit(128 + signal.SIGINT)
    except Exception as error:
        if not (sentence := accident(error)):
            raise
        sys.exit(f"{sentence} {AGAIN}")


def accident(error: BaseException) -> str:
    """Say in one sentence what befell the machine; nothing where it was no accident.

    An error that an accident caused is that accident.
    """
    text = textwrap.shorten(str(error), 300)
    if isinstance(error, MemoryError) or any(words in text for words in NO_MEMORY):
        return f"There is not enough memory ({text}): end other programs, or use a larger machine."
    match error:
        case BrokenProcessPool():
            return "A worker process died, most often for want of memory: give it more of it."
        case ImportError():
            return f"A package cannot be imported ({text}): mend the environment."
        case PermissionError():
            return f"Permission is denied ({text}): make it yours to read and write."
        case OSError() if error.errno not in FULL:
            return f"A file cannot be read or written ({text})."
    if isinstance(error, OSError) or "No space left on device" in text:  # as HDF5 has it
        return f"The disk is full ({text}): make room on it."
    if type(error).__module__.startswith(("tensorflow", "jax")):
        return f"The backend stopped ({text})."
    earlier = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return accident(earlier) if earlier else ""


def _listen() -> None:
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:  # `nohup` has SIGHUP ignored
            signal.signal(number, _interrupt)
    if "DVC_STAGE" in os.environ:
        threading.Thread(target=_end_with, args=[os.getppid()], daemon=True).start()


def _interrupt(*_) -> None:
    raise KeyboardInterrupt


def _end_with(parent: int) -> None:
    """End this process when its parent, DVC, has died: nobody waits for what it makes."""
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(PATIENCE)  # compiled code may keep the main thread from seeing the signal
    os._exit(1)
