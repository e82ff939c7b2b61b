"""Read the films of MURA, NIH, RSNA or any folder into one index, and split them by patient.

`python -m lib.preprocessing mura` writes to build/index/, together with the films as arrays:

- `mura.csv`, one row per film (columns: `lib.datasets.table.COLUMNS`), paths relative to data/;
- `mura.problems.csv`, the excluded films, each with its reason;
- `mura.annotations.csv`, the boxes and masks of lesions;
- `mura.protocol.csv`, the numbers of films included or excluded by each step.
"""
