"""Reads the films of MURA, NIH, RSNA or any folder into one index, and splits them by patient.

`python -m lib.datasets mura` writes, below build/index/:

- `mura.csv`, one row a film (columns: `lib.datasets.table.COLUMNS`), its path relative to data/;
- `mura.problems.csv`, the films left out, each with its reason;
- `mura.annotations.csv`, the boxes and masks of lesions;
- `mura.protocol.csv`, how many films each step kept or left out.
"""

from lib.datasets.entries import BadData, available, load_entries
from lib.datasets.index import build_index, readable, write_tables
from lib.datasets.split import check_split, split_by_patient
from lib.datasets.table import load_index
from lib.datasets.training import setting_name, training_set

__all__ = [
    "BadData",
    "available",
    "build_index",
    "check_split",
    "load_entries",
    "load_index",
    "readable",
    "setting_name",
    "split_by_patient",
    "training_set",
    "write_tables",
]
