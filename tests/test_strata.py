"""AUROC within and over strata: closed forms, and the pairs counted one by one."""

import itertools

import numpy as np
import pandas as pd
import pytest

from lib import metrics, prose
from lib.comparison import circumstances
from lib.comparison.scores import Scored
from lib.comparison.strata import CRUDE, DIFFERENCE, POOLED, rows_of_strata, strata

N = 240


def index_of_films(**columns):
    """Test films and, after them, training films; each patient has two films."""
    film = np.arange(N)
    index = pd.DataFrame(
        {
            "image_id": [f"{number:03}" for number in film],
            "patient_id": film // 2,
            "body_part": "chest",
            "view": "",
            "sex": "",
            "age": np.nan,
            "label": (film // 2 % 3 == 0).astype(float),
            "split": np.where(film < 160, "test", "train"),
            "width": 100,
            "height": 100,
        }
    )
    return index.assign(**columns)


def rows_of(index, score, resamples=50):
    films = index.assign(score=score)
    scored = Scored("chests", "toy", "toy", "0", "", films, {})
    weights = metrics.patient_weights(scored.split("test")["patient_id"], resamples)
    return pd.DataFrame(rows_of_strata(scored, weights, index))


def one(rows, metric, circumstance="view", stratum="all"):
    matching = rows.query(
        "metric == @metric and circumstance == @circumstance and stratum == @stratum"
    )
    assert len(matching) == 1
    return matching.iloc[0]


def view_of_disease(label):
    """Of abnormal films three quarters are AP, of normal ones one quarter."""
    rng = np.random.default_rng(0)
    return np.where(rng.random(len(label)) < np.where(label == 1, 0.75, 0.25), "AP", "PA")


def test_a_score_that_is_the_view_alone_is_at_chance_within_views():
    view = view_of_disease(index_of_films()["label"])
    index = index_of_films(view=view)
    rows = rows_of(index, (view == "AP").astype(float))
    test, ap = index["split"].eq("test"), pd.Series(view == "AP")
    shares = [ap[test & index["label"].eq(label)].mean() for label in (1, 0)]
    crude = one(rows, CRUDE)["value"]
    assert crude == pytest.approx((1 + shares[0] - shares[1]) / 2) and crude > 0.65
    assert one(rows, POOLED)["value"] == 0.5
    difference = one(rows, DIFFERENCE)
    assert difference["value"] == pytest.approx(0.5 - crude) and difference["high"] < 0


def test_a_score_of_the_disease_alone_keeps_its_pairs():
    index = index_of_films()
    index["view"] = view_of_disease(index["label"])
    rows = rows_of(index, index["label"])
    assert one(rows, POOLED)["value"] == one(rows, CRUDE)["value"] == 1


def test_the_pooled_auroc_counts_pairs_of_one_stratum():
    rng = np.random.default_rng(1)
    index = index_of_films(sex=rng.choice(["M", "F", ""], N), age=rng.integers(0, 90, N))
    score = rng.integers(0, 8, N) + index["label"] + index["sex"].eq("M")
    rows = rows_of(index, score)
    test = index.assign(score=score).query("split == 'test'")
    for circumstance, group in (("sex", "sex"), ("age", strata(index).loc[test.index, "age"])):
        counted, right = 0, 0.0
        for name, films in test.groupby(group):
            if name:
                by_label = [films.loc[films["label"].eq(label), "score"] for label in (1, 0)]
                pairs = list(itertools.product(*by_label))
                wins = sum((a > b) + (a == b) / 2 for a, b in pairs)
                within = one(rows, CRUDE, circumstance, name)
                assert within["value"] == pytest.approx(wins / len(pairs))
                counted, right = counted + len(pairs), right + wins
        pooled = one(rows, POOLED, circumstance)
        assert pooled["value"] == pytest.approx(right / counted)
        assert pooled["pairs"] == counted < one(rows, CRUDE, circumstance)["pairs"]


def test_films_of_unknown_sex_are_not_compared():
    index = index_of_films(sex=np.resize(["M", "F", ""], N))
    rows = rows_of(index, np.arange(N))
    test = index.query("split == 'test' and sex != ''")
    assert one(rows, CRUDE, "sex")["n"] == len(test)
    assert one(rows, CRUDE, "sex")["value"] == metrics.auroc(test["label"], test.index)


def test_a_stratum_without_enough_films_of_a_label_counts_no_pair():
    label = index_of_films()["label"]
    lateral = np.flatnonzero(label.eq(0))[:20]
    view = np.where(np.isin(np.arange(N), lateral), "LL", np.resize(["AP", "PA"], N))
    rows = rows_of(index_of_films(view=view), np.arange(N))
    assert set(rows.query("circumstance == 'view'")["stratum"]) == {"all", "AP", "PA"}
    assert one(rows, CRUDE)["n"] == one(rows, POOLED)["n"] + 20


def test_a_circumstance_in_which_films_are_alike_has_no_rows():
    assert rows_of(index_of_films(), np.arange(N)).empty
    assert rows_of(index_of_films(view="PA"), np.arange(N)).empty


def test_ages_are_in_groups_and_sizes_in_quarters_of_the_training_films():
    index = index_of_films(age=np.resize([0, 17, 18, 39, 40, 64, 65, 120, np.nan], N))
    ages = strata(index)["age"].head(9)
    assert list(ages) == [*np.repeat(["0-17", "18-39", "40-64", "65+"], 2), ""]
    index["width"] = np.where(index["split"].eq("train"), np.arange(N) + 1, 1)
    sizes = strata(index)["film size"]
    assert set(sizes[index["split"].eq("test")]) == {"smallest quarter"}
    assert set(sizes[index["split"].eq("train")].value_counts()) == {20}


def test_the_page_names_what_falls_within_strata():
    index = index_of_films()
    index["view"] = view_of_disease(index["label"])
    scores = {"reads_the_view": index["view"].eq("AP") * 1.0, "reads_the_disease": index["label"]}
    origin = {"dataset": "chests", "family": "toy", "seed": "0", "setting": "unlabelled"}
    rows = pd.concat(
        [rows_of(index, score).assign(method=name, **origin) for name, score in scores.items()]
    )
    pairs = one(rows_of(index, index["label"]), POOLED)["pairs"]
    text = circumstances.of_differences(rows)
    assert f"{pairs:,} of" in text and "1 of 2 methods have an interval below 0: reads" in text
    assert text.count("view") == 2  # the circumstance, and the method that reads it
    table = circumstances.differences(rows)
    assert list(table["method"]) == [prose.literal(name) for name in scores]
    assert table["view"][0].startswith("-0.") and table["view"][1].startswith("+0.000<br>[no")
    ((dataset, circumstance, by_stratum),) = circumstances.by_stratum(rows)
    assert (dataset, circumstance) == ("chests", "view")
    heads = [name.partition(" (")[0] for name in by_stratum.columns]
    assert heads == ["method", "crude", "pooled", "AP", "PA"]
    assert by_stratum["method"][0] == prose.literal("reads_the_disease")
