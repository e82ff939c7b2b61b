"""What is in memory at once: `Batches` of films, results per batch on disk, films `evenly`."""

import math
import tempfile
from collections.abc import Iterable, Iterator

import keras
import numpy as np


class Batches(keras.utils.PyDataset):
    """Batches of films x and targets y, of which only those in use are in memory.

    - `x`, `y`: arrays or `lib.preprocessing.network_input.Films`, of equal length; no y: None
    - `batch_size`: films per batch; the last batch has the rest
    - `orders`: the order of the films in each epoch, (n,) each; None: as they are
    - `full`: the last batch continues with the first films of the epoch, so that XLA compiles for
      one size; no batch has a film twice. Fewer films than a batch remain one small batch
    """

    def __init__(
        self, x, y, batch_size: int, orders: Iterator[np.ndarray] | None = None, full: bool = False
    ):
        super().__init__()
        self.x, self.y = x, y
        self.batch_size, self.orders, self.full = batch_size, orders, full
        self.order = np.arange(len(x))

    def __len__(self) -> int:
        return math.ceil(len(self.x) / self.batch_size)

    def __getitem__(self, number: int):
        start = number * self.batch_size
        rows = self.order[start : start + self.batch_size]
        if self.full and number:
            rows = np.concatenate([rows, self.order[: self.batch_size - len(rows)]])
        parts = (self.x,) if self.y is None else (self.x, self.y)
        return tuple(_as_float32(part[rows]) for part in parts)

    def on_epoch_begin(self) -> None:
        """Take the next order (Keras's hook)."""
        if self.orders is not None:
            self.order = next(self.orders)


def on_disk(batches: Iterable[np.ndarray], shape: tuple[int, ...], dtype) -> np.memmap:
    """Return the rows of batches as one array in an unnamed temporary file, which ends with it.

    The file is in the folder for temporary files (TMPDIR).
    """
    with tempfile.TemporaryFile() as file:
        rows = np.memmap(file, dtype, "w+", shape=shape)
    end = 0
    for batch in batches:
        rows[end : end + len(batch)] = batch
        end += len(batch)
    return rows


def evenly(number: int, most: int) -> np.ndarray:
    """Return at most `most` of `number` places, at equal distances, first and last included."""
    return np.linspace(0, number - 1, min(number, most)).astype(int)


def _as_float32(values) -> np.ndarray:
    """Return an array; integers, which may be bits or masks, keep their type."""
    array = np.asarray(values)
    return array.astype("float32", copy=False) if array.dtype.kind == "f" else array
