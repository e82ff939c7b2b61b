"""Read NIH ChestX-ray14 (Wang et al. 2017, arXiv 1705.02315): complete, some archives, or a sample.

Copies may be nested as on Kaggle, reduced in size, converted to another format, or have other names
of the official lists (`test_list_NIH.txt`); films are matched by their stem.

Normal means `No Finding`, abnormal one of the findings selected in params/datasets.yaml; films with
only other findings are excluded and counted. Findings were extracted from reports and are noisy.
Brackets in the headers contain commas, so that a CSV reader splits these columns in two.
"""

from pathlib import Path

import pandas as pd
import pandera.pandas as pandera

from lib.datasets.entries import listed
from lib.datasets.film_files import locate, stem
from lib.datasets.listing import BOX_COLUMNS, Listing
from lib.datasets.owner_tables import find_table, first_table, read_table, read_text
from lib.errors import BadData

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
TABLES = ("Data_Entry_2017_v2020*.csv", "Data_Entry_2017*.csv", "sample_labels*.csv")
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
    """List the films that are normal or have a selected finding. Raises BadData."""
    table = first_table(folder, *TABLES)
    films = read_table(table, ENTRIES)
    findings = films["Finding Labels"].map(_findings)
    abnormal = findings.map(_selected_findings(entry).intersection).astype(bool)
    used = abnormal | findings.eq({NORMAL})
    _check_findings(findings, table)
    image_ids = films["Image Index"].map(stem)
    selected = films.assign(
        image_id=image_ids,
        path=locate(films["Image Index"], folder, table),
        patient_id=films["Patient ID"].astype(str),
        study_id=image_ids,  # the number in the file name is that of the follow-up
        body_part="chest",
        view=films["View Position"],
        sex=films["Patient Gender"],
        age=films["Patient Age"],
        finding=films["Finding Labels"].str.replace(r"\s*\|\s*", "|", regex=True),
        label=abnormal.astype(int),
        in_test_list=image_ids.str.lower().isin(_test_list(folder)),
    )[used]
    counts = {"films listed": len(films), "left out: other findings": int((~used).sum())}
    return Listing(selected, counts, _boxes(folder), has_test_list=True)


def _findings(cell: str) -> set[str]:
    return {finding.strip() for finding in cell.split("|")}


def _selected_findings(entry: dict) -> set[str]:
    selected = listed(entry, "abnormal")
    if selected == ["any"]:
        return FINDINGS
    if unknown := sorted(set(selected) - FINDINGS):
        raise BadData(
            f"params/datasets.yaml asks for the finding {unknown[0]!r}, which NIH does not have: "
            f"write any, or some of {', '.join(sorted(FINDINGS))}."
        )
    return set(selected)


def _check_findings(findings: pd.Series, table: Path) -> None:
    if unknown := sorted(set().union(*findings) - FINDINGS - {NORMAL}):
        raise BadData(
            f"{table} has the unknown finding {unknown[0]!r}: get the owner's file again."
        )


def _test_list(folder: Path) -> set[str]:
    """Return the stems of the official test films, none for samples without the list."""
    path = find_table(folder, "test_list*.txt")
    try:
        return {stem(name).lower() for name in read_text(path).split()} if path else set()
    except (OSError, ValueError):
        raise BadData(f"{path} cannot be read as text: get the owner's file again.") from None


def _boxes(folder: Path) -> pd.DataFrame:
    table = find_table(folder, "BBox_List_2017*.csv")
    if table is None:
        return pd.DataFrame(columns=BOX_COLUMNS)
    boxes = read_table(table, BOXES)
    boxes.columns = BOX_COLUMNS
    boxes["image_id"] = boxes["image_id"].map(stem)
    boxes["finding"] = boxes["finding"].replace("Infiltrate", "Infiltration")  # as in Data_Entry
    return boxes
