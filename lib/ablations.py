"""Ablations: sets of fits with one thing changed, as params/study.yaml declares them."""

from collections.abc import Sequence
from dataclasses import dataclass

from lib import grid, params, variants
from lib.errors import BadData
from lib.grid import Fit

#: Prefix of an ablation's name, as its family in tables of results.
ABLATION = "ablation: "
NO_CHANGE = params.OF_THE_STUDY | {"as_published": False}


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
    contrasts: Sequence[Sequence[str]] = ()  # pairs of methods, compared at each variant

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
        same = changes_nothing(change, params.entry_of(method), self.dataset)
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


def of_grid(dataset: str | None = None) -> list[Ablation]:
    """Return the ablations of the selected grid, one per data set, or on one. Raises BadData."""
    return [
        find(name, of_entry)
        for name, entry in variants.entries().items()
        for of_entry in variants.checked(name, entry)["datasets"]
        if dataset in (None, of_entry)
    ]


def declared(dataset: str) -> list[Ablation]:
    """Return the ablations that the selected grid declares, of whatever data set, as of this one.

    Those of no data set are not run: a record may have them. Raises BadData.
    """
    return [find(name, dataset) for name in variants.entries()]


def find(name: str, dataset: str) -> Ablation:
    """Return the ablation of that name on any data set. Raises BadData."""
    entries = variants.entries()
    if name not in entries:
        known = ", ".join(entries) or "none"
        raise BadData(f"params/study.yaml has no ablation {name}; it has {known}.")
    entry = dict(variants.checked(name, entries[name]))
    del entry["datasets"]
    return Ablation(name, dataset, **entry | {"variants": variants.named(entry["variants"])})


def every_fit(dataset: str | None = None) -> list[Fit]:
    """Return the fits of the study, or those on a data set: of the grid, then of ablations."""
    of_ablations = [fit for one in of_grid(dataset) for fit in one.fits().values()]
    return list(dict.fromkeys([*grid.fits(dataset), *of_ablations]))


def changes_nothing(change: dict, entry: dict, dataset: str) -> bool:
    """Return whether a variant equals the method's entry and the data set's preparation."""
    of_films = params.read("datasets")["datasets"].get(dataset, {}).get("images", {})
    images = params.profile().get("images", {}) | of_films | entry.get("images", {})
    usual = NO_CHANGE | entry | {"images": images}
    return all(
        value.items() <= images.items()
        if name == "images"
        else name in usual and value == usual[name]
        for name, value in change.items()
    )
