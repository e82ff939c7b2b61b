"""MURA v1.1 (Rajpurkar et al. 2017, arXiv 1712.06957) as Stanford publishes it.

Four tables without headers list the films and label their studies; every film inherits its study's
label. Some copies have headers, CRLF line ends and `._` files. The published validation films are
test films here (the true test set is hidden). A patient may have several studies, with different
labels, and several body parts.
"""

import re
from pathlib import Path

import pandas as pd
import pandera.pandas as pandera

from lib.datasets.entries import BadData
from lib.datasets.listing import Listing, is_visible, read_table

FILMS = pandera.DataFrameSchema({"path": pandera.Column(str)})
STUDIES = pandera.DataFrameSchema({"study": pandera.Column(str), "label": pandera.Column(str)})
FILM = re.compile(
    r"^(?P<list>train|valid)/XR_(?P<part>[A-Z]+)/(?P<patient>patient\d+)/(?P<study>study\d+)"
    r"(?:_positive|_negative)/(?P<stem>[^/]+)\.png$"
)


def read(folder: Path, entry: dict) -> Listing:
    """Lists the films of the four tables in `folder`. Raises BadData."""
    films = pd.concat([_films(folder, name) for name in ("train", "valid")], ignore_index=True)
    parts = films["relative"].str.extract(FILM)
    parts["part"] = parts["part"].str.lower()
    named = parts[["list", "part", "patient", "study", "stem"]]
    return Listing(
        films.assign(
            image_id=named.agg("-".join, axis=1),
            path=[str(folder / relative) for relative in films["relative"]],
            patient_id=parts["patient"],
            study_id=parts[["patient", "part", "study"]].agg("/".join, axis=1),
            body_part=parts["part"],
            in_test_list=parts["list"].eq("valid"),
        ),
        counts={"films listed": len(films)},
    )


def _films(folder: Path, name: str) -> pd.DataFrame:
    """The films of one list, path relative to the MURA folder, with the label of their study."""
    list_of_films, table = (
        folder / f"{name}_{ending}.csv" for ending in ("image_paths", "labeled_studies")
    )
    relative = _lines(list_of_films, FILMS)["path"].map(_relative)
    relative = relative[[is_visible(Path(path).name) for path in relative]]
    if len(stray := relative[~relative.str.match(FILM)]):
        raise BadData(f"{list_of_films} lists {stray.iloc[0]!r}, no film of MURA v1.1: remove it.")
    studies = _lines(table, STUDIES)
    if not studies["label"].isin(["0", "1"]).all():
        raise BadData(f"{table} has labels other than 0 and 1: get the owner's file again.")
    labels = dict(zip(studies["study"].map(_relative), studies["label"].astype(int), strict=True))
    study = relative.map(lambda path: str(Path(path).parent))
    if len(unlabelled := study[~study.isin(labels)]):
        raise BadData(f"{table} gives {unlabelled.iloc[0]} no label: get the owner's file again.")
    return pd.DataFrame({"relative": relative, "label": study.map(labels)})


def _lines(path: Path, schema: pandera.DataFrameSchema) -> pd.DataFrame:
    """The lines of a table, without the header that some copies have."""
    table = read_table(path, schema, header=False)
    return table if "/" in table.iloc[0, 0] else table[1:]


def _relative(path: str) -> str:
    """`MURA-v1.1/train/…` without its first folder, which may be renamed; no slash at the end."""
    return re.sub(r"^[^/]+/(?=(?:train|valid)/)", "", path.strip()).rstrip("/")
