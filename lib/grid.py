"""The fits of the study, as params/study.yaml declares them.

A *fit* is one training run: data set x method x variant x seed. The fits of the grid have no
variant: their method runs with its unchanged entry of the profile. An *ablation* is a set of fits
with one change (lib.ablations); a variant that changes nothing is the grid's own fit.
"""

from dataclasses import dataclass
from pathlib import Path

from lib import params, variants
from lib.errors import BadData


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
        return params.put_over(changes[self.variant], params.entry_of(self.method))

    @property
    def features(self) -> tuple[str, str] | None:
        """The kind and the backbone's weights of the features that it reads; None if films."""
        parameters = params.part(self.method, self.entry)
        if not parameters.features:
            return None
        if parameters.features == "films":
            return "films", ""
        weights = parameters.keywords.get("backbone", "imagenet")
        return parameters.features, weights if weights == "imagenet" else f"{weights}-{self.seed}"

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
    grids = [*params.read("study")["grids"].values(), _grid()]  # the last one counts
    return {
        method: family
        for grid in grids
        for family, blocks in (grid.get("families") or {}).items()
        for block in blocks
        for method in block["methods"]
    }


def fusions() -> dict[str, list[str]]:
    """Return the fusions of scores, {name: parts}; none if the grid has none."""
    return _grid().get("fusions") or {}


def datasets() -> list[str]:
    """Return the data sets of the selected grid."""
    return list(_grid()["datasets"])


def unlabelled() -> list[str]:
    """Return the data sets of the selected grid with films of unknown label, to be ranked."""
    return list(_grid().get("unlabelled", []))


def _grid() -> dict:
    return params.read("study")["grid"]


def _blocks(grid: dict) -> list[dict]:
    """Return the blocks of data sets and methods of a grid, family by family."""
    return [block for blocks in (grid.get("families") or {}).values() for block in blocks]
