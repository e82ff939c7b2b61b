"""Read the tensors of a PyTorch weights file without PyTorch, and without running code from it.

Such a file is a pickle, and a pickle can name any function to be called. The reader admits the few
names that tensors need and refuses everything else. It reads the format of PyTorch before 1.6: four
pickles (a magic number, a version, facts about the machine, {name: tensor}), the keys of the
storages, and each storage as its length and its values.
"""

import hashlib
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from lib.errors import BadData

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
TYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


class _Tensor(NamedTuple):
    """Where a tensor lies in a storage; offset and strides count values."""

    storage: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_tensors(path: Path, sha256: str) -> dict[str, np.ndarray]:
    """Return {name: array} of a PyTorch weights file.

    Raises BadData if the file is missing, has another SHA-256 than `sha256`, or holds anything but
    tensors.
    """
    if not path.is_file():
        raise BadData(f"The weights file {path.name} is missing: install its package again.")
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
            raise BadData(
                f"{path.name} is not the weights file that the study was tested with (its SHA-256 "
                "differs): install the packages of requirements.txt again."
            )
        file.seek(0)
        try:
            return _read(file)
        except (pickle.UnpicklingError, EOFError, ValueError, KeyError, TypeError) as reason:
            raise BadData(f"{path.name} is not a file of tensors alone: {reason}.") from None


def _read(file: BinaryIO) -> dict[str, np.ndarray]:
    unpickler = _TensorsOnly(file)
    if unpickler.load() != MAGIC_NUMBER:
        raise ValueError("it does not begin as one")
    unpickler.load(), unpickler.load()  # version, and facts about the machine
    tensors = unpickler.load()
    if not (isinstance(tensors, dict) and {type(one) for one in tensors.values()} <= {_Tensor}):
        raise ValueError("it holds something else")
    storages = {}
    for key in unpickler.load():
        length = int(np.frombuffer(file.read(8), "<i8")[0])
        kind = unpickler.types[key]
        storages[key] = np.frombuffer(file.read(length * kind.itemsize), kind)
    return {name: _array(tensor, storages[tensor.storage]) for name, tensor in tensors.items()}


def _array(tensor: _Tensor, storage: np.ndarray) -> np.ndarray:
    """Return a copy of a tensor's values; raises ValueError if they are not all in the storage."""
    reach = sum((n - 1) * step for n, step in zip(tensor.shape, tensor.strides, strict=True))
    if min(tensor.shape, default=1) < 1 or min(tensor.strides, default=0) < 0:
        raise ValueError("a tensor is empty or reversed")
    if tensor.offset < 0 or tensor.offset + reach >= len(storage):
        raise ValueError("a tensor reaches beyond its storage")
    steps = [step * storage.itemsize for step in tensor.strides]
    first = storage[tensor.offset :]
    return np.lib.stride_tricks.as_strided(first, tensor.shape, steps, writeable=False).copy()


class _TensorsOnly(pickle.Unpickler):
    """An unpickler of ordered dictionaries of tensors."""

    def __init__(self, file: BinaryIO):
        super().__init__(file)
        self.types: dict[str, np.dtype] = {}  # of each storage

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, shape, strides, *_: _Tensor(
                storage, offset, shape, strides
            )
        if module == "torch" and name in TYPES:
            return TYPES[name]
        raise pickle.UnpicklingError(f"it names {module}.{name}")

    def persistent_load(self, pid: tuple) -> str:
        _, kind, key, *_ = pid
        self.types[key] = kind
        return key
