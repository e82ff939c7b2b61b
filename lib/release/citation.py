"""CITATION.cff, for GitHub and reference managers, and .zenodo.json, for Zenodo."""

import io

from ruamel.yaml import YAML

from lib.release.project import Release

MESSAGE = (
    "If you use this study, please cite it, and the papers of the methods and data that you used."
)


def citation(release: Release) -> str:
    """Return the text of CITATION.cff, of format 1.2.0."""
    fields = {
        "cff-version": "1.2.0",
        "message": MESSAGE,
        "title": release.title,
        "type": "software",
        "version": release.version,
        **({"date-released": release.date} if release.date else {}),
        "license": release.licence,
        "authors": [{"name": name} for name in release.authors],
        "keywords": release.keywords,
    }
    yaml, text = YAML(), io.StringIO()
    yaml.width = 1000  # a field, a line
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.dump(fields, text)
    return text.getvalue()


def zenodo(release: Release) -> dict:
    """Return the fields of .zenodo.json, which Zenodo reads on a release."""
    return {
        "title": release.title,
        "description": f"<p>{release.title}. {MESSAGE}</p>",
        "upload_type": "software",
        "access_right": "open",
        "version": release.version,
        **({"publication_date": release.date} if release.date else {}),
        "license": release.licence,
        "creators": [{"name": name} for name in release.authors],
        "keywords": release.keywords,
    }
