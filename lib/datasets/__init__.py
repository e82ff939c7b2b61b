"""Reads the films of MURA, NIH, RSNA or any folder into one index, and splits them by patient.

`python -m lib.datasets mura` writes, below build/index/:

- `mura.csv`, one row a film (columns: `lib.datasets.table.COLUMNS`), its path relative to data/;
- `mura.problems.csv`, the films left out, each with its reason;
- `mura.annotations.csv`, the boxes and masks of lesions;
- `mura.protocol.csv`, how many films each step kept or left out.
"""
