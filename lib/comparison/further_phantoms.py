"""AUROC on phantoms of further seeds, to see whether their agreement with real films holds.

In a copy of the study with another seed in params/datasets.yaml (`phantoms: seed`) and the grid
`further_phantoms`, after `make study`,

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
ORIGIN = [SEED, "drawn_by", "profile"]
#: Seeds of the phantoms of the default study, and of those on which findings were set.
NOT_FURTHER = (0, 7)


def by_seed(root: Path = ROOT) -> list[pd.DataFrame]:
    """Return a table of results for each further seed of the phantoms, as they are drawn now."""
    path = root / FILE
    if not path.exists():
        return []
    rows = read(path)
    rows = rows[rows["drawn_by"].eq(drawn_by()) & rows["profile"].eq(params.profile_name())]
    return [of_seed for _, of_seed in rows.groupby(SEED)]


def drawn_by() -> str:
    """Return a hash of the code that draws phantoms."""
    return hashlib.sha256(fingerprint("lib.phantoms").encode()).hexdigest()[:10]


def keep(root: Path = ROOT) -> pd.DataFrame:
    """Add the AUROC per film of this run; rows of the same seed are replaced. Return all.

    Raises BadData if the films are no phantoms, or of a seed in NOT_FURTHER.
    """
    seed = params.read("datasets")["phantoms"]["seed"]
    if not holds_phantoms(root) or seed in NOT_FURTHER:
        raise BadData(
            f"Only phantoms of another seed than {' and '.join(map(str, NOT_FURTHER))} are kept "
            "here: name it in params/datasets.yaml (phantoms: seed), choose `grid: "
            "*further_phantoms` in params/study.yaml and run `make study`."
        )
    rows = without_ablations(read(root / RESULTS))
    rows = rows.query("level == 'image' and group == 'all' and metric == 'auroc'")
    others = [one for one in by_seed(root) if one[SEED].iloc[0] != seed]
    origin = dict(zip(ORIGIN, (seed, drawn_by(), params.profile_name()), strict=True))
    rows = pd.concat([*others, rows.assign(**origin)])[[*ORIGIN, *COLUMNS]]
    with whole_file(root / FILE) as unfinished:
        rows.to_csv(unfinished, index=False)
    return rows


if __name__ == "__main__":
    with accidents.in_one_sentence(BadData):
        print(f"{FILE} has {len(keep())} rows.")
