"""Score fusion: each rule by hand, what it may learn from, and whether it is tested."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import percentileofscore
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from lib.comparison import tests as of_pairs
from lib.comparison.fusion import fuse, normalised, rank_average, soft_maximum
from lib.comparison.scores import Scored
from lib.errors import BadData
from lib.grid import Fusion

N = 400


def films(seed=0, validation_of_one_class=False):
    """Return validation and test films with two scores, each of which knows half of the truth."""
    random = np.random.default_rng(seed)
    label = random.integers(0, 2, N).astype(float)
    split = np.where(np.arange(N) % 2, "validation", "test")
    if validation_of_one_class:
        label[split == "validation"] = 0.0
    table = pd.DataFrame({"image_id": [f"film{n}" for n in range(N)], "label": label})
    table["patient_id"], table["split"] = table["image_id"], split
    return table.assign(
        score=label + random.normal(size=N), top_k=1000 * (label + random.normal(size=N))
    )


def scored(method="ours", seed="0", **options):
    return Scored("limbs", method, "svdd", seed, "unlabelled", films(**options), {})


def by_rule(**options):
    fused = fuse("both", Fusion(["ours", "ours/top_k"]), [scored(**options)])
    return {whole.scored.method.removeprefix("both: "): whole for whole in fused}


def test_a_rank_is_the_share_of_validation_films_that_score_lower():
    random = np.random.default_rng(1)
    validation, scores = random.normal(size=(30, 2)), random.normal(size=(9, 2))
    scores[0] = validation[0]
    by_hand = [
        np.mean([percentileofscore(validation[:, k], row[k], "mean") / 100 for k in range(2)])
        for row in scores
    ]
    np.testing.assert_allclose(rank_average(validation, scores), by_hand)


def test_scores_are_measured_in_deviations_of_normal_films():
    normals = np.array([[0.0, 10.0], [2.0, 30.0]])
    np.testing.assert_allclose(normalised(normals, np.array([[1.0, 40.0]])), [[0.0, 2.0]])
    assert np.isfinite(normalised(np.ones((3, 1)), np.array([[5.0]]))).all()


def test_a_soft_maximum_lies_between_mean_and_maximum_and_follows_the_certain_one():
    scores = np.random.default_rng(2).normal(size=(50, 4))
    joined = soft_maximum(scores)
    assert (joined >= scores.mean(axis=1)).all() and (joined <= scores.max(axis=1)).all()
    np.testing.assert_allclose(soft_maximum(np.full((1, 4), 3.0)), 3.0)
    np.testing.assert_allclose(soft_maximum(np.array([[20.0, 0, 0, 0]])), 20 - np.log(4), atol=1e-6)


def test_a_fusion_with_a_rule_is_one_detector_of_its_name():
    (whole,) = fuse("label_free", Fusion(["ours", "ours/top_k"], "soft maximum"), [scored()])
    assert whole.scored.method == "label_free" and whole.scored.setting == "unlabelled"
    table = films()
    normal = table["split"].eq("validation") & table["label"].eq(0)
    scores = table[["score", "top_k"]].to_numpy()
    expected = soft_maximum(normalised(scores[normal], scores))
    np.testing.assert_allclose(whole.scored.films["score"], expected)
    with pytest.raises(BadData, match="label_free has the rule 'best': use one of rank average"):
        fuse("label_free", Fusion(["ours"], "best"), [scored()])


def test_each_rule_beats_its_parts_where_they_know_different_things():
    rules = by_rule()
    assert list(rules) == ["rank average", "normalised sum", "logistic"]
    for whole in rules.values():
        test = whole.scored.split("test")
        alone = [roc_auc_score(test["label"], part.split("test")["score"]) for part in whole.parts]
        assert roc_auc_score(test["label"], test["score"]) > max(alone) + 0.03
        assert whole.scored.family == "fusion" and whole.scored.seed == "0"
    assert rules["rank average"].scored.setting == "unlabelled"
    assert rules["logistic"].scored.setting == "unlabelled, validation labels"


def test_the_logistic_rule_is_fitted_on_validation_films():
    table = films()
    fitted_on = table[table["split"].eq("validation")]
    normals = fitted_on.loc[fitted_on["label"].eq(0), ["score", "top_k"]].to_numpy()
    x = normalised(normals, table[["score", "top_k"]].to_numpy())
    is_validation = table["split"].eq("validation").to_numpy()
    model = LogisticRegression().fit(x[is_validation], table["label"][is_validation])
    np.testing.assert_allclose(
        by_rule()["logistic"].scored.films["score"], model.decision_function(x)
    )


def test_test_films_change_nothing_for_each_other():
    whole = scored()
    test = whole.films["split"].eq("test")
    few = replace(whole, films=whole.films[~test | (test.cumsum() <= 3)])
    parts = Fusion(["ours", "ours/top_k"])
    for all_films, three in zip(fuse("f", parts, [whole]), fuse("f", parts, [few]), strict=True):
        np.testing.assert_allclose(
            all_films.scored.split("test")["score"][:3], three.scored.split("test")["score"]
        )


def test_without_abnormal_validation_films_there_is_no_logistic_rule():
    assert list(by_rule(validation_of_one_class=True)) == ["rank average", "normalised sum"]


@pytest.mark.parametrize("parts", [["ours", "theirs"], ["ours", "ours/mse"]])
def test_a_part_that_is_missing_leaves_the_fusion_out(parts):
    assert fuse("both", Fusion(parts), [scored()]) == []


def test_each_seed_is_fused_with_itself_and_the_first_is_tested_against_its_parts():
    cells = [scored(seed=seed) for seed in ("0", "1")]
    fused = fuse("both", Fusion(["ours", "ours/top_k"]), cells)
    assert [whole.scored.seed for whole in fused] == ["0"] * 3 + ["1"] * 3
    floor = Scored("limbs", "floor: knn", "floor", "", "unlabelled", films(seed=7), {})
    tests = pd.DataFrame(of_pairs.paired_tests(cells[:1], [floor], fused))
    of_fusions = tests[tests["method_a"].str.startswith("both")]
    assert len(of_fusions) == 6 and set(of_fusions["method_b"]) == {"ours", "ours/top_k"}
    assert (of_fusions["difference"] > 0).all() and of_fusions["p_holm"].min() < 0.05
    assert len(tests) == 7, "and the detector against the floor"


def test_a_fusion_with_a_rule_is_tested_as_a_detector():
    cell = scored()
    fused = fuse("label_free", Fusion(["ours", "ours/top_k"], "soft maximum"), [cell])
    floor = Scored("limbs", "floor: knn", "floor", "", "unlabelled", films(seed=7), {})
    tests = pd.DataFrame(of_pairs.paired_tests([cell], [floor], fused))
    pairs = list(zip(tests["method_a"], tests["method_b"], strict=True))
    floors = [("ours", "floor: knn"), ("label_free", "floor: knn")]
    parts = [("label_free", "ours"), ("label_free", "ours/top_k")]
    assert pairs == [*floors, *parts], "with its part once only"
    of_floors = tests[:2]
    assert of_floors["p_holm"].min() == pytest.approx(min(1, 2 * of_floors["p_value"].min()))
