"""The record of real films on other pages: one profile and the same films, or no ranking."""

from dataclasses import replace

import pandas as pd
import pytest

from lib import ROOT, ablations
from lib.comparison import recorded
from lib.errors import BadData

QUICK = {"commit": "0123456789", "profile": "quick", "films": "abc.dir"}
PATHS = ["main/results.csv", "more/results.csv", "missing/results.csv"]


def leave_record(folder, results, **others):
    """Write the results of an experiment and what it was made of."""
    folder.mkdir()
    results.to_csv(folder / "results.csv", index=False)
    pd.DataFrame([QUICK | others]).assign(dataset="limbs").to_csv(folder / "runs.csv", index=False)


@pytest.mark.parametrize(("name", "other"), [("profile", "hours"), ("films", "def.dir")])
def test_experiments_of_other_films_or_another_profile_are_not_ranked_together(
    name, other, tmp_path, monkeypatch
):
    monkeypatch.setattr(recorded, "ROOT", tmp_path)
    leave_record(tmp_path / "main", pd.DataFrame({"seed": ["0"]}))
    leave_record(tmp_path / "more", pd.DataFrame({"seed": ["1"]}), **{name: other})
    assert len(recorded.tables(PATHS[:1])) == 1
    with pytest.raises(BadData, match=f"differ in their {name} .*{other}"):
        recorded.tables(PATHS)


@pytest.mark.parametrize("name", QUICK)
def test_a_table_of_several_experiments_is_refused(name, tmp_path, monkeypatch):
    """As by hand, since `make record` writes none: once in runs.csv and once in results.csv."""
    monkeypatch.setattr(recorded, "ROOT", tmp_path)
    mixed = pd.DataFrame([QUICK, QUICK | {name: "other"}]).assign(dataset="limbs")
    leave_record(tmp_path / "main", pd.DataFrame({"seed": ["0", "1"]}))
    mixed.to_csv(tmp_path / "main/runs.csv", index=False)
    advice = "REPLACE=yes" if name == "commit" else "NAME=folder"
    message = f"mixes results of several {name.removesuffix('s')}s .*other.*{advice}"
    with pytest.raises(BadData, match=f"runs.csv {message}"):
        recorded.tables(PATHS)
    if name != "films":  # which results.csv does not name
        leave_record(tmp_path / "more", mixed.assign(seed=["0", "1"]))
        with pytest.raises(BadData, match=f"results.csv {message}"):
            recorded.tables(PATHS[1:])


def test_the_commits_of_the_experiments_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr(recorded, "ROOT", tmp_path)
    assert recorded.origin(PATHS) == ""
    leave_record(tmp_path / "main", pd.DataFrame({"seed": ["0"]}))
    assert recorded.origin(PATHS) == "Recorded at commit `0123456789`, with the profile `quick`."
    leave_record(tmp_path / "more", pd.DataFrame({"seed": ["0"]}), commit="1111111111")
    assert "at commits `0123456789` and `1111111111`, with the " in recorded.origin(PATHS)
    assert [len(table) for table in recorded.tables(PATHS)] == [1, 1]


def test_each_data_set_may_have_a_commit_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr(recorded, "ROOT", tmp_path)
    rows = [QUICK | {"dataset": "limbs"}, QUICK | {"dataset": "chests", "commit": "1111111111"}]
    leave_record(tmp_path / "main", pd.DataFrame(rows).assign(seed="0"))
    pd.DataFrame(rows).to_csv(tmp_path / "main/runs.csv", index=False)
    assert [len(table) for table in recorded.tables(PATHS)] == [2]


@pytest.mark.parametrize("path", recorded.FILES)
def test_no_interval_of_the_committed_record_leaves_the_range_of_its_measure(path):
    """Means over seeds of the `auroc`, which have a standard deviation and no interval, apart."""
    rows = pd.read_csv(ROOT / path, dtype={"seed": str})
    rows = rows[rows["metric"].ne("auroc") | rows["seed"].ne("mean")]
    metric = rows["metric"]
    for least, names in {-1: "auroc_(?:difference|contrast)$", 0: "auroc(?:_over_seeds)?$"}.items():
        numbers = rows.loc[metric.str.fullmatch(names), ["value", "low", "high"]].dropna()
        assert numbers.ge(least).all(axis=None) and numbers.le(1).all(axis=None)
        assert len(numbers) or least, "one seed has no differences"
        assert numbers["low"].le(numbers["value"]).all()
        assert numbers["value"].le(numbers["high"]).all()


def test_fitted_measures_of_the_committed_record_name_the_labels_that_they_used():
    for path in recorded.FILES:
        rows = pd.read_csv(ROOT / path)
        fitted = rows["metric"].str.contains("brier|calibration_error|_at_threshold_recall")
        labels = rows.loc[fitted & rows["family"].ne("floor"), "setting"]
        assert len(labels) and labels.str.endswith("validation labels").all()


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
