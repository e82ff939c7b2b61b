"""Files by which a release is cited and found, written from what the study knows.

`python -m lib.release` writes CITATION.cff, .zenodo.json (Zenodo), ro-crate-metadata.json (RO-Crate
1.1) and croissant.json (Croissant 1.0, of the phantoms). Version, title, authors, keywords and
licence are those of pyproject.toml, the date of a release is that of CHANGELOG.md, and the hashes
of the phantoms' indices are those of dvc.lock. No DOI, name or address is written that is not
there.
"""
