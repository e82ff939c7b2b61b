"""AUROC of every method on phantoms of several seeds, to see whether they agree with real films.

The default study runs fewer methods than the phantoms are judged by. In a copy of the study with
the grid `further_phantoms`, and for further phantoms another seed in params/datasets.yaml
(`phantoms: seed`), after `make study`,

    python -m lib.comparison.further_phantoms

adds the phantoms of that seed to reports/further_phantoms.csv, which page 00 reads. Rows of
phantoms that are now drawn otherwise, or of another profile, are not shown.
"""

import hashlib
from pathlib import Path

import pandas as pd

from lib import ROOT, accidents, params
from lib.comparison.tables import COLUMNS, read, without_ablations
from lib.errors import BadData
from lib.files import whole_file
from lib.provenance import fingerprint, holds_phantoms

FILE = Path("reports/further_phantoms.csv")
RESULTS = Path("reports/results.csv")
SEED = "phantoms"  # the column with the seed of the phantoms
KEYS = ["method", "dataset"]
ORIGIN = [SEED, "drawn_by", "profile"]
#: The seed of the phantoms on which findings were set, which do not show whether these hold.
SET_ON = 7


def of_further_seeds(root: Path = ROOT) -> list[pd.DataFrame]:
    """Return a table of results for each seed but that of the study, as phantoms are drawn now."""
    return [rows for seed, rows in _by_seed(root).items() if seed != seed_of_study()]


def with_every_method(results: pd.DataFrame, root: Path = ROOT) -> tuple[pd.DataFrame, list[str]]:
    """Add to a study's results the recorded rows, on the same phantoms, of what it has not run.

    Returns them, and the names of the methods that it has not run on any data set.
    """
    recorded = _by_seed(root).get(seed_of_study())
    if recorded is None:
        return results, []
    run = pd.MultiIndex.from_frame(results[KEYS])
    others = recorded[~pd.MultiIndex.from_frame(recorded[KEYS]).isin(run)]
    names = others.loc[~others["method"].isin(results["method"]), "method"]
    return pd.concat([results, others[COLUMNS]], ignore_index=True), sorted(names.unique())


def seed_of_study() -> int:
    """Return the seed of the phantoms that params/ names."""
    return params.read("datasets")["phantoms"]["seed"]


def _by_seed(root: Path) -> dict[int, pd.DataFrame]:
    path = root / FILE
    if not path.exists():
        return {}
    rows = read(path)
    rows = rows[rows["drawn_by"].eq(drawn_by()) & rows["profile"].eq(params.profile_name())]
    return dict(list(rows.groupby(SEED)))


def drawn_by() -> str:
    """Return a hash of the code that draws phantoms."""
    return hashlib.sha256(fingerprint("lib.phantoms").encode()).hexdigest()[:10]


def keep(root: Path = ROOT) -> pd.DataFrame:
    """Add the AUROC per film of this run; rows of the same seed are replaced. Return all.

    Raises BadData if the films are no phantoms, or of the seed SET_ON.
    """
    seed = seed_of_study()
    if not holds_phantoms(root) or seed == SET_ON:
        raise BadData(
            f"Only phantoms of another seed than {SET_ON} are kept here: name it in "
            "params/datasets.yaml (phantoms: seed), choose `grid: *further_phantoms` in "
            "params/study.yaml and run `make study`."
        )
    rows = without_ablations(read(root / RESULTS))
    rows = rows.query("level == 'image' and group == 'all' and metric == 'auroc'")
    others = [of_seed for other, of_seed in _by_seed(root).items() if other != seed]
    origin = dict(zip(ORIGIN, (seed, drawn_by(), params.profile_name()), strict=True))
    kept = pd.concat([*others, rows.assign(**origin)])[[*ORIGIN, *COLUMNS]]
    with whole_file(root / FILE) as unfinished:
        kept.to_csv(unfinished, index=False)
    return kept


if __name__ == "__main__":
    with accidents.in_one_sentence(BadData):
        print(f"{FILE} has {len(keep())} rows.")
