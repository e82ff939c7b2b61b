"""The index: one row a film, whatever its owner's layout; the split and the lesions beside it."""

import hashlib
import os
import warnings
from functools import partial
from pathlib import Path

import pandas as pd

from lib import ROOT, files, processes
from lib.datasets import folder, mura, nih, rsna
from lib.datasets.entries import BadData, available, load_entries, load_split_settings
from lib.datasets.listing import BOX_FRAME, Listing, age_in_years
from lib.datasets.split import SPLITS, check_split, split_by_patient
from lib.datasets.table import COLUMNS, INDEX, ODD_NAMES
from lib.films import UnreadableFilm, film_facts, film_size, read_film

READERS = {"mura": mura.read, "nih": nih.read, "rsna": rsna.read, "folder": folder.read}
MOST_UNREADABLE = 0.05  # of the films: more, and the copy of the data is broken
ANNOTATION_COLUMNS = ["image_id", "finding", "x", "y", "width", "height", "mask"]
FACTS = [
    "patient_id",
    "view",
    "sex",
    "age",
    "body_part",
]  # that a DICOM may add to its owner's table


def build_index(
    name: str, entry: dict, data: Path, salt: str, split: dict | None = None
) -> dict[str, pd.DataFrame]:
    """Reads a data set into four tables: {"": index, "problems", "annotations", "protocol"}.

    entry: its settings in params/datasets.yaml; data: where paths start from; salt: hashed into the
    patient ids of a user's own films; split: arguments of split_by_patient.
    Every film is decoded once, over all cores. Raises BadData.
    """
    listing = _listing(name, entry, data)
    films, problems = _examined(listing.films, name, data / entry["folder"], data)
    films = _split(films, name, entry, split or {})
    if entry["layout"] == "folder":  # after the split, which therefore does not depend on the salt
        films["patient_id"] = [_pseudonym(patient, salt) for patient in films["patient_id"]]
    films = films.sort_values("image_id", ignore_index=True)
    index = INDEX.validate(films.astype({"label": float})[COLUMNS]).astype({"label": "Int64"})
    return {
        "": index,
        "problems": problems,
        "annotations": _annotations(index, listing.boxes, data),
        "protocol": _protocol(listing, problems, index),
    }


def readable(data: Path, root: Path = ROOT, peers: bool = False) -> list[str]:
    """Names the available data sets whose tables and classes are in order; opens no film.

    Warns, with the reason, of each that is not. Of entries with one folder, the first serves.
    `peers`: names the entries that are marked so, instead of the others, and of a folder all.
    """
    entries, found = load_entries(root), []
    for name in available(data, root):
        folders = {entries[other]["folder"] for other in found}
        again = entries[name]["folder"] in folders and not peers
        if again or bool(entries[name].get("peers")) != peers:
            continue
        try:
            films = _listing(name, entries[name], data).films
            _split(films, name, entries[name], load_split_settings(root))
            found.append(name)
        except BadData as reason:
            warnings.warn(f"{name} is left out: {reason}", stacklevel=2)
    return found


def write_tables(tables: dict[str, pd.DataFrame], name: str, folder: Path) -> None:
    """Writes the tables of a data set as CSV files, each whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind, table in tables.items():
        path = folder / (f"{name}.{kind}.csv" if kind else f"{name}.csv")
        with files.whole_file(path) as unfinished:
            table.to_csv(unfinished, index=False, errors=ODD_NAMES)


def _listing(name: str, entry: dict, data: Path) -> Listing:
    """What the owner's folder says of its films."""
    folder = data / entry["folder"]
    if not folder.is_dir():
        raise BadData(f"{folder} is missing: put the films of {name} there.")
    listing = READERS[entry["layout"]](folder, entry)
    films = listing.films
    if films.empty:
        raise BadData(f"{folder} holds no film of {name}: check params/datasets.yaml.")
    if (twice := films["image_id"].duplicated()).any():
        raise BadData(f"{films['path'][twice].iloc[0]} is listed twice: remove one of its lines.")
    films["in_test_list"] = _in_test_list(films, name, entry)
    return listing


def _in_test_list(films: pd.DataFrame, name: str, entry: dict) -> pd.Series:
    """The films of the entry's `test_patients`, else those of the owner's list if it is used."""
    if "test_patients" not in entry:
        return films["in_test_list"] & bool(entry.get("official_split", True))
    patients = set(entry["test_patients"])
    if absent := len(patients.difference(films["patient_id"])):  # no patient is named
        raise BadData(
            f"{name}: {absent} of its {len(patients)} `test_patients` have no film: correct "
            "their list, or give the films that it was written for."
        )
    return films["patient_id"].isin(patients)


def _split(films: pd.DataFrame, name: str, entry: dict, settings: dict) -> pd.DataFrame:
    films = _completed(films.assign(dataset=name), entry)
    films["split"] = split_by_patient(films, **settings, test_list=films["in_test_list"])
    check_split(films, name)
    return films


def _examined(films, name: str, films_folder: Path, data: Path):
    """Opens every film; returns those that can be read, with width and height, and the problems."""
    examine = partial(_examine, folder=os.path.realpath(films_folder))
    opened = processes.each(examine, films["path"], f"films of {name}", "film", chunk=64)
    facts = pd.DataFrame(opened)
    facts = facts.reindex(columns=["width", "height", "reason", *FACTS]).astype(object)
    films["path"] = [_relative(path, data) for path in films["path"]]
    broken = facts["reason"].notna()
    problems = pd.DataFrame({"path": films["path"][broken], "reason": facts["reason"][broken]})
    if len(problems) > MOST_UNREADABLE * len(films):
        path, reason = problems.iloc[0]
        raise BadData(
            f"{data / path}: {reason}; {len(problems)} of the {len(films)} films of {name} "
            "cannot be used, more than 5 %: get them again, or correct the table that lists them."
        )
    for fact in FACTS:
        films[fact] = films[fact].where(films[fact].ne(""), facts[fact].fillna(""))
    films = films.assign(width=facts["width"], height=facts["height"])[~broken]
    return films.astype({"width": int, "height": int}), problems


def _examine(path: str, folder: str) -> dict:
    """What the film itself says: width, height and facts; or the reason why it cannot be used."""
    try:
        if os.path.commonpath([os.path.realpath(path), folder]) != folder:
            return {"reason": "leaves the data folder"}
        height, width = read_film(path).shape
        return {"width": width, "height": height, **film_facts(path)}
    except UnreadableFilm as error:
        return {"reason": str(error)}
    except (
        OSError,
        ValueError,
    ):  # a name that no file system takes, or a file that may not be read
        return {"reason": "cannot be opened"}


def _relative(path: str, data: Path) -> str:
    return Path(path).relative_to(data).as_posix() if Path(path).is_relative_to(data) else path


def _completed(films: pd.DataFrame, entry: dict) -> pd.DataFrame:
    """Fills in what neither the owner's table nor the film says, and brings words to one form."""
    sex = films["sex"].str.strip().str.upper().str[:1]
    return films.assign(
        patient_id=films["patient_id"].where(films["patient_id"].ne(""), films["image_id"]),
        body_part=films["body_part"].where(films["body_part"].ne(""), entry["body"]).str.lower(),
        view=films["view"].str.upper(),
        sex=sex.where(sex.isin(["M", "F"]), ""),
        age=films["age"].map(age_in_years),
    )


def _pseudonym(patient: str, salt: str) -> str:
    return hashlib.sha256(f"{salt}/{patient}".encode(errors=ODD_NAMES)).hexdigest()[:12]


def _annotations(index: pd.DataFrame, boxes: pd.DataFrame, data: Path) -> pd.DataFrame:
    """Masks where there are some, else boxes, in pixels of the film as it is stored."""
    masked = index.assign(mask=[_mask(film, data) for film in index.itertuples()])
    masked = masked[masked["mask"].ne("")]
    boxes = boxes[~boxes["image_id"].isin(masked["image_id"])]
    sizes = index[["image_id", "width", "height"]].rename(columns=lambda name: f"film_{name}")
    boxes = boxes.merge(sizes, left_on="image_id", right_on="film_image_id")
    for start, length in (("x", "width"), ("y", "height")):
        boxes[[start, length]] = boxes[[start, length]].mul(
            boxes[f"film_{length}"] / BOX_FRAME, axis=0
        )
    both = pd.concat([masked[["image_id", "finding", "mask"]], boxes.assign(mask="")])
    both = both.reindex(columns=ANNOTATION_COLUMNS)
    return both.sort_values(["image_id", "x", "y"], ignore_index=True)


def _mask(film, data: Path) -> str:
    """The path of a film's mask below the data folder, or "". Raises BadData if it does not fit."""
    relative = Path("masks", film.path).with_suffix(".png")
    mask = data / relative
    if not mask.exists():
        return ""
    try:
        fits = film_size(mask) == (film.width, film.height)
    except UnreadableFilm:
        fits = False
    if not fits:
        raise BadData(
            f"{mask} is not a mask of {film.width} x {film.height} pixels: correct or remove it."
        )
    return relative.as_posix()


def _protocol(listing: Listing, problems: pd.DataFrame, index: pd.DataFrame) -> pd.DataFrame:
    """How many films each step kept or left out."""
    counts = dict(listing.counts) | {
        "left out: unreadable": len(problems),
        "films used": len(index),
    }
    counts["patients used"] = index["patient_id"].nunique()
    for split in SPLITS:
        chosen = index[index["split"].eq(split)]
        counts[f"{split}: normal"] = int(chosen["label"].eq(0).sum())
        counts[f"{split}: abnormal"] = int(chosen["label"].eq(1).sum())
        counts[f"{split}: patients"] = chosen["patient_id"].nunique()
    return pd.DataFrame({"step": counts.keys(), "count": counts.values()})
