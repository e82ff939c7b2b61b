"""Which detector reads: a fit, or a fusion of fits by a rule, named `data set/method/seed`.

Without a method it is the one that the comparison advises to those who have no labels
(lib.comparison.answer), as the first page does; where nothing is measured, a fusion whose parts
were fixed beforehand and are all trained, or else the first detector trained without labels.

Without a data set it is the first of the grid with such a fusion, or else the first with any. The
command chooses among these by the films (lib.reader.likeness).
"""

from typing import NamedTuple

from lib import grid, params
from lib.comparison import answer
from lib.comparison.tables import read_measures
from lib.datasets.entries import load_entry
from lib.errors import BadData
from lib.fits import store, work
from lib.grid import Fit
from lib.shown import runs

WITHOUT_LABELS = params.setting()


class Choice(NamedTuple):
    """A detector: a fit alone, or the parts of a fusion and their rule."""

    dataset: str
    method: str
    seed: int
    parts: list[str]  # each `method` or `method/one of its scores`
    rule: str  # "" of a fit alone

    def fit(self, part: str) -> Fit:
        """Return the fit of one of the parts."""
        return Fit(self.dataset, part.partition("/")[0], seed=self.seed)

    def __str__(self) -> str:
        return f"{self.dataset}/{self.method}/{self.seed}"


def choose(name: str | None = None) -> Choice:
    """Return the detector of a name. Raises BadData if there is none, or it is not trained."""
    dataset, method, seed = _divided(name or _default_dataset())
    load_entry(dataset)
    method = method or recommended(dataset, seed)
    choice = _declared(dataset, method, seed)
    for part in choice.parts:
        _check(choice.fit(part))
    return choice


def recommended(dataset: str, seed: int = 0) -> str:
    """Return the advised method or fusion of a data set. Raises BadData if there is none."""
    methods = _without_labels(dataset, seed)
    if not methods:
        raise BadData(
            f"No detector without labels is trained on {dataset}: run `make study`, or name "
            f"another detector{_trained(dataset, seed)}."
        )
    detectors = [*filter(None, [_fusion_without_labels(dataset, seed)]), *methods]
    measured = _advised(dataset)
    return measured if measured in detectors else detectors[0]


def ready(dataset: str, seed: int = 0) -> list[str]:
    """Return the methods that are trained on a data set and have scored its films."""
    fits = {name: Fit(dataset, name, seed=seed) for name in params.methods()}
    return [name for name, fit in fits.items() if store.record(fit).get("status") == "finished"]


def candidates() -> list[str]:
    """Return the data sets with a detector without labels, those with a fusion of such first."""
    datasets = filter(_without_labels, grid.datasets())
    return sorted(datasets, key=lambda name: not _fusion_without_labels(name))


def _divided(name: str) -> tuple[str, str, int]:
    """Divide `data set/method/seed`, the last two of which may be missing."""
    dataset, *rest = str(name).strip("/").split("/")
    method, seed = [*rest, "", "0"][0], [*rest[1:], "0"][0]
    if len(rest) > 2 or not seed.isdecimal():
        raise BadData(
            f"{name!r} is not a detector: write data set/method/seed, for example rsna/nsa/0."
        )
    return dataset, method, int(seed)


def _declared(dataset: str, method: str, seed: int) -> Choice:
    if method in params.methods():
        return Choice(dataset, method, seed, [method], "")
    fusion = grid.fusions().get(method)
    if fusion is None:
        raise BadData(
            f"{method} is not a method of params/{params.profile_name()}.yaml, nor a fusion: name "
            f"another detector{_trained(dataset, seed)}."
        )
    if not fusion.rule:
        raise BadData(
            f"The fusion {method} has no rule in params/study.yaml: give it one, or name another "
            "detector."
        )
    return Choice(dataset, method, seed, fusion.parts, fusion.rule)


def _check(fit: Fit) -> None:
    record = store.record(fit)
    if record.get("status") == "finished":
        return
    if record:
        raise BadData(f"The fit {fit} failed. {record['reason']}")
    raise BadData(
        f"{fit} has not been trained and scored: run `{work.command('run', fit)}`, or name another "
        f"detector{_trained(fit.dataset, fit.seed)}."
    )


def _trained(dataset: str, seed: int) -> str:
    """Return `; on rsna are trained: nsa, vae`, or nothing if none is."""
    names = [*ready(dataset, seed), *filter(None, [_fusion_without_labels(dataset, seed)])]
    return f"; on {dataset} are trained: {', '.join(names)}" if names else ""


def _default_dataset() -> str:
    datasets = grid.datasets()
    return [*candidates(), *filter(ready, datasets), *datasets][0]


def _without_labels(dataset: str, seed: int = 0) -> list[str]:
    return [name for name in ready(dataset, seed) if _setting(name) == WITHOUT_LABELS]


def _fusion_without_labels(dataset: str, seed: int = 0) -> str:
    """Return the first fusion by a rule of which all parts are ready, "" without one."""
    trained = set(_without_labels(dataset, seed))
    for name, fusion in grid.fusions().items():
        if fusion.rule and {part.partition("/")[0] for part in fusion.parts} <= trained:
            return name
    return ""


def _setting(method: str) -> str:
    return params.part(method, params.entry_of(method)).setting


def _advised(dataset: str) -> str:
    """Return the method advised without labels, "" where nothing is measured."""
    try:
        tables = {name: read_measures(dataset, name) for name in ("results", "tests")}
    except BadData:
        return ""
    answers = answer.best(runs(tables["results"]), tables["tests"])
    without = [one for one in answers if one.labels == answer.NONE]
    return str(answer.advised(without[0]).run["method"]) if without else ""
