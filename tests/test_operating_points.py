"""Thresholds and what they do: exact at the scores of test films, and at any base rate."""

import json

import numpy as np
import pandas as pd
import pytest

from lib import metrics
from lib.comparison import operating_points


def films(number, seed=0):
    rng = np.random.default_rng(seed)
    label = np.arange(number) % 2
    score = (rng.normal(size=number) + label).round(2)
    return pd.DataFrame({"label": label.astype(float), "score": score, "image_id": "patient"})


def test_steps_are_exact_at_each_score_and_at_the_own_thresholds():
    test = films(100)
    every = operating_points.steps(test, [0.123, 0.5])
    assert set(test["score"]) | {0.123, 0.5, np.inf} == set(every["threshold"])
    for row in every.itertuples():
        decisions = metrics.decide(test["label"], test["score"], row.threshold)
        assert (row.recall, row.specificity) == pytest.approx(
            (float(decisions.recall()), float(decisions.specificity()))
        )
    assert every.iloc[-1].tolist() == [np.inf, 0, 1]


def test_many_scores_are_thinned_and_the_own_threshold_stays():
    every = operating_points.steps(films(2000).assign(score=np.arange(2000.0)), [777.5])
    assert len(every) == operating_points.MOST
    assert {0, 777.5, 1999} <= set(every["threshold"])
    assert (np.diff(every["recall"]) <= 0).all() and (np.diff(every["specificity"]) >= 0).all()


def test_predictive_values_follow_bayes():
    flagged, ppv, npv = operating_points.predictive(0.9, 0.8, 0.01)
    assert (1000 * flagged, ppv) == pytest.approx((207, 9 / 207))
    assert npv == pytest.approx(792 / 793)
    assert np.isnan(operating_points.predictive(0, 1, 0.1)[1])
    assert np.isnan(operating_points.predictive(1, 0, 0.1)[2])


def test_what_a_card_embeds_is_json_that_names_no_film(monkeypatch):
    shown = []
    monkeypatch.setattr(operating_points, "display", lambda data, raw: shown.append(data))
    operating_points.show(films(60), {"5 % false alarms": 1.5})
    numbers = shown[0][operating_points.DECISIONS]
    assert "patient" not in json.dumps(numbers, allow_nan=False)
    assert set(numbers) == {"steps", "start", "base_rate"} and numbers["base_rate"] == 0.5
    assert numbers["steps"][numbers["start"]][0] == 1.5 and numbers["steps"][-1] == [None, 0, 1]
    table = shown[0]["text/markdown"]
    assert "5 % false alarms | 1.5" in table and len(table.splitlines()) == 2 + 1 + 3


def test_the_table_agrees_with_the_counts_of_films():
    test = films(60)
    table = operating_points.at_a_few(test, {"a": 0.5}).iloc[0]
    positive = test["score"].ge(0.5)
    assert table["PPV"] == pytest.approx(test.loc[positive, "label"].mean())
    assert table["NPV"] == pytest.approx(1 - test.loc[~positive, "label"].mean())
    assert table["flagged per 1,000"] == f"{1000 * positive.mean():.0f}"


@pytest.mark.parametrize("thresholds", [{}, {"a": 0.5}])
def test_nothing_is_shown_where_nothing_is_measured(monkeypatch, thresholds):
    monkeypatch.setattr(operating_points, "display", lambda *_, **__: pytest.fail("shown"))
    test = films(60)
    operating_points.show(test.assign(label=np.nan if thresholds else test["label"]), thresholds)
