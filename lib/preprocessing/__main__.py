"""Prepare the films of a data set of params/datasets.yaml: `python -m lib.preprocessing NAME`."""

import sys

from lib import accidents
from lib.errors import BadData
from lib.films import UnreadableFilm
from lib.preprocessing.arrays import write_arrays

if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m lib.preprocessing DATASET (for example mura)")
    with accidents.in_one_sentence(BadData):
        try:
            write_arrays(sys.argv[1])
        except UnreadableFilm as reason:
            raise BadData(f"{reason}; mend or remove it, then run the index again.") from None
