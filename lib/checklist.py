"""Reporting check-lists, filled from what the study knows: `python -m lib.checklist`.

docs/checklist.yaml has the items of CLAIM 2024 and TRIPOD+AI with their answers; numbers and names
in these are those of params, index, results and provenance. Places in the code are shown at the end
of the page, with their line. The page is reports/checklist.html.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from ruamel.yaml import YAML

from lib import ROOT, ablations, accidents, files, grid, params, prose, provenance
from lib.comparison import tables
from lib.datasets.table import load_index
from lib.errors import BadData
from lib.excerpts import excerpt, is_excerpt
from lib.release.project import Release
from lib.templates import rendered

PAGE = files.REPORTS / "checklist.html"
ITEMS = ROOT / "docs/checklist.yaml"
STATES = ("reported", "in part", "open", "does not apply")
OF_SITE = (".html", "results.csv")  # what can be linked to; other places are files of the code


class Item(NamedTuple):
    """What a guideline asks for, and how the study answers."""

    no: str
    asks: str
    state: str
    answer: str
    where: tuple[str, ...]  # pages, seen from reports/, files, and definitions in the code


class Guideline(NamedTuple):
    """A check-list and its items."""

    name: str
    about: str
    source: str
    items: list[Item]

    @property
    def counts(self) -> str:
        """How many items are in each state, in words."""
        counted = Counter(item.state for item in self.items)
        return ", ".join(f"{counted[state]} {state}" for state in STATES if counted[state])


def facts() -> dict[str, str]:
    """Return what answers name. Raises BadData if the study has no index or results yet."""
    if not files.RESULTS.exists():
        raise BadData("The study has no results yet: run `make study` first.")
    results = tables.read(files.RESULTS)
    indices = {name: load_index(files.index(name)) for name in grid.datasets()}
    settings = params.read(params.profile_name())
    release = Release.of(ROOT)
    fits = grid.fits()
    return {
        "source": provenance.data_source(),
        "films": "; ".join(_films(name, index) for name, index in indices.items()),
        "tests": "; ".join(_test_films(name, index) for name, index in indices.items()),
        "methods": str(len({fit.method for fit in fits})),
        "families": str(len({fit.family for fit in fits})),
        "ablations": str(len({one.name for one in ablations.of_grid()})),
        "profile": params.profile_name(),
        "size": str(settings["images"]["size"]),
        "split_seed": str(settings["split"]["seed"]),
        "versions": ", ".join(f"{name} {of}" for name, of in provenance.versions().items()),
        "numbers": f"{len(results):,}",
        "of_maps": ", ".join(_measures_of_maps(results)) or "none",
        "licence": release.licence,
        "version": release.version,
    }


def _films(name: str, index: pd.DataFrame) -> str:
    return f"{name} has {len(index):,} films of {index['patient_id'].nunique():,} patients"


def _test_films(name: str, index: pd.DataFrame) -> str:
    test = index[index["split"].eq("test")]
    abnormal = int(test["label"].eq(1).sum())
    return f"{name} has {len(test):,} test films, {abnormal:,} of them abnormal"


def _measures_of_maps(results: pd.DataFrame) -> list[str]:
    names = results.loc[results["level"].isin(["pixel", "box"]), "metric"].unique()
    return [name.replace("_", " ") for name in names]


def guidelines(known: dict[str, str], datasets: list[str], phantoms: bool) -> list[Guideline]:
    """Return the check-lists with their answers; `known` as `facts` returns it."""
    content = YAML(typ="safe").load(ITEMS)
    return [
        Guideline(
            one["name"],
            one["about"],
            one["source"],
            [_item(entry, known, datasets, phantoms) for entry in one["items"]],
        )
        for one in content
    ]


def _item(entry: dict, known: dict[str, str], datasets: list[str], phantoms: bool) -> Item:
    of_real = {} if phantoms else entry.get("real", {})
    entry = entry | of_real
    places = (place for name in entry.get("where", ()) for place in _places(name, known, datasets))
    answer = entry["answer"].format(**known)
    return Item(str(entry["no"]), entry["asks"], entry["state"], answer, tuple(places))


def _places(name: str, known: dict[str, str], datasets: list[str]) -> Iterator[str]:
    if "{dataset}" not in name:
        yield name.format(**known)
    else:
        yield from (name.format(dataset=dataset) for dataset in datasets)


def is_of_site(place: str) -> bool:
    """Return whether a place is a page, or a section of one, or a table that the site has."""
    page = place.partition("#")[0]
    return page.endswith(OF_SITE) and "/" not in page


def link(place: str) -> str:
    """Return the address of a place of the site, which may be a section of a page."""
    page, mark, section = place.partition("#")
    return page + mark + prose.anchor(section)


def write(page: Path = PAGE) -> list[Guideline]:
    """Write the page; return the check-lists.

    Raises BadData as `facts` does, and for a place in the code that is not there.
    """
    filled = guidelines(facts(), grid.datasets(), provenance.holds_phantoms())
    places = sorted({place for one in filled for item in one.items for place in item.where})
    text = rendered(
        "checklist",
        guidelines=filled,
        source=provenance.data_source(),
        version=Release.of(ROOT).version,
        commit=provenance.commit(),
        is_of_site=is_of_site,
        link=link,
        code={place: excerpt(place, ROOT) for place in places if is_excerpt(place)},
    )
    with files.whole_file(page) as unfinished:
        unfinished.write_text(text, encoding="utf-8")
    return filled


if __name__ == "__main__":
    with accidents.in_one_sentence(BadData):
        for guideline in write():
            print(f"{guideline.name}: {guideline.counts}.")
        print(PAGE.relative_to(ROOT))
