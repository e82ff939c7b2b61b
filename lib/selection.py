"""Select the films of the study: `make data FROM=folder`, or `make data` for the phantoms.

The folder is surveyed before anything is written: which data sets can be studied and, otherwise,
the reason. Two local files are then changed: data.csv, the list of films, and params/study.yaml
(`source` and the grid). The folder is only read; lib/data.py, a stage of dvc.yaml, puts links to
the films into data/. With `PEERS=yes` the grid is that of the protocols of the reference codes,
whose results are in reports/real/peers.csv, instead of the study's own splits of the same films.
"""

import argparse
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from ruamel.yaml import YAML

from lib import ROOT, files
from lib.data import alone, check_apart, drop_dead_links, real_place
from lib.datasets.originals import may_be_read, originals, shown, write_list
from lib.datasets.survey import DataSet, studied, survey
from lib.datasets.table import SPLITS, UNLABELLED
from lib.errors import BadData
from lib.films import UnreadableFilm, read_film
from lib.preprocessing.arrays import settings
from lib.preprocessing.film import prepare
from lib.provenance import OF_PHANTOMS, PHANTOMS

LIST = "data.csv"  # the films, unless they are phantoms
LABELS = {0.0: "normal", 1.0: "abnormal"}
MOST_FINDINGS = 4  # listed separately; NIH has hundreds of combinations


def use(folder: Path, peers: bool = False) -> list[str]:
    """Select the films of `folder`, or the phantoms; return the data sets of the new grid.

    `peers`: take the entries marked as such, and no others. The data sets that will and will not be
    studied are printed. Raises BadData and changes nothing if none can be studied.
    """
    if (ROOT / folder).resolve() == (ROOT / PHANTOMS).resolve():
        with alone(ROOT, wait=False):
            names = _write_study("phantoms", OF_PHANTOMS)
            (ROOT / LIST).unlink(missing_ok=True)
            drop_dead_links(ROOT)
        return names
    folder = _checked(folder)
    sets = [one for one in survey(folder, ROOT, peers) if bool(one.entry.get("peers")) == peers]
    if peers and not sets:
        raise BadData(
            f"{folder} holds no films of the reference codes' protocols, entries of "
            "params/datasets.yaml with `peers: true`: say `make data` without PEERS."
        )
    for data_set in studied(sets):
        _try_preparation(data_set)
    print(answer(sets, folder))
    if not studied(sets):
        raise BadData(f"No data set in {folder} can be studied; nothing was changed.")
    return _write_selection(studied(sets), folder, "peers" if peers else "films")


def _checked(folder: Path) -> Path:
    """Return the folder's absolute path. Raises BadData if it cannot be a folder of films."""
    if not os.path.exists(folder) and str(folder).startswith("~"):
        folder = folder.expanduser()
    folder = Path(os.path.abspath(folder))
    if _is_barred(folder):
        raise BadData(f"{shown(folder)} cannot be read: give yourself permission to read it.")
    if not folder.is_dir():
        raise BadData(
            f"{shown(folder)} is not a folder: give the one that holds MURA-v1.1/, nih/, rsna/ or "
            "yours, as make data FROM='/path/to/films'."
        )
    if shown(folder) != str(folder):
        raise BadData(
            f"{shown(folder)} has a name that is not UTF-8 or has control characters: rename it."
        )
    real, root = folder.resolve(), ROOT.resolve()
    if real == root or real in root.parents:
        raise BadData(f"{folder} contains the study itself: put the films in a separate folder.")
    for subfolder in ("data", "build"):
        if real.is_relative_to((ROOT / subfolder).resolve()):
            raise BadData(
                f"{folder} is in the study's folder {subfolder}/: move the films elsewhere and "
                "name the new folder."
            )
    return folder


def _is_barred(folder: Path) -> bool:
    """Return whether the user may not read the folder or one above it."""
    try:
        folder.stat()
    except OSError as error:
        return isinstance(error, PermissionError)
    return folder.is_dir() and not may_be_read(folder)


def _try_preparation(data_set: DataSet) -> None:
    """Prepare one film with the entry's `images`; if this fails, the set is not studied."""
    films = (film for path in data_set.films["path"] if (film := _read(path)) is not None)
    try:
        if (film := next(films, None)) is None:
            raise BadData("none of its films can be read.")
        prepare(film, **settings(data_set.name, entry=data_set.entry))
    except BadData as reason:
        data_set.reason = str(reason)
    except (ValueError, TypeError, cv2.error) as reason:
        data_set.reason = f"its `images` in params/datasets.yaml cannot be used ({reason})."
    else:
        return
    data_set.films = data_set.films[:0]


def _read(path: str) -> np.ndarray | None:
    try:
        return read_film(path)
    except UnreadableFilm:
        return None


# --- the report


def answer(sets: list[DataSet], folder: Path) -> str:
    """Return a table of what will be studied, notes, and what will not be studied, with reasons."""
    accepted = studied(sets)
    notes = [line for data_set in accepted for line in _notes(data_set, folder)]
    rejected = [
        f"  {data_set.name}: {data_set.reason}" for data_set in sets if data_set not in accepted
    ]
    lines = []
    if accepted:
        title = (
            "Too small to be studied, but sufficient for an index"
            if accepted[0].reason
            else "To be studied"
        )
        lines += [f"{title}, of {folder}:", _table(accepted), ""]
    lines += ["Notes:", *notes, ""] if notes else []
    lines += ["Not to be studied:", *rejected, ""] if rejected else []
    if not sets:
        lines += [
            f"{folder} contains no data set of params/datasets.yaml: describe yours there, as in "
            "README under `Your own films`, or name the folder of MURA-v1.1/, nih/ or rsna/."
        ]
    return "\n".join(lines)


def _table(sets: list[DataSet]) -> str:
    table = pd.DataFrame([row for data_set in sets for row in _rows(data_set)])
    for name in ("data set", "class"):  # text is aligned to the left
        cells = pd.Series([name, *table[name]])
        header, *table[name] = cells.str.ljust(cells.str.len().max())
        table = table.rename(columns={name: header})
    return table.to_string(index=False)


def _rows(data_set: DataSet) -> list[dict]:
    """Return one row per class: its films, its patients and its films per split."""
    rows = []
    for name, films in data_set.films.groupby(_classes(data_set.films), observed=True):
        row = {"data set": "" if rows else data_set.name, "class": name, "films": len(films)}
        row["patients"] = films["patient_id"].nunique()
        rows.append(row | {part: int(films["split"].eq(part).sum()) for part in SPLITS})
    return rows


def _classes(films: pd.DataFrame) -> pd.Series:
    """Return the class of each film (normal, abnormal, unlabelled), with its finding if few."""
    labels = films["label"].astype(float).map(LABELS).fillna(UNLABELLED)
    order = [*LABELS.values(), UNLABELLED]
    named = films["finding"].ne("") & films["finding"].str.lower().ne(labels)
    is_listed = films["finding"].groupby(labels).transform("nunique") <= MOST_FINDINGS
    classes = labels.where(~(named & is_listed), labels + ": " + films["finding"])
    by_label = sorted(set(zip(labels.map(order.index), classes, strict=True)))
    return classes.astype(pd.CategoricalDtype([name for _, name in by_label]))


def _notes(data_set: DataSet, folder: Path) -> list[str]:
    """Return notes on films of a set that are left out, and other remarks."""
    notes = [f"{count} films left out: {reason}" for reason, count in data_set.counts.items()]
    notes += data_set.remarks
    notes += [data_set.reason] if data_set.reason else []
    if data_set.folder != folder / data_set.entry["folder"]:
        notes.append(f"found in {data_set.folder}")
    return [f"  {data_set.name}: {note}" for note in notes]


# --- the files


def _write_selection(sets: list[DataSet], folder: Path, grid_name: str) -> list[str]:
    """List the films of the sets and put the sets into a grid; return the names in the grid."""
    places = {place: path for data_set in sets for place, path in data_set.places.items()}
    films = originals(places).files
    data = real_place(ROOT)
    check_apart(films, places.values(), data)
    source = {"folder": str(folder), "list": LIST, "drawn": []}
    source["places"] = {place: str(path) for place, path in places.items()}
    with alone(ROOT, wait=False):
        write_list(ROOT / LIST, films)
        drop_dead_links(ROOT)
        return _write_study(grid_name, source, sets)


def _write_study(grid_name: str, source: dict, sets: Sequence[DataSet] = ()) -> list[str]:
    """Write `source` and the grid into params/study.yaml; return the data sets of the grid.

    Lists of the grid are filled in: `datasets`, those `with_labels` (training films of both
    labels), the `chests` among these, and those with films `unlabelled`.
    """
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 200
    yaml.indent(mapping=2, sequence=4, offset=2)
    study_file = ROOT / "params/study.yaml"
    study = yaml.load(study_file)
    for grid in study["grids"].values():
        grid.anchor.always_dump = True  # ruamel drops anchors without an alias
    study["grid"] = study["grids"][grid_name]
    if sets:
        with_labels = [one for one in sets if _has_both_labels_in_training(one)]
        lists = {
            "datasets": [one.name for one in sets],
            "with_labels": [one.name for one in with_labels],
            "chests": [one.name for one in with_labels if one.entry["body"] == "chest"],
            "unlabelled": [one.name for one in sets if one.films["split"].eq(UNLABELLED).any()],
        }
        for key in lists.keys() & study["grid"].keys():
            study["grid"][key][:] = lists[key]
    for key in list(study["source"]):
        del study["source"][key]
    study["source"].update(source)
    with files.whole_file(study_file) as unfinished:
        yaml.dump(study, unfinished)
    return list(study["grid"]["datasets"])


def _has_both_labels_in_training(data_set: DataSet) -> bool:
    films = data_set.films
    return films.loc[films["split"].eq("train"), "label"].dropna().nunique() > 1


def main() -> None:
    """Run the command line; report an error in one sentence."""
    parser = argparse.ArgumentParser(description="Select the folder whose films are studied.")
    parser.add_argument("folder", help="the folder, or build/phantoms")
    parser.add_argument(
        "--peers", action="store_true", help="study the protocols of the reference codes alone"
    )
    arguments = parser.parse_args()
    warnings.showwarning = lambda message, *_: print(message, file=sys.stderr)
    if not arguments.folder:
        sys.exit("FROM is empty: name a folder, as make data FROM='/path/to/films'.")
    try:
        names = use(Path(arguments.folder), arguments.peers)
    except BadData as error:
        sys.exit(str(error))
    except OSError as error:
        sys.exit(f"The study is unchanged: {error.strerror}: {shown(error.filename or '')}.")
    print(
        f"The study now uses {', '.join(names)}: run `make study`. If films change later, run "
        "`make data` again."
    )


if __name__ == "__main__":
    main()
