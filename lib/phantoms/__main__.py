"""Draw the default data of the study: `python -m lib.phantoms build/phantoms`."""

import sys
from pathlib import Path

from ruamel.yaml import YAML

from lib import ROOT, accidents
from lib.phantoms import draw

if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m lib.phantoms FOLDER (for example build/phantoms)")
    parameters = ROOT / "params" / "datasets.yaml"
    settings = YAML(typ="safe").load(parameters) if parameters.exists() else {}
    with accidents.in_one_sentence(FileExistsError):
        draw(Path(sys.argv[1]), **settings.get("phantoms", {}))
