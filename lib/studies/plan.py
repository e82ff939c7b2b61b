"""What the studies of params/study.yaml consist of.

A study has data sets, methods, seeds and variants. A variant is a set of parameters that is put
over the method's entry in the profile, as `{labels: none}` or `{as_published: true}`, or says how
films are prepared otherwise, as `{images: {equalize: none}}`; a `name` in it is what pages call it.
The first is the reference that the others are compared with. A seed moves the weights and who is
labelled; the split stays.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from lib import ROOT, grid
from lib.datasets.entries import BadData
from lib.datasets.training import setting_name


class Fit(NamedTuple):
    """One fit of a study."""

    method: str
    variant: str
    change: dict  # the parameters that the variant puts over the method's own
    seed: int


@dataclass(frozen=True)
class Study:
    """One study on one data set."""

    name: str
    dataset: str
    methods: list[str]
    seeds: list[int]
    variants: list[dict]

    @property
    def folder(self) -> Path:
        """Where it leaves what it made."""
        return ROOT / "build/studies" / self.name / self.dataset

    @property
    def page(self) -> str:
        """The name of its page in reports/."""
        return f"{self.name}-{self.dataset}.html"

    def fits(self) -> list[Fit]:
        """Method by method, variant by variant, seed by seed. Raises BadData without variants."""
        named = {variant_name(change): change for change in self.variants}
        if not (self.methods and self.seeds and len(named) == len(self.variants) > 0):
            raise BadData(
                f"The study {self.name} of params/study.yaml needs methods, seeds, and variants "
                "that all differ."
            )
        return [
            Fit(method, name, {key: change[key] for key in change if key != "name"}, seed)
            for method in self.methods
            for name, change in named.items()
            for seed in self.seeds
        ]

    def __str__(self) -> str:
        return f"{self.name} of {self.dataset}"


def asked() -> list[Study]:
    """The studies of the chosen grid, one for each of their data sets."""
    return [
        find(name, dataset)
        for name, study in grid.studies().items()
        for dataset in study["datasets"]
    ]


def find(name: str, dataset: str) -> Study:
    """The study of that name on any data set. Raises BadData for another name."""
    known = grid.studies()
    if name not in known:
        raise BadData(f"params/study.yaml has no study {name}; it has {', '.join(known)}.")
    entry = known[name]
    return Study(name, dataset, entry["methods"], entry["seeds"], entry["variants"])


def variant_name(change: dict) -> str:
    """What a variant changes, in words: `unlabelled`, `5 % contamination`, `as published`."""
    if "name" in change:
        return change["name"]
    rest, said = dict(change), []
    if "labels" in rest:
        said.append(setting_name(rest.pop("labels")))
    if "contamination" in rest:
        said.append(f"{100 * rest.pop('contamination'):g} % contamination")
    if "as_published" in rest:
        said.append("as published" if rest.pop("as_published") else "corrected")
    films = rest.pop("images", {}).items()
    said += [name if value is True else f"{name} {value}" for name, value in films]
    said += [f"{name.replace('_', ' ')} {value}" for name, value in rest.items()]
    return ", ".join(said) or "unchanged"


def percent(change: dict) -> float | None:
    """The percentage that a variant is about: of contamination or of known anomalies, if any."""
    if "contamination" in change:
        return 100 * change["contamination"]
    if "labels" not in change:
        return None
    labels = change["labels"]
    share = {"none": 0.0, "all": 1.0}[labels] if isinstance(labels, str) else labels.get("abnormal")
    return 100 * (share or 0.0)
