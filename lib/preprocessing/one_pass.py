"""From the films of a data set to its index and its arrays; each film is decoded once.

The index, and with it the order of the films, is known only when all films have been examined.
Until then the prepared films are kept in a scratch file, in the order of their listing.
"""

from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd

from lib import ROOT, files, provenance
from lib.datasets.entries import load_entry, load_split_settings
from lib.datasets.examination import Further
from lib.datasets.index import build_index, write_tables
from lib.datasets.pseudonyms import salt
from lib.films import Reduced
from lib.preprocessing.annotations import lesions_of_films
from lib.preprocessing.arrays import new_array, prepared, settings
from lib.preprocessing.film import enough


def write_index_and_arrays(dataset: str, root: Path = ROOT) -> pd.DataFrame:
    """Write the tables and arrays of a data set into root/build/; return the protocol.

    build/images/<dataset>[.body|.lesions].npy are uint8 (n, size, size), row-aligned with
    build/index/<dataset>.csv. Arguments of `prepare` are given under `images:` in
    params/<profile>.yaml; the data set's entry in params/datasets.yaml overrides them. Pictures are
    not held in memory. Raises UnreadableFilm, naming the film, and BadData.
    """
    entry, data, build = load_entry(dataset, root), root / "data", root / "build"
    preparation = settings(dataset, entry=entry)
    with files.scratch_file(files.images(dataset, build=build)) as path:
        with path.open("wb") as scratch:
            listed = _Listed(scratch)
            tables = build_index(
                dataset,
                entry,
                data,
                salt(root),
                load_split_settings(root),
                look_for_text=not provenance.holds_phantoms(root),
                further=Further(
                    partial(_prepared_row, settings=preparation),
                    listed.keep,
                    at_least=enough(preparation["size"]),
                ),
            )
        films = np.memmap(path, _row(preparation["size"]), "r")
        _write_arrays(dataset, tables, films, listed.rows, data, build)
    write_tables(tables, dataset, files.index(dataset, build).parent)
    return tables["protocol"]


class _Listed:
    """The prepared films in the order of their listing: image_id -> row of a scratch file."""

    def __init__(self, scratch: BinaryIO):
        self.scratch = scratch
        self.rows: dict[str, int] = {}

    def keep(self, image_id: str, row: np.ndarray) -> None:
        """Write the row of the next film."""
        self.rows[image_id] = len(self.rows)
        self.scratch.write(row.tobytes())


def _row(size: int) -> np.dtype:
    """Return the type of a row of the scratch file: picture, body and the film's matrix."""
    picture = (np.uint8, (size, size))
    return np.dtype([("image", *picture), ("body", *picture), ("matrix", np.float64, (3, 3))])


def _prepared_row(path: str, film: Reduced, settings: dict) -> np.ndarray:
    """Prepare a film; return its row of the scratch file."""
    image, body, matrix, _ = prepared(path, film.grey, settings)
    return np.array((image, body, matrix @ film.matrix), _row(settings["size"]))


def _write_arrays(
    dataset: str,
    tables: dict[str, pd.DataFrame],
    films: np.ndarray,
    rows: dict[str, int],
    data: Path,
    build: Path,
) -> None:
    """Write the films in the order of the index; `rows` gives their places among `films`."""
    index = tables[""]
    order, size = [rows[image_id] for image_id in index["image_id"]], films["image"].shape[-1]
    lesions = lesions_of_films(
        index, tables["annotations"], films["matrix"][order], size, data, f"lesions of {dataset}"
    )
    paths = [files.images(dataset, kind, build) for kind in ("", "body", "lesions")]
    with ExitStack() as stack:
        arrays = [stack.enter_context(new_array(path, (len(index), size, size))) for path in paths]
        for row, lesion in zip(order, lesions, strict=True):
            pictures = (films["image"][row], films["body"][row], lesion)
            for array, picture in zip(arrays, pictures, strict=True):
                array.write(picture.tobytes())
