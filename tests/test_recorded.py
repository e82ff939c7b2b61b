"""The record of real films, as pages read it: one profile and the same films, or no ranking."""

from dataclasses import replace

import pandas as pd
import pytest

from lib import ablations, params
from lib.comparison import record_scores, recorded
from lib.errors import BadData

QUICK = {"commit": "0123456789", "profile": "quick", "films": "abc.dir"}
OF_METHODS = ["runs", "tests", "roc", "strata"]


@pytest.fixture
def root(tmp_path, monkeypatch):
    """Return a repository without a record."""
    monkeypatch.setattr(recorded, "ROOT", tmp_path)
    return tmp_path


def leave_record(root, results, **others):
    """Write the results of a record and what it was made of; return its folder."""
    folder, of_code = root / recorded.FOLDER, QUICK | others
    folder.mkdir(parents=True)
    runs = results[["dataset"]].drop_duplicates().assign(**of_code)
    runs.to_csv(folder / "runs.csv", index=False)
    del of_code["films"]
    results.assign(**of_code).to_csv(folder / "results.csv", index=False)
    return folder


LIMBS = pd.DataFrame({"dataset": ["limbs"], "seed": "0"})


@pytest.mark.parametrize(
    ("of", "name"),
    [*(("runs", name) for name in QUICK), ("results", "commit"), ("results", "profile")],
)
def test_a_table_of_several_experiments_is_refused(of, name, root):
    """As by hand, since `make record` writes none."""
    path = leave_record(root, LIMBS) / f"{of}.csv"
    rows = pd.read_csv(path, dtype=str)
    pd.concat([rows, rows.assign(**{name: "other"})]).to_csv(path, index=False)
    again = "this data set" if name == "commit" else "all data sets"
    several = f"mixes results of several {name.removesuffix('s')}s .*other.* record {again} again"
    with pytest.raises(BadData, match=f"{of}.csv {several}"):
        recorded.table("results")


@pytest.mark.parametrize("of", ["results", "runs"])
@pytest.mark.parametrize("content", ["", "dataset,seed\nlimbs,0\n", "<<<<<<< ours\n", "a\n1,2\n"])
def test_a_damaged_table_is_one_sentence(of, content, root):
    path = leave_record(root, LIMBS) / f"{of}.csv"
    path.write_text(content)
    with pytest.raises(BadData, match=rf"{of}\.csv is damaged \(.*\): restore it from git\.$"):
        recorded.table(of)


@pytest.mark.parametrize("name", ["commit", "profile"])
def test_results_of_other_runs_than_were_recorded_are_refused(name, root):
    path = leave_record(root, LIMBS) / "results.csv"
    assert len(recorded.table("results")) == 1
    pd.read_csv(path, dtype=str).assign(**{name: "other"}).to_csv(path, index=False)
    with pytest.raises(BadData, match=r"results\.csv has rows of limbs at a commit or profile"):
        recorded.table("results")


def test_the_commits_of_the_record_are_named(root):
    assert recorded.origin() == ""
    folder = leave_record(root, LIMBS)
    assert recorded.origin() == "Recorded at commit `0123456789`, with the profile `quick`."
    rows = [QUICK | {"dataset": "limbs"}, QUICK | {"dataset": "chests", "commit": "1111111111"}]
    pd.DataFrame(rows).to_csv(folder / "runs.csv", index=False)
    assert len(recorded.table("runs")) == 2, "each data set may have a commit of its own"
    assert recorded.origin() == (
        "Recorded at commits `0123456789` and `1111111111`, with the profile `quick` and the same "
        "films."
    )


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


@pytest.mark.parametrize("dataset", record_scores.PUBLIC)
def test_the_committed_record_has_all_methods_of_its_grid(dataset):
    """With a paired test, a ROC curve and scores of each."""
    families = params.read("study")["grids"]["peers"]["families"].values()
    entries = [entry for family in families for entry in family if dataset in entry["datasets"]]
    methods = {method for entry in entries for method in entry["methods"]}
    assert len(methods) > 30
    tables = map(recorded.table, OF_METHODS)
    runs, tests, roc, strata = (rows[rows["dataset"].eq(dataset)] for rows in tables)
    assert methods <= set(runs["method"]) and methods <= set(roc["method"])
    assert strata.empty or methods <= set(strata["method"])
    assert methods <= set(tests["method_a"]) | set(tests["method_b"])
    assert methods <= set(record_scores.read(dataset).columns)


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
