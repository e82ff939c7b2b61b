"""Scores of a detector from elsewhere beside those of the record, on the same films."""

import numpy as np
import pandas as pd
import pytest

from lib import ROOT, metrics
from lib.comparison import against, record_scores
from lib.comparison.tables import read
from lib.errors import BadData

RECORDED = sorted(path.stem for path in (ROOT / record_scores.FOLDER).glob("*.csv"))


@pytest.fixture
def root(tmp_path):
    """Return a repository with recorded scores of 80 films of 40 patients."""
    rng = np.random.default_rng(0)
    label = np.arange(80) // 2 % 2
    films = {"film": [f"f{n:02}" for n in range(80)], "patient": np.arange(80) // 2 + 1}
    good, chance = label + rng.normal(size=80), rng.normal(size=80)
    table = pd.DataFrame(films | {"label": label, "good": good, "floor: chance": chance})
    record_scores.keep("chests", table, tmp_path / "reports/real")
    return tmp_path


def own(root, **changes):
    """Write scores of a detector like the good one, films in another order."""
    table = record_scores.read("chests", root)[["film", "good"]].rename(columns={"good": "score"})
    path = root / "mine.csv"
    table.assign(**changes).sample(frac=1, random_state=1).to_csv(path, index=False)
    return path


def test_differences_are_those_of_the_paired_test_over_patients(root):
    table = against.compare("chests", own(root), root).set_index("method")
    recorded = record_scores.read("chests", root)
    assert list(table.index) == ["mine", "good", "floor: chance"]
    assert table.loc["good", "difference"] == 0
    floor = table.loc["floor: chance"]
    expected = metrics.paired_test(
        recorded["label"], recorded["good"], recorded["floor: chance"], recorded["patient"]
    )
    assert floor["difference"] == pytest.approx(expected.difference.value)
    assert floor["p_holm"] == pytest.approx(min(1, 2 * expected.p_value)) and floor["low"] > 0
    aurocs = metrics.auroc(recorded["label"], recorded["good"])
    assert table.loc["mine", "auroc"] == table.loc["good", "auroc"] == pytest.approx(aurocs)
    lines = against.in_words(table.reset_index()).splitlines()
    assert len(lines) == 3 and "floor: chance" in lines[2] and "Holm" in lines[2]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"film": "f00"}, "has the film f00 twice"),
        ({"score": np.nan}, "lacks finite scores of 80 of the 80 test films, as f00"),
        ({"score": np.inf}, "lacks finite scores"),
        ({"score": "high"}, "a score that is no number"),
        ({"film": [f"g{n}" for n in range(80)]}, "has none of the 80 test films: .*, as f00"),
    ],
)
def test_scores_of_other_films_are_refused_in_one_sentence(root, changes, sentence):
    with pytest.raises(BadData, match=sentence):
        against.compare("chests", own(root, **changes), root)


def test_what_the_record_lacks_is_named(root):
    with pytest.raises(BadData, match="no scores of limbs: it has those of chests"):
        against.compare("limbs", own(root), root)
    with pytest.raises(BadData, match=r"no scores of \.\./runs"):
        against.compare("../runs", own(root), root)
    with pytest.raises(BadData, match="is not a file"):
        against.compare("chests", root / "none.csv", root)
    (root / "other.csv").write_text("name,value\n1,2\n")
    with pytest.raises(BadData, match=r"no column score: .* by commas"):
        against.compare("chests", root / "other.csv", root)
    for content in (b"", b"\xff\xfe\x00\x01" * 9):
        (root / "other.csv").write_bytes(content)
        with pytest.raises(BadData, match="is not a CSV"):
            against.compare("chests", root / "other.csv", root)


@pytest.mark.parametrize("dataset", RECORDED)
def test_the_committed_record_follows_from_its_scores(dataset):
    """AUROC, paired tests with the best floor, and the numbers of films and of abnormal ones."""
    scores = record_scores.read(dataset)
    kept = ROOT / "reports/real"
    results = read(kept / "results.csv").query("dataset == @dataset")
    rows = record_scores.shown(results).set_index("method")
    assert set(scores.columns.drop(record_scores.OF_FILMS)) == set(rows.index)
    assert set(rows["n"]) == {len(scores)}
    assert rows["base_rate"].sub(scores["label"].mean()).abs().max() < 1e-4
    for method, row in rows.iterrows():
        assert metrics.auroc(scores["label"], scores[method]) == pytest.approx(
            row["value"], abs=1e-4
        ), method
    tests = read(kept / "tests.csv").query("dataset == @dataset")
    tests = tests[tests["method_b"].str.startswith("floor") & tests["method_a"].isin(rows.index)]
    assert len(tests)
    for test in tests.itertuples():
        again = metrics.paired_test(
            scores["label"], scores[test.method_a], scores[test.method_b], scores["patient"]
        )
        assert again.difference.value == pytest.approx(test.difference, abs=1e-4)
        assert again.p_value == pytest.approx(test.p_value, abs=1e-3), test.method_a
