"""The repository as an RO-Crate: the files to begin with, and every notebook."""

import json
from collections.abc import Iterator
from pathlib import Path

from lib.release.project import LICENCE_PAGE, Release

PARTS = {  # file of the study -> what it is, and its encoding
    "README.md": ("The question, its answer, and how to rebuild it", "text/markdown"),
    "CHANGELOG.md": ("Every change of the numbers, with its reason", "text/markdown"),
    "LICENSE": ("The licence", "text/plain"),
    "CITATION.cff": ("How to cite the study", "application/yaml"),
    "pyproject.toml": ("Version, authors and packages", "application/toml"),
    "requirements.txt": ("Every package, pinned with its hashes", "text/plain"),
    "dvc.yaml": ("The study as a graph of stages", "application/yaml"),
    "dvc.lock": ("Hashes of inputs and outputs of each stage", "application/yaml"),
    "params/study.yaml": ("Data sets, methods, seeds and ablations", "application/yaml"),
    "params/datasets.yaml": ("The data sets and their labels", "application/yaml"),
    "params/choices.csv": ("What was chosen with test scores in sight", "text/csv"),
    "croissant.json": ("Description of the phantoms (Croissant)", "application/ld+json"),
    "reports/results.csv": ("Every number of the default run, on phantoms", "text/csv"),
    "reports/real/results.csv": ("Every recorded number on real films", "text/csv"),
}


def crate(release: Release, root: Path) -> dict:
    """Return the RO-Crate of the repository: the files to begin with, and every notebook."""
    authors = [{"@id": f"#author-{number}"} for number, _ in enumerate(release.authors, 1)]
    licence = LICENCE_PAGE.format(release.licence)
    parts = [_part(name, *what) for name, what in PARTS.items()]
    parts += [_part(*notebook) for notebook in _notebooks(root)]
    dataset = {
        "@id": "./",
        "@type": "Dataset",
        "name": release.title,
        "description": f"{release.title}: code, parameters, notebooks and every number.",
        "version": release.version,
        **({"datePublished": release.date} if release.date else {}),
        "license": {"@id": licence},
        "author": authors,
        "keywords": ", ".join(release.keywords),
        "hasPart": [{"@id": part["@id"]} for part in parts],
    }
    descriptor = {
        "@id": "ro-crate-metadata.json",
        "@type": "CreativeWork",
        "conformsTo": {"@id": "https://w3id.org/ro/crate/1.1"},
        "about": {"@id": "./"},
    }
    named = zip(authors, release.authors, strict=True)
    people = [{**key, "@type": "Organization", "name": name} for key, name in named]
    about = {"@id": licence, "@type": "CreativeWork", "name": release.licence}
    return {
        "@context": "https://w3id.org/ro/crate/1.1/context",
        "@graph": [descriptor, dataset, *people, about, *parts],
    }


def _part(name: str, description: str, encoding: str) -> dict:
    file = {"@id": name, "@type": "File", "name": name}
    return {**file, "description": description, "encodingFormat": encoding}


def _notebooks(root: Path) -> Iterator[tuple[str, str, str]]:
    for path in sorted((root / "notebooks").glob("*.ipynb")):
        card = "".join(json.loads(path.read_text())["cells"][0]["source"])
        title = card.splitlines()[0].removeprefix("# ")
        yield f"notebooks/{path.name}", title, "application/x-ipynb+json"
