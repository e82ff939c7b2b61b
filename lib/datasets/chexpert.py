"""Read CheXpert v1.0 (Irvin et al. 2019, arXiv 1901.07031): small, complete, or in four batches.

A preset of layout `table`: `train.csv` and `valid.csv` name `CheXpert-v1.0-small/train/patient…/
study…/view…`, with one column per label. Stanford's batches lack the first two folders: films are
matched from `patient…` on. The films of valid.csv, labelled by radiologists, are test films. The
labels of train.csv were extracted from reports. `Support Devices` alone do not make a film
abnormal. (File names, columns and batches follow public code; the films were not available.)
"""

from pathlib import Path

import pandas as pd

from lib.datasets.label_table import films_of, find_tables, read_rows
from lib.datasets.labels import ITS_TABLE, column_of
from lib.datasets.listing import Listing

FINDINGS = [
    *("Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Opacity", "Lung Lesion", "Edema"),
    *("Consolidation", "Pneumonia", "Atelectasis", "Pneumothorax", "Pleural Effusion"),
    *("Pleural Other", "Fracture"),
]
KEYS = {
    "table": ["train.csv", "valid.csv"],
    "path": "Path",
    "normal": "No Finding",
    "patient": r"(patient\d+)",
    "study": r"(study\d+)",
    "view": ["AP/PA", "Frontal/Lateral"],
    "sex": "Sex",
    "age": "Age",
    "split": ITS_TABLE,
    "test": "valid.csv",
}


def read(folder: Path, entry: dict) -> Listing:
    """List the films of train.csv and valid.csv. Raises BadData."""
    entry = KEYS | entry
    tables = find_tables(folder, entry)
    rows = read_rows(tables, entry)
    path = column_of(rows, entry["path"], tables[0])
    rows[path] = rows[path].str.replace(r"^.*?(?=patient\d+[/\\])", "", regex=True)
    entry.setdefault("abnormal", findings_of(rows))
    return films_of(rows, tables[0], folder, entry, has_test_list=True)


def findings_of(rows: pd.DataFrame) -> list[str]:
    """Return the findings for which a table has a column."""
    columns = set(map(str.lower, rows))
    return [finding for finding in FINDINGS if finding.lower() in columns]
