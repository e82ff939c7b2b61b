"""What params/ asks for: the cells of the study, its data sets, its profile."""

from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML

from lib import ROOT

#: Groups of cells in params/study.yaml, each a stage of dvc.yaml, and the family it belongs to:
#: GANs have a group of their own, as they run on other data than the rest of their family.
GROUPS = {
    "supervised": "supervised",
    "reconstruction": "reconstruction",
    "adversarial": "reconstruction",
    "svdd": "svdd",
}
#: In tables of results the family of a study is this and its name: its fits are no cells.
STUDY = "study: "


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
        for group, family in GROUPS.items()
        for dataset in chosen[group]["datasets"]
        for method in chosen[group]["methods"]
        for seed in chosen["seeds"]
    ]


def fusions() -> dict[str, list[str]]:
    """Which scores the comparison puts together: {name: parts}, none where the grid names none."""
    return parameters("study")["grid"].get("fusions", {})


def studies() -> dict[str, dict]:
    """The studies of the chosen grid: {name: datasets, methods, seeds, variants} (lib.studies)."""
    return parameters("study")["grid"].get("studies", {})


def cell(dataset: str, method: str, seed: int = 0) -> Cell:
    """The cell of that name; outside the chosen grid too, so that a notebook can try any pair."""
    grids = parameters("study")["grids"].values()
    families = [
        family
        for group, family in GROUPS.items()
        for grid in grids
        if method in grid[group]["methods"]
    ]
    return Cell(families[0] if families else "other", dataset, method, seed)


def datasets() -> list[str]:
    """The data sets of the chosen grid."""
    return list(parameters("study")["grid"]["datasets"])


def unlabelled() -> list[str]:
    """The data sets of the chosen grid that have films without a label, to be ranked."""
    return list(parameters("study")["grid"].get("unlabelled", []))


def profile_name() -> str:
    """The chosen profile: quick, hours or full."""
    return parameters("study")["profile"]


def profile() -> dict:
    """The parameters of the chosen profile: images, split, and one entry per method."""
    return parameters(profile_name())


def methods() -> list[str]:
    """The entries of the profile that are methods."""
    return [name for name in profile() if name not in ("images", "split")]


def method_of(name: str) -> str:
    """The file of lib/methods behind an entry of the profile: itself, or what its `method` names.

    So one method may stand in the grid with several settings, as `anoddpm` and `anoddpm_gaussian`.
    """
    return profile().get(name, {}).get("method", name)


def parameters(name: str) -> dict:
    """The content of params/<name>.yaml."""
    return YAML(typ="safe").load(ROOT / f"params/{name}.yaml")
