"""Write index and arrays of a data set of params/datasets.yaml: `python -m lib.preprocessing NAME`.

Each film is decoded once for both.
"""

import sys
import warnings

from lib import accidents
from lib.errors import BadData
from lib.films import UnreadableFilm
from lib.preprocessing.one_pass import write_index_and_arrays

if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m lib.preprocessing DATASET (for example mura)")
    warnings.showwarning = lambda message, *_: print(message, file=sys.stderr)
    with accidents.in_one_sentence(BadData):
        try:
            protocol = write_index_and_arrays(sys.argv[1])
        except UnreadableFilm as reason:
            raise BadData(f"{reason}; mend or remove it, then prepare the films again.") from None
        print(protocol.to_string(index=False))
