"""Read MIMIC-CXR-JPG 2.x (Johnson et al. 2019, arXiv 1901.07042), complete or in part.

A preset of layout `table` over three tables, compressed (.gz) or not: labels per study, extracted
from reports by CheXpert's labeller (`table: "*-negbio.csv*"` selects the other labeller), metadata
with one row per film, and the official split. Films are matched by `dicom_id`, so that DICOM files
or films in one flat folder can be used as well. None of these tables contains sex and age.
(File names and columns follow public code; the films were not available.)
"""

from pathlib import Path

import pandera.pandas as pandera

from lib.datasets.chexpert import findings_of
from lib.datasets.label_table import films_of, find_tables
from lib.datasets.listing import Listing
from lib.datasets.owner_tables import find_table, first_table, read_table

STUDY = ["subject_id", "study_id"]
KEYS = {
    "table": "mimic-cxr-2*-chexpert.csv*",
    "path": "dicom_id",
    "normal": "No Finding",
    "patient": "subject_id",
    "study": "study_id",
    "view": "ViewPosition",
    "split": "split",
}
LABELS = pandera.DataFrameSchema({name: pandera.Column(str) for name in STUDY})
METADATA = pandera.DataFrameSchema(
    {name: pandera.Column(str) for name in ("dicom_id", *STUDY, "ViewPosition")}, strict="filter"
)
SPLIT = pandera.DataFrameSchema(
    {name: pandera.Column(str) for name in ("dicom_id", "split")}, strict="filter"
)


def read(folder: Path, entry: dict) -> Listing:
    """List the films of the metadata whose studies are labelled. Raises BadData."""
    entry = KEYS | entry
    table = find_tables(folder, entry)[0]
    labels = read_table(table, LABELS)
    metadata = first_table(folder, "mimic-cxr-2.0.0-metadata.csv", "mimic-cxr-2*-metadata.csv*")
    rows = read_table(metadata, METADATA).merge(labels, on=STUDY, how="left")
    split = find_table(folder, "mimic-cxr-2*-split.csv*")
    if split:
        rows = rows.merge(read_table(split, SPLIT), on="dicom_id", how="left")
    rows = rows.assign(split=rows.get("split", "")).fillna("")
    entry.setdefault("abnormal", findings_of(rows))
    return films_of(rows, metadata, folder, entry, has_test_list=True)
