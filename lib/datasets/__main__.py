"""Write the index of a data set of params/datasets.yaml: `python -m lib.datasets mura`."""

import secrets
import sys
import warnings
from pathlib import Path

import pandas as pd

from lib import ROOT, accidents, burned_in, files, provenance
from lib.datasets.entries import load_entry, load_split_settings
from lib.datasets.index import build_index, write_tables
from lib.errors import BadData


def main(names: list[str], root: Path = ROOT) -> None:
    """Write the tables of the named data sets to root/build/index. Raises BadData."""
    if not names:
        raise BadData("usage: python -m lib.datasets DATASET ... (for example mura)")
    entries = {name: load_entry(name, root) for name in names}
    for name, entry in entries.items():
        tables = build_index(name, entry, root / "data", _salt(root), load_split_settings(root))
        if not provenance.holds_phantoms(root):
            tables["protocol"] = _with_text(tables["protocol"], tables[""], root / "data")
        write_tables(tables, name, root / "build/index")
        print(tables["protocol"].to_string(index=False))


def _with_text(protocol: pd.DataFrame, index: pd.DataFrame, data: Path) -> pd.DataFrame:
    """Add to the protocol how many of a sample of films show burned-in text, possibly a name."""
    looked = burned_in.share_with_text([data / path for path in index["path"]])
    counts = {burned_in.LOOKED_AT: looked.films, burned_in.SHOWN: looked.with_text}
    rows = pd.DataFrame({"step": counts.keys(), "count": counts.values()})
    return pd.concat([protocol, rows], ignore_index=True)


def _salt(root: Path) -> str:
    """Return the salt of the hashes of patient ids, drawn once for the whole study."""
    path = root / "build/salt"
    with files.locked(path):  # two data sets may be indexed at the same time
        if not (path.exists() and path.read_text()):
            with files.whole_file(path) as unfinished:
                unfinished.touch(mode=0o600)
                unfinished.write_text(secrets.token_hex(16))
        return path.read_text()


if __name__ == "__main__":
    warnings.showwarning = lambda message, *_: print(message, file=sys.stderr)
    with accidents.in_one_sentence(BadData):
        main(sys.argv[1:])
