"""What each figure and table of a card shows, in a sentence whose numbers are those drawn.

Each function returns Markdown, "" where there is nothing to be seen.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from sklearn.neighbors import NearestNeighbors

from lib import prose
from lib.comparison import claims
from lib.comparison.reliability import BRIER
from lib.comparison.rows import UNLIKE
from lib.grid import Fit


def given(fit: Fit, info: dict) -> str:
    """Say on which films a fit was trained and what it cost, from its record."""
    films, features = info["films"], fit.features
    size = features.size if features else info["image_size"]
    return (
        f"Trained on {films['training']} films of {size} px, the label of "
        f"{films['with known label']} of them known to the method ({info['setting']}); "
        f"{info['duration_s']:.0f} s for training and scoring, {info['memory_mb']} MB at most."
    )


def training(history: pd.DataFrame) -> str:
    """Say how the last stage's training and validation losses ended, and where they were best."""
    watched = [name for name in history if f"val_{name}" in history]
    sentences = []
    for name in watched[:3]:
        seen = history[["epoch", name, f"val_{name}"]].dropna()
        if seen.empty:
            continue
        best = seen.loc[seen[f"val_{name}"].idxmin()]
        first, last = seen.iloc[0], seen.iloc[-1]
        sentences.append(
            f"`{name}` went from {first[name]:.3g} to {last[name]:.3g}; on validation films it "
            f"ended at {last[f'val_{name}']:.3g}, after {best[f'val_{name}']:.3g} in epoch "
            f"{best['epoch']:.0f}, its lowest."
        )
    return " ".join(sentences)


def drawn(samples: np.ndarray) -> str:
    """Say how much the pictures (k, m, h, w) of each time differ: collapse makes them similar."""
    first, last = (row.astype(float).std(axis=0).mean() for row in (samples[0], samples[-1]))
    return (
        f"Pictures of one row differ by {first:.0f} grey levels of 255 in the first row and by "
        f"{last:.0f} in the last (mean standard deviation of a pixel)."
    )


def roc(results: pd.DataFrame) -> str:
    """Say what the curve gives at 90 % specificity and at 90 % recall."""
    at = _of_films(results)
    recall, specificity = (
        _interval(at.get(name))
        for name in ("recall_at_specificity_0.90", "specificity_at_recall_0.90")
    )
    return (
        f"At a specificity of 90 % the recall is {recall}; at a recall of 90 % the specificity is "
        f"{specificity}."
    )


def decisions(results: pd.DataFrame) -> str:
    """Say what the thresholds of validation films give on test films."""
    at = _of_films(results)
    sentences = []
    for name, words in {
        "threshold_normals_0.95": "of 5 % false alarms, above 95 % of normal validation films,",
        "threshold_recall_0.90": "of 90 % recall, which finds 90 % of abnormal validation films,",
    }.items():
        if f"recall_at_{name}" in at:
            sentences.append(
                f"The threshold {words} has a recall of {_interval(at[f'recall_at_{name}'])} and a "
                f"specificity of {_interval(at[f'specificity_at_{name}'])} on test films."
            )
    return " ".join(sentences)


def calibration(results: pd.DataFrame) -> str:
    """Say how good the probabilities of both curves are, and a constant one."""
    at = _of_films(results)
    if BRIER["logistic"] not in at:
        return ""
    share = results.query("level == 'image' and group == 'all'")["base_rate"].iloc[0]
    curves = " and ".join(
        f"{_interval(at[metric])} by the {curve} curve" for curve, metric in BRIER.items()
    )
    return (
        f"The Brier score is {curves}; the constant probability {share:.2f}, the share of abnormal "
        f"test films, would have {share * (1 - share):.3f}. Resampling inflates the calibration "
        "error, as small samples do, so that its value may lie below its own interval."
    )


def distinct(rows: pd.DataFrame) -> pd.DataFrame:
    """Return groups without the one of findings unlike drawn lesions where another has its films.

    Where a data set has one such finding, both hold the same films and numbers.
    """
    numbers = ["value", "low", "high", "n"]
    is_unlike = rows["group"].eq(UNLIKE)
    others = rows[~is_unlike & rows["group"].ne("all")]
    twice = rows[numbers].apply(tuple, axis=1).isin(others[numbers].apply(tuple, axis=1))
    return rows[~(is_unlike & twice)]


def groups(rows: pd.DataFrame) -> str:
    """Say between which groups the AUROC lies, and in how many it may be chance."""
    parts = rows[rows["group"].ne("all")].sort_values("value")
    if parts.empty:
        return ""
    least, most = parts.iloc[0], parts.iloc[-1]
    return (
        f"AUROC lies between {least['value']:.2f} ({least['group']}) and {most['value']:.2f} "
        f"({most['group']}); of {len(parts)} groups the intervals of "
        f"{claims.holding_chance(parts)} hold 0.5{claims.of_wrong_way(parts['high'])}."
    )


def unlike(rows: pd.DataFrame) -> str:
    """Return the AUROC over findings that look like no drawn lesion, compared with all findings."""
    of_group = {row["group"]: row for _, row in rows.iterrows()}
    if UNLIKE not in of_group:
        return ""
    return (
        f"On findings that do not look like drawn synthetic lesions AUROC is "
        f"{_interval(of_group[UNLIKE])}; on all findings it is {_interval(of_group['all'])}."
    )


def maps(results: pd.DataFrame) -> str:
    """Say how often the peak of the map is in the lesion, compared with the lesion's share."""
    rows = results.query("level in ('pixel', 'box') and metric == 'pointing_game'")
    drawn = {"pixel": "lesion", "box": "box"}
    return " ".join(
        f"The peak of the map lies inside the annotated {drawn[row.level]} on {row.value:.0%} of "
        f"{row.n:.0f} films {prose.ends(row.low, row.high, '.0%')}; annotations cover "
        f"{row.base_rate:.1%} of the body."
        for row in rows.itertuples()
    )


def chain(steps: np.ndarray, labels: pd.Series) -> str:
    """Say how far films (steps, n, h, w) and their reconstructions differ, by label."""
    change = np.abs(steps[-1].astype(float) - steps[0]).mean(axis=(1, 2))
    words = [f"{grey:.1f} ({label})" for grey, label in zip(change, labels, strict=True)]
    return f"From film to reconstruction they change by {', '.join(words)} grey levels of 255."


def sweep(table: pd.DataFrame) -> str:
    """Say on how many films settings were tested, and of which the interval excludes 0."""
    others = table[~table["reference"].astype(bool)]
    clear = others[(others["difference_low"] > 0) | (others["difference_high"] < 0)]
    named = [
        ", ".join(f"{name} {value:g}" for name, value in zip(table.index.names, at, strict=True))
        + f" ({row.difference:+.3f})"
        for at, row in zip(clear.index, clear.itertuples(), strict=True)
    ]
    head = f"On {table['n'].iloc[0]} test films "
    if not named:
        return head + "no difference from the reference has an interval on one side of 0."
    return head + (
        "these differences from the reference have an interval on one side of 0, without a "
        f"correction for their number: {'; '.join(named)}."
    )


def planes(embedding: np.ndarray, points: Mapping[str, np.ndarray], labels: pd.Series) -> str:
    """Say how much variance two components (n, 2) explain, and how mixed the labels are."""
    held = points["principal components"].var(axis=0).sum() / embedding.var(axis=0).sum()
    label = labels.to_numpy(float)
    known = ~np.isnan(label)
    head = f"The two components explain {held:.0%} of the variance."
    if not known.any():
        return head
    nearest = NearestNeighbors(n_neighbors=1).fit(embedding).kneighbors(return_distance=False)
    same = (label[nearest[:, 0]] == label)[known].mean()
    share = label[known].mean()
    return (
        f"{head} The nearest neighbour of a film has its label in {same:.0%} of the cases; "
        f"{share**2 + (1 - share) ** 2:.0%} is expected by chance."
    )


def spheres(table: pd.DataFrame) -> str:
    """Say how many spheres contain films, and how many the largest; `table` is by_sphere's."""
    films = table["normal"] + table["abnormal"]
    fullest = table.iloc[0]
    shown = f"{fullest['its share']:.0%} of its films show the {fullest['commonest body part']}"
    if len(table) == 1:
        return f"All films shown are in one sphere; {shown}."
    return (
        f"{len(table)} spheres hold test films; the largest has {films.iloc[0] / films.sum():.0%} "
        f"of them. {shown}."
    )


def medians(test: pd.DataFrame) -> str:
    """Say the medians of the score by label."""
    names = test["label"].map({0.0: "normal", 1.0: "abnormal"})
    medians = test.groupby(names)["score"].median()[::-1]
    words = " and ".join(f"{value:.3g} over {name} films" for name, value in medians.items())
    return f"The median score is {words}." if words else ""


def near_and_far(test: pd.DataFrame) -> str:
    """Say how many of the films with the lowest and the highest tenth of scores are abnormal."""
    known = test[test["label"].notna()].sort_values("score")
    tenth = max(1, len(known) // 10)
    low, high = known["label"].head(tenth).mean(), known["label"].tail(tenth).mean()
    return (
        f"Of the tenth of all test films with the lowest scores {low:.0%} are abnormal, of the "
        f"tenth with the highest {high:.0%}; of all {known['label'].mean():.0%}."
        if len(known)
        else ""
    )


def follows(correlations: pd.Series) -> str:
    """Say which floor a score follows most over normal films."""
    if correlations.empty:
        return ""
    return (
        f"Over normal test films its rank correlation is strongest with {correlations.index[0]} "
        f"({correlations.iloc[0]:+.2f})."
    )


def _of_films(results: pd.DataFrame) -> dict[str, pd.Series]:
    rows = results.query("level == 'image' and group == 'all'")
    return {row["metric"]: row for _, row in rows.iterrows()}


def _interval(row: pd.Series | None) -> str:
    if row is None:
        return "not known"
    return prose.interval(row["value"], row["low"], row["high"], ".2f")
