"""Build the index of a data set: one row per film with its split, and the lesion annotations."""

import warnings
from pathlib import Path

import pandas as pd

from lib import burned_in, files
from lib.datasets import (
    chexpert,
    copies,
    folder,
    label_table,
    mimic,
    mura,
    nih,
    rsna,
    vindr,
    words,
)
from lib.datasets.entries import names_abnormal_films
from lib.datasets.examination import Further, examine, relative
from lib.datasets.listing import Listing, age_in_years
from lib.datasets.pseudonyms import pseudonymous
from lib.datasets.split import check_split, split_by_patient
from lib.datasets.table import COLUMNS, INDEX, ODD_NAMES, SPLITS, UNLABELLED
from lib.errors import BadData
from lib.films import UnreadableFilm, film_size

READERS = {
    "mura": mura.read,
    "nih": nih.read,
    "rsna": rsna.read,
    "folder": folder.read,
    "table": label_table.read,
    "chexpert": chexpert.read,
    "mimic": mimic.read,
    "vindr": vindr.read,
}
OPEN = ("mura", "nih", "rsna")  # layouts with public patient ids, since all films are public
OWNERS = (*OPEN, "chexpert", "mimic", "vindr")  # published sets, with given patients and labels
ANNOTATION_COLUMNS = ["image_id", "finding", "x", "y", "width", "height", "mask"]


def build_index(
    name: str,
    entry: dict,
    data: Path,
    salt: str,
    split: dict | None = None,
    look_for_text: bool = False,
    further: Further | None = None,
) -> dict[str, pd.DataFrame]:
    """Read a data set into four tables: {"": index, "problems", "annotations", "protocol"}.

    entry: its settings in params/datasets.yaml; data: the root of paths; salt: of the hashes of
    patient ids of a user's own films; split: arguments of split_by_patient; look_for_text: look for
    burned-in text on a sample of the films; further: what else is done per decoded film.
    Every film is decoded once, on all cores. Raises BadData, and the errors of `further`.
    """
    listing = list_films(name, entry, data)
    films, problems, seen = examine(listing.films, name, data, look_for_text, further)
    of_user = entry["layout"] not in OWNERS
    films, copied = copies.together(_completed(films, name, entry), name, of_user)
    films = _split(films, name, entry, split or {})
    if entry["layout"] not in OPEN:  # after the split, which does not depend on the salt
        films = pseudonymous(films, salt)
    films = films.sort_values("image_id", ignore_index=True)
    index = INDEX.validate(films.astype({"label": float})[COLUMNS]).astype({"label": "Int64"})
    return {
        "": index,
        "problems": problems,
        "annotations": _annotations(index, listing, data),
        "protocol": _protocol(listing.counts | seen | copied, index, films["shows_text"].dropna()),
    }


def write_tables(tables: dict[str, pd.DataFrame], name: str, folder: Path) -> None:
    """Write the tables of a data set as CSV files, each completely or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind, table in tables.items():
        path = folder / (f"{name}.{kind}.csv" if kind else f"{name}.csv")
        with files.whole_file(path) as unfinished:
            table.to_csv(unfinished, index=False, errors=ODD_NAMES)


def list_films(name: str, entry: dict, data: Path) -> Listing:
    """List the films of a data set without opening them. Raises BadData."""
    folder = data / entry["folder"]
    if not folder.is_dir():
        raise BadData(
            f"The films of {name} are missing: give the folder that holds {entry['folder']}/ with "
            "`make data FROM=folder`; put no files into data/ directly."
        )
    listing = READERS[entry["layout"]](folder, entry)
    films = listing.films
    if films.empty:
        raise BadData(f"{folder} contains no film of {name}: check params/datasets.yaml.")
    if (twice := films["image_id"].duplicated()).any():
        raise BadData(f"{films['path'][twice].iloc[0]} is listed twice: remove one of its lines.")
    films["in_test_list"] = _in_test_list(films, name, entry)
    return listing


def _in_test_list(films: pd.DataFrame, name: str, entry: dict) -> pd.Series:
    """Return whether each film is of `test_patients`, or else of the official list, if used."""
    if "test_patients" not in entry:
        return films["in_test_list"] & bool(entry.get("official_split", True))
    patients = set(entry["test_patients"])
    if absent := len(patients.difference(films["patient_id"])):  # no patient is named
        raise BadData(
            f"{name}: {absent} of its {len(patients)} `test_patients` have no film: correct "
            "their list, or provide the films that it was written for."
        )
    return films["patient_id"].isin(patients)


def split_films(films: pd.DataFrame, name: str, entry: dict, settings: dict) -> pd.DataFrame:
    """Complete and split the listed films without opening them. Raises BadData."""
    return _split(_completed(films, name, entry), name, entry, settings)


def _split(films: pd.DataFrame, name: str, entry: dict, settings: dict) -> pd.DataFrame:
    """Add `split`, `unlabelled` where there is no label. Raises BadData if a split lacks films."""
    known = films[films["label"].notna()]
    normals_only = not names_abnormal_films(entry)
    settings = settings | entry.get("shares", {})
    split = split_by_patient(
        known, **settings, test_list=known["in_test_list"], normals_only=normals_only
    )
    films = films.assign(split=split.reindex(films.index, fill_value=UNLABELLED))
    check_split(films, name, normals_only)
    return films


def _completed(films: pd.DataFrame, name: str, entry: dict) -> pd.DataFrame:
    """Fill in missing values and normalise the vocabulary."""
    return films.assign(
        dataset=name,
        patient_id=films["patient_id"].where(films["patient_id"].ne(""), films["image_id"]),
        body_part=films["body_part"].where(films["body_part"].ne(""), entry["body"]).str.lower(),
        view=films["view"].str.upper(),
        sex=films["sex"].map(words.sex),
        age=films["age"].map(age_in_years),
    )


def _annotations(index: pd.DataFrame, listing: Listing, data: Path) -> pd.DataFrame:
    """Return masks if there are any, otherwise boxes, in pixels of the stored film."""
    masked = pd.DataFrame(
        [
            {"image_id": film.image_id, "finding": film.finding, "mask": _fitting(mask, film, data)}
            for film in index.itertuples()
            for mask in _masks(film, listing.masks, data)
        ],
        columns=["image_id", "finding", "mask"],
    )
    boxes = listing.boxes[~listing.boxes["image_id"].isin(masked["image_id"])]
    sizes = index[["image_id", "width", "height"]].rename(columns=lambda name: f"film_{name}")
    boxes = boxes.merge(sizes, left_on="image_id", right_on="film_image_id")
    for start, length in (("x", "width"), ("y", "height")):
        if listing.box_frame:
            scale = boxes[f"film_{length}"] / listing.box_frame
            boxes[[start, length]] = boxes[[start, length]].mul(scale, axis=0)
    if not listing.box_frame and (outside := _outside(boxes)):
        warnings.warn(
            f"{outside} boxes exceed their films, which were reduced: none of the boxes is "
            "used, since the others do not fit either.",
            stacklevel=2,
        )
        boxes = boxes[:0]
    both = pd.concat([masked, boxes.assign(mask="")])
    both = both.reindex(columns=ANNOTATION_COLUMNS)
    return both.sort_values(["image_id", "x", "y"], ignore_index=True)


def _outside(boxes: pd.DataFrame) -> int:
    """Return how many boxes, in pixels of their film, exceed it by more than a pixel."""
    right, bottom = boxes["x"] + boxes["width"], boxes["y"] + boxes["height"]
    outside = right.gt(boxes["film_width"] + 1) | bottom.gt(boxes["film_height"] + 1)
    return int(outside.sum())


def _masks(film, listed: dict[str, list[Path]], data: Path) -> list[Path]:
    """Return the masks listed for a film, otherwise the one at its path below masks/."""
    apart = data / Path("masks", film.path).with_suffix(".png")
    return listed.get(film.image_id) or ([apart] if apart.exists() else [])


def _fitting(mask: Path, film, data: Path) -> str:
    """Return a mask's path below the data folder. Raises BadData unless it has its film's size."""
    try:
        fits = film_size(mask) == (film.width, film.height)
    except UnreadableFilm:
        fits = False
    if not fits:
        raise BadData(
            f"{mask} is not a mask of {film.width} x {film.height} pixels: correct or remove it."
        )
    return relative(str(mask), data)


def _protocol(counts: dict[str, int], index: pd.DataFrame, shows_text: pd.Series) -> pd.DataFrame:
    """Return the numbers of films included or excluded by each step.

    `shows_text` holds whether each examined film shows burned-in text, possibly a name.
    """
    counts = counts | {"films used": len(index), "patients used": index["patient_id"].nunique()}
    for split in SPLITS:
        films = index[index["split"].eq(split)]
        counts[f"{split}: normal"] = int(films["label"].eq(0).sum())
        counts[f"{split}: abnormal"] = int(films["label"].eq(1).sum())
        counts[f"{split}: patients"] = films["patient_id"].nunique()
    if unlabelled := int(index["split"].eq(UNLABELLED).sum()):
        counts["without a label: scored only"] = unlabelled
    if len(shows_text):
        counts |= {burned_in.LOOKED_AT: len(shows_text), burned_in.SHOWN: int(shows_text.sum())}
    return pd.DataFrame({"step": counts.keys(), "count": counts.values()})
