"""The record of real films, as pages read it: one profile and the same films, or no ranking."""

from dataclasses import replace

import pandas as pd
import pytest

from lib import ablations
from lib.ablations import ABLATION
from lib.comparison import record_scores, recorded
from lib.errors import BadData
from lib.grid import FLOOR

QUICK = {"commit": "0123456789", "profile": "quick", "films": "abc.dir"}


@pytest.fixture
def root(tmp_path, monkeypatch):
    """Return a repository without a record."""
    monkeypatch.setattr(recorded, "ROOT", tmp_path)
    return tmp_path


def leave_record(root, results, **others):
    """Write the results of a record and what it was made of."""
    folder = root / recorded.FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    results.to_csv(folder / "results.csv", index=False)
    pd.DataFrame([QUICK | others]).assign(dataset="limbs").to_csv(folder / "runs.csv", index=False)


@pytest.mark.parametrize("name", QUICK)
@pytest.mark.parametrize("of", ["results", "runs"])
def test_a_table_of_several_experiments_is_refused(of, name, root):
    """As by hand, since `make record` writes none."""
    mixed = pd.DataFrame([QUICK, QUICK | {name: "other"}]).assign(dataset="limbs", seed=["0", "1"])
    leave_record(root, mixed.head(1))
    mixed.to_csv(root / recorded.FOLDER / f"{of}.csv", index=False)
    advice = "REPLACE=yes" if name == "commit" else "NAME=folder"
    message = f"{of}.csv mixes results of several {name.removesuffix('s')}s .*other.*{advice}"
    with pytest.raises(BadData, match=message):
        recorded.table(of)


def test_the_commits_of_the_record_are_named(root):
    assert recorded.origin() == ""
    leave_record(root, pd.DataFrame({"seed": ["0"]}))
    words = "at commit `0123456789`, with the profile `quick`"
    assert words in recorded.origin()
    rows = [QUICK | {"dataset": "limbs"}, QUICK | {"dataset": "chests", "commit": "1111111111"}]
    pd.DataFrame(rows).to_csv(root / recorded.FOLDER / "runs.csv", index=False)
    assert len(recorded.table("runs")) == 2, "each data set may have a commit of its own"
    assert "at commits `0123456789` and `1111111111`, with the " in recorded.origin()


def test_no_interval_of_the_committed_record_leaves_the_range_of_its_measure():
    """Means over seeds of the `auroc`, which have a standard deviation and no interval, apart."""
    rows = recorded.table("results")
    rows = rows[rows["metric"].ne("auroc") | rows["seed"].ne("mean")]
    metric = rows["metric"]
    for least, names in {-1: "auroc_(?:difference|contrast)$", 0: "auroc(?:_over_seeds)?$"}.items():
        numbers = rows.loc[metric.str.fullmatch(names), ["value", "low", "high"]].dropna()
        assert numbers.ge(least).all(axis=None) and numbers.le(1).all(axis=None)
        assert len(numbers)
        assert numbers["low"].le(numbers["value"]).all()
        assert numbers["value"].le(numbers["high"]).all()


def test_fitted_measures_of_the_committed_record_name_the_labels_that_they_used():
    rows = recorded.table("results")
    fitted = rows["metric"].str.contains("brier|calibration_error|_at_threshold_recall")
    labels = rows.loc[fitted & rows["family"].ne("floor"), "setting"]
    assert len(labels) and labels.str.endswith("validation labels").all()


def test_the_committed_record_has_each_method_at_once():
    """Of each data set one commit, and paired tests and a ROC curve of each method."""
    runs, tests, roc = (recorded.table(name) for name in ("runs", "tests", "roc"))
    assert set(runs["dataset"]) == set(record_scores.PUBLIC)
    of_grid = runs[~runs["family"].str.startswith((ABLATION, FLOOR))]
    for dataset, rows in of_grid.groupby("dataset"):
        methods = set(rows["method"])
        compared = tests[tests["dataset"].eq(dataset)]
        assert methods <= {*compared["method_a"], *compared["method_b"]}
        assert {"patchcore", "lesion_head", "padim", "nsa", "vae"} <= methods
        assert set(rows.query("family != @FUSION")["method"]) <= set(
            roc.loc[roc["dataset"].eq(dataset), "method"]
        )


def test_the_committed_record_answers_the_questions_of_the_ablations():
    """Of the spheres and classifiers, of the centre, and of the weights of photographs."""
    for name, dataset in (("label_fraction", "mura"), ("center", "mura"), ("backbone", "rsna")):
        ablation = ablations.find(name, dataset)
        judged = recorded.judged(ablation)
        assert len(judged) >= 3 and all(len(one.differences) for one in judged), name
        assert all(len(one.contrasts) for one in judged) == bool(ablation.contrasts), name
        lines = recorded.sentences(ablation)
        assert len(lines) == len(judged) and all("test films: " in line for line in lines)
    other = replace(ablation, variants={"a third": {"labels": {"normal": 0.33, "abnormal": 0.33}}})
    assert recorded.judged(other) == [] == recorded.sentences(replace(ablation, name="new"))
    (line,) = [
        one for one in recorded.sentences(ablations.find("label_fraction", "mura")) if "nih" in one
    ]
    assert "deep_sad compared with resnet_few_pu †" in line
