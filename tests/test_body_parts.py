"""AUROC per body part: which rows, one table, and the sentence below it."""

import pandas as pd
import pytest

from lib.ablations import ABLATION
from lib.comparison import body_parts
from lib.comparison.tables import COLUMNS
from lib.fits import method_card


def row(method, group, value, **others):
    shared = {"dataset": "mura", "family": "reconstruction", "seed": "0", "metric": "auroc"}
    ends = {"low": value - 0.1, "high": value + 0.1, "n": 40}
    return (
        {"level": "image", "method": method, "group": group, "value": value}
        | ends
        | shared
        | others
    )


@pytest.fixture
def results(monkeypatch):
    rows = [
        row("alpha_gan", "all", 0.5),
        row("alpha_gan", "body part: hand", 0.7),
        row("alpha_gan", "body part: wrist", 0.45),
        row("f_anogan", "body part: wrist", 0.55),
        row("f_anogan", "body part: hand", 0.38),
        row("f_anogan", "body part: hand", 0.9, metric="average_precision"),
        row("f_anogan", "body part: hand", 0.9, level="study"),
        row("f_anogan", "body part: hand", 0.9, family=f"{ABLATION}x"),
        row("f_anogan", "view: AP", 0.9),
        row("deep_svdd", "body part: hand", 0.9),
    ]
    table = pd.DataFrame(rows).reindex(columns=COLUMNS)
    monkeypatch.setattr(body_parts, "read_measures", lambda dataset, name: table)
    return body_parts.measured("mura", ["alpha_gan", "f_anogan"])


def test_one_row_per_method_and_one_column_per_part(results):
    table = body_parts.table(results).set_index("method")
    assert table.columns.tolist() == ["hand (40)", "wrist (40)"]
    assert table.loc["alpha_gan"].tolist() == [0.7, 0.45]
    assert table.loc["f_anogan"].tolist() == [0.38, 0.55]
    again = pd.concat([results, results.assign(seed="1", value=0.6)])
    assert body_parts.table(again)["method"].tolist() == [
        *("alpha_gan, seed 0", "alpha_gan, seed 1", "f_anogan, seed 0", "f_anogan, seed 1")
    ]
    assert body_parts.table(results[:0]).empty


def test_the_sentence_has_the_ends_and_counts_chance(results):
    words = body_parts.sentence(results)
    assert "between 0.38 (f_anogan, hand) and 0.70 (alpha_gan, hand)" in words
    assert words.endswith("in 2 of 4 cases; 1 below it, where a score points the wrong way.")


def test_what_was_published_per_part_is_cited_for_its_methods_alone():
    words = body_parts.published("mura", ["f_anogan", "alpha_gan"])
    assert "For alpha_gan .78 to .97 is reported" in words
    assert "For f_anogan .58 to .74 is reported" in words and "not documented" in words
    assert "f_anogan" not in body_parts.published("mura", ["alpha_gan", "drocc"])
    assert body_parts.published("rsna", ["alpha_gan", "f_anogan"]) == ""
    rows = pd.read_csv(method_card.PUBLISHED, dtype=str)
    assert set(rows.loc[rows["metric"].eq(body_parts.BY_PART), "dataset"]) == {"mura"}
