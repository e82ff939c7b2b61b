"""What makes the results of a data set one experiment: one commit, one profile, the same films.

The commit is that at which results are recorded. Fits may have been trained at an earlier one:
what counts is their key, a hash of code, parameters, data and seed, which must be that of the
recorded commit for every fit (lib.fits.work).
"""

from contextlib import suppress
from pathlib import Path

import pandas as pd

from lib import ablations, files, params
from lib.comparison.scores import BrokenFit, read_fit
from lib.comparison.tables import ORIGIN, without_ablations
from lib.datasets.table import load_index
from lib.errors import BadData
from lib.fits import work
from lib.grid import FLOOR, FUSION, Fit
from lib.provenance import commit, data_hash

EXPERIMENT = ["commit", "profile", "films"]  # the same for all rows of a data set


def of_now(root: Path) -> dict[str, str]:
    """Return what all results of now share. Raises BadData if the code is of no commit."""
    at = commit()
    if " " in at:  # none, or with local changes
        raise BadData(
            f"The code is of no commit ({at}): commit lib/, notebooks/ and params/, run `make "
            "study`, and record again."
        )
    return dict(zip(EXPERIMENT, (at, params.profile_name(), data_hash(root)), strict=True))


def check_fits(datasets: list[str]) -> None:
    """Raise BadData for fits that are not in the grid, or not of this code and profile."""
    of_sets = {name: ablations.every_fit(name) for name in datasets}
    if absent := [name for name, fits in of_sets.items() if not fits]:
        raise BadData(
            f"reports/results.csv has results of {', '.join(absent)}, of which the grid of "
            "params/study.yaml has no fits: run `make study` first."
        )
    fits = [fit for of_set in of_sets.values() for fit in of_set]
    if other := [fit for fit in fits if not work.is_up_to_date(fit)]:
        raise BadData(
            f"{len(other)} of {len(fits)} fits are of other code, parameters or films, as "
            f"{other[0]}: run `make study` at this commit and with this profile first."
        )


def check_numbers(results: pd.DataFrame, build: Path) -> None:
    """Raise BadData if the AUROC of a fit is not that of its scores, which were written later."""
    rows = without_ablations(results.query("level == 'image' and group == 'all'"))
    rows = rows[rows["metric"].eq("auroc") & ~rows["family"].isin([FLOOR, FUSION])]
    for dataset, group in rows[rows["seed"].ne("mean")].groupby("dataset"):
        index = load_index(files.index(dataset, build))
        for row in group.itertuples():
            fit = Fit(dataset, row.method, seed=int(row.seed))
            with suppress(BrokenFit):
                if round(read_fit(fit, index, build).auroc, 4) == row.value:
                    continue
            raise BadData(
                f"reports/results.csv has an AUROC of {fit} that is not that of its scores: run "
                "`make study` first."
            )


def check_earlier(now: pd.DataFrame, kept: Path, replace: bool) -> None:
    """Raise BadData if runs cannot be put beside or in place of those in the folder `kept`.

    Those of other data sets there must have the same profile and films. Those of the same ones are
    replaced if `replace` is true, or if they are of the same commit and all among the new `now`.
    """
    earlier = pd.read_csv(kept / "runs.csv", dtype=str, keep_default_na=False)
    of_same = earlier["dataset"].isin(now["dataset"])
    advice = "keep them apart with `make record NAME=folder`."
    for name in ("profile", "films"):
        if others := sorted(set(earlier.loc[~of_same, name]) - set(now[name])):
            raise BadData(_other(name, others, now, kept) + advice)
    same = earlier[of_same]
    if replace or same.empty:
        return
    for name in EXPERIMENT:
        if others := sorted(set(same[name]) - set(now[name])):
            raise BadData(_other(name, others, now, kept) + "replace those with REPLACE=yes.")
    if lost := set(map(tuple, same[ORIGIN].to_numpy())) - set(map(tuple, now[ORIGIN].to_numpy())):
        raise BadData(
            f"{len(lost)} runs in reports/real are not among the results of now, as "
            f"{' '.join(min(lost)[:2])}: run the whole grid, or replace them with REPLACE=yes."
        )


def _other(name: str, others: list[str], now: pd.DataFrame, kept: Path) -> str:
    return (
        f"{kept} holds results of another {name.removesuffix('s')} ({', '.join(others)}) than "
        f"these ({now[name].iloc[0]}), which cannot be ranked together: "
    )
