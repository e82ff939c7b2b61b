"""Where the films of a data set are from, under which terms, and who labelled them.

Read from params/sources.yaml, which pages alone show.
"""

from collections import ChainMap
from pathlib import PurePosixPath

import pandas as pd

from lib import params, provenance
from lib.datasets.entries import load_entries

PHANTOMS = "phantoms"
NOT_KNOWN = "not known to this study: ask the owner of the films"
#: Keys of a source by the words that a page shows.
FACTS = {
    "origin": "Origin",
    "terms": "Licence or terms of use",
    "labels": "How labels arose",
    "cite": "Cite",
}
PROTOCOL = "Films of this data set"
OF_ALL = "- Labels are the owner's, and were not examined here.\n"


def source(dataset: str) -> dict:
    """Return what params/sources.yaml has of a data set; {} of films that it does not know."""
    if provenance.holds_phantoms():
        return params.shared("sources")[PHANTOMS]
    return of_owner(dataset)


def of_owner(dataset: str) -> dict:
    """Return what params/sources.yaml has of the real films of a data set; {} of unknown ones."""
    sources, entry = params.shared("sources"), load_entries().get(dataset, {})
    folder = PurePosixPath(str(entry.get("folder", ""))).parts[:1]
    keys = (dataset, *folder, entry.get("layout"))
    return dict(ChainMap(*(sources[key] for key in keys if key in sources)))


def table(dataset: str) -> pd.DataFrame:
    """Return the facts of a data set in words, one per row; columns are Markdown."""
    known = source(dataset)
    rows = [(words, known.get(key, NOT_KNOWN)) for key, words in FACTS.items()]
    rows += [(PROTOCOL, known["protocol"])] if "protocol" in known else []
    return pd.DataFrame(rows, columns=["about", "these films"])


def limitations(dataset: str) -> str:
    """Return the limitations of the films of a data set, as items in Markdown."""
    items = "".join(f"- {words}\n" for words in source(dataset).get("limitations", []))
    return items if provenance.holds_phantoms() else OF_ALL + items
