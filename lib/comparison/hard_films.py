"""Test films that few detectors flag, and normal films that many flag: how many, and what they are.

A detector flags a film whose score reaches its threshold of 5 % false alarms, the 95 % quantile of
the normal validation films. Detectors are those of the grid, the first seed of each method, without
floors and fusions. Films are counted, never named.
"""

from collections.abc import Iterable, Iterator

import pandas as pd

from lib import files, grid, metrics, prose
from lib.comparison.scores import BrokenFit, Scored, read_fit
from lib.datasets.table import load_index
from lib.figures.style import largest_groups
from lib.prose import literal

FEW, MANY = 0.1, 0.5  # shares of the detectors
#: What describes a film, by the column of the index; a film may have several findings.
SHOWN = {"finding": "finding", "view": "view", "body_part": "body part"}
MOST = 8  # groups of one kind, the largest; the others are put together
#: The columns of the table, by (label, is hard).
COLUMNS = {
    (1, True): "abnormal, flagged by fewer than a tenth",
    (1, False): "other abnormal",
    (0, True): "normal, flagged by at least half",
    (0, False): "other normal",
}


def of_dataset(dataset: str) -> str:
    """Return the table of a data set and the sentence on it; "" without scores of detectors.

    Raises BadData if the index is missing.
    """
    index = load_index(files.index(dataset))
    films = flagged(_detectors(dataset, index))
    return f"{prose.table(table(films))}\n\n{sentence(films)}" if len(films) else ""


def _detectors(dataset: str, index: pd.DataFrame) -> Iterator[Scored]:
    """Yield the first seed of each method that has scores."""
    methods = set()
    for fit in grid.fits(dataset):
        if fit.method not in methods:
            try:
                yield read_fit(fit, index, files.BUILD)
            except BrokenFit:
                continue
            methods.add(fit.method)


def flagged(detectors: Iterable[Scored]) -> pd.DataFrame:
    """Return one row per test film: label, finding, view, body_part, and the detectors' flags.

    `flags` is the number of detectors that flag it, of `detectors`; `hard` is true of an abnormal
    film with fewer than FEW of them, and of a normal one with at least MANY. Empty with fewer than
    two detectors or without a normal validation film.
    """
    flags = {}
    for scored in detectors:
        test, validation = scored.split("test"), scored.split("validation")
        normal = validation.loc[validation["label"].eq(0), "score"]
        if len(normal):
            reached = test["score"].ge(metrics.threshold_from_normals(normal))
            flags[scored.method] = reached.set_axis(test["image_id"])
            films = test.set_index("image_id")[["label", *SHOWN]]
    if len(flags) < 2:
        return pd.DataFrame(columns=["label", *SHOWN, "flags", "detectors", "hard"])
    films = films.assign(flags=pd.DataFrame(flags).sum(axis=1), detectors=len(flags))
    share = films["flags"] / films["detectors"]
    is_hard = share.lt(FEW).where(films["label"].eq(1), share.ge(MANY))
    return films.assign(hard=is_hard).reset_index(drop=True)


def table(films: pd.DataFrame) -> pd.DataFrame:
    """Return how many films of each kind there are, in all and by finding, view and body part.

    Per group the number and its share of the column's films; findings of abnormal films alone.
    """
    kinds = {
        words: films[films["label"].eq(label) & films["hard"].eq(hard)]
        for (label, hard), words in COLUMNS.items()
    }
    rows = [{"": "films"} | {words: str(len(those)) for words, those in kinds.items()}]
    for column, name in SHOWN.items():
        for group, members in groups(films, column).items():
            counts = {words: _share(members, those) for words, those in kinds.items()}
            if column == "finding":
                counts |= {words: "" for (label, _), words in COLUMNS.items() if label == 0}
            rows.append({"": f"{name}: {literal(group)}"} | counts)
    return pd.DataFrame(rows)


def groups(films: pd.DataFrame, column: str) -> dict[str, pd.Index]:
    """Return the rows of each group of films that a column names, the largest group first.

    {} where all are alike or not known; findings are those of abnormal films.
    """
    films = films[films["label"].eq(1)] if column == "finding" else films
    words = films[column].str.split("|").explode()
    words = words[words.ne("")]
    if words.nunique() < 2:
        return {}
    named = largest_groups(words, MOST, fewest=1)
    return {group: named.index[named.eq(group)].unique() for group in named.value_counts().index}


def _share(members: pd.Index, films: pd.DataFrame) -> str:
    number = films.index.isin(members).sum()
    return f"{number} ({number / len(films):.0%})" if len(films) else "0"


def sentence(films: pd.DataFrame) -> str:
    """Say how many films no detector and all detectors flag, and what the former show most."""
    abnormal, normal = (films[films["label"].eq(label)] for label in (1, 0))
    total = films["detectors"].iloc[0]
    hard = abnormal[abnormal["hard"]]
    none, every = abnormal["flags"].eq(0).sum(), normal["flags"].eq(total).sum()
    words = (
        f"Of {len(abnormal)} abnormal films {none} are flagged by none of the {total} detectors "
        f"and {len(hard)} by fewer than a tenth of them; of {len(normal)} normal films {every} are "
        f"flagged by all and {normal['hard'].sum()} by at least half."
    )
    most = [_most(films, column) for column in SHOWN] if 0 < len(hard) < len(abnormal) else []
    described = "; ".join(filter(None, most))
    return f"{words} Of the abnormal films that few flag, {described}." if described else words


def _most(films: pd.DataFrame, column: str) -> str:
    """Say which group is more frequent among hard abnormal films, by the largest difference."""
    abnormal = films[films["label"].eq(1)]
    shares = pd.DataFrame(
        {group: abnormal.index.isin(members) for group, members in groups(films, column).items()},
        index=abnormal.index,
    )
    if shares.empty:
        return ""
    by_kind = shares.groupby(abnormal["hard"]).mean()
    more = by_kind.loc[True] - by_kind.loc[False]
    group = more.idxmax()
    if not more[group] > 0:
        return ""
    return (
        f"{by_kind.loc[True, group]:.0%} have the {SHOWN[column]} {literal(group)} "
        f"({by_kind.loc[False, group]:.0%} of the other abnormal films)"
    )
