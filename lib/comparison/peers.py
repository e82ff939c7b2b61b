"""The study compared with the reference codes, on their own protocols.

reports/real/peers.csv contains the results of those codes on the same test films, one row per
number: data set (an entry with `peers: true` in params/datasets.yaml), peer, input (raw or
equalised grey levels), setting, AUROC, source, note. Its setting is as in the study's own rows,
`unlabelled pool`, `brightness floor`, or `published elsewhere` for numbers of other films.
"""

from pathlib import Path

import pandas as pd

from lib import prose
from lib.comparison import claims

FILE = "reports/real/peers.csv"
SHOWN = {"unlabelled": 3, "brightness floor": 1}  # the best of a data set; other settings in full
#: Above the table; `file` is the way to the file above from the page.
CAPTION = (
    "On the protocols of the reference codes, AUROC on the same test films after training on the "
    "same normal films, best first. The study keeps 15 % of these for validation; the codes had "
    "them all. The table contains all detectors and the three best floors of the study; of the "
    "codes' numbers ([peers.csv]({file})), the three best unlabelled ones and the best "
    "brightness floor, selected on the test films, which favours them, and all that use labels or "
    "a pool of unlabelled films. Only detectors of the same setting are comparable. The standard "
    "error of such an AUROC is about .03, and a detector below the floor may respond to "
    "brightness, not to disease. Numbers published elsewhere were measured on other films of the "
    "same origin."
)


def read_peers(root: Path) -> pd.DataFrame:
    """Read the numbers of the reference codes; an empty table if there is no such file."""
    if not (root / FILE).exists():
        return pd.DataFrame({"dataset": []})
    return pd.read_csv(root / FILE, dtype={"value": float}, keep_default_na=False)


def with_peers(ours: pd.DataFrame, peers: pd.DataFrame) -> pd.DataFrame:
    """Return rows of `ours` and of `peers` for the data sets of both, best first per data set.

    ours: dataset, method, pre-training, setting, value, AUROC (in words). The result is for
    display.
    """
    ours = ours[ours["dataset"].isin(peers["dataset"])]
    codes = peers[peers["dataset"].isin(ours["dataset"])].sort_values("value", ascending=False)
    position = codes.groupby(["dataset", "setting"]).cumcount()
    codes = codes[position < codes["setting"].map(SHOWN).fillna(len(codes))]
    rows = [
        ours.assign(of="this study", note=""),
        codes.assign(
            of=codes["source"],
            method=(codes["peer"] + ", " + codes["input"]).str.removesuffix(", "),
            AUROC=codes["value"].map("{:.3f}".format),
            **{"pre-training": "see its source"},
        ),
    ]
    rows = pd.concat(rows).sort_values(["dataset", "value"], ascending=[True, False])
    return rows[["dataset", "method", "pre-training", "of", "setting", "AUROC", "note"]]


def number(rows: pd.DataFrame) -> list[str]:
    """Return `0.860 [0.807, 0.905]` per row; for a mean of seeds `0.860 +- 0.012 (3 seeds)`.

    With a clause where the score points the wrong way (`wrong_way`).
    """
    return [
        (
            f"{row.value:.3f} +- {row.value - row.low:.3f} ({row.seeds} seeds)"
            if row.seed == "mean"
            else prose.interval(row.value, row.low, row.high)
        )
        + (f", {claims.WRONG_WAY}" if row.wrong_way else "")
        for row in rows.itertuples()
    ]
