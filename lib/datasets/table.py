"""Define the columns of the index, and read it.

Separate from the readers of data sets, so that a change of a layout does not change the code that
trains.
"""

from pathlib import Path

import pandas as pd
import pandera.pandas as pandera
from pandera.errors import SchemaErrors

from lib.errors import BadData

SPLITS = ("train", "validation", "test")
UNLABELLED = "unlabelled"  # instead of a split: a film without a label, which is only scored

# File names that are not UTF-8 are written and read without change.
ODD_NAMES = "surrogateescape"

TEXT = pandera.Column(str)
NAME = pandera.Column(str, pandera.Check.str_length(min_value=1))
PIXELS = pandera.Column(int, pandera.Check.gt(0))
INDEX = pandera.DataFrameSchema(
    {
        "image_id": pandera.Column(str, pandera.Check.str_length(min_value=1), unique=True),
        "path": NAME,
        "dataset": NAME,
        "patient_id": NAME,
        "study_id": NAME,
        "body_part": NAME,
        "view": TEXT,
        "sex": pandera.Column(str, pandera.Check.isin(["M", "F", ""])),
        "age": pandera.Column(float, pandera.Check.in_range(0, 120), nullable=True),
        "finding": TEXT,
        "label": pandera.Column(float, pandera.Check.isin([0.0, 1.0]), nullable=True),
        "split": pandera.Column(str, pandera.Check.isin([*SPLITS, UNLABELLED])),
        "width": PIXELS,
        "height": PIXELS,
    },
    strict=True,
    ordered=True,
)
COLUMNS = list(INDEX.columns)
NUMBERS = {"age": float, "label": float, "width": int, "height": int}


def load_index(path: str | Path) -> pd.DataFrame:
    """Read and validate an index: ids and words are text, label and age float. Raises BadData."""
    path = Path(path)
    remedy = f"create it again with `python -m lib.preprocessing {path.stem}`."
    try:
        index = pd.read_csv(
            path,
            dtype=dict.fromkeys(COLUMNS, str) | NUMBERS,
            keep_default_na=False,
            na_values={name: [""] for name in NUMBERS},
            encoding_errors=ODD_NAMES,
        )
        return INDEX.validate(index, lazy=True)
    except FileNotFoundError:
        raise BadData(f"{path} is missing: {remedy}") from None
    except (SchemaErrors, ValueError):
        raise BadData(f"{path} is not an index of this study: {remedy}") from None
