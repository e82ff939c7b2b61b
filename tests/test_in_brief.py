"""The first table says what to use on which real films, from the tables of the record alone."""

import pandas as pd
import pytest
from bs4 import BeautifulSoup
from nbconvert.filters import markdown2html
from test_answer import paired, results, unmarked

from lib.comparison import answer, in_brief
from lib.comparison.fusion import FIXED
from lib.datasets.entries import load_entries

__all__ = ["unmarked"]  # a fixture that pytest finds here


@pytest.fixture
def kinds(monkeypatch, tmp_path):
    """Real chests, for which few labels are not above the floor, and phantoms of limbs."""
    values = {"vae": 0.80, "deep_sad": 0.68, "resnet": 0.91, "floor_knn": 0.65}
    on_real = answer.best(results("nih_peers", **values))
    counts = [("nih_peers", "train", 95, 100, 0), ("nih_peers", "test", 48, 32, 0)]
    films = pd.DataFrame(counts, columns=["dataset", "split", "normal", "abnormal", "unknown"])
    (tmp_path / "reports/real").mkdir(parents=True)
    films.to_csv(tmp_path / in_brief.FILMS, index=False)
    monkeypatch.setattr(in_brief, "ROOT", tmp_path)
    limbs = in_brief.recorded_training("nih_peers")
    monkeypatch.setattr(in_brief, "training_of_run", lambda dataset: limbs[:50])
    auroc = results("mura", vae=0.70, floor_knn=0.6)
    on_phantoms = answer.best(auroc, paired("mura", ("vae", "floor: knn", 0.1, 0.01)))
    return in_brief.kinds(on_real, on_phantoms)


def test_real_films_come_first_with_the_films_that_a_detector_was_given(kinds):
    page = BeautifulSoup(markdown2html(in_brief.as_table(kinds)), "html.parser")
    real, phantoms = (
        [" ".join(cell.get_text(" ").split()) for cell in table.tbody.tr("td")]
        for table in page("table")
    )
    between = page("table")[1].find_previous("p").get_text()
    assert between.startswith("Not patients but phantoms"), "no row of phantoms among real films"
    assert "phantoms" not in page("table")[0].text and "real films" not in page("table")[1].text
    assert real[0] == (
        "adults' chests real films 80 test films, 32 abnormal: labelled pneumonia, with or without "
        "other findings"
    )
    assert real[1] == "vae 0.800 [0.750, 0.850] 95 normal films +0.150 over knn"
    # 5 % + 5 % of 100 films, 95 of which are normal
    assert real[2].endswith("10 labelled films +0.030 over knn, interval not above")
    assert real[3].endswith("195 labelled films +0.260 over knn")
    assert phantoms[0].startswith("limbs phantoms") and "50 normal films" in phantoms[1]
    assert phantoms[2:] == ["none was trained"] * 2


def test_the_three_sentences_are_of_real_films_alone(kinds):
    words = in_brief.summary(kinds)
    assert words.startswith("- On **real films**, **without labels** (95 normal films to learn")
    floor = "the best floor, a shortcut or a simple detector (deep&#95;sad 0.680, knn 0.650)"
    assert f"none has an interval above {floor}" in words
    assert "(195 labelled films), best by AUROC is **resnet** (supervised) for adults' " in words
    assert "chests (0.910)" in words and "**vae** (reconstruction) for" in words
    assert (
        "2 of 3 results without a paired test have an interval" in words
        and len(words.splitlines()) == 3
    )
    assert "limbs" not in words and in_brief.summary(kinds[1:]) == ""


def test_with_paired_tests_these_are_what_to_trust(kinds):
    tests = [("vae", 0.001), ("deep_sad", 0.4), ("resnet", 0.001)]
    rows = [(method, "floor: knn", 0.1, p_holm) for method, p_holm in tests]
    auroc = results("nih_peers", vae=0.80, deep_sad=0.78, resnet=0.91, floor_knn=0.65)
    tested = in_brief.kinds(answer.best(auroc, paired("nih_peers", *rows)), [])
    words = in_brief.summary(tested)
    assert "2 of 3 results beat the best floor of their data set in a paired test" in words
    assert (
        "none does not beat" not in words
        and "none clearly beats the best floor, a shortcut or a simple detector (deep" in words
    )


def test_a_fusion_that_is_advised_in_place_of_the_best_is_named_with_it(kinds):
    rows = [("vae", "floor: knn", 0.2, 0.001), ("joined", "floor: knn", 0.17, 0.01)]
    tests = paired("nih_peers", *rows, ("vae", "joined", 0.03, 0.3))
    auroc = results("nih_peers", vae=0.80, joined=0.77, floor_knn=0.6)
    words = in_brief.summary(in_brief.kinds(answer.best(auroc, tests), []))
    assert "(0.800; advised is joined, 0.770, not distinguishable from it)" in words
    assert "advised" not in in_brief.summary(kinds)


def test_the_record_of_this_study_fills_the_table():
    kinds = in_brief.kinds(answer.best_recorded(), [])
    assert [kind.words for kind in kinds] == list(in_brief.REAL)
    assert all(set(kind.answers) == set(answer.IN_WORDS) for kind in kinds)
    explained = in_brief.methods(kinds)
    assert f"- **label&#95;free**: {FIXED}: feature" in explained
    named = [one.name.removesuffix(" †") for kind in kinds for one in kind.answers.values()]
    assert all(f"- **{name}**: " in explained for name in named)


def test_a_method_of_the_record_that_this_run_does_not_have_is_marked_as_such(kinds):
    kind = kinds[0]._replace(answers={"none": kinds[0].answers[answer.NONE]})
    kind.answers["none"].run["method"] = "feature_distance_448000"
    assert "that the parameters of this run do not have" in in_brief.methods([kind])


def test_a_detector_of_real_films_has_to_be_trained_first(kinds):
    words = in_brief.how_to_get(kinds)
    assert words.startswith("**These detectors have to be trained first**")
    folder = load_entries()["nih_peers"]["folder"]
    assert f"adults' chests (nih&#95;peers) in the folder `{folder}`" in words
    assert "DETECTOR=nih_peers/vae/0`" in words and "have learned from phantoms alone" in words
    assert in_brief.how_to_get(kinds[1:]) == "", "limbs are phantoms"
