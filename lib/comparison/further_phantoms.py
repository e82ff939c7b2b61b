"""AUROC on phantoms of further seeds, to see whether their agreement with real films holds.

In a copy of the study with another seed in params/datasets.yaml (`phantoms: seed`) and the grid
`further_phantoms`, after `make study`,

    python -m lib.comparison.further_phantoms

adds the phantoms of that seed to reports/further_phantoms.csv, which page 00 reads.
"""

from pathlib import Path

import pandas as pd

from lib import ROOT, accidents, params
from lib.comparison.tables import COLUMNS, read, without_ablations
from lib.errors import BadData
from lib.files import whole_file
from lib.provenance import holds_phantoms

FILE = Path("reports/further_phantoms.csv")
RESULTS = Path("reports/results.csv")
SEED = "phantoms"  # the column with the seed of the phantoms


def by_seed(root: Path = ROOT) -> list[pd.DataFrame]:
    """Return a table of results for each further seed of the phantoms."""
    path = root / FILE
    return [rows for _, rows in read(path).groupby(SEED)] if path.exists() else []


def keep(root: Path = ROOT) -> pd.DataFrame:
    """Add the AUROC per film of this run; rows of the same seed are replaced. Return all.

    Raises BadData if the films are no phantoms, or those of the default study.
    """
    seed = params.read("datasets")["phantoms"]["seed"]
    if not holds_phantoms(root) or seed == 0:
        raise BadData(
            "Only phantoms of another seed than 0 are kept here: name it in params/datasets.yaml "
            "(phantoms: seed), choose `grid: *further_phantoms` in params/study.yaml and run "
            "`make study`."
        )
    rows = without_ablations(read(root / RESULTS))
    rows = rows.query("level == 'image' and group == 'all' and metric == 'auroc'")
    others = [one for one in by_seed(root) if one[SEED].iloc[0] != seed]
    rows = pd.concat([*others, rows.assign(**{SEED: seed})])[[SEED, *COLUMNS]]
    with whole_file(root / FILE) as unfinished:
        rows.to_csv(unfinished, index=False)
    return rows


if __name__ == "__main__":
    with accidents.in_one_sentence(BadData):
        print(f"{FILE} has {len(keep())} rows.")
