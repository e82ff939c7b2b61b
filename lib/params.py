"""The content of params/: the chosen profile, its entries of methods, and their division.

An entry holds the study's parameters (labels, contamination, augmentation, preparation of films,
training on phantoms, training lengths in updates) and the keywords of the method; only `part`
divides them.
"""

from collections.abc import Mapping
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from ruamel.yaml import YAML

from lib import ROOT
from lib.errors import BadData

Labels = str | Mapping[str, float]  # see lib.datasets.training
#: The study's parameters in an entry of a profile, with their defaults.
OF_THE_STUDY = {
    "labels": "none",
    "contamination": 0.0,
    "augment": False,
    "images": {},
    "features": "",
    "phantoms": "",
    "precision": "float32",
    "jit_compile": None,
    "full_batches": False,
}
#: What a profile has besides its entries of methods: `training` is under all of them.
FOR_ALL = ("images", "split", "training")
#: Precisions of networks: of their layers, weights and outputs being float32 in both.
PRECISIONS = ("float32", "mixed_bfloat16")
#: Whether a method is trained on phantoms of chests, in words: the values of `phantoms`.
ON_PHANTOMS = {"": "without phantoms", "alone": "phantoms alone", "first": "phantoms first"}


class Parameters(NamedTuple):
    """An entry of a profile, divided into the study's and the method's parameters."""

    method: str  # module of lib/methods
    labels: Labels
    contamination: float  # share of anomalies among the training films of unknown label
    augment: bool | dict  # whether training films are augmented at random, and with what brightness
    images: dict  # preparation of films that differs from the data set's
    features: str  # what the method reads in place of films: pooled, grid, ... (lib.features)
    phantoms: str  # trained on phantoms of chests: alone, or first, before the data set's films
    precision: str  # of the networks' layers; those of features are float32
    jit_compile: bool | None  # whether XLA compiles updates; None: where this is faster
    full_batches: bool  # whether an epoch's first films fill its last batch
    updates: dict[str, int]  # training lengths in updates, by their keyword in epochs
    keywords: dict  # keywords of the method

    @property
    def setting(self) -> str:
        """The labels given to the method, in words."""
        words = setting(self.labels, self.contamination)
        return f"{words}, {ON_PHANTOMS[self.phantoms]}" if self.phantoms else words

    @property
    def for_phantoms(self) -> "Parameters":
        """The parameters of training on phantoms: all labels or, for a method without, none."""
        labels = self.labels
        known = any(labels.values()) if isinstance(labels, Mapping) else labels == "all"
        return self._replace(labels="all" if known else "none", contamination=0.0)


def setting(labels: Labels = "none", contamination: float = 0.0) -> str:
    """Name a setting: `unlabelled`, `supervised`, `5 % known normal + 5 % known abnormal`."""
    if isinstance(labels, str):
        name = {"none": "unlabelled", "all": "supervised"}[labels]
    else:
        shares = [
            f"{100 * labels[key]:g} % known {key}"
            for key in ("normal", "abnormal")
            if labels.get(key)
        ]
        name = " + ".join(shares) or "unlabelled"
    return f"{name}, {100 * contamination:g} % contamination" if contamination else name


def part(method: str, entry: dict) -> Parameters:
    """Divide an entry of the profile, with any variant, into the study's and the method's part.

    Only here is it defined which parameters are the study's. Raises BadData for an unknown value of
    `phantoms` or `precision`.
    """
    rest = OF_THE_STUDY | {"method": method} | entry
    if rest["phantoms"] not in [*ON_PHANTOMS]:  # a list has no hash
        raise BadData(
            f"`phantoms: {rest['phantoms']}` of {method} in params/ is unknown: use alone or "
            "first, or leave it out."
        )
    if rest["precision"] not in PRECISIONS:
        raise BadData(
            f"`precision: {rest['precision']}` of {method} in params/ is unknown: use "
            f"{' or '.join(PRECISIONS)}."
        )
    updates = {name: rest.pop(name) for name in list(rest) if name.endswith("updates")}
    in_epochs = {name.replace("updates", "epochs"): number for name, number in updates.items()}
    return Parameters(
        **{name: rest.pop(name) for name in ("method", *OF_THE_STUDY)},
        updates={name: number for name, number in in_epochs.items() if name not in rest},
        keywords=rest,
    )


def put_over(change: dict, entry: dict) -> dict:
    """Return the entry of a method with the parameters of a variant.

    A length that the variant gives in updates takes the place of one in epochs, and the reverse.
    """
    twins = {name.replace("updates", "epochs") for name in change if name.endswith("updates")}
    twins |= {name.replace("epochs", "updates") for name in change if name.endswith("epochs")}
    return {name: entry[name] for name in entry if name not in twins} | change


def profile_name() -> str:
    """Return the selected profile: quick, hours or full."""
    return shared("study")["profile"]


def profile() -> dict:
    """Return the parameters of the selected profile: images, split, and one entry per method.

    A method without an entry has an empty one: it runs with the defaults of its class.
    """
    without_entry = {path.stem: {} for path in sorted(ROOT.glob("lib/methods/[!_]*.py"))}
    return without_entry | read(profile_name())


def entry_of(method: str, profile: str | None = None) -> dict:
    """Return the entry of a method in a profile, over what its `training` sets for all.

    The profile is the selected one by default. A method without an entry has an empty one. Raises
    BadData for a name that is neither an entry nor a file of lib/methods.
    """
    profile = profile or profile_name()
    entries = shared(profile)
    if method not in entries and not (ROOT / f"lib/methods/{method}.py").exists():
        raise BadData(
            f"params/{profile}.yaml has no entry {method}, nor has lib/methods a file of "
            "that name: correct the name, or add one of the two."
        )
    return deepcopy((entries.get("training") or {}) | (entries.get(method) or {}))


def methods() -> list[str]:
    """Return the names of the methods and of their further settings in the profile."""
    return [name for name in profile() if name not in FOR_ALL]


def method_of(name: str) -> str:
    """Return the module of lib/methods for an entry of the profile: its `method`, or its name.

    One method can thus be in the grid with several settings, as `anoddpm` and `anoddpm_gaussian`.
    """
    return (shared(profile_name()).get(name) or {}).get("method", name)


def read(name: str) -> dict:
    """Return the content of params/<name>.yaml."""
    return deepcopy(shared(name))


def shared(name: str) -> dict:
    """Return the content of params/<name>.yaml, shared by all callers, who do not change it."""
    file = ROOT / f"params/{name}.yaml"
    if not file.exists():
        raise BadData(f"params/{name}.yaml is missing: params/study.yaml names it as `profile`.")
    return _loaded(file, file.stat().st_mtime_ns)


@lru_cache(maxsize=8)
def _loaded(file: Path, _changed: int) -> dict:
    return YAML(typ="safe").load(file)
