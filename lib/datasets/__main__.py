"""`python -m lib.datasets mura`: write the index of a data set of params/datasets.yaml."""

import secrets
import sys
import warnings
from pathlib import Path

from lib import ROOT, accidents, files
from lib.datasets.entries import BadData, load_entry, load_split_settings
from lib.datasets.index import build_index, write_tables


def main(names: list[str], root: Path = ROOT) -> None:
    """Writes the tables of the named data sets below root/build/index. Raises BadData."""
    if not names:
        raise BadData("usage: python -m lib.datasets DATASET ... (for example mura)")
    entries = {name: load_entry(name, root) for name in names}
    for name, entry in entries.items():
        tables = build_index(name, entry, root / "data", _salt(root), load_split_settings(root))
        write_tables(tables, name, root / "build/index")
        print(tables["protocol"].to_string(index=False))


def _salt(root: Path) -> str:
    """What patient ids are hashed with: drawn once, the same for the whole study."""
    path = root / "build/salt"
    with files.locked(path):  # the indices of two data sets may be the first to ask, at once
        if not (path.exists() and path.read_text()):
            with files.whole_file(path) as unfinished:
                unfinished.touch(mode=0o600)
                unfinished.write_text(secrets.token_hex(16))
        return path.read_text()


if __name__ == "__main__":
    warnings.showwarning = lambda message, *_: print(message, file=sys.stderr)
    with accidents.in_one_sentence(BadData):
        main(sys.argv[1:])
