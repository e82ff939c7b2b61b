"""Read MURA v1.1 (Rajpurkar et al. 2017, arXiv 1712.06957) as published by Stanford, or a part.

Four tables without headers list the films and label their studies; each film has the label of its
study. Some copies have headers, CRLF line ends, backslashes and `._` files; others lack tables,
whose films and labels are then taken from the names of folders. The published validation films are
test films here (the official test set is not public). A patient may have several studies, with
different labels, and several body parts.
"""

import re
from pathlib import Path

import pandas as pd
import pandera.pandas as pandera

from lib.datasets.entries import listed
from lib.datasets.film_files import is_film_name, locate
from lib.datasets.listing import Listing, files_below, is_visible
from lib.datasets.owner_tables import find_table, read_table
from lib.errors import BadData

FILMS = pandera.DataFrameSchema({"path": pandera.Column(str)})
STUDIES = pandera.DataFrameSchema({"study": pandera.Column(str), "label": pandera.Column(str)})
FILM = re.compile(
    r"^(?P<list>train|valid)/xr_(?P<part>[a-z]+)/(?P<patient>patient\d+)/(?P<study>study\d+)"
    r"_(?P<sign>positive|negative)/(?P<stem>[^/.]+)\.[^/]+$",
    re.IGNORECASE,
)
TABLE = "*_image_paths*.csv"
LABELS = {"0": 0, "1": 1}
SIGNS = {"negative": 0, "positive": 1}


def read(folder: Path, entry: dict) -> Listing:
    """List the films of the tables or, without a table, of the folders. Raises BadData.

    With `parts` in the entry, films of other body parts are left out and counted.
    """
    films = pd.concat([_films(folder, name) for name in ("train", "valid")], ignore_index=True)
    if films.empty:
        raise BadData(
            f"{folder / 'train_image_paths.csv'} is missing, and no film is in train/XR_… or "
            "valid/XR_…: put the owner's tables and folders there."
        )
    parts = films["relative"].str.extract(FILM).apply(lambda column: column.str.lower())
    counts = {"films listed": len(films)}
    if wanted := listed(entry, "parts"):
        selected = parts["part"].isin(wanted)
        if not selected.any():
            raise BadData(
                f"{folder} has no film of {', '.join(wanted)}: correct `parts` in "
                "params/datasets.yaml."
            )
        films, parts = films[selected], parts[selected]
        counts["left out: other body parts"] = int((~selected).sum())
    id_parts = parts[["list", "part", "patient", "study", "stem"]]
    return Listing(
        films.assign(
            image_id=id_parts.agg("-".join, axis=1),
            path=locate(films["relative"], folder, find_table(folder, TABLE) or folder),
            patient_id=parts["patient"],
            study_id=parts[["patient", "part", "study"]].agg("/".join, axis=1),
            body_part=parts["part"],
            in_test_list=parts["list"].eq("valid"),
        ),
        counts=counts,
        has_test_list=True,
    )


def _films(folder: Path, name: str) -> pd.DataFrame:
    """Return the films of one list, paths relative to the MURA folder, with their study's label."""
    table = find_table(folder, f"{name}_image_paths*.csv")
    relative = _listed(table) if table else _films_in_folders(folder, name)
    return pd.DataFrame({"relative": relative, "label": _labels(folder, name, relative)})


def _listed(table: Path) -> pd.Series:
    """Return the films that a table lists."""
    relative = _lines(table, FILMS)["path"].map(_relative)
    relative = relative[[is_visible(Path(path).name) for path in relative]]
    if len(stray := relative[~relative.str.match(FILM)]):
        raise BadData(
            f"{table} lists {stray.iloc[0]!r}, which is not a film of MURA v1.1: remove it."
        )
    return relative


def _films_in_folders(folder: Path, name: str) -> pd.Series:
    """Return the films in the folders of a list; XR_… outside a list belong to `train`.

    Folders above the set are ignored, since they change when films are copied.
    """
    paths = [path.relative_to(folder) for path in files_below(folder) if is_film_name(path)]
    without_list = {path for path in paths if path.parts[0].lower().startswith("xr_")}
    names = [
        _relative(("train" / path if path in without_list else path).as_posix()) for path in paths
    ]
    films = {path for path in names if FILM.match(path) and path.lower().startswith(name)}
    return pd.Series(sorted(films), dtype=str)


def _labels(folder: Path, name: str, relative: pd.Series) -> pd.Series:
    """Return the labels of the films' studies, from the table or else from the folders' names."""
    table = find_table(folder, f"{name}_labeled_studies*.csv")
    if table is None:
        return relative.str.extract(FILM)["sign"].str.lower().map(SIGNS).astype(int)
    studies = _lines(table, STUDIES)
    labels = dict(zip(studies["study"].map(_study), studies["label"].map(LABELS), strict=True))
    if studies["label"].map(LABELS).isna().any():
        raise BadData(f"{table} has labels other than 0 and 1: get the owner's file again.")
    study = relative.map(_study)
    if len(unlabelled := relative[~study.isin(labels)]):
        raise BadData(
            f"{table} has no label for {Path(unlabelled.iloc[0]).parent}: "
            "get the owner's file again."
        )
    return study.map(labels).astype(int)


def _lines(path: Path, schema: pandera.DataFrameSchema) -> pd.DataFrame:
    """Read the lines of a table, with `/` between folders, without the header of some copies."""
    table = read_table(path, schema, header=False)
    first = table.columns[0]
    table[first] = table[first].str.replace("\\", "/")
    return table if "/" in table[first].iloc[0] else table[1:]


def _relative(path: str) -> str:
    """Return `MURA-v1.1/train/…` without leading folders, which may vary, or a final slash."""
    return re.sub(r"^.*/(?=(?:train|valid)/XR_)", "", path, flags=re.IGNORECASE).rstrip("/")


def _study(path: str) -> str:
    """Return a study's folder in lower case, from its path or that of one of its films."""
    return re.sub(r"/[^/]+\.[^/]+$", "", _relative(path)).lower()
