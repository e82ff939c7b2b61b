"""NIH ChestX-ray14 (Wang et al. 2017, arXiv 1705.02315): whole, nested as on Kaggle, or a sample.

Normal means `No Finding`, abnormal one of the findings that params/datasets.yaml chooses; a film
with only other findings is neither, and is left out and counted. Findings were mined from reports
and are noisy. The headers' brackets contain commas, so a CSV reader splits those columns in two.
"""

from pathlib import Path

import pandas as pd
import pandera.pandas as pandera

from lib.datasets.entries import BadData, listed
from lib.datasets.listing import (
    BOX_COLUMNS,
    Listing,
    files_below,
    first_table,
    read_table,
)

NORMAL = "No Finding"
FINDINGS = {
    *("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Effusion", "Emphysema", "Fibrosis"),
    *(
        "Hernia",
        "Infiltration",
        "Mass",
        "Nodule",
        "Pleural_Thickening",
        "Pneumonia",
        "Pneumothorax",
    ),
}
TABLES = ("Data_Entry_2017_v2020.csv", "Data_Entry_2017.csv", "sample_labels.csv")
UNUSED = [
    *("Follow-up #", "OriginalImage[Width", "Height]", "OriginalImagePixelSpacing[x", "y]"),
    *("OriginalImageWidth", "OriginalImageHeight"),
    *("OriginalImagePixelSpacing_x", "OriginalImagePixelSpacing_y"),
]
ENTRIES = pandera.DataFrameSchema(
    {
        "Image Index": pandera.Column(str, unique=True),
        "Finding Labels": pandera.Column(str),
        "Patient ID": pandera.Column(int, coerce=True),
        "Patient Age": pandera.Column(str),
        "Patient Gender": pandera.Column(str, pandera.Check.isin(["M", "F", ""])),
        "View Position": pandera.Column(str),
        **{name: pandera.Column(str, required=False) for name in UNUSED},
    },
    strict=True,
)
BOXES = pandera.DataFrameSchema(
    {
        "Image Index": pandera.Column(str),
        "Finding Label": pandera.Column(str),
        **{name: pandera.Column(float, coerce=True) for name in ("Bbox [x", "y", "w", "h]")},
    },
    strict=True,
)


def read(folder: Path, entry: dict) -> Listing:
    """Lists the films that are normal or have a chosen finding. Raises BadData."""
    table = first_table(folder, *TABLES)
    films = read_table(table, ENTRIES)
    findings = films["Finding Labels"].str.split("|").map(set)
    abnormal = findings.map(_chosen(entry).intersection).astype(bool)
    used = abnormal | films["Finding Labels"].eq(NORMAL)
    _check_findings(findings, table)
    found = {path.name: path for path in reversed(files_below(folder))}
    names = films["Image Index"]
    chosen = films.assign(
        image_id=names.map(lambda name: Path(name).stem),
        path=[str(found.get(name, folder / "images" / name)) for name in names],
        patient_id=films["Patient ID"].astype(str),
        study_id=names.map(
            lambda name: Path(name).stem
        ),  # the file's number is that of the follow-up
        body_part="chest",
        view=films["View Position"],
        sex=films["Patient Gender"],
        age=films["Patient Age"],
        finding=films["Finding Labels"],
        label=abnormal.astype(int),
        in_test_list=names.isin(_test_list(found)),
    )[used]
    counts = {"films listed": len(films), "left out: other findings": int((~used).sum())}
    return Listing(chosen, counts, _boxes(found))


def _chosen(entry: dict) -> set[str]:
    wanted = listed(entry, "abnormal")
    if wanted == ["any"]:
        return FINDINGS
    if unknown := sorted(set(wanted) - FINDINGS):
        raise BadData(
            f"params/datasets.yaml asks for the finding {unknown[0]!r}, which NIH does not have: "
            f"write any, or some of {', '.join(sorted(FINDINGS))}."
        )
    return set(wanted)


def _check_findings(findings: pd.Series, table: Path) -> None:
    if unknown := sorted(set().union(*findings) - FINDINGS - {NORMAL}):
        raise BadData(
            f"{table} has the unknown finding {unknown[0]!r}: get the owner's file again."
        )


def _test_list(found: dict[str, Path]) -> set[str]:
    """The official test films; samples come without the list, and are split by patient."""
    return set(found["test_list.txt"].read_text().split()) if "test_list.txt" in found else set()


def _boxes(found: dict[str, Path]) -> pd.DataFrame:
    if "BBox_List_2017.csv" not in found:
        return pd.DataFrame(columns=BOX_COLUMNS)
    boxes = read_table(found["BBox_List_2017.csv"], BOXES)
    boxes.columns = BOX_COLUMNS
    boxes["image_id"] = boxes["image_id"].map(lambda name: Path(name).stem)
    boxes["finding"] = boxes["finding"].replace("Infiltrate", "Infiltration")  # as in Data_Entry
    return boxes
