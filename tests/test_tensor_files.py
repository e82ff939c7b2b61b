"""Tensors are read from a PyTorch file without PyTorch, and nothing else is."""

import hashlib
import io
import pickle
import struct
import sys
import types
from collections import OrderedDict

import numpy as np
import pytest

from lib.errors import BadData
from lib.tensor_files import MAGIC_NUMBER, read_tensors


class _AsTorch(pickle.Pickler):
    """Writes a `Stored` as PyTorch writes a tensor, without PyTorch."""

    def persistent_id(self, thing):
        return thing.pid if isinstance(thing, Storage) else None

    def reducer_override(self, thing):
        if isinstance(thing, Stored):
            return rebuild, (thing.storage, thing.offset, thing.shape, thing.strides)
        return NotImplemented


class Storage:
    def __init__(self, key, values):
        self.key, self.values = key, values
        self.pid = ("storage", FloatStorage, key, "cpu", len(values), None)


class Stored:
    def __init__(self, storage, offset, shape, strides):
        self.storage, self.offset, self.shape, self.strides = storage, offset, shape, strides


class FloatStorage:
    __module__ = "torch"


def rebuild(*_):
    raise AssertionError("this runs in PyTorch alone")


rebuild.__module__, rebuild.__qualname__ = "torch._utils", "_rebuild_tensor_v2"


class Harmful:
    def __reduce__(self):
        return print, ("this must not run",)


def written(path, tensors, storages, magic=MAGIC_NUMBER):
    """Write a file as PyTorch before 1.6 did; return its SHA-256."""
    stream = io.BytesIO()
    for thing in (magic, 1001, {"little_endian": True}):
        pickle.dump(thing, stream, protocol=2)
    stream.write(_body(tensors))
    pickle.dump([storage.key for storage in storages], stream, protocol=2)
    for storage in storages:
        stream.write(struct.pack("<q", len(storage.values)))
        stream.write(np.asarray(storage.values, "<f4").tobytes())
    path.write_bytes(stream.getvalue())
    return hashlib.sha256(stream.getvalue()).hexdigest()


def _body(tensors):
    """Pickle tensors under PyTorch's names, which cannot be imported here."""
    stream = io.BytesIO()
    pickler = _AsTorch(stream, protocol=2)
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    torch.FloatStorage, utils._rebuild_tensor_v2 = FloatStorage, rebuild
    sys.modules |= {"torch": torch, "torch._utils": utils}
    try:
        pickler.dump(OrderedDict(tensors) if isinstance(tensors, dict) else tensors)
    finally:
        del sys.modules["torch"], sys.modules["torch._utils"]
    return stream.getvalue()


def test_values_follow_offset_and_strides(tmp_path):
    storage = Storage("7", np.arange(12))
    tensors = {"a": Stored(storage, 0, (2, 3), (1, 2)), "b": Stored(storage, 6, (2,), (3,))}
    path = tmp_path / "weights.pth"
    read = read_tensors(path, written(path, tensors, [storage]))
    np.testing.assert_array_equal(read["a"], [[0, 2, 4], [1, 3, 5]])
    np.testing.assert_array_equal(read["b"], [6, 9])


def test_another_hash_is_refused(tmp_path):
    storage = Storage("7", np.arange(4))
    path = tmp_path / "weights.pth"
    sha256 = written(path, {"a": Stored(storage, 0, (4,), (1,))}, [storage])
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(BadData, match=r"weights\.pth is not the weights file .* install the pack"):
        read_tensors(path, sha256)
    with pytest.raises(BadData, match=r"none\.pth is missing"):
        read_tensors(tmp_path / "none.pth", sha256)


def test_anything_but_tensors_is_refused_and_not_run(tmp_path, capfd):
    path = tmp_path / "weights.pth"
    sha256 = written(path, {"a": Harmful()}, [])
    with pytest.raises(BadData, match=r"not a file of tensors alone: it names .*print"):
        read_tensors(path, sha256)
    assert "this must not run" not in capfd.readouterr().out


@pytest.mark.parametrize("held", [{"a": 5}, [1], "text", None])
def test_plain_values_are_refused(held, tmp_path):
    path = tmp_path / "weights.pth"
    with pytest.raises(BadData, match="not a file of tensors alone: it holds something else"):
        read_tensors(path, written(path, held, []))


@pytest.mark.parametrize(
    ("offset", "shape", "strides", "reason"),
    [
        (0, (5,), (1,), "beyond its storage"),
        (3, (2,), (1,), "beyond its storage"),
        (0, (2,), (-1,), "empty or reversed"),
        (0, (0,), (1,), "empty or reversed"),
    ],
)
def test_tensors_outside_their_storage_are_refused(tmp_path, offset, shape, strides, reason):
    storage, path = Storage("7", np.arange(4)), tmp_path / "weights.pth"
    sha256 = written(path, {"a": Stored(storage, offset, shape, strides)}, [storage])
    with pytest.raises(BadData, match=reason):
        read_tensors(path, sha256)


def test_a_file_of_another_kind_is_refused(tmp_path):
    path = tmp_path / "weights.pth"
    sha256 = written(path, {}, [], magic=1)
    with pytest.raises(BadData, match="does not begin as one"):
        read_tensors(path, sha256)
    path.write_bytes(b"PK\x03\x04 a zip file")
    with pytest.raises(BadData, match="not a file of tensors alone"):
        read_tensors(path, hashlib.sha256(path.read_bytes()).hexdigest())
