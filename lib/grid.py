"""The fits of the study, as params/study.yaml declares them.

A *fit* is one training run: data set x method x variant x seed. The fits of the grid have no
variant: their method runs with its unchanged entry of the profile. An *ablation* is a set of fits
with one change (lib.ablations); a variant that changes nothing is the grid's own fit.
"""

from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from lib import params, variants
from lib.errors import BadData

FLOOR, FUSION = "floor", "fusion"  # the families of floors and of fused scores
FILM_SIZE = 224  # pixels per side of the films that a backbone sees, unless `film_size` is given


class Features(NamedTuple):
    """What a fit reads in place of films: a kind of features of the films as a backbone sees them.

    `kind` is one of `lib.backbones.shape_of`, `size` the side of the films in pixels. `weights` of
    the backbone are imagenet or random, with a seed; they are empty for the kind `films`.
    """

    kind: str
    size: int = FILM_SIZE
    weights: str = ""
    seed: int = 0

    @property
    def folder(self) -> str:
        """The folder of their array among the features of a data set."""
        size = f"{self.size}px" if self.size != FILM_SIZE else ""
        seed = str(self.seed) if self.weights == "random" else ""
        return "-".join(filter(None, (size, self.weights, seed)))


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
        folder = variants.folder(self.variant) if self.variant else variants.NO_VARIANT
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
        changes = variants.changes() if self.variant else {"": {}}
        if self.variant not in changes:
            raise BadData(f"params/study.yaml has no variant {self.variant!r}.")
        return params.put_over(deepcopy(changes[self.variant]), params.entry_of(self.method))

    @property
    def features(self) -> Features | None:
        """The features that it reads in place of films; None if it reads films of the study."""
        parameters = params.part(self.method, self.entry)
        if not parameters.features:
            return None
        size = parameters.keywords.get("film_size", FILM_SIZE)
        if parameters.features == "films":
            return Features("films", size)
        weights = parameters.keywords.get("backbone", "imagenet")
        seed = self.seed if weights == "random" else 0
        return Features(parameters.features, size, weights, seed)

    def __str__(self) -> str:
        return "/".join(filter(None, (self.dataset, self.method, self.variant, str(self.seed))))


def fits(dataset: str | None = None) -> list[Fit]:
    """Return the fits of the selected grid, or those on a data set, without those of ablations."""
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


def families() -> dict[str, str]:
    """Return the family of each method, as the selected grid groups them, or else another grid."""
    grids = [*params.shared("study")["grids"].values(), _grid()]  # the last one counts
    return {
        method: family
        for grid in grids
        for family, blocks in (grid.get("families") or {}).items()
        for block in blocks
        for method in block["methods"]
    }


class Fusion(NamedTuple):
    """A fusion of scores: its parts, and the rule that joins them; without one, by several."""

    parts: list[str]
    rule: str = ""


def fusions() -> dict[str, Fusion]:
    """Return the fusions of scores by name; none if the grid has none."""
    declared = _grid().get("fusions") or {}
    return {
        name: Fusion(**entry) if isinstance(entry, dict) else Fusion(entry)
        for name, entry in deepcopy(declared).items()
    }


def datasets() -> list[str]:
    """Return the data sets of the selected grid."""
    return list(_grid()["datasets"])


def unlabelled() -> list[str]:
    """Return the data sets of the selected grid with films of unknown label, to be ranked."""
    return list(_grid().get("unlabelled", []))


def _grid() -> dict:
    """Return the selected grid, shared by all callers, who do not change it."""
    return params.shared("study")["grid"]


def _blocks(grid: dict) -> list[dict]:
    """Return the blocks of data sets and methods of a grid, family by family."""
    return [block for blocks in (grid.get("families") or {}).values() for block in blocks]
