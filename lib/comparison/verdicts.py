"""What a study asks and what it found, in words that follow from its numbers."""

from typing import NamedTuple

import pandas as pd

from lib.comparison.studies import Judged


class Words(NamedTuple):
    """How the page of a study speaks of it."""

    question: str
    axis: str  # what the percentages of its variants are
    above: str  # what is said of a difference above 0
    below: str


WORDS = {
    "label_fraction": Words(
        "How much do a few labels help? A share of the training films are known anomalies and an "
        "equal share known normals; the rest are normal films whose label is not told. The "
        "reference is told no label and sees no anomaly.",
        "known normal and known abnormal training films (% each)",
        "labels help",
        "labels harm",
    ),
    "contamination": Words(
        "What if some of the films taken for normal are not? A share of the training films of "
        "unknown label are abnormal. The reference has none of these.",
        "abnormal films among those of unknown label (%)",
        "contamination helps",
        "contamination harms",
    ),
    "as_published": Words(
        "Do the known defects of published codes change results? Each method runs in its corrected "
        "form, the reference, and as it was published. The file of a method names its defects.",
        "",
        "the published form is better",
        "the published form is worse",
    ),
    "pretraining": Words(
        "What carries the result: pre-training as an autoencoder, the hypersphere, or mere random "
        "features? The reference is a network that was never trained: a film's score is its "
        "distance to the mean of the normal training films, in all four forms.",
        "",
        "better than random features",
        "worse than random features",
    ),
    "latent_size": Words(
        "How much may a bottleneck let through? The autoencoder runs with ever larger codes; the "
        "reference is the smallest.",
        "",
        "a larger code is better",
        "a larger code is worse",
    ),
    "preparation": Words(
        "What does the preparation of films contribute? The reference takes the grey levels as "
        "they are; the others equalise them in two ways, or blacken what is not body as well.",
        "",
        "the preparation helps",
        "the preparation harms",
    ),
}
ANY = Words("What does one change do?", "%", "above the reference", "below the reference")


def words_of(study: str) -> Words:
    """What is said of that study, or of any other."""
    return WORDS.get(study, ANY)


def verdicts(judged: Judged, words: Words) -> list[str]:
    """One sentence a method: which differences are clear, to which side, and which are not."""
    table = judged.differences
    methods = dict.fromkeys(fit["method"] for fit in judged.info["fits"])
    return [_verdict(method, table[table["method"].eq(method)], words) for method in methods]


def result(judged: Judged, words: Words) -> str:
    """One sentence: how many differences are clear, and the largest of these."""
    table = judged.differences
    if table.empty:
        return "no difference could be measured: see the fits that failed."
    above, below = table[table["low"] > 0], table[table["high"] < 0]
    reference = table["reference"].iloc[0]
    counted = (
        f"of {len(table)} differences in AUROC to `{reference}`, {len(above)} lie clearly above 0 "
        f"({words.above}) and {len(below)} clearly below ({words.below})"
    )
    clear = pd.concat([above, below]).sort_values("value", key=abs, ascending=False)
    if clear.empty:
        return f"{counted}."
    top = clear.iloc[0]
    return f"{counted}; the largest of these: {top['method']}, {_said(top)}."


def of_failures(judged: Judged) -> list[str]:
    """One sentence for the fits of a method and variant that failed for the same reason."""
    groups = judged.failures.groupby(["method", "variant", "reason"], sort=False)["seed"]
    return [
        f"{method}, {variant}, seed {', '.join(map(str, seeds))}: {reason}"
        for (method, variant, reason), seeds in groups
    ]


def _verdict(method: str, rows: pd.DataFrame, words: Words) -> str:
    if rows.empty:
        return f"{method}: no difference, for want of the reference or of anything beside it"
    kinds = {
        words.above: rows[rows["low"] > 0],
        words.below: rows[rows["high"] < 0],
        "not told apart": rows[~((rows["low"] > 0) | (rows["high"] < 0))],
    }
    said = [
        f"**{kind}**: {', '.join(_said(row) for _, row in found.iterrows())}"
        for kind, found in kinds.items()
        if len(found)
    ]
    return f"{method}: {'; '.join(said)}"


def _said(row: pd.Series) -> str:
    """`5 % (+0.080 [+0.020, +0.140])`."""
    interval = f"[{row['low']:+.3f}, {row['high']:+.3f}]" if row["seeds"] > 1 else "of one seed"
    return f"{row['short']} ({row['value']:+.3f} {interval})"
