"""Published numbers next to those of the same methods here, with the protocol of each."""

import re

import pandas as pd

from lib.comparison import claims, findings, overview
from lib.comparison.body_parts import BY_PART
from lib.comparison.pretraining import pretraining
from lib.fits import method_card
from lib.prose import literal

#: Columns for the number of a network by its pre-training on photographs, as `pretraining` says.
PRETRAINED = {"none": "without pre-training", "ImageNet": "with pre-training"}
NONE = "No method of this run has published numbers on a data set of the same name."
COLUMNS = ["method", "measure", "of", "labels", *PRETRAINED.values(), "protocol"]


def beside(results: pd.DataFrame) -> str:
    """Return the numbers of each data set in Markdown, under a sentence on our films.

    `results` are rows of the grid per film, over all films.
    """
    tables = overview.per_data_set(numbers(results), lambda rows: rows[COLUMNS])
    return f"{method_card.about_published()}\n\n{tables}" if tables else NONE


def numbers(results: pd.DataFrame) -> pd.DataFrame:
    """Return data set and COLUMNS of each number, ours before published ones of its measure.

    Of several seeds the first is taken. Methods that were not measured on a data set are left out.
    """
    published, keys = method_card.read_published(), ["dataset", "method"]
    published = published[published["metric"].ne(BY_PART)]
    ours = overview.of_detectors(results).drop_duplicates([*keys, "metric"])
    measured = pd.MultiIndex.from_frame(ours[keys]).unique()
    published = published[pd.MultiIndex.from_frame(published[keys]).isin(measured)]
    ours = ours.merge(published[[*keys, "metric"]].drop_duplicates())
    both = pd.concat([_of_ours(ours), _of_others(published)], ignore_index=True)
    place = measured.get_indexer(pd.MultiIndex.from_frame(both[keys]))
    both = both.assign(place=place).sort_values(["place", "metric"], kind="stable")
    return both.assign(method=both["name"])[["dataset", *COLUMNS]].fillna("")


def _of_ours(rows: pd.DataFrame) -> pd.DataFrame:
    before = rows["method"].map(pretraining)
    values = rows[["value", "low", "high"]].itertuples(index=False)
    tested = zip(rows["n"], rows["base_rate"], strict=True)
    return _placed(rows, before, [claims.auroc(*row) for row in values]).assign(
        name=overview.named(rows.assign(seed=""), "method", "seed"),
        of="this study",
        labels=rows["setting"].map(literal),
        protocol=[findings.tested(*row) for row in tested],
    )


def _of_others(rows: pd.DataFrame) -> pd.DataFrame:
    values = [re.sub(r"(?<!\d)\.", "0.", value) for value in rows["value"]]
    placed = _placed(rows, rows["pretraining"], values)
    names = rows["method"].map(literal)
    return placed.assign(name=names, of=rows["source"], protocol=rows["note"])


def _placed(rows: pd.DataFrame, pretraining: pd.Series, values: list[str]) -> pd.DataFrame:
    """Return rows with their values, as text, in the column of their pre-training."""
    text = pd.Series(values, rows.index, dtype=object)
    columns = {words: text.where(pretraining.eq(kind)) for kind, words in PRETRAINED.items()}
    return rows.assign(measure=method_card.measures(rows["metric"]), **columns)
