"""The answer names the best detector of each kind of labels, and claims no more than its tests."""

import pandas as pd
import pytest
from bs4 import BeautifulSoup
from nbconvert.filters import markdown2html
from test_recorded import leave_record

from lib import prose
from lib.comparison import answer, recorded
from lib.comparison.fusion import FIXED
from lib.comparison.tables import COLUMNS
from lib.errors import BadData

FILMS = "On **films**"
SETTINGS = {
    "vae": ("reconstruction", "unlabelled"),
    "nsa": ("reconstruction", "unlabelled"),
    "arae": ("one_class", "unlabelled"),
    "deep_sad": ("few_labels", "5 % known normal + 5 % known abnormal"),
    "resnet": ("supervised", "supervised"),
    "ddad": ("reconstruction", "50 % known normal, 50 % contamination"),
    "joined": ("fusion", "unlabelled"),
    "joined: logistic": ("fusion", "unlabelled, validation labels"),
    "floor: knn": ("floor", "unlabelled"),
    "floor: shortcut age": ("floor", "supervised"),
}


def results(dataset: str, **values) -> pd.DataFrame:
    """AUROC per film of methods, which are named with `_` for `: `; of several seeds one each."""
    names = {name.replace(": ", "_").replace(" ", "_"): name for name in SETTINGS}
    rows = [
        (dataset, names[key], SETTINGS[names[key]][0], str(seed), SETTINGS[names[key]][1], value)
        for key, several in values.items()
        for seed, value in enumerate(several if isinstance(several, tuple) else [several])
    ]
    table = pd.DataFrame(rows, columns=["dataset", "method", "family", "seed", "setting", "value"])
    ends = {"low": table["value"] - 0.05, "high": table["value"] + 0.05}
    whole = table.assign(level="image", group="all", metric="auroc", **ends, n=80, base_rate=0.4)
    return whole[COLUMNS]


def paired(dataset: str, *rows) -> pd.DataFrame:
    """Return tests: method a, method b, difference, p after Holm's correction."""
    table = pd.DataFrame(rows, columns=["method_a", "method_b", "difference", "p_holm"])
    low, high = table["difference"] - 0.04, table["difference"] + 0.04
    return table.assign(dataset=dataset, low=low, high=high)


@pytest.fixture(autouse=True)
def unmarked(monkeypatch):
    """Whatever params/choices.csv says of these methods."""
    monkeypatch.setattr(answer, "marked", lambda dataset, method: "")


@pytest.fixture
def chests():
    """On nih few labels help; all labels are not distinguishable from few."""
    values = {"vae": 0.80, "nsa": (0.70, 0.82, 0.79), "arae": 0.60, "ddad": 0.99}
    values |= {"deep_sad": 0.90, "resnet": 0.91, "floor_knn": 0.65, "floor_shortcut_age": 0.55}
    auroc = results("nih", **values, joined_logistic=0.99)
    tests = paired(
        "nih",
        ("nsa", "vae", -0.01, 0.9),
        ("vae", "arae", 0.2, 0.001),
        ("deep_sad", "vae", 0.1, 0.01),
        ("deep_sad", "resnet", -0.01, 0.8),
        ("vae", "floor: knn", 0.15, 0.002),
        ("deep_sad", "floor: knn", 0.25, 0.0),
        ("resnet", "floor: knn", 0.26, 0.0),
    )
    return auroc, tests


@pytest.fixture
def limbs():
    """On mura nothing is above the floor, although every value is."""
    auroc = results("mura", vae=0.56, deep_sad=0.58, floor_knn=0.54)
    floors = [("vae", "floor: knn", 0.02, 0.7), ("deep_sad", "floor: knn", 0.04, 0.06)]
    return auroc, paired("mura", *floors)


def test_a_setting_counts_as_no_few_or_all_labels_or_has_none_of_these():
    labels = [answer.labels_of(setting) for _, setting in SETTINGS.values()]
    assert labels[2:8] == [answer.NONE, answer.FEW, answer.ALL, "", answer.NONE, ""]
    assert answer.labels_of("unlabelled and 5 % known normal + 5 % known abnormal") == ""


def test_the_best_is_the_median_run_with_its_floor_its_test_and_those_alike(chests):
    none, few, every = answer.best(*chests)
    assert [one.run["method"] for one in (none, few, every)] == ["vae", "deep_sad", "resnet"]
    assert none.alike == ["nsa"] and none.among == 3, "arae is clearly worse"
    assert few.alike == [] and few.floor == "floor: knn" and few.lead == pytest.approx(0.25)
    assert all(one.is_above for one in (none, few, every))


def test_what_to_use_needs_a_test_to_prefer_more_labels(chests):
    auroc, tests = chests
    words = answer.advice(answer.best(auroc, tests), tests)
    assert words.startswith("- **For chests (nih)**: without labels use **vae** (0.800)")
    assert "(not distinguishable: nsa); with few labels use **deep&#95;sad**" in words
    assert "clearly better (+0.100, p = 0.0100)" in words
    assert words.endswith(
        "with all labels stay with deep&#95;sad, or take resnet (0.910) if the labels exist "
        "anyway: the two are not distinguishable after Holm's correction over all pairs of "
        "detectors of this data set (+0.010, p = 0.8000)."
    )


def test_a_detector_with_more_labels_and_no_higher_auroc_is_no_alternative():
    tests = [("vae", "floor: knn", 0.15, 0.01), ("resnet", "floor: knn", 0.14, 0.01)]
    tests = paired("nih", *tests, ("resnet", "vae", -0.01, 0.9))
    answers = answer.best(results("nih", vae=0.80, resnet=0.79, floor_knn=0.65), tests)
    assert answer.advice(answers, tests).endswith(
        "stay with vae: resnet (0.790) is not distinguishable from it (-0.010, p = 0.9000)."
    )


@pytest.mark.parametrize(
    ("p_of_the_best", "p_of_the_floor", "advised"),
    [(0.3, 0.01, "joined"), (0.01, 0.01, "vae"), (0.3, 0.9, "vae"), (None, 0.01, "vae")],
    ids=["not distinguishable", "clearly worse", "not above the floor", "not tested"],
)
def test_a_fusion_fixed_beforehand_is_advised_unless_a_test_says_otherwise(
    p_of_the_best, p_of_the_floor, advised
):
    auroc = results("nih", vae=0.80, arae=0.78, joined=0.77, floor_knn=0.6)
    rows = [("vae", "floor: knn", 0.2, 0.001), ("joined", "floor: knn", 0.17, p_of_the_floor)]
    if p_of_the_best:
        rows += [("vae", "joined", 0.03, p_of_the_best), ("vae", "arae", 0.02, 0.5)]
    tests = paired("nih", *rows)
    (best,) = answer.best(auroc, tests)
    assert best.run["method"] == "vae", "the table has the highest AUROC"
    assert answer.advised(best).run["method"] == advised
    words = answer.advice([best], tests)
    assert f"use **{advised}**" in words and (FIXED in words) == (advised == "joined")
    assert "(not distinguishable: vae and arae)" in words or advised == "vae"


def test_a_lead_whose_interval_lies_above_0_is_named_where_no_test_is_clear(chests):
    """A correction over all pairs that finds nothing does not show that two are equal."""
    auroc, tests = chests
    pair = tests["method_a"].eq("deep_sad") & tests["method_b"].eq("resnet")
    tests.loc[pair, ["difference", "low", "high", "p_holm"]] = -0.1, -0.16, -0.03, 1.0
    words = answer.advice(answer.best(auroc, tests), tests)
    assert "with all labels take resnet (0.910) if the labels exist or are cheap" in words
    assert "its lead of +0.100 [+0.030, +0.160] over deep&#95;sad is not clear after Holm" in words
    assert "not distinguishable after" not in words and "stay with" not in words


def test_where_nothing_beats_the_floor_the_answer_says_so(limbs, chests):
    auroc, tests = (pd.concat(pair) for pair in zip(limbs, chests, strict=True))
    answers = answer.best(auroc, tests)
    words = answer.summary(answers, FILMS)
    assert words.count("none clearly beats the best floor for limbs (mura 0.5") == 2
    assert "*reconstruction* for chests (nih 0.800)" in words
    assert "3 of 5 results beat the best floor" in words
    advice = answer.advice(answers, tests).splitlines()[0]
    assert advice == (
        "- **For limbs (mura)**: use none of these detectors; the best, deep&#95;sad (0.580), does "
        "not clearly beat the best floor, knn (0.540)."
    )


def test_the_summary_has_three_sentences_and_opens_with_the_films(chests):
    words = answer.summary(answer.best(*chests), FILMS)
    assert words.startswith("On **films**, by AUROC, **without labels** the best")
    assert words.count(". **") == 2 and ". **With few labels** (5 % normal + 5 % abnormal)" in words
    assert words.endswith(f"{answer.FAVOURED}.")
    assert answer.summary([], FILMS) == answer.advice([]) == answer.note([]) == ""


def test_the_table_has_a_row_per_data_set_and_says_what_is_not_significant(limbs, chests):
    auroc, tests = (pd.concat(pair) for pair in zip(limbs, chests, strict=True))
    table = answer.table(answer.best(auroc, tests))
    page = BeautifulSoup(markdown2html(prose.table(table)), "html.parser")
    mura, nih = (
        [" ".join(cell.get_text(" ").split()) for cell in row("td")] for row in page("tr")[1:]
    )
    assert [cell.text for cell in page("th")] == ["data set", *answer.IN_WORDS]
    assert mura[0].startswith("limbs (mura)") and mura[3] == "none was trained"
    assert "+0.040 over knn, not significant (p = 0.0600)" in mura[2]
    assert "+0.150 over knn, p = 0.0020" in nih[1]
    assert "not distinguishable from nsa best of 3 detectors" in nih[1]
    assert "not significant" not in "".join(nih) and "ddad" not in page.text


def test_a_record_without_tests_claims_none(chests, tmp_path, monkeypatch):
    auroc, _ = chests
    monkeypatch.setattr(recorded, "ROOT", tmp_path)
    assert answer.best_recorded() == []
    leave_record(tmp_path, auroc)
    answers = answer.best_recorded()
    assert [one.run["value"] for one in answers] == [0.80, 0.90, 0.91]
    assert all(one.test is None and one.is_above and not one.alike for one in answers)
    words = f"{answer.summary(answers, FILMS)} {answer.advice(answers)} {answer.table(answers)}"
    assert "clearly" not in words and "Holm" not in words and "p =" not in words
    assert (
        "without a paired test have an interval above" in words and "+0.100 (not tested)" in words
    )


def test_data_sets_with_and_without_paired_tests_are_counted_apart():
    with_test = answer.best(
        results("nih", vae=0.80, floor_knn=0.65), paired("nih", ("vae", "floor: knn", 0.15, 0.01))
    )
    words = answer.above_floors([*with_test, *answer.best(results("mura", vae=0.9, floor_knn=0.5))])
    assert "1 of 1 results beat the best floor of their data set in a paired" in words
    assert "1 of 1 results without a paired test have an interval above" in words


def test_what_beats_no_floor_is_said_by_test_or_interval():
    tested = answer.best(
        results("mura", vae=0.66, floor_knn=0.65), paired("mura", ("vae", "floor: knn", 0.01, 0.9))
    )
    untested = answer.best(results("nih", vae=0.66, floor_knn=0.65))
    for mixed in ([*tested, *untested], [*untested, *tested]):
        words = answer.summary(mixed, FILMS)
        assert "none clearly beats the best floor for limbs (mura 0.660)" in words
        assert "none has an interval above the best floor for chests (nih 0.660)" in words


def test_without_a_paired_test_no_detector_is_said_to_beat_a_floor_or_not_to():
    """An interval is not corrected for the number of detectors, and is no claim."""
    answers = answer.best(results("nih", vae=0.66, resnet=0.95, floor_knn=0.65))
    assert [one.is_above for one in answers] == [False, True]
    words = f"{answer.summary(answers, FILMS)} {answer.advice(answers)} {answer.table(answers)}"
    assert "beats" not in words and "not beat" not in words and "clearly" not in words
    assert "none has an interval above the best floor for chests (nih 0.660)" in words
    assert "use none, since vae (0.660) has no interval above knn (0.650)" in words
    assert (
        "without a paired test have an interval above" in words
        and "are not said to beat it" in words
    )
    assert "the best, vae (0.660), has no interval above the best floor, knn" in answer.advice(
        answers[:1]
    )


def test_paired_tests_of_the_record_let_pages_say_what_beats_a_floor(tmp_path, monkeypatch):
    monkeypatch.setattr(recorded, "ROOT", tmp_path)
    rows = results("nih_peers", vae=0.80, floor_knn=0.65)
    leave_record(tmp_path, rows)
    (best,) = answer.best_recorded()
    assert best.beats == "has an interval above"
    tests = paired("nih_peers", ("vae", "floor: knn", 0.15, 0.001))
    tests = tests.assign(commit="0123456789", profile="quick")
    kept = tmp_path / recorded.FOLDER / "tests.csv"
    tests.to_csv(kept, index=False)
    (best,) = answer.best_recorded()
    assert best.beats == "clearly beats" and best.is_above and best.lead == 0.15
    pd.concat([tests, tests.assign(commit="other")]).to_csv(kept)
    with pytest.raises(BadData, match=r"tests\.csv mixes results of several commits"):
        recorded.table("tests")


def test_a_choice_in_sight_of_test_films_is_marked_and_explained(monkeypatch, chests):
    monkeypatch.setattr(answer, "marked", lambda _, method: " †" * (method == "vae"))
    answers = answer.best(*chests)
    assert "**vae †**" in answer.table(answers)[answer.NONE][0]
    assert answer.note(answers).startswith("†: optimistic") and answer.note(answers[1:]) == ""
