"""`python -m lib.datasets mura`: write the index of a data set of params/datasets.yaml."""

import secrets
import sys
from pathlib import Path

from lib import ROOT
from lib.datasets.entries import BadData, load_entries, load_split_settings
from lib.datasets.index import build_index, write_tables


def main(names: list[str], root: Path = ROOT) -> None:
    """Writes the tables of the named data sets below root/build/index. Raises BadData."""
    entries = load_entries(root)
    if unknown := [name for name in names if name not in entries] or not names:
        asked = unknown[0] if names else "nothing"
        raise BadData(
            f"{asked} is no data set of params/datasets.yaml: name some of {', '.join(entries)}."
        )
    for name in names:
        tables = build_index(
            name, entries[name], root / "data", _salt(root), load_split_settings(root)
        )
        write_tables(tables, name, root / "build/index")
        print(tables["protocol"].to_string(index=False))


def _salt(root: Path) -> str:
    """What patient ids are hashed with: drawn once, the same for the whole study."""
    path = root / "build/salt"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(16))
    return path.read_text()


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except BadData as error:
        sys.exit(str(error))
