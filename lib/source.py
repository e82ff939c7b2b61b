"""Points the study at a folder of films: `make data FROM=folder`; `make data` for phantoms again.

With `PEERS=yes` the grid also has the data sets on the protocols of the reference codes, whose
numbers stand in reports/real/peers.csv: not for every study (`own_splits`).
Changes two local files: the path in data.dvc and the grid of params/study.yaml. The folder itself
is only read: `dvc repro` copies its films into data/.
"""

import argparse
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

from ruamel.yaml import YAML

from lib import ROOT
from lib.datasets.entries import BadData
from lib.datasets.index import readable
from lib.provenance import PHANTOMS


def use(folder: Path, peers: bool = False) -> list[str]:
    """Point data.dvc and the grid at `folder`; returns the data sets that the grid now has.

    `peers`: add the entries that are marked so.
    Raises BadData, changing nothing, when the folder holds no data set that can be read.
    """
    if (ROOT / folder).resolve() == (ROOT / PHANTOMS).resolve():
        return _write("phantoms", PHANTOMS, None)
    if not folder.is_dir():
        raise BadData(
            f"{folder} is not a folder: give the one that holds MURA-v1.1/, nih/, rsna/ or yours."
        )
    found = readable(folder)
    if not found:
        raise BadData(
            f"{folder} holds no data set of params/datasets.yaml: describe yours there first."
        )
    beside = readable(folder, peers=True) if peers else []
    return _write("films", Path(os.path.relpath(folder, ROOT)), found, beside)


def _write(
    grid_name: str, folder: Path, found: list[str] | None, beside: Sequence[str] = ()
) -> list[str]:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 200
    yaml.indent(mapping=2, sequence=4, offset=2)
    study_file = ROOT / "params/study.yaml"
    study = yaml.load(study_file)
    for grid in study["grids"].values():
        grid.anchor.always_dump = True  # ruamel drops the anchors that no alias points at
    study["grid"] = study["grids"][grid_name]
    if found:
        study["grid"]["own_splits"][:] = found
        study["grid"]["datasets"][:] = [*found, *beside]
    yaml.dump(study, study_file)
    (ROOT / "data.dvc").write_text(f"deps:\n- path: {folder.as_posix()}\nouts:\n- path: data\n")
    return list(study["grid"]["datasets"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Point the study at a folder of films.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--peers", action="store_true", help="also the reference codes' protocols")
    warnings.showwarning = lambda message, *_: print(message, file=sys.stderr)
    try:
        names = use(**vars(parser.parse_args()))
    except BadData as error:
        sys.exit(str(error))
    print(f"The study now reads {', '.join(names)}. Run `dvc repro`.")
