"""What params/ asks for: the cells of the study, its data sets, its profile."""

from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML

from lib import ROOT

FAMILIES = ("supervised", "reconstruction", "svdd")


@dataclass(frozen=True)
class Cell:
    """One point of the grid: a method of a family, trained on a data set from a seed."""

    family: str
    dataset: str
    method: str
    seed: int

    @property
    def folder(self) -> Path:
        """Where the cell leaves what it made."""
        return ROOT / "build/cells" / self.dataset / self.method / str(self.seed)

    @property
    def page(self) -> str:
        """The name of its page in reports/."""
        return f"{self.family}-{self.dataset}-{self.method}-{self.seed}.html"

    def __str__(self) -> str:
        return f"{self.dataset}/{self.method}/{self.seed}"


def cells() -> list[Cell]:
    """The cells that params/study.yaml asks for."""
    chosen = parameters("study")["grid"]
    return [
        Cell(family, dataset, method, seed)
        for family in FAMILIES
        for dataset in chosen[family]["datasets"]
        for method in chosen[family]["methods"]
        for seed in chosen["seeds"]
    ]


def cell(dataset: str, method: str, seed: int = 0) -> Cell:
    """The cell of that name; outside the chosen grid too, so that a notebook can try any pair."""
    grids = parameters("study")["grids"].values()
    families = [
        family for family in FAMILIES for grid in grids if method in grid[family]["methods"]
    ]
    return Cell(families[0] if families else "other", dataset, method, seed)


def datasets() -> list[str]:
    """The data sets of the chosen grid."""
    return list(parameters("study")["grid"]["datasets"])


def profile_name() -> str:
    """The chosen profile: quick or full."""
    return parameters("study")["profile"]


def profile() -> dict:
    """The parameters of the chosen profile: images, split, and one entry per method."""
    return parameters(profile_name())


def parameters(name: str) -> dict:
    """The content of params/<name>.yaml."""
    return YAML(typ="safe").load(ROOT / f"params/{name}.yaml")
