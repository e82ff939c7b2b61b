"""Read VinDr-CXR (Nguyen et al. 2022, Scientific Data 9:429), as on PhysioNet or on Kaggle.

A preset of layout `table`. Each training film was read by three radiologists independently, each
test film by five in consensus: a finding holds if any reader reports it, and a film is normal if
all report `No finding`. PhysioNet: `image_labels_{train,test}.csv`, one column per label, boxes in
`annotations_…`, and the official test films. Kaggle: `train.csv`, one row per box or per reader
without a box; its test films have no labels. Films are DICOM (`<image_id>.dicom`) or converted.
Boxes are in pixels of the original films and do not fit reduced films. No table names patients.
(File names and columns follow public code; the films were not available.)
"""

from pathlib import Path

import pandas as pd
import pandera.pandas as pandera

from lib.datasets.film_files import stem
from lib.datasets.label_table import films_of, find_tables, read_rows
from lib.datasets.labels import ITS_TABLE
from lib.datasets.listing import BOX_COLUMNS, Listing
from lib.datasets.owner_tables import find_table, read_table

CORNERS = ["x_min", "y_min", "x_max", "y_max"]
BOXES = pandera.DataFrameSchema(
    {
        **{name: pandera.Column(str) for name in ("image_id", "class_name")},
        **{name: pandera.Column(float, coerce=True, nullable=True) for name in CORNERS},
    },
    strict="filter",
)
KEYS = {"path": "image_id", "normal": "No finding", "abnormal": "any"}
PHYSIONET = KEYS | {
    "table": "image_labels_*.csv",
    "split": ITS_TABLE,
    "test": "image_labels_test.csv",
}
KAGGLE = KEYS | {"table": "train.csv", "label": "class_name"}


def read(folder: Path, entry: dict) -> Listing:
    """List the labelled films. Raises BadData."""
    from_physionet = find_table(folder, PHYSIONET["table"]) is not None
    entry = (PHYSIONET if from_physionet else KAGGLE) | entry
    tables = find_tables(folder, entry)
    rows = read_rows(tables, entry)
    listing = films_of(rows, tables[0], folder, entry, has_test_list=from_physionet)
    names = [f"annotations_{name}.csv" for name in ("train", "test")]
    annotated = [find_table(folder, name) for name in names] if from_physionet else tables
    listing.boxes = _boxes([table for table in annotated if table], listing.films)
    listing.box_frame = None
    return listing


def _boxes(tables: list[Path], films: pd.DataFrame) -> pd.DataFrame:
    """Return the boxes of all readers, x and y of the upper left corner, in pixels of the film."""
    if not tables:
        return pd.DataFrame(columns=BOX_COLUMNS)
    boxes = pd.concat([read_table(table, BOXES) for table in tables]).dropna(subset=CORNERS)
    image_ids = dict(zip(films["path"].map(stem), films["image_id"], strict=True))
    boxes = boxes.assign(
        image_id=boxes["image_id"].map(image_ids),
        finding=boxes["class_name"],
        x=boxes["x_min"],
        y=boxes["y_min"],
        width=boxes["x_max"] - boxes["x_min"],
        height=boxes["y_max"] - boxes["y_min"],
    )
    return boxes.dropna(subset=["image_id"])[BOX_COLUMNS].reset_index(drop=True)
