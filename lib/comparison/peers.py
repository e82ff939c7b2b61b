"""The study beside the reference codes, on their own protocols.

reports/real/peers.csv holds what those codes gave when they were run on the same test films, one
row a number: data set (an entry with `peers: true` in params/datasets.yaml), peer, input (raw or
equalised grey levels), setting, AUROC, source, note. Its setting is that of the study's own rows,
`unlabelled pool`, `brightness floor`, or `published elsewhere` for numbers of other films.
"""

from pathlib import Path

import pandas as pd

FILE = "reports/real/peers.csv"
SHOWN = {"unlabelled": 3, "brightness floor": 1}  # of a data set, the best; other settings whole
EXPLANATION = (
    "On the protocols of the reference codes, AUROC on the same test films after training on the "
    "same normal films, best first. The study keeps 15 % of these for validation; the codes had "
    "them all. Of the study stand here all detectors and the three best floors; of the codes' "
    "numbers ([peers.csv](peers.csv)) the three best unlabelled and the best brightness floor, "
    "chosen on the test films, which favours them, and all that use labels or a pool of unlabelled "
    "films. Compare detectors of one setting. One such AUROC has a standard error of about .03, "
    "and a detector below the floor may read brightness, not disease. Numbers published elsewhere "
    "are of other films of the same origin."
)


def read_peers(root: Path) -> pd.DataFrame:
    """The numbers of the reference codes; an empty table where there is no such file."""
    if not (root / FILE).exists():
        return pd.DataFrame({"dataset": []})
    return pd.read_csv(root / FILE, dtype={"value": float}, keep_default_na=False)


def beside_peers(ours: pd.DataFrame, peers: pd.DataFrame) -> pd.DataFrame:
    """Rows of `ours` and of `peers` for the data sets that both have, the best first of each.

    ours: dataset, method, seed, seeds, setting, value, low, high. Columns of the result are words.
    """
    ours = ours[ours["dataset"].isin(peers["dataset"])]
    theirs = peers[peers["dataset"].isin(ours["dataset"])].sort_values("value", ascending=False)
    place = theirs.groupby(["dataset", "setting"]).cumcount()
    theirs = theirs[place < theirs["setting"].map(SHOWN).fillna(len(theirs))]
    rows = [
        ours.assign(of="this study", note="", shown=number(ours)),
        theirs.assign(
            of=theirs["source"],
            method=(theirs["peer"] + ", " + theirs["input"]).str.removesuffix(", "),
            shown=theirs["value"].map("{:.3f}".format),
        ),
    ]
    rows = pd.concat(rows).sort_values(["dataset", "value"], ascending=[True, False])
    rows = rows.rename(columns={"shown": "AUROC"})
    return rows[["dataset", "method", "of", "setting", "AUROC", "note"]]


def number(rows: pd.DataFrame) -> list[str]:
    """`0.860 (0.807-0.905)` for each row; for a mean of seeds `0.860 +- 0.012 (3 seeds)`."""
    return [
        f"{row.value:.3f} +- {row.value - row.low:.3f} ({row.seeds} seeds)"
        if row.seed == "mean"
        else f"{row.value:.3f} ({row.low:.3f}-{row.high:.3f})"
        for row in rows.itertuples()
    ]
