"""The methods of the study: one file and one class each, found by the file's name, no registry."""

import importlib
import importlib.util
import os
from pathlib import Path

from lib.errors import BadData

BACKENDS = ("tensorflow", "jax")  #: of Keras that lib.engine can train on


def names() -> list[str]:
    """Return the names of the methods (modules), sorted."""
    return sorted(path.stem for path in Path(__file__).parent.glob("[!_]*.py"))


def find(name: str) -> type:
    """Return the one Detector that `lib/methods/<name>.py` defines; ValueError for another name.

    A class with a leading underscore is a stage of the method, such as f-AnoGAN's first.
    """
    if name not in names():
        raise ValueError(
            f"There is no method '{name}' in lib/methods: use one of {', '.join(names())}."
        )
    module = importlib.import_module(f"{__name__}.{name}")
    from lib.detector import Detector  # here: listing the methods must not import TensorFlow

    detectors = [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, Detector)
        and value.__module__ == module.__name__
        and not value.__name__.startswith("_")
    ]
    if len(detectors) != 1:
        raise ValueError(
            f"lib/methods/{name}.py must define exactly one Detector, not {len(detectors)}."
        )
    return detectors[0]


def check_backend() -> None:
    """Raise BadData if KERAS_BACKEND names a backend that does not run here; import nothing."""
    backend = os.environ.get("KERAS_BACKEND") or BACKENDS[0]
    if backend not in BACKENDS or not importlib.util.find_spec(backend):
        raise BadData(
            f"The Keras backend {backend} does not run here: unset KERAS_BACKEND, or set it to "
            f"{' or '.join(BACKENDS)}, whichever is installed."
        )
