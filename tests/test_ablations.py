"""What an ablation shows: AUROC of each fit, intervals over seeds, paired differences, words."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_rel
from statsmodels.stats.multitest import multipletests
from test_comparison import films_of_limbs, leave_fit, one, scores_of, table, write_source

from lib import files, metrics
from lib.ablations import Ablation
from lib.comparison import choices
from lib.comparison import compare as together
from lib.comparison.ablations import judge, judge_recorded
from lib.comparison.measures import write_measures
from lib.comparison.record import record
from lib.comparison.tables import COLUMNS, read_measures, without_ablations
from lib.comparison.verdicts import (
    contrasts,
    of_all_contrasts,
    of_failures,
    of_variant,
    result,
    shown,
    verdicts,
    what_was_given,
)
from lib.grid import Fit
from lib.prose import literal
from lib.variants import variant_name

NONE, SOME = {"labels": "none"}, {"labels": {"normal": 0.05, "abnormal": 0.05}}
KNOWN = variant_name(SOME)
COLLAPSED = "Collapsed: all films are mapped to one point."


def ablation(methods=("deep_sad", "resnet"), seeds=(0, 1, 2), variants=(NONE, SOME), name="labels"):
    named = {variant_name(change): change for change in variants}
    words = {"above": "labels help", "below": "labels harm"}
    return Ablation(name, "limbs", "Do labels help?", list(methods), list(seeds), named, **words)


LABELS = ablation()


COMPARED = replace(LABELS, contrasts=[["deep_sad", "resnet"]])


def leave(build, ablation=LABELS, failed=(), signal=None):
    """Write what its fits leave: labels help the score by `signal` of a variant and seed."""
    signal = signal or (lambda variant, seed: 2.0 * (variant != "unlabelled") + 0.1 * seed)
    films = films_of_limbs().query("split != 'train'")
    for (method, variant, seed), fit in ablation.fits().items():
        if (method, variant, seed) in failed:
            leave_fit(build, fit, pd.DataFrame(), status="failed", reason=COLLAPSED)
            continue
        noise = np.random.default_rng([seed, len(method)]).normal(size=len(films))
        scores = films[["image_id"]].assign(score=signal(variant, seed) * films["label"] + noise)
        given = {"training": 40, "with known label": 4 * (variant == KNOWN)}
        leave_fit(build, fit, scores, setting=variant, films=given)


def judged_of(build, ablation=LABELS, resamples=20):
    """Return what is measured about an ablation, as its page reads it."""
    write_measures("limbs", [], [ablation], build=build, resamples=resamples)
    return judge(ablation, build)


def compare(build, *ablations):
    """Measure ablations and compare; returns their results."""
    write_measures("limbs", [], ablations, build=build, resamples=20)
    results = together.compare(["limbs"], build)
    return results[results["family"].ne("floor")]


@pytest.fixture
def build(tmp_path):
    """Return a build folder with an index and floors, and no fit yet."""
    index = films_of_limbs()
    for folder in ("index", "floors"):
        (tmp_path / folder).mkdir()
    index.to_csv(tmp_path / "index/limbs.csv", index=False)
    scored = index[index["split"].ne("train")]
    floors = scored[["image_id"]].assign(mean_grey=np.arange(len(scored)), good=scored["label"])
    floors.to_csv(tmp_path / "floors/limbs.csv", index=False)
    return tmp_path


def auroc_of(build, method, variant, seed):
    scores = scores_of(LABELS.fit(method, variant, seed), build)
    test = films_of_limbs().query("split == 'test'").merge(scores)
    return float(metrics.auroc(test["label"], test["score"]))


def test_each_fit_is_measured_on_the_test_films(build):
    leave(build)
    judged = judged_of(build, resamples=50)
    assert len(judged.fits) == 2 * 12, "two metrics of each fit"
    for fit in judged.fits.query("metric == 'auroc'").itertuples():
        assert fit.value == pytest.approx(auroc_of(build, fit.method, fit.variant, fit.seed))
        assert fit.low < fit.value < fit.high and (fit.n, fit.base_rate) == (120, 0.5)
    assert set(zip(judged.fits["variant"], judged.fits["percent"], strict=True)) == {
        ("unlabelled", 0),
        (KNOWN, 5),
    }


def test_means_and_differences_over_seeds_by_hand(build):
    leave(build)
    judged = judged_of(build)
    without, known = (
        np.array([auroc_of(build, "deep_sad", variant, seed) for seed in (0, 1, 2)])
        for variant in ("unlabelled", KNOWN)
    )
    for estimate, values, bounds in (
        (judged.means.query("method == 'deep_sad' and variant == @KNOWN").iloc[0], known, (0, 1)),
        (judged.differences.query("method == 'deep_sad'").iloc[0], known - without, (-1, 1)),
    ):
        assert estimate["value"] == pytest.approx(values.mean())
        assert estimate["sd"] == pytest.approx(values.std(ddof=1))
        ends = metrics.t_interval(values, bounds)[1:]
        assert (estimate["low"], estimate["high"]) == pytest.approx(ends)
        assert (estimate["seeds"], estimate["n"], estimate["base_rate"]) == (3, 120, 0.5)
    assert set(judged.differences["reference"]) == {"unlabelled"}
    assert set(judged.differences["variant"]) == {KNOWN}, "the reference is compared with no one"


def test_differences_are_paired_by_seed(build):
    """A seed moves both variants alike: the means are unsure, and their difference is not."""
    leave(build, signal=lambda variant, seed: 1.5 * seed + 0.2 * (variant == KNOWN))
    judged = judged_of(build)
    difference, mean = judged.differences.iloc[0], judged.means.iloc[0]
    assert difference["sd"] < 0.2 * mean["sd"]
    assert difference["low"] > -0.05 and mean["high"] - mean["low"] > 0.5


def test_contrasts_are_scipys_paired_t_tests_with_holms_correction(build):
    leave(build, COMPARED)
    table = judged_of(build, COMPARED).contrasts
    assert table["variant"].tolist() == ["unlabelled", KNOWN]
    p_values = []
    for row in table.itertuples():
        first, second = (
            np.array([auroc_of(build, method, row.variant, seed) for seed in (0, 1, 2)])
            for method in ("deep_sad", "resnet")
        )
        test = ttest_rel(first, second)
        assert row.p_value == pytest.approx(test.pvalue)
        assert tuple(metrics.t_interval(first - second, (-1, 1))) == pytest.approx(
            (row.value, row.low, row.high)
        )
        assert (row.method, row.against, row.seeds, row.n) == ("deep_sad", "resnet", 3, 120)
        p_values.append(test.pvalue)
    corrected = multipletests(p_values, method="holm")[1]
    np.testing.assert_allclose(table["p_holm"], corrected)
    assert judged_of(build).contrasts.empty, "an ablation that asks for none"


def test_differences_have_scipys_paired_p_values_with_holms_correction(build):
    leave(build)
    table = judged_of(build).differences
    p_values = [
        ttest_rel(*([auroc_of(build, method, v, s) for s in (0, 1, 2)] for v in LABELS.variants))
        for method in LABELS.methods
    ]
    p_values = [test.pvalue for test in p_values]
    np.testing.assert_allclose(table["p_value"], p_values)
    np.testing.assert_allclose(table["p_holm"], multipletests(p_values, method="holm")[1])
    rows = compare(build, LABELS).query("metric == 'auroc_difference_p_holm'")
    np.testing.assert_allclose(rows["value"], table["p_holm"])


def test_a_record_has_the_tables_of_the_ablation_that_was_recorded(build):
    leave(build, COMPARED)
    judged, results = judged_of(build, COMPARED), compare(build, COMPARED)
    fits = results[results["seed"].ne("mean")].assign(dataset="others")
    again = judge_recorded(COMPARED, fits.sample(frac=1, random_state=0))
    assert again.ablation.dataset == "others"
    for name in ("means", "differences", "contrasts"):
        keys = [key for key in ("method", "variant", "against") if key in getattr(judged, name)]
        one, other = (getattr(estimate, name).sort_values(keys) for estimate in (judged, again))
        columns = [*keys, "short", "seeds", "n"]
        assert one[columns].to_numpy().tolist() == other[columns].to_numpy().tolist()
        for column in ("value", "low", "high"):
            np.testing.assert_allclose(one[column], other[column], atol=1e-3)
    assert verdicts(again)[0].startswith("deep_sad: ") and again.failures.empty


def test_every_table_and_sentence_of_an_ablation_marks_its_methods(build, monkeypatch):
    monkeypatch.setattr(choices, "marked", lambda _, method: " †" * (method == "resnet"))
    leave(build, COMPARED)
    judged = shown(judged_of(build, COMPARED))
    for name in ("fits", "means", "differences"):
        assert set(getattr(judged, name)["method"]) == {"deep_sad", "resnet †"}, name
    assert set(judged.contrasts["against"]) == {"resnet †"}
    assert [words.partition(":")[0] for words in verdicts(judged)] == ["deep_sad", "resnet †"]
    assert contrasts(judged, judged.ablation.methods)[0].startswith(
        "deep_sad compared with resnet †"
    )
    assert "resnet †" in what_was_given(judged)["method"].tolist()


@pytest.mark.parametrize(
    ("value", "shown", "counted"),
    [(0.2, "2", "2 and clearly lower in 0"), (-0.2, "none", "0 and clearly lower in 2")],
)
def test_a_claim_is_shown_by_contrasts_that_are_clear(build, value, shown, counted):
    leave(build, COMPARED)
    judged = judged_of(build, COMPARED)
    table = judged.contrasts.assign(value=value, p_holm=0.01)
    words = of_all_contrasts([judged._replace(contrasts=table), judged], "a sphere is better")
    assert words.startswith(f"That a sphere is better is shown by {shown} of 4 comparisons")
    assert f"on limbs clearly higher in {counted} of 2; on limbs clearly higher in 0" in words
    assert of_all_contrasts([judged._replace(contrasts=table[:0])], "it") == ""


def test_what_a_variant_changes_is_given_with_its_interval(build):
    leave(build)
    judged = clear(judged_of(build))
    words = of_variant([judged], KNOWN)
    for row in judged.differences.itertuples():
        assert f"{literal(row.method)} {row.value:+.3f} [{row.low:+.3f}, {row.high:+.3f}]" in words
    assert words.endswith("Clear after Holm's correction: 2 of 2.")
    assert of_variant([judged], "another") == ""


def test_contrasts_are_paired_by_seed_and_have_rows_of_their_own(build):
    leave(build, COMPARED, failed={("deep_sad", KNOWN, 1), ("resnet", KNOWN, 2)})
    results = compare(build, COMPARED)
    table = judged_of(build, COMPARED).contrasts.set_index("variant")
    assert table["seeds"].to_dict() == {"unlabelled": 3, KNOWN: 1}
    assert np.isnan(table.loc[KNOWN, ["low", "p_value", "p_holm"]].astype(float)).all()
    rows = results[results["metric"].str.startswith("auroc_contrast")]
    assert rows["metric"].tolist() == ["auroc_contrast", "auroc_contrast_p_holm"]
    assert set(rows["setting"]) == {"unlabelled, against resnet"} and set(rows["seed"]) == {"mean"}
    assert rows["value"].tolist() == table.loc["unlabelled", ["value", "p_holm"]].tolist()


@pytest.mark.parametrize("sign", [1, -1])
def test_the_sentence_of_a_contrast_says_where_it_is_clear(build, sign):
    leave(build, COMPARED)
    judged = judged_of(build, COMPARED)
    table = judged.contrasts.assign(value=[sign * 0.2, 0.01], p_holm=[0.01, 0.3])
    (sentence,) = contrasts(judged._replace(contrasts=table), ["deep_sad"])
    word = "higher" if sign > 0 else "lower"
    assert sentence.startswith(
        f"deep_sad compared with resnet: its AUROC is clearly {word} at 0 %, not clearly different "
        "at 5 % (p < 0.05 after Holm's correction over 2 comparisons)"
    )
    assert f"{sign * 0.2:+.3f} (0 %)" in sentence and "+0.010 (5 %)" in sentence
    assert contrasts(judged, ["resnet"]) == []


def test_a_variant_that_changes_nothing_is_left_out_and_named_and_the_others_stay(build):
    """resnet has the same scores with labels and without: a defect of the study, no result."""
    leave(build)
    for seed in (0, 1):
        twins = [LABELS.fit("resnet", variant, seed) for variant in ("unlabelled", KNOWN)]
        scores_of(twins[0], build).to_csv(files.scored(twins[1], build) / "scores.csv", index=False)
    judged = judged_of(build)
    assert judged.means.set_index(["method", "variant"])["seeds"].to_dict() == {
        ("deep_sad", "unlabelled"): 3,
        ("deep_sad", KNOWN): 3,
        ("resnet", "unlabelled"): 3,
        ("resnet", KNOWN): 1,
    }
    assert judged.differences.set_index("method")["seeds"].to_dict() == {"deep_sad": 3, "resnet": 1}
    reason = "The variant changed nothing: its scores equal those of the reference, unlabelled."
    assert of_failures(judged) == [f"resnet, {KNOWN}, seed 0, 1: {reason}"]
    compare(build, LABELS)
    failures = table(build, "failures")
    assert set(failures["reason"]) == {f"In the ablation labels, {KNOWN}: {reason}"}


def test_variants_that_both_separate_perfectly_are_not_the_same(build):
    leave(build, signal=lambda variant, seed: 50.0 + (variant == KNOWN))
    judged = judged_of(build)
    assert judged.failures.empty and (judged.means["value"] == 1).all()
    assert judged.means["low"].isna().all() and judged.differences["low"].isna().all()
    assert "+0.000 [no interval]" in verdicts(judged)[0]


def test_a_seed_without_its_twin_is_in_no_difference(build):
    leave(
        build,
        failed={("deep_sad", "unlabelled", 1), *(("resnet", "unlabelled", n) for n in range(3))},
    )
    judged = judged_of(build)
    assert judged.means.set_index(["method", "variant"])["seeds"].to_dict() == {
        ("deep_sad", "unlabelled"): 2,
        ("deep_sad", KNOWN): 3,
        ("resnet", KNOWN): 3,
    }
    (difference,) = judged.differences.itertuples()
    pairs = [auroc_of(build, "deep_sad", v, s) for s in (0, 2) for v in (KNOWN, "unlabelled")]
    assert difference.value == pytest.approx((pairs[0] - pairs[1] + pairs[2] - pairs[3]) / 2)
    assert (difference.method, difference.seeds) == ("deep_sad", 2)
    assert of_failures(judged) == [
        f"deep_sad, unlabelled, seed 1: {COLLAPSED}",
        f"resnet, unlabelled, seed 0, 1, 2: {COLLAPSED}",
    ]
    assert verdicts(judged)[1].startswith("resnet: no difference")
    given = judged.given
    assert given.loc[("resnet", "unlabelled"), ["fits", "failed"]].tolist() == [3, 3]
    assert given.loc[("deep_sad", KNOWN)].tolist() == [3, 0, 0, 40, 4, 4]


def test_a_network_without_labels_to_learn_from_is_no_failure(build):
    """ResNet in the reference, which is unlabelled; one that lacks labels elsewhere did fail."""
    lacks = "ValueError: ResNet learns from labelled films of both classes; it was given {} normal "
    lacks += "and 0 abnormal ones."
    leave(build, replace(LABELS, methods=["deep_sad"]))
    for variant, given in (("unlabelled", 9), (KNOWN, 0)):
        for seed in (0, 1, 2):
            fit = LABELS.fit("resnet", variant, seed)
            leave_fit(build, fit, pd.DataFrame(), status="failed", reason=lacks.format(given))
    judged = shown(judged_of(build))
    counts = judged.given[["fits", "failed", "untaught"]]
    assert counts.loc[("resnet", "unlabelled")].tolist() == [3, 0, 3]
    assert counts.loc[("resnet", KNOWN)].tolist() == [3, 3, 0]
    reference, other = of_failures(judged)
    assert "not a failure: it learns from labels alone" in reference
    assert other.endswith(lacks.format(0))
    assert verdicts(judged)[1].endswith("the reference gives it none")


def test_a_page_has_the_digits_of_the_table_and_marks(build, monkeypatch):
    """A mean of .17951 is .1795 in results.csv, and then .179 or .180 on both pages."""
    monkeypatch.setattr("lib.comparison.choices.marked", lambda _, name: " †" * (name == "resnet"))
    leave(build, COMPARED)
    judged = shown(judged_of(build, COMPARED))
    compare(build, COMPARED)
    rows = table(build, "results").query("metric == 'auroc_difference'").set_index("method")
    for row in judged.differences.itertuples():
        name = row.method.removesuffix(" †")
        assert [row.value, row.low, row.high] == rows.loc[name, ["value", "low", "high"]].tolist()
    assert judged.ablation.methods == ["deep_sad", "resnet †"]
    assert set(judged.contrasts["against"]) == {"resnet †"}
    assert verdicts(judged)[1].startswith("resnet †: ")
    assert list(judged.given.index.unique("method")) == ["deep_sad", "resnet †"]


def test_rows_over_seeds_are_next_to_those_of_fits_and_no_fit_of_the_grid_is_among_them(build):
    leave(build)
    results = compare(build, LABELS)
    assert list(results) == COLUMNS and set(results["family"]) == {"ablation: labels"}
    assert not results.duplicated(COLUMNS[: COLUMNS.index("value")]).any()
    results = table(build, "results")
    judged = judged_of(build)
    mean = judged.means.query("method == 'resnet' and variant == @KNOWN").iloc[0]
    one_sd = one(results, method="resnet", setting=KNOWN, seed="mean")
    interval = one(results, method="resnet", setting=KNOWN, metric="auroc_over_seeds")
    assert one_sd["value"] == interval["value"] == pytest.approx(mean["value"], abs=1e-4)
    assert one_sd["high"] - one_sd["value"] == pytest.approx(mean["sd"], abs=2e-4)
    assert interval["high"] == pytest.approx(mean["high"], abs=1e-4) and interval["seed"] == "mean"
    setting = f"{KNOWN}, against unlabelled"
    difference = one(results, method="deep_sad", setting=setting, metric="auroc_difference")
    assert difference["value"] == pytest.approx(judged.differences["value"].iloc[0], abs=1e-4)
    assert one(results, method="deep_sad", setting=KNOWN, seed="2")["n"] == 120
    assert set(without_ablations(results)["family"]) == {"floor"}
    other = pd.DataFrame({"family": ["one_class", "floor", "ablation: any"]})
    assert without_ablations(other)["family"].tolist() == ["one_class", "floor"]


def test_one_seed_has_no_interval_and_no_row_over_seeds(build):
    alone = ablation(["deep_sad"], [0])
    leave(build, alone)
    judged = judged_of(build, alone)
    assert judged.means["low"].isna().all() and judged.differences["seeds"].tolist() == [1]
    assert "no clear difference**: 5 % (+" in verdicts(judged)[0]
    assert "of one seed" in verdicts(judged)[0]
    results = compare(build, alone)
    assert set(results["metric"]) == {"auroc", "average_precision"}
    assert set(results["seed"]) == {"0"}


def test_failed_and_absent_fits_are_listed(build):
    leave(build, failed={("resnet", "unlabelled", 2)})
    absent = ablation(["dmsad"], [0], [{"contamination": 0.5}], name="contamination")
    compare(build, LABELS, absent)
    failures = table(build, "failures").set_index("method")["reason"]
    assert failures["resnet"] == f"In the ablation labels, unlabelled: {COLLAPSED}"
    assert failures["dmsad"] == (
        "In the ablation contamination, 50 % contamination: The fit limbs/dmsad/50 % "
        "contamination/0 has not run: run `python -m lib.fits run limbs dmsad 0`."
    )
    assert one(table(build, "results"), method="resnet", seed="1", setting=KNOWN)["n"] == 120


def test_broken_scores_of_a_fit_are_one_sentence_and_the_others_remain(build):
    leave(build)
    path = files.scored(LABELS.fit("resnet", "unlabelled", 2), build) / "scores.csv"
    pd.read_csv(path, dtype=str)[:-3].to_csv(path, index=False)
    judged = judged_of(build)
    (failure,) = judged.failures.itertuples()
    assert (failure.method, failure.variant, int(failure.seed)) == ("resnet", "unlabelled", 2)
    assert "lacks films of the index (3, as " in failure.reason
    assert len(judged.fits.query("metric == 'auroc'")) == 11


def test_a_reference_is_the_fit_of_the_grid_and_is_measured_once(build):
    """deep_sad has 5 % + 5 % known films in its entry: that variant changes nothing."""
    assert LABELS.fit("deep_sad", KNOWN, 0) == Fit("limbs", "deep_sad", seed=0)
    leave(build)
    trained = [Fit("limbs", "deep_sad", seed=seed) for seed in (0, 1, 2)]
    write_measures("limbs", trained, [LABELS], build=build, resamples=20)
    rankings = read_measures("limbs", "rankings", build)
    assert not rankings.duplicated(["method", "variant", "seed", "metric"]).any()
    results = read_measures("limbs", "results", build)
    rows = results.query("method == 'deep_sad' and group == 'all' and level == 'image'")
    rows = rows[rows["metric"].eq("auroc") & rows["seed"].eq("1")]
    of_grid, of_ablation = (rows[rows["setting"].eq(KNOWN)].iloc[number] for number in (0, 1))
    assert of_grid["value"] == of_ablation["value"] and of_grid["low"] == of_ablation["low"]


def test_a_test_set_of_one_label_has_no_numbers(build):
    leave(build)
    index = films_of_limbs()
    index.loc[index["split"].eq("test"), "label"] = 0
    index.to_csv(build / "index/limbs.csv", index=False)
    judged = judged_of(build)
    assert judged.fits.empty and judged.means.empty and judged.differences.empty
    assert "No difference could be measured" in result(judged)


def clear(judged):
    """Return the differences as if their p values were small, whatever three seeds give."""
    return judged._replace(differences=judged.differences.assign(p_holm=0.01))


def test_words_follow_from_the_numbers(build):
    leave(build, signal=lambda variant, seed: 3.0 if variant == KNOWN else 0.0)
    judged = clear(judged_of(build))
    row = judged.differences.iloc[0]
    assert row["low"] > 0
    number = f"5 % ({row['value']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}])"
    assert verdicts(judged)[0] == f"deep_sad: **labels help**: {number}"
    words = (
        "clearly above 0 after Holm's correction (labels help): 2; clearly below 0 (labels harm)"
    )
    assert f"{words}: 0" in result(judged)
    top = judged.differences.sort_values("value").iloc[-1]
    assert f"the largest of these: {top['method']}, 5 % ({top['value']:+.3f}" in result(judged)


def test_words_of_harm_and_of_doubt(build):
    def signal(variant, seed):
        return 0.0 if variant == KNOWN else 3.0

    leave(build, signal=signal)
    judged = clear(judged_of(build))
    assert all("**labels harm**: 5 % (-" in sentence for sentence in verdicts(judged))
    wide = judged.differences.assign(low=-0.2, high=0.1, p_holm=0.5)
    unsure = judged._replace(differences=wide)
    assert all("**no clear difference**" in sentence for sentence in verdicts(unsure))
    assert result(unsure).endswith("clearly below 0 (labels harm): 0.")


def test_an_ablation_without_words_of_its_own_has_words_too():
    plain = Ablation("mine", "limbs", "?", ["vae"], [0], {"unchanged": {}})
    assert plain.above == "above the reference"


def test_record_has_tables_of_ablations_with_marks(build, at_commit, tmp_path_factory, monkeypatch):
    monkeypatch.setattr(choices, "marked", lambda _, method: " †" * (method == "resnet"))
    leave(build)
    root = tmp_path_factory.mktemp("repository")
    compare(build, LABELS)
    (root / "reports").mkdir()
    (root / "build").symlink_to(build)
    (root / "reports/results.csv").write_bytes((build / "comparison/results.csv").read_bytes())
    write_source(root)
    record(root)
    lines = (root / "reports/real/README.md").read_text().splitlines()
    rows = [line.split(" | ") for line in lines if "| labels |" in line]
    mean = judged_of(build).means.iloc[0]
    number = f"{mean['value']:.3f} [{mean['low']:.3f}, {mean['high']:.3f}]"
    assert rows[0] == ["| limbs", "labels", "deep_sad", "unlabelled", number, "120", "0.5 |"]
    assert len(rows) == 4 + 2, "the means of four variants, and two differences"
    assert f"{KNOWN}, against unlabelled" in {row[3] for row in rows}
    assert {row[2] for row in rows} == {"deep_sad", "resnet †"}
    assert not any(line.startswith("| limbs | deep_sad |") for line in lines), (
        "the grid asks for none"
    )
    runs = pd.read_csv(root / "reports/real/runs.csv")
    assert set(runs["commit"]) == {"abcdef0123"} and not runs.duplicated().any()
