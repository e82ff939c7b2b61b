"""Write the files of a release: `python -m lib.release`."""

import json
from pathlib import Path

from lib import ROOT, accidents, files
from lib.errors import BadData
from lib.release.citation import citation, zenodo
from lib.release.crate import crate
from lib.release.croissant import croissant
from lib.release.project import Release


def contents(root: Path = ROOT) -> dict[str, str]:
    """Return the text of each file, by name. Raises BadData if the phantoms are not in dvc.lock."""
    release = Release.of(root)
    return {
        "CITATION.cff": citation(release),
        ".zenodo.json": _json(zenodo(release)),
        "ro-crate-metadata.json": _json(crate(release, root)),
        "croissant.json": _json(croissant(release, root)),
    }


def write(root: Path = ROOT) -> list[str]:
    """Write the files; return the names of those that changed."""
    changed = []
    for name, text in contents(root).items():
        path = root / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            with files.whole_file(path) as unfinished:
                unfinished.write_text(text, encoding="utf-8")
            changed.append(name)
    return changed


def _json(content: dict) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    with accidents.in_one_sentence(BadData):
        print(f"Written: {', '.join(write()) or 'nothing; all files are current'}.")
