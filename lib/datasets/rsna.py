"""RSNA Pneumonia Detection Challenge 2018 (Shih et al. 2019, Radiology: AI 1:e180041), stage 2.

Normal means the class `Normal`; the other two classes are abnormal, told apart in `finding`.
`Target 0` is not normal: it takes in `No Lung Opacity / Not Normal`. Both tables repeat a film once
a box. A `patientId` stands for one film, not one person, so here a split by patient is one by film.
"""

from pathlib import Path

import pandas as pd
import pandera.pandas as pandera

from lib.datasets.entries import BadData
from lib.datasets.listing import BOX_COLUMNS, Listing, files_below, first_table, read_table

NORMAL = "Normal"
CLASSES = [NORMAL, "No Lung Opacity / Not Normal", "Lung Opacity"]
DETAILS = pandera.DataFrameSchema(
    {
        "patientId": pandera.Column(str),
        "class": pandera.Column(str, pandera.Check.isin(CLASSES)),
    },
    strict=True,
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
    strict=True,
)


def read(folder: Path, entry: dict) -> Listing:
    """Lists the labelled films of the challenge. Raises BadData."""
    details = first_table(folder, "stage_2_detailed_class_info.csv")
    films = read_table(details, DETAILS).drop_duplicates()
    if films["patientId"].duplicated().any():
        raise BadData(f"{details} gives one film two classes: get the owner's file again.")
    labels = read_table(first_table(folder, "stage_2_train_labels.csv"), LABELS)
    if set(labels["patientId"]) != set(films["patientId"]):
        raise BadData(
            f"{details} and stage_2_train_labels.csv list different films: get both again."
        )
    found = {path.name: path for path in reversed(files_below(folder))}
    boxes = labels[labels["Target"].eq("1")].assign(
        finding="Lung Opacity", image_id=labels["patientId"]
    )
    films = films.rename(columns={"patientId": "image_id", "class": "finding"})
    files = films["image_id"] + ".dcm"
    return Listing(
        films.assign(
            path=[str(found.get(name, folder / "stage_2_train_images" / name)) for name in files],
            patient_id=films["image_id"],
            study_id=films["image_id"],
            body_part="chest",
            label=films["finding"].ne(NORMAL).astype(int),
        ),
        counts={"films listed": len(films)},
        boxes=pd.DataFrame(boxes[BOX_COLUMNS]),
    )
