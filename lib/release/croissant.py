"""The phantoms as a Croissant data set: their films, and the index of each data set."""

import re
from collections.abc import Iterator
from pathlib import Path

from ruamel.yaml import YAML

from lib.datasets.table import COLUMNS, NUMBERS
from lib.errors import BadData
from lib.release.project import LICENCE_PAGE, Release

PHANTOMS = "build/phantoms"
FILMS = {  # data set -> the encoding of its films, and their files in the owner's layout
    "mura": ("image/png", "MURA-v1.1/**/*.png"),
    "nih": ("image/png", "nih/images/*.png"),
    "rsna": ("application/dicom", "rsna/stage_2_train_images/*.dcm"),
}
INDEX_COLUMNS = {
    "image_id": "Name of the film, unique in the data set.",
    "path": "File of the film, seen from the folder of the phantoms.",
    "dataset": "Name of the data set.",
    "patient_id": "Patient; no patient is in two splits.",
    "study_id": "Examination, which may have several films.",
    "body_part": "Part of the body.",
    "view": "Projection, where the layout has one.",
    "sex": "M, F or empty.",
    "age": "Age in years, or empty.",
    "finding": "Findings, separated by |.",
    "label": "1 abnormal, 0 normal, empty unknown.",
    "split": "train, validation or test.",
    "width": "Width of the film as published, in pixels.",
    "height": "Height of the film as published, in pixels.",
}
TYPES = {str: "sc:Text", float: "sc:Float", int: "sc:Integer"}

#: The context that Croissant 1.0 prescribes.
CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "equivalentProperty": "cr:equivalentProperty",
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}


def croissant(release: Release, root: Path) -> dict:
    """Return the description of the phantoms: their films, and the index of each data set."""
    with (root / "params/datasets.yaml").open() as file:
        drawn = YAML(typ="safe").load(file)["phantoms"]
    films = drawn["films"].items()
    counted = ", ".join(f"{count} in the layout of {name}" for name, count in films)
    description = (
        "Synthetic radiographs of limbs and chests with exact masks of their lesions "
        "(without the septa of lungs, which thicken with a finding), drawn by "
        f"projection of simple solids; no film of a patient is among them. About {counted}; the "
        f"seed is {drawn['seed']}. They are drawn on the reader's machine by `make study`, with "
        f"the same pixels for the same seed, into {PHANTOMS}/; the indices are in build/index/."
    )
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": "phantom-radiographs",
        "description": description,
        "version": release.version,
        **({"datePublished": release.date} if release.date else {}),
        "license": LICENCE_PAGE.format(release.licence),
        "citeAs": release.reference,
        "creator": [{"@type": "sc:Organization", "name": name} for name in release.authors],
        "keywords": ["phantom", *release.keywords],
        "distribution": [part for name in FILMS for part in _files_of(name, root)],
        "recordSet": [_record_set(name) for name in FILMS],
    }


def _files_of(dataset: str, root: Path) -> Iterator[dict]:
    """Yield the index of a data set, and its films."""
    path = f"build/index/{dataset}.csv"
    yield {
        "@type": "cr:FileObject",
        "@id": f"{dataset}-index",
        "name": f"{dataset}-index",
        "description": f"One row per film of {dataset}, with its split.",
        "contentUrl": path,
        "encodingFormat": "text/csv",
        "md5": _hash_in_lock(path, root),
    }
    encoding, pattern = FILMS[dataset]
    yield {
        "@type": "cr:FileSet",
        "@id": f"{dataset}-films",
        "name": f"{dataset}-films",
        "description": f"The films of {dataset}.",
        "encodingFormat": encoding,
        "includes": f"{PHANTOMS}/{pattern}",
    }


def _record_set(dataset: str) -> dict:
    return {
        "@type": "cr:RecordSet",
        "@id": dataset,
        "name": dataset,
        "description": f"The films of {dataset}, one record each.",
        "key": {"@id": f"{dataset}/image_id"},
        "field": [_field(dataset, column) for column in COLUMNS],
    }


def _field(dataset: str, column: str) -> dict:
    return {
        "@type": "cr:Field",
        "@id": f"{dataset}/{column}",
        "name": column,
        "description": INDEX_COLUMNS[column],
        "dataType": TYPES[NUMBERS.get(column, str)],
        "source": {"fileObject": {"@id": f"{dataset}-index"}, "extract": {"column": column}},
    }


def _hash_in_lock(path: str, root: Path) -> str:
    """Return the MD5 of an output of the graph. Only its lines are read: the file is long."""
    lock, output = root / "dvc.lock", re.escape(path)
    pattern = rf"^    - path: {output}\n      hash: md5\n      md5: (\w+)$"
    hashed = lock.exists() and re.search(pattern, lock.read_text(), re.MULTILINE)
    if not hashed:
        raise BadData(f"dvc.lock does not hold {path}: run `make study` on the phantoms first.")
    return hashed[1]
