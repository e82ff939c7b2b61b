"""The content of params/: the fits of the study, its ablations, data sets and profile.

A *fit* is one training run: data set x method x variant x seed. The fits of the grid have no
variant: their method runs with its unchanged entry of the profile. An *ablation* is a set of fits
with one change (lib.variants); a variant that changes nothing is the grid's own fit.
"""

import re
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from ruamel.yaml import YAML

from lib import ROOT
from lib.errors import BadData
from lib.variants import Labels, setting, variant_name

#: Prefix of an ablation's name, as its family in tables of results.
ABLATION = "ablation: "
NO_VARIANT = "default"  # the folder of fits without a variant
#: The study's parameters in an entry of a profile, with their defaults.
OF_THE_STUDY = {"labels": "none", "contamination": 0.0, "augment": False, "images": {}}
NO_CHANGE = OF_THE_STUDY | {"as_published": False}
NEEDED = ("question", "datasets", "methods", "seeds", "variants")  # of an ablation
WORDS = ("axis", "above", "below")  # that it may have


@dataclass(frozen=True)
class Fit:
    """One training run; `variant` is empty or the name of a variant of an ablation."""

    dataset: str
    method: str
    variant: str = ""
    seed: int = 0

    @property
    def place(self) -> Path:
        """The folder of its files, relative to that of all fits."""
        folder = _folder(self.variant) if self.variant else NO_VARIANT
        return Path(self.dataset, self.method, folder, str(self.seed))

    @property
    def page(self) -> str:
        """The file of its card in reports/."""
        return f"cards/{self.dataset}/{self.method}-{self.seed}.html"

    @property
    def family(self) -> str:
        """The family of its method, `other` outside the grids."""
        return families().get(self.method, "other")

    @property
    def entry(self) -> dict:
        """The parameters of its method in the profile, with its variant's. Raises BadData."""
        changes = _variants() if self.variant else {"": {}}
        if self.variant not in changes:
            raise BadData(f"params/study.yaml has no variant {self.variant!r}.")
        return put_over(changes[self.variant], entry_of(self.method))

    def __str__(self) -> str:
        return "/".join(filter(None, (self.dataset, self.method, self.variant, str(self.seed))))


class Parameters(NamedTuple):
    """An entry of a profile, divided into the study's and the method's parameters."""

    method: str  # module of lib/methods
    labels: Labels
    contamination: float  # share of anomalies among the training films of unknown label
    augment: bool  # whether training films are augmented at random
    images: dict  # preparation of films that differs from the data set's
    updates: dict[str, int]  # training lengths in updates, by their keyword in epochs
    keywords: dict  # keywords of the method

    @property
    def setting(self) -> str:
        """The labels given to the method, in words."""
        return setting(self.labels, self.contamination)


@dataclass(frozen=True)
class Ablation:
    """Fits on one data set with one change; the first variant is the reference."""

    name: str
    dataset: str
    question: str
    methods: list[str]
    seeds: list[int]
    variants: dict[str, dict]  # name -> changed parameters
    axis: str = ""  # meaning of its variants' percentages
    above: str = "above the reference"  # words for a difference above 0
    below: str = "below the reference"

    @property
    def title(self) -> str:
        """Its name in words."""
        return self.name.replace("_", " ")

    @property
    def page(self) -> str:
        """The file of its page in reports/."""
        return f"ablations/{self.name}/{self.dataset}.html"

    @property
    def reference(self) -> str:
        """The variant that the others are compared with."""
        return next(iter(self.variants))

    def fit(self, method: str, variant: str, seed: int) -> Fit:
        """Return one of its fits: the grid's own if the variant does not change the entry."""
        change = self.variants[variant]
        same = changes_nothing(change, entry_of(method), self.dataset)
        return Fit(self.dataset, method, "" if same else variant, seed)

    def fits(self) -> dict[tuple[str, str, int], Fit]:
        """Return all fits by method, variant and seed, in this order."""
        return {
            (method, variant, seed): self.fit(method, variant, seed)
            for method in self.methods
            for variant in self.variants
            for seed in self.seeds
        }

    def __str__(self) -> str:
        return f"{self.title} on {self.dataset}"


def fits(dataset: str | None = None) -> list[Fit]:
    """Return the fits of the chosen grid, or those on a data set, without those of ablations."""
    grid = _grid()
    every = [
        Fit(name, method, seed=seed)
        for block in _blocks(grid)
        for name in block["datasets"]
        if dataset in (None, name)
        for method in block["methods"]
        for seed in block.get("seeds", grid["seeds"])
    ]
    return list(dict.fromkeys(every))


def fits_on(dataset: str) -> list[Fit]:
    """Return the fits on a data set, first those of the grid, then of ablations; each once."""
    of_ablations = [fit for one in ablations(dataset) for fit in one.fits().values()]
    return list(dict.fromkeys([*fits(dataset), *of_ablations]))


def families() -> dict[str, str]:
    """Return the family of each method, as the chosen grid groups them, or else another grid."""
    grids = [*parameters("study")["grids"].values(), _grid()]  # the last one counts
    return {
        method: family
        for grid in grids
        for family, blocks in (grid.get("families") or {}).items()
        for block in blocks
        for method in block["methods"]
    }


def ablations(dataset: str | None = None) -> list[Ablation]:
    """Return the ablations of the chosen grid, one per data set, or on one. Raises BadData."""
    return [
        ablation(name, of_entry)
        for name, entry in _ablations().items()
        for of_entry in _checked(name, entry)["datasets"]
        if dataset in (None, of_entry)
    ]


def ablation(name: str, dataset: str) -> Ablation:
    """Return the ablation of that name on any data set. Raises BadData."""
    entries = _ablations()
    if name not in entries:
        known = ", ".join(entries) or "none"
        raise BadData(f"params/study.yaml has no ablation {name}; it has {known}.")
    entry = dict(_checked(name, entries[name]))
    del entry["datasets"]
    return Ablation(name, dataset, **entry | {"variants": _named(entry["variants"])})


def changes_nothing(change: dict, entry: dict, dataset: str) -> bool:
    """Return whether a variant equals the method's entry and the data set's preparation."""
    of_films = parameters("datasets")["datasets"].get(dataset, {}).get("images", {})
    images = profile().get("images", {}) | of_films | entry.get("images", {})
    usual = NO_CHANGE | entry | {"images": images}
    return all(
        value.items() <= images.items()
        if name == "images"
        else name in usual and value == usual[name]
        for name, value in change.items()
    )


def put_over(change: dict, entry: dict) -> dict:
    """Return the entry of a method with the parameters of a variant.

    A length that the variant gives in updates takes the place of one in epochs, and the reverse.
    """
    twins = {name.replace("updates", "epochs") for name in change if name.endswith("updates")}
    twins |= {name.replace("epochs", "updates") for name in change if name.endswith("epochs")}
    return {name: entry[name] for name in entry if name not in twins} | change


def part(method: str, entry: dict) -> Parameters:
    """Divide an entry of the profile, with any variant, into the study's and the method's part.

    Only here is it defined which parameters are the study's.
    """
    rest = OF_THE_STUDY | {"method": method} | entry
    updates = {name: rest.pop(name) for name in list(rest) if name.endswith("updates")}
    in_epochs = {name.replace("updates", "epochs"): number for name, number in updates.items()}
    return Parameters(
        **{name: rest.pop(name) for name in ("method", *OF_THE_STUDY)},
        updates={name: number for name, number in in_epochs.items() if name not in rest},
        keywords=rest,
    )


def fusions() -> dict[str, list[str]]:
    """Return the fusions of scores, {name: parts}; none if the grid has none."""
    return _grid().get("fusions") or {}


def datasets() -> list[str]:
    """Return the data sets of the chosen grid."""
    return list(_grid()["datasets"])


def unlabelled() -> list[str]:
    """Return the data sets of the chosen grid with films of unknown label, to be ranked."""
    return list(_grid().get("unlabelled", []))


def profile_name() -> str:
    """Return the chosen profile: quick, hours or full."""
    return parameters("study")["profile"]


def profile() -> dict:
    """Return the parameters of the chosen profile: images, split, and one entry per method."""
    return parameters(profile_name())


def entry_of(method: str) -> dict:
    """Return the entry of a method in the chosen profile. Raises BadData if there is none."""
    entries = profile()
    if method not in entries:
        raise BadData(f"params/{profile_name()}.yaml has no entry {method}: add one.")
    return entries[method] or {}


def methods() -> list[str]:
    """Return the entries of the profile that are methods."""
    return [name for name in profile() if name not in ("images", "split")]


def method_of(name: str) -> str:
    """Return the module of lib/methods for an entry of the profile: its `method`, or its name.

    One method can thus be in the grid with several settings, as `anoddpm` and `anoddpm_gaussian`.
    """
    return (profile().get(name) or {}).get("method", name)


def parameters(name: str) -> dict:
    """Return the content of params/<name>.yaml."""
    file = ROOT / f"params/{name}.yaml"
    if not file.exists():
        raise BadData(f"params/{name}.yaml is missing: params/study.yaml names it as `profile`.")
    return deepcopy(_loaded(file, file.stat().st_mtime_ns))


@lru_cache(maxsize=8)
def _loaded(file: Path, _changed: int) -> dict:
    return YAML(typ="safe").load(file)


def _grid() -> dict:
    return parameters("study")["grid"]


def _ablations() -> dict[str, dict]:
    return _grid().get("ablations") or {}


def _blocks(grid: dict) -> list[dict]:
    """Return the blocks of data sets and methods of a grid, family by family."""
    return [block for blocks in (grid.get("families") or {}).values() for block in blocks]


def _variants() -> dict[str, dict]:
    """Return the changed parameters of each variant by name, those of the chosen grid first.

    Raises BadData where two variants of the chosen grid share a name or a folder.
    """
    changes: dict[str, dict] = {}
    folders: dict[str, str] = {}
    for entry in _ablations().values():
        for variant, change in _named((entry or {}).get("variants") or []).items():
            other = folders.setdefault(_folder(variant).casefold(), variant)
            if changes.setdefault(other, change) != change:
                raise BadData(
                    f"params/study.yaml has two variants {variant!r} that change different "
                    "parameters: give one of them another `name`."
                )
            changes[variant] = change
    for grid in parameters("study")["grids"].values():
        for entry in (grid.get("ablations") or {}).values():
            with suppress(BadData):  # of a grid that is not chosen
                changes = _named((entry or {}).get("variants") or []) | changes
    return changes


def _folder(variant: str) -> str:
    """Return the name of a variant without characters that a file system may reject."""
    return re.sub(r"[^\w.=-]+", "-", variant).strip("-.")


def _named(variants: list[dict]) -> dict[str, dict]:
    """Return variants without their `name`, by their name on pages. Raises BadData."""
    named = {}
    for change in variants:
        try:
            name = variant_name(change)
            folder = _folder(name)
        except (TypeError, ValueError, KeyError, AttributeError):
            folder = ""
        if folder.casefold() in ("", NO_VARIANT):
            raise BadData(
                f"params/study.yaml has a variant {change!r} that cannot be read or named: write "
                "parameters as {labels: none}, with a `name` in letters if you give one."
            )
        named[name] = {key: change[key] for key in change if key != "name"}
    return named


def _checked(name: str, entry: dict) -> dict:
    """Return an ablation's entry. Raises BadData if it is incomplete or cannot be read."""
    where = f"The ablation {name} of params/study.yaml"
    if missing := [key for key in NEEDED if key not in (entry or {})]:
        raise BadData(f"{where} has no {', '.join(missing)}: it needs {', '.join(NEEDED)}.")
    if unknown := sorted(entry.keys() - {*NEEDED, *WORDS}):
        raise BadData(f"{where} has an unknown key {unknown[0]!r}: use {', '.join(WORDS)}.")
    if not all(isinstance(entry[key], list) for key in NEEDED[1:]):
        raise BadData(f"{where} needs lists of {', '.join(NEEDED[1:])}, as [0, 1, 2].")
    if not all(type(seed) is int for seed in entry["seeds"]):
        raise BadData(f"{where} has seeds that are no whole numbers: write them as [0, 1, 2].")
    empty = [key for key in ("methods", "seeds", "variants") if not entry[key]]
    if entry["datasets"] and (empty or len(_named(entry["variants"])) < len(entry["variants"])):
        raise BadData(f"{where} needs methods, seeds, and variants that all differ.")
    return entry
