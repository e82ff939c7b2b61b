"""Chapters, and the sentences of cards: their words and tables follow from the numbers."""

import numpy as np
import pandas as pd
import pytest

from lib import ablations
from lib.comparison import chapter, findings, overview, sentences, tests, verdicts
from lib.comparison.ablations import Judged
from lib.comparison.chapter import Chapter
from lib.comparison.tables import COLUMNS, Measures
from lib.errors import BadData
from lib.fits.examples import Compared
from lib.fits.store import Finished
from lib.grid import Fit

NOTHING = pd.DataFrame()


def row(method, family, value, metric="auroc", level="image", **others):
    ends = {"low": value - 0.05, "high": value + 0.05}
    shared = {"dataset": "mura", "seed": "0", "setting": "unlabelled", "group": "all", "n": 80}
    return (
        shared
        | ends
        | others
        | {
            **{"method": method, "family": family, "metric": metric, "level": level},
            **{"value": value, "base_rate": 0.25},
        }
    )


def pair_with_floor(method, difference, p_holm):
    ends = {"low": difference - 0.1, "high": difference + 0.1, "p_value": p_holm, "n": 80}
    pair = {"dataset": "mura", "method_a": method, "seed_a": "0", "method_b": "floor: knn"}
    return pair | ends | {"seed_b": "", "difference": difference, "p_holm": p_holm}


def table(*rows):
    return pd.DataFrame(rows).reindex(columns=COLUMNS)


@pytest.fixture
def whole():
    """Three methods: one clearly above the best floor, one below, one that failed."""
    auroc = table(
        row("dmsad", "few_labels", 0.8),
        row("floor: knn", "floor", 0.6, seed=""),
        row("deep_sad", "few_labels", 0.52),
    )
    places = table(
        *(row("dmsad", "few_labels", 0.4, name, "pixel") for name in ("pointing_game", "auroc")),
        *(row("deep_sad", "few_labels", 0.1, name, "pixel") for name in ("pointing_game", "auroc")),
        *(row(name, "few_labels", 0.2, "best_dice", "pixel") for name in ("dmsad", "deep_sad")),
    )
    fit = Fit("mura", "dmsad")
    finished = Finished(fit, {"duration_s": 61.4}, *[NOTHING] * 2, {}, {}, {}, {}, NOTHING)
    return Chapter(
        *("mura", "few_labels", [fit], {"dmsad": finished}, {Fit("mura", "drocc_lf"): "too odd"}),
        auroc,
        pd.DataFrame(
            [pair_with_floor("dmsad", 0.2, 0.001), pair_with_floor("deep_sad", -0.08, 0.3)],
            columns=tests.COLUMNS,
        ),
        places,
    )


def test_methods_and_floors_are_in_one_table_best_first(whole):
    rows = chapter.against_floors(whole)
    assert rows["method"].tolist() == [
        "[dmsad](../../cards/mura/dmsad-0.html)",
        "floor: knn",
        "[deep_sad](../../cards/mura/deep_sad-0.html) †",
    ]
    assert rows["AUROC"][0] == "0.800&nbsp;[0.750,&nbsp;0.850]"
    assert rows["difference from the best floor"].tolist() == [
        *("+0.200&nbsp;[+0.100,&nbsp;+0.300]", "", "-0.080&nbsp;[-0.180,&nbsp;+0.020]")
    ]
    assert rows["p (Holm)"].tolist() == ["0.0010", "", "0.3000"]
    assert rows["seconds"].tolist() == ["61", "", ""] and "labels" not in rows
    auroc = whole.auroc.assign(setting=["5 %", "unlabelled", "1 %"], seed=["0", "", "1"])
    rows = chapter.against_floors(whole._replace(auroc=auroc))
    assert rows["labels"].tolist() == ["5 %", "", "1 %"]
    assert rows["method"][2].startswith("[deep_sad, seed 1](")


def test_pre_training_has_a_column_where_methods_differ_in_it(whole):
    assert "pre-training" not in chapter.against_floors(whole)
    on_photographs = whole.auroc.replace({"method": {"deep_sad": "linear_probe"}})
    rows = chapter.against_floors(whole._replace(auroc=on_photographs))
    assert rows["pre-training"].tolist() == ["none", "", "ImageNet"]


def test_an_ablation_of_other_films_is_answered_on_real_films():
    """No grid asks on mura what weights are worth; the record answers it for the chapter."""
    assert "backbone" not in {one.name for one in ablations.of_grid("mura")}
    words = chapter.of_questions("mura", ["padim"])
    assert "*ImageNet* changes AUROC" in words and "on knee&#95;oa&#95;peers&#95;labels" in words
    assert "padim" in words and "linear&#95;probe" not in words  # a chapter names its own methods
    assert chapter.of_questions("mura", ["nsa"]) == ""


def test_of_several_seeds_the_median_run_represents_a_method(whole):
    """The best of three seeds would favour whoever has most of them."""
    seeds = table(
        *(row("dmsad", "few_labels", v, seed=s) for v, s in ((0.9, "0"), (0.7, "1"), (0.5, "2"))),
        row("deep_sad", "few_labels", 0.65),
        row("floor: knn", "floor", 0.6, seed=""),
    )
    several = whole._replace(auroc=seeds, tests=whole.tests.assign(seed_a=["1", "0"]))
    assert "that of **dmsad**, 0.700" in chapter.result(several).replace("&nbsp;", " ")
    assert chapter.headline(several).startswith("Best of the family: dmsad, AUROC 0.700")
    assert "**0.700**" in overview.best(seeds) and "**0.900**" not in overview.best(seeds)


def test_the_result_of_a_chapter_counts_what_is_clear(whole):
    words = chapter.result(whole).replace("&nbsp;", " ")
    assert "that of **dmsad**, 0.800 [0.750, 0.850], on phantoms, 80 test films, 20 " in words
    assert "of them abnormal; labels: none. The" in words
    assert "The best floor, knn, has 0.600; it is clearly exceeded by 1 of 2 methods" in words
    assert words.endswith("correction): dmsad.")
    other = whole._replace(tests=whole.tests.replace("dmsad", "resnet_few_pu"))
    assert chapter.result(other).endswith("correction): resnet_few_pu †.")
    unclear = whole._replace(tests=whole.tests.assign(p_holm=0.06))
    assert "exceeded by none of 2 methods" in chapter.result(unclear)
    assert chapter.result(whole._replace(auroc=whole.auroc[:0])) == ""
    leaderboard = chapter.of_leaderboard(whole)
    assert leaderboard == "From 0.520 (deep_sad †) to 0.800 (dmsad); 1 of 2 intervals hold 0.5."


def test_a_chapter_opens_with_its_best_method_and_the_verdict_of_that_methods_own_test(whole):
    head = "Best of the family: dmsad, AUROC 0.800 [0.750, 0.850], "
    assert chapter.headline(whole) == f"{head}above the best floor"
    unclear = whole._replace(tests=whole.tests.assign(p_holm=0.06))
    assert chapter.headline(unclear) == f"{head}not clearly above the best floor"
    worse = whole._replace(auroc=whole.auroc[whole.auroc["method"].ne("dmsad")])
    assert chapter.headline(worse) == (
        "Best of the family: deep&#95;sad †, AUROC 0.520 [0.470, 0.570], not clearly above the "
        "best floor"
    )
    assert chapter.headline(whole._replace(tests=whole.tests[:0])) == head.removesuffix(", ")
    assert chapter.headline(whole._replace(auroc=whole.auroc[:0])) == ""


def test_maps_are_ranked_by_where_they_point(whole):
    places = chapter.where_maps_point(whole)
    assert places["method"].tolist() == ["dmsad", "deep_sad †"]
    assert places["share of the body"].tolist() == ["25.0%"] * 2
    words = chapter.of_maps(places)
    assert "for dmsad, on 40% of 80 films and least often for deep_sad † (10%)" in words
    assert "least" not in chapter.of_maps(places[:1])
    assert chapter.where_maps_point(whole._replace(places=whole.places[:0])).empty


def test_the_films_of_a_chapter_in_words():
    ranks = {"one": np.array([0.5, 0.9, 1.0]), "other": np.array([0.1, 0.7, 0.8])}
    maps = {"one": np.zeros((3, 2, 2))}
    shown = Compared(*[np.zeros((3, 2, 2))] * 2, ["normal", "detected", "detected"], maps, ranks)
    lines = chapter.of_films(shown).splitlines()
    assert lines[0] == (
        "- normal: averaged over methods, 30% of the test films have a lower score "
        "(10% to 50% by film and method)."
    )
    assert "averaged over methods, 80% and 90% of" in lines[1] and "70% to 100%" in lines[1]
    assert lines[2].startswith("- other has no map; from the first film to the last, 10%, 70%, 80%")


def test_a_fit_is_shown_among_the_best_floors(monkeypatch):
    floors = table(*(row(f"floor: {n}", "floor", n / 10, seed="") for n in range(1, 6)))
    monkeypatch.setattr(chapter, "read_measures", lambda dataset, name: floors)
    of_method = table(row("vae", "reconstruction", 0.45))
    of_floor = pair_with_floor("vae", -0.05, 0.00001)
    measures = Measures(of_method, NOTHING, of_floor, pd.Series(dtype=float), NOTHING)
    rows = chapter.floors_of(Fit("mura", "vae"), measures)
    assert rows[""].tolist() == ["**vae**", "floor: 5", "floor: 4", "floor: 3"]
    assert rows["p (Holm)"].tolist() == ["<&nbsp;0.0001", "", "", ""]
    assert chapter.floors_of(Fit("mura", "vae"), measures._replace(results=of_method[:0])).empty
    assert chapter.best_floor("mura") == {"floor: 5": 0.5}


def test_what_is_not_measured_has_a_reason(monkeypatch):
    def missing(fit, build):
        raise BadData("Nothing has been measured on mura.")

    fit = Fit("mura", "vae", seed=9)
    monkeypatch.setattr(findings, "measures_of", missing)
    measures, reason = findings.measured(fit)
    assert reason == "Nothing has been measured on mura."
    assert measures.results.query("level == 'image'").empty and measures.against_floor == {}
    monkeypatch.setattr(findings, "measures_of", lambda *_: measures)
    monkeypatch.setattr(findings, "unmeasured", lambda *_: "")
    assert "mura/vae/9" in findings.measured(fit)[1]
    some = measures._replace(results=table(row("vae", "reconstruction", 0.4)))
    monkeypatch.setattr(findings, "measures_of", lambda *_: some)
    assert findings.measured(fit)[1] == ""
    assert chapter.link_to(fit) == "" and "few_labels.html" in chapter.link_to(Fit("mura", "dmsad"))


def test_a_calibration_error_below_its_interval_is_explained():
    results = table(*(row("vae", "x", 0.2, name) for name in ("brier", "brier_isotonic")))
    assert "may lie below its own interval" in sentences.calibration(results)
    assert sentences.calibration(results[:0]) == ""


def test_sentences_have_the_numbers_of_their_tables():
    results = table(
        row("vae", "x", 0.30, "recall_at_specificity_0.90"),
        row("vae", "x", 0.40, "specificity_at_recall_0.90"),
        row("vae", "x", 0.35, "recall_at_threshold_normals_0.95"),
        row("vae", "x", 0.95, "specificity_at_threshold_normals_0.95"),
        row("vae", "x", 0.25, "pointing_game", "pixel"),
    )
    assert "the recall is 0.30 [0.25, 0.35]; at a recall of 90 %" in sentences.roc(results)
    assert sentences.decisions(results).count("threshold") == 1
    assert "a recall of 0.35 [0.30, 0.40] and a specificity of 0.95" in sentences.decisions(results)
    assert "the annotated lesion on 25% of 80 films" in sentences.maps(results)
    assert sentences.maps(results[:4]) == "" == sentences.decisions(results[:0])
    history = pd.DataFrame({"epoch": [0, 1, 2], "loss": [9.0, 2.0, 1.0], "val_loss": [9, 3.0, 4.0]})
    words = sentences.training(history)
    assert "`loss` went from 9 to 1" in words and "ended at 4, after 3 in epoch 1" in words
    groups = pd.DataFrame({"group": ["all", "hand", "elbow"], "value": [0.6, 0.55, 0.7]}).assign(
        low=[0.5, 0.4, 0.6], high=[0.7, 0.6, 0.8]
    )
    assert "between 0.55 (hand) and 0.70 (elbow); of 2 groups the intervals of 1 hold 0.5." in (
        sentences.groups(groups)
    )
    backwards = sentences.groups(groups.assign(low=0.2, high=[0.7, 0.4, 0.8]))
    assert "hold 0.5; 1 below it, where a score points the wrong way." in backwards
    assert sentences.unlike(groups) == ""
    unlike = groups.replace({"group": {"hand": "findings unlike drawn lesions"}})
    assert "AUROC is 0.55 [0.40, 0.60]; on all findings it is 0.60" in sentences.unlike(unlike)


def test_the_sentence_on_settings_counts_the_films_of_the_table():
    swept = pd.DataFrame(
        {"difference": [0, -0.1, -0.3], "difference_low": [0, -0.2, -0.4]},
        index=pd.MultiIndex.from_tuples(
            [(250, 250), (250, 10), (250, 2)], names=["lambda", "calls"]
        ),
    ).assign(difference_high=[0, 0.1, -0.2], reference=[True, False, False], n=37)
    words = sentences.sweep(swept)
    assert words.startswith("On 37 test films") and words.endswith(
        ": lambda 250, calls 2 (-0.300)."
    )
    nothing = "no difference from the reference has an interval on one side of 0."
    assert sentences.sweep(swept[:2]).endswith(nothing)


def test_pictures_spheres_and_embeddings_in_words():
    alike, apart = np.zeros((2, 4, 4)), np.stack([np.zeros((4, 4)), np.full((4, 4), 200)])
    assert "by 0 grey levels of 255 in the first row and by 100 in the last" in sentences.drawn(
        np.stack([alike, apart])
    )
    steps = np.stack([np.zeros((2, 4, 4), np.uint8), np.full((2, 4, 4), 9, np.uint8)])
    assert "9.0 (normal), 9.0 (abnormal)" in sentences.chain(
        steps, pd.Series(["normal", "abnormal"])
    )
    points = np.array([[0.0, 0], [0, 0.1], [5, 5], [5, 5.1]])
    words = sentences.planes(
        points, {"principal components": points}, pd.Series([0.0, 0, 1, np.nan])
    )
    assert "explain 100% of the variance" in words and "in 67% of the cases; 56%" in words
    shares = {"commonest body part": "hand", "its share": 0.5}
    table = pd.DataFrame([{"normal": 6, "abnormal": 3, **shares}, {"normal": 1, "abnormal": 0}])
    assert "2 spheres hold test films; the largest has 90%" in sentences.spheres(table)
    assert sentences.spheres(table[:1]).startswith("All films shown are in one sphere; 50%")
    test = pd.DataFrame({"score": range(20), "label": [0.0] * 10 + [1.0] * 10})
    assert "4.5 over normal films and 14.5 over abnormal" in sentences.medians(test)
    assert "lowest scores 0% are abnormal, of the tenth with the highest 100%" in (
        sentences.near_and_far(test)
    )
    nameless = test.assign(label=np.nan)
    assert sentences.medians(nameless) == "" == sentences.near_and_far(nameless)


def judged(low, high, value=0.1, p_holm=0.01):
    one = ablations.find("contamination", "mura")
    differences = pd.DataFrame(
        {"method": "deep_sad", "short": ["5 %"], "reference": "0 %", "value": value, "seeds": 3}
    ).assign(low=low, high=high, n=80, base_rate=0.25, p_holm=p_holm)
    means = pd.DataFrame({"method": "deep_sad", "short": ["0 %", "5 %"], "value": [0.45, 0.6]})
    means = means.assign(high=[0.49, 0.7])
    fits = pd.DataFrame(
        {"method": "deep_sad", "short": "5 %", "seed": [1, 0] * 2, "value": [0.1, 0.2, 0.3, 0.4]}
    ).assign(metric=["auroc"] * 2 + ["average_precision"] * 2)
    given = pd.DataFrame({"films": [9], "known": [1], "seconds": [1.26], "untaught": [0]})
    given = given.rename_axis("method")
    return Judged(one, fits, means, differences, NOTHING, NOTHING, given)


@pytest.mark.parametrize(
    ("value", "p_holm", "kind", "counted"),
    [
        (0.1, 0.01, "contamination helps", "correction (contamination helps): 1"),
        (-0.1, 0.01, "contamination harms", "clearly below 0 (contamination harms): 1"),
        (
            0.1,
            0.06,
            "on one side of 0, but not after Holm's correction",
            "helps): 0; clearly below",
        ),
        (0.01, 0.9, "no clear difference", "helps): 0; clearly below"),
    ],
)
def test_the_verdict_on_an_ablation(value, p_holm, kind, counted):
    shown = judged(value - 0.05, value + 0.05, value, p_holm)
    number = f"5 % ({value:+.3f} ["
    assert verdicts.verdicts(shown)[0].startswith(f"deep_sad: **{kind}**: {number}")
    words = verdicts.result(shown)
    assert counted in words and "on phantoms, 80 test films, 20 of them abnormal: of 1" in words
    assert "for lack of fits" in verdicts.verdict(shown, "vae")


def test_an_ablation_in_tables_and_words():
    shown = judged(0.05, 0.15)
    assert verdicts.of_means(shown, {"floor: knn": 0.55}) == (
        "- deep_sad: the mean AUROC is 0.450 (0 %) to 0.600 (5 %); 1 of 2 means are below the "
        "floor: knn (0.550); 1 of 2 intervals lie below 0.5: a score points the wrong way."
    )
    alone = shown._replace(means=shown.means[1:])
    assert verdicts.of_means(alone, {}) == "- deep_sad: the mean AUROC is 0.600 (5 %)."
    by_seed = verdicts.by_seed(shown)
    assert by_seed["AUROC, seed 0"].tolist() == [0.2]
    assert by_seed["average precision, seed 1"].tolist() == [0.3]
    given = verdicts.what_was_given(shown)
    assert given["seconds"].tolist() == ["1.3"] and given["of known label"].tolist() == [1]


def test_a_group_with_the_films_of_another_is_shown_once():
    rows = pd.DataFrame(
        [
            ("all", 0.8, 0.7, 0.9, 90),
            ("findings unlike drawn lesions", 0.6, 0.5, 0.7, 40),
            ("finding: normal variant", 0.6, 0.5, 0.7, 40),
        ],
        columns=["group", "value", "low", "high", "n"],
    )
    assert sentences.distinct(rows)["group"].tolist() == ["all", "finding: normal variant"]
    other = rows.assign(value=[0.8, 0.6, 0.61])
    assert len(sentences.distinct(other)) == 3 and len(sentences.distinct(rows[:2])) == 2
