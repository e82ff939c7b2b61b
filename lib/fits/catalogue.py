"""The catalogue of methods: what each is, needs and scores, read without importing TensorFlow."""

from collections.abc import Callable

import pandas as pd

from lib import ROOT, ablations, grid, params
from lib.fits import method_card
from lib.fits.keywords import chain, keywords, photographs

BASES = ("lib.detector", "lib.feature_detector")  # of methods with a map and without
OF_A_MAP = ('"map"', "of_cells(")  # an output of that name, or what makes it of cells


def catalogue(
    results: pd.DataFrame, mark: Callable[[str, str], str] = lambda dataset, method: ""
) -> pd.DataFrame:
    """Return the methods of the grids: one row each, with its AUROC on every data set of `results`.

    Columns method, family, labels, map, pre-training, `AUROC on` each data set (means over seeds)
    and paper (a Markdown link); display it with `Markdown(prose.table(...))`. `results` are rows of
    reports/results.csv; `mark` gives what follows the number of a method on a data set.
    """
    rows = results.query("level == 'image' and group == 'all' and metric == 'auroc'")
    families = {name: one for name, one in grid.families().items() if name in params.methods()}
    joined = {name: grid.FUSION for name, fusion in grid.fusions().items() if fusion.rule}
    measured = rows[
        rows["method"].isin([*families, *joined])
        & ~rows["family"].str.startswith(ablations.ABLATION)
    ]
    known = [_in_catalogue(name, families[name]) for name in families]
    table = pd.DataFrame(known + [_fusion(name) for name in joined])
    for dataset, of_dataset in measured.groupby("dataset", sort=False):
        values = of_dataset.groupby("method")["value"].mean()
        table[f"AUROC on {dataset}"] = [
            f"{values[method]:.3f}{mark(dataset, method)}" if method in values else ""
            for method in (*families, *joined)
        ]
    return table[[*table.columns.drop("paper"), "paper"]]


def _in_catalogue(method: str, family: str) -> dict:
    entry = params.entry_of(method)
    return {
        "method": f"{method_card.name_of(method)} (`{method}`)",
        "family": family.replace("_", " "),
        "labels": params.part(method, entry).setting,
        "map": "yes" if has_map(method) else "no",
        "pre-training": _pretraining(method, entry),
        "paper": method_card.paper(method),
    }


def _fusion(name: str) -> dict:
    """Return the row of a fusion with a rule, which is a detector of its name."""
    parts = list(dict.fromkeys(part.partition("/")[0] for part in grid.fusions()[name].parts))
    entries = {part: params.entry_of(part) for part in parts}
    settings = dict.fromkeys(params.part(part, entry).setting for part, entry in entries.items())
    before = dict.fromkeys(_pretraining(part, entry) for part, entry in entries.items())
    return {
        "method": f"Fusion of {', '.join(f'`{part}`' for part in parts)} (`{name}`)",
        "family": grid.FUSION,
        "labels": " and ".join(settings),
        "map": "yes" if any(map(has_map, parts)) else "no",
        "pre-training": ", ".join(before),
        "paper": "this study",
    }


def has_map(method: str) -> bool:
    """Return whether a method has an anomaly map; pooled features have no places."""
    if params.part(method, params.entry_of(method)).features == "pooled":
        return False
    modules = chain(f"lib.methods.{params.method_of(method)}")
    sources = [
        (ROOT / f"{name.replace('.', '/')}.py").read_text() for name in modules if name not in BASES
    ]
    return any(words in source for source in sources for words in OF_A_MAP)


def _pretraining(method: str, entry: dict) -> str:
    if (before := photographs(method)) != "none":
        return before
    parameters = params.part(method, entry)
    known = keywords(method)
    if "pretraining_epochs" not in known:
        return "none"
    length = {**parameters.updates, **parameters.keywords}.get("pretraining_epochs", "yes")
    unit = " updates" if "pretraining_epochs" in parameters.updates else " epochs"
    return "none" if length == 0 else length if length == "yes" else f"{length}{unit}"
