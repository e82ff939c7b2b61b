"""Read stage 2 of the RSNA Pneumonia Detection Challenge 2018.

Normal means the class `Normal`; the other two classes are abnormal and distinguished in `finding`.
`Target 0` is not normal, since it includes `No Lung Opacity / Not Normal`. Both tables have one row
per box. A `patientId` identifies a film, not a person, so that a split by patient is one by film.
Films may be converted (PNG) or unpacked in part; Kaggle's processed copy combines both tables.
Source: Shih et al. 2019, Radiology: AI 1:e180041.
"""

from pathlib import Path

import pandas as pd
import pandera.pandas as pandera

from lib.datasets.film_files import locate
from lib.datasets.listing import BOX_COLUMNS, Listing
from lib.datasets.owner_tables import first_table, read_table
from lib.errors import BadData

NORMAL = "Normal"
CLASSES = [NORMAL, "No Lung Opacity / Not Normal", "Lung Opacity"]
ONE_TABLE = "stage2_train_metadata*.csv"  # of Kaggle's processed copy
DETAILS = pandera.DataFrameSchema(
    {
        "patientId": pandera.Column(str),
        "class": pandera.Column(str, pandera.Check.isin(CLASSES)),
    },
    strict="filter",
)
LABELS = pandera.DataFrameSchema(
    {
        "patientId": pandera.Column(str),
        **{
            name: pandera.Column(float, coerce=True, nullable=True)
            for name in ("x", "y", "width", "height")
        },
        "Target": pandera.Column(str, pandera.Check.isin(["0", "1"])),
    },
    strict="filter",
)


def read(folder: Path, entry: dict) -> Listing:
    """List the labelled films of the challenge. Raises BadData."""
    details = first_table(folder, "stage_2_detailed_class_info*.csv", ONE_TABLE)
    films = read_table(details, DETAILS).drop_duplicates()
    if films["patientId"].duplicated().any():
        raise BadData(f"{details} assigns two classes to one film: get the owner's file again.")
    table = first_table(folder, "stage_2_train_labels*.csv", ONE_TABLE)
    labels = read_table(table, LABELS)
    if not films["patientId"].isin(labels["patientId"]).all():
        raise BadData(f"{details} and {table.name} list different films: get both again.")
    boxes = labels[labels["Target"].eq("1")].assign(
        finding="Lung Opacity", image_id=labels["patientId"]
    )
    films = films.rename(columns={"patientId": "image_id", "class": "finding"})
    return Listing(
        films.assign(
            path=locate(films["image_id"], folder, details),
            patient_id=films["image_id"],
            study_id=films["image_id"],
            body_part="chest",
            label=films["finding"].ne(NORMAL).astype(int),
        ),
        counts={"films listed": len(films)},
        boxes=pd.DataFrame(boxes[BOX_COLUMNS]),
    )
