"""Points the study at a folder of films: `make data FROM=folder`; `make data` for phantoms again.

The folder is surveyed before anything is written: what can be studied, what cannot, and why. Then
two local files change: data.csv, the list of the films, and params/study.yaml, its `source` and its
grid. The folder itself is only read: lib/data.py, a stage of dvc.yaml, copies the films to data/.
With `PEERS=yes` the grid also has the data sets on the protocols of the reference codes, whose
numbers stand in reports/real/peers.csv: not for every study (`own_splits`).
"""

import argparse
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from ruamel.yaml import YAML

from lib import ROOT
from lib.data import check_space
from lib.datasets.entries import BadData
from lib.datasets.originals import originals, shown, write_list
from lib.datasets.split import SPLITS
from lib.datasets.survey import DataSet, studied, survey
from lib.provenance import PHANTOMS

LIST = "data.csv"  # the films to copy, where they are not phantoms
CLASSES = {0.0: "normal", 1.0: "abnormal"}


def use(folder: Path, peers: bool = False) -> list[str]:
    """Point the study at `folder`, or at the phantoms; returns the data sets that its grid now has.

    `peers`: add the entries that are marked so. Prints what will be studied and what will not.
    Raises BadData, changing nothing, when nothing can be studied.
    """
    if (ROOT / folder).resolve() == (ROOT / PHANTOMS).resolve():
        names = _write_study("phantoms", {"folder": str(PHANTOMS), "list": str(PHANTOMS)})
        (ROOT / LIST).unlink(missing_ok=True)
        return names
    folder = _checked(folder)
    sets = survey(folder, ROOT, peers)
    print(_answer(sets, folder))
    if not (good := studied(sets)):
        raise BadData(f"Nothing in {shown(folder)} can be studied: nothing was changed.")
    places = {place: path for data_set in good for place, path in data_set.places.items()}
    films = originals(places).files
    check_space(films, ROOT)
    write_list(ROOT / LIST, films)
    beside = [data_set.name for data_set in good if data_set.entry.get("peers")]
    found = [data_set.name for data_set in good if data_set.name not in beside]
    places = {place: str(path) for place, path in places.items()}
    return _write_study(
        "films", {"folder": str(folder), "list": LIST, "places": places}, found, beside
    )


def _checked(folder: Path) -> Path:
    """The folder's absolute path. Raises BadData where it cannot be a folder of films."""
    if not folder.exists() and str(folder).startswith("~"):
        folder = folder.expanduser()
    folder = Path(os.path.abspath(folder))
    if not folder.is_dir():
        raise BadData(
            f"{shown(folder)} is not a folder: give the one that holds MURA-v1.1/, nih/, rsna/ or "
            "yours, as make data FROM='/path/to/films'."
        )
    if shown(folder) != str(folder):
        raise BadData(
            f"{shown(folder)} has a name that is not UTF-8 or not of one line: rename it."
        )
    real, root = folder.resolve(), ROOT.resolve()
    if real == root or real in root.parents:
        raise BadData(f"{folder} holds the study itself: put the films in a folder of their own.")
    for own in ("data", "build"):
        if real.is_relative_to((ROOT / own).resolve()):
            raise BadData(
                f"{folder} is in the study's own {own}/: move the films to a folder elsewhere and "
                "name that one."
            )
    return folder


# --- what is answered


def _answer(sets: list[DataSet], folder: Path) -> str:
    """A table of what will be studied, what of it is left out, and what will not be studied."""
    lines, good = [], studied(sets)
    if good:
        rows = [row for data_set in good for row in _rows(data_set)]
        title = (
            "Too small to be studied, but good for an index" if good[0].reason else "To be studied"
        )
        lines += [f"{title}, of {folder}:", pd.DataFrame(rows).to_string(index=False), ""]
    if notes := [line for data_set in good for line in _notes(data_set, folder)]:
        lines += ["Notes:", *notes, ""]
    if bad := [data_set for data_set in sets if data_set.reason]:
        lines += ["Not to be studied:", *(f"  {bad.name}: {bad.reason}" for bad in bad), ""]
    if not sets:
        lines += [
            f"{folder} holds no data set of params/datasets.yaml: describe yours there, as README "
            "shows under `Your own films`, or name the folder that holds MURA-v1.1/, nih/ or rsna/."
        ]
    return "\n".join(lines)


def _rows(data_set: DataSet) -> list[dict]:
    """One row a class: its films, patients, and films in each split."""
    rows = []
    for films_class, films in data_set.films.groupby(_classes(data_set), observed=True):
        row = {"data set": "" if rows else data_set.name, "class": films_class, "films": len(films)}
        row["patients"] = films["patient_id"].nunique()
        parts = [*SPLITS, *sorted(set(films["split"]) - set(SPLITS))]
        rows.append(row | {part: int(films["split"].eq(part).sum()) for part in parts})
    return rows


def _classes(data_set: DataSet) -> pd.Series:
    """Normal, abnormal or unlabelled, in this order."""
    words = data_set.films["label"].astype(float).map(CLASSES).fillna("unlabelled")
    return words.astype(pd.CategoricalDtype([*CLASSES.values(), "unlabelled"]))


def _notes(data_set: DataSet, folder: Path) -> list[str]:
    remarks = [f"{count} films left out: {reason}" for reason, count in data_set.counts.items()]
    remarks += data_set.remarks
    if data_set.folder != folder / data_set.entry["folder"]:
        remarks.append(f"found in {data_set.folder}")
    return [f"  {data_set.name}: {remark}" for remark in remarks]


# --- what is written


def _write_study(
    grid_name: str, source: dict, found: Sequence[str] = (), beside: Sequence[str] = ()
) -> list[str]:
    """Write `source` and the grid into params/study.yaml; returns the data sets of the grid."""
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 200
    yaml.indent(mapping=2, sequence=4, offset=2)
    study_file = ROOT / "params/study.yaml"
    study = yaml.load(study_file)
    for grid in study["grids"].values():
        grid.anchor.always_dump = True  # ruamel drops the anchors that no alias points at
    study["grid"] = study["grids"][grid_name]
    if found or beside:
        study["grid"]["own_splits"][:] = found
        study["grid"]["datasets"][:] = [*found, *beside]
    for key in list(study["source"]):
        del study["source"][key]
    study["source"].update(source)
    unfinished = study_file.with_name(".study.yaml.unfinished")
    yaml.dump(study, unfinished)
    unfinished.replace(study_file)
    return list(study["grid"]["datasets"])


def main() -> None:
    """Read the command line, and answer in one sentence where something is wrong."""
    parser = argparse.ArgumentParser(description="Point the study at a folder of films.")
    parser.add_argument("folder", help="the folder, or build/phantoms")
    parser.add_argument("--peers", action="store_true", help="also the reference codes' protocols")
    arguments = parser.parse_args()
    warnings.showwarning = lambda message, *_: print(message, file=sys.stderr)
    if not arguments.folder:
        sys.exit("FROM is empty: name a folder, as make data FROM='/path/to/films'.")
    try:
        names = use(Path(arguments.folder), arguments.peers)
    except BadData as error:
        sys.exit(str(error))
    print(
        f"The study now reads {', '.join(names)}: run `make study`. Films are taken as they are "
        "now; after a change say `make data` again."
    )


if __name__ == "__main__":
    main()
