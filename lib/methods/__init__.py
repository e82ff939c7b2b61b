"""The methods of the study: one file, one class, found by the file's name without a registry."""

import importlib
from pathlib import Path


def names() -> list[str]:
    """The methods there are, by module name, sorted."""
    return sorted(path.stem for path in Path(__file__).parent.glob("[!_]*.py"))


def find(name: str) -> type:
    """The one Detector that `lib/methods/<name>.py` defines; ValueError for another name.

    A class with a leading underscore is a stage of the method, as f-AnoGAN's first.
    """
    if name not in names():
        raise ValueError(
            f"There is no method '{name}' in lib/methods; there are {', '.join(names())}."
        )
    module = importlib.import_module(f"{__name__}.{name}")
    from lib.detector import Detector  # here: listing the methods must not import TensorFlow

    own = [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, Detector)
        and value.__module__ == module.__name__
        and not value.__name__.startswith("_")
    ]
    if len(own) != 1:
        raise ValueError(f"lib/methods/{name}.py must define exactly one Detector, not {len(own)}.")
    return own[0]
