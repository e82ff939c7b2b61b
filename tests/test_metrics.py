"""Measures against scikit-learn, brute force and cases worked by hand."""

import itertools
from dataclasses import astuple

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage
from scipy.stats import kstest, norm, rankdata
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    cohen_kappa_score,
    f1_score,
    roc_auc_score,
    roc_curve,
)

from lib import metrics


@pytest.fixture
def films():
    """Return labels and tied scores of 200 films."""
    rng = np.random.default_rng(1)
    label = rng.random(200) < 0.3
    return label.astype(int), np.round(rng.normal(label, 1.0), 1)


def test_ranking_agrees_with_scikit_learn_with_ties(films):
    label, score = films
    assert len(np.unique(score)) < len(score)
    assert metrics.auroc(label, score) == pytest.approx(roc_auc_score(label, score))
    assert metrics.average_precision(label, score) == pytest.approx(
        average_precision_score(label, score)
    )


def test_constant_scores_are_chance(films):
    label, _ = films
    assert metrics.auroc(label, np.zeros(len(label))) == 0.5
    assert metrics.average_precision(label, np.zeros(len(label))) == pytest.approx(label.mean())


def test_weight_is_repetition(films):
    label, score = films
    weight = np.random.default_rng(2).integers(0, 4, size=(3, len(label)))
    for row in range(3):
        again = np.repeat(np.arange(len(label)), weight[row])
        for measure in (metrics.auroc, metrics.average_precision):
            expected = measure(label[again], score[again])
            assert measure(label, score, weight)[row] == pytest.approx(expected)


def test_operating_points_agree_with_scikit_learn(films):
    label, score = films
    rate, recall, _ = roc_curve(label, score, drop_intermediate=False)
    ranking = metrics.rank(label, score)
    assert ranking.recall_at_specificity(0.9) == pytest.approx(recall[rate <= 0.1].max())
    assert ranking.specificity_at_recall(0.9) == pytest.approx(1 - rate[recall >= 0.9].min())


def test_roc_curve_takes_the_top_of_a_step():
    ranking = metrics.rank([0, 1, 0, 1], [1, 2, 3, 4])
    assert ranking.recall_on([0, 0.25, 0.5, 1]) == pytest.approx([0.5, 0.5, 1, 1])


def test_measures_are_nan_without_one_label():
    ranking = metrics.rank([1, 1, 0], [3, 2, 1], weight=[[1, 1, 1], [1, 1, 0], [0, 0, 1]])
    for values in (ranking.auroc(), ranking.recall_at_specificity(0.9)):
        assert values[0] == 1 and np.isnan(values[1:]).all()


def test_decisions_by_hand():
    decisions = metrics.decide([1, 1, 1, 0, 0, 0, 0, 0], [9, 8, 1, 7, 2, 2, 2, 2], threshold=7)
    # 2 found, 1 missed, 1 false alarm, 4 passed: agreement 6/8, by chance (3 * 3 + 5 * 5) / 64
    assert decisions.recall() == pytest.approx(2 / 3)
    assert decisions.specificity() == pytest.approx(4 / 5)
    assert decisions.f1() == pytest.approx(2 / 3)
    assert decisions.kappa() == pytest.approx((6 / 8 - 34 / 64) / (1 - 34 / 64))


def test_decisions_agree_with_scikit_learn(films):
    label, score = films
    decisions = metrics.decide(label, score, 0.5)
    assert decisions.kappa() == pytest.approx(cohen_kappa_score(label, score >= 0.5))
    assert decisions.f1() == pytest.approx(f1_score(label, score >= 0.5))


def test_threshold_from_normals_keeps_its_share_of_alarms():
    normal = np.random.default_rng(0).normal(size=5000)
    assert np.mean(normal >= metrics.threshold_from_normals(normal, 0.95)) == pytest.approx(0.05)


def test_threshold_for_recall_is_the_strictest(films):
    label, score = films
    threshold = metrics.threshold_for_recall(label, score, 0.9)
    assert metrics.decide(label, score, threshold).recall() >= 0.9
    assert metrics.decide(label, score, np.nextafter(threshold, np.inf)).recall() < 0.9


def test_threshold_for_recall_by_hand():
    assert metrics.threshold_for_recall([1] * 10 + [0], [*range(10), 99], 0.9) == 1


def test_threshold_for_recall_without_abnormal_films_is_refused_in_words():
    with pytest.raises(ValueError, match="no abnormal validation film: this threshold cannot be"):
        metrics.threshold_for_recall([0, 0], [1.0, 2.0])


def test_fitted_probability_recovers_the_logistic_truth():
    rng = np.random.default_rng(0)
    score = rng.normal(scale=2e-4, size=20000)
    truth = 1 / (1 + np.exp(-score / 1e-4))
    label = rng.random(len(score)) < truth
    probability = metrics.fit_probability(label, score)(score)
    assert np.abs(probability - truth).max() < 0.03
    assert metrics.calibration_error(label, probability) < 0.02


def test_brier_and_calibration_error():
    label, probability = np.array([1, 1, 0, 0]), np.array([0.95, 0.95, 0.95, 0.05])
    assert metrics.brier(label, probability) == pytest.approx(brier_score_loss(label, probability))
    # bin .9-1: three films, mean .95, rate 2/3; bin 0-.1: one film, .05 against 0
    expected = 3 / 4 * (0.95 - 2 / 3) + 1 / 4 * 0.05
    assert metrics.calibration_error(label, probability) == pytest.approx(expected)
    weights = np.array([[1, 1, 1, 1], [0, 2, 2, 0], [3, 0, 1, 0]])
    bins = metrics.reliability(label, probability, weights)
    assert bins["n"].tolist() == [1, 3]
    assert bins["observed"].tolist() == pytest.approx([0, 2 / 3])
    ends = np.quantile([2 / 3, 1 / 2, 3 / 4], [0.025, 0.975])
    assert bins[["low", "high"]].loc[1].tolist() == pytest.approx(ends)
    assert bins["low"].isna().tolist() == [True, False]  # one film, whose label never varies


def test_the_isotonic_curve_pools_what_falls_and_keeps_within_its_ends():
    """By hand: the shares 0, 1, 0, 1 of scores 1 to 4; the second and third are pooled."""
    probability = metrics.fit_isotonic([0, 1, 0, 1], [1.0, 2.0, 3.0, 4.0])
    assert probability([1, 2, 3, 4]) == pytest.approx([0, 0.5, 0.5, 1])
    assert probability([-99, 99]) == pytest.approx([0, 1])


def test_the_isotonic_curve_fits_what_no_logistic_curve_can():
    rng = np.random.default_rng(0)
    score = rng.uniform(size=20000)
    truth = np.where(score < 0.3, 0.1, np.where(score < 0.7, 0.5, 0.6))
    label = rng.random(len(score)) < truth
    worst = {
        name: np.abs(fit(label, score)(score) - truth).max() for name, fit in metrics.CURVES.items()
    }
    assert np.mean(np.abs(metrics.fit_isotonic(label, score)(score) - truth)) < 0.02
    assert worst["logistic"] > 0.1


def test_films_sorted_once_agree_with_scikit_learn_under_weights_and_ties():
    rng = np.random.default_rng(3)
    label, score = rng.integers(0, 2, 300), rng.integers(0, 40, 300).astype(float)
    weights = rng.integers(0, 4, (7, 300)).astype(np.int16)
    ranked = metrics.Sorted(label, score).ranking(weights)
    for weight, auroc, precision in zip(
        weights, ranked.auroc(), ranked.average_precision(), strict=True
    ):
        assert auroc == pytest.approx(roc_auc_score(label, score, sample_weight=weight))
        assert precision == pytest.approx(
            average_precision_score(label, score, sample_weight=weight)
        )
    alone = metrics.Sorted(label, score).ranking(weights[0])
    assert alone.pairs == weights[0][label == 1].sum() * weights[0][label == 0].sum()


@pytest.mark.parametrize("distinct", [40, 10**9])
def test_the_steps_of_abnormal_films_have_the_areas_of_all_thresholds(distinct):
    rng = np.random.default_rng(3)
    label, score = rng.integers(0, 2, 300), rng.integers(0, distinct, 300).astype(float)
    weights = rng.integers(0, 4, (7, 300)).astype(np.int16)
    weights[5, label == 1] = 0
    films = metrics.Sorted(label, score)
    for weight in (weights, weights[0], None):
        whole, steps = films.ranking(weight), films.steps(weight)
        np.testing.assert_array_equal(steps.auroc(), whole.auroc())
        np.testing.assert_array_equal(steps.pairs, whole.pairs)
        np.testing.assert_allclose(steps.average_precision(), whole.average_precision())
    assert np.isnan(films.steps(weights).auroc()).tolist() == [False] * 5 + [True, False]
    normal = metrics.Sorted(np.zeros(4), np.arange(4)).steps()
    assert np.isnan([normal.auroc(), normal.average_precision()]).all()


@pytest.mark.parametrize("distinct", [40, 10**9])
def test_a_group_is_ranked_by_the_weights_of_all_films(distinct):
    rng = np.random.default_rng(4)
    label, score = rng.integers(0, 2, 300), rng.integers(0, distinct, 300).astype(float)
    weights = rng.integers(0, 4, (7, 300)).astype(np.int16)
    members = (label == 0) | (rng.random(300) < 0.2)
    group = metrics.Sorted(label, score, np.flatnonzero(members))
    apart = metrics.Sorted(label[members], score[members]).steps(weights[:, members])
    shared = metrics.Sorted(label, score).normal(weights)
    for steps in (group.steps(weights), group.steps(weights, shared)):
        np.testing.assert_array_equal(steps.auroc(), apart.auroc())
        np.testing.assert_array_equal(steps.average_precision(), apart.average_precision())


def test_decisions_and_operating_points_are_read_from_a_ranking():
    rng = np.random.default_rng(5)
    label, score = rng.integers(0, 2, 300), rng.integers(0, 40, 300).astype(float)
    weights = rng.integers(0, 4, (7, 300)).astype(np.int16)
    films = metrics.Sorted(label, score)
    ranked = films.ranking(weights)
    for threshold in (-1, 0, 17, 17.5, 39, 40):
        np.testing.assert_array_equal(
            astuple(films.decisions(ranked, threshold)),
            astuple(metrics.decide(label, score, threshold, weights)),
        )
    recall, specificity = ranked.recall, 1 - ranked.false_positive_rate
    best = np.where(specificity >= 0.9, recall, 0).max(axis=-1)
    assert ranked.recall_at_specificity(0.9) == pytest.approx(best)
    best = np.where(recall >= 0.9, specificity, 0).max(axis=-1)
    assert ranked.specificity_at_recall(0.9) == pytest.approx(best)


def test_weights_are_worked_through_resample_by_resample_however_they_are_stored(films):
    label, score = films
    weights = metrics.patient_weights(np.arange(len(label)) // 2, 50)
    laid_out = set()

    def measure(weight):
        laid_out.add(weight.flags.c_contiguous)
        return {"auroc": metrics.auroc(label, score, weight)}

    by_film, by_resample = np.asfortranarray(weights), np.ascontiguousarray(weights)
    assert metrics.bootstrap(measure, by_film) == metrics.bootstrap(measure, by_resample)
    assert laid_out == {True}


def test_the_size_of_blocks_changes_no_interval(monkeypatch, films):
    label, score = films
    weights = metrics.patient_weights(np.arange(len(label)) // 2, 50)
    results = []
    for cached in (1, 3 * len(label), 2**17):
        monkeypatch.setattr("lib.metrics.intervals.CACHED", cached)
        results.append(
            metrics.bootstrap(
                lambda weight: {"auroc": metrics.auroc(label, score, weight)}, weights
            )
        )
    assert results[0] == results[1] == results[2]


def test_overlap_by_hand():
    lesions, maps = np.zeros((3, 4, 4), bool), np.zeros((3, 4, 4))
    lesions[:, 0] = True  # a quarter
    maps[0, 0], maps[1, 1] = 1, 1  # all of it, and none of it
    maps[2, 0, :2] = maps[2, 1, :2] = 1  # half of it, and as much next to it
    everywhere = np.ones_like(lesions)
    assert metrics.overlap(maps, lesions, everywhere, 1 / 4).tolist() == [1, 0, 1 / 3]
    assert metrics.overlap(maps * 0, lesions, everywhere, 1 / 4).tolist() == [1 / 4] * 3
    counted = everywhere.copy()
    counted[:, 1] = False
    assert metrics.overlap(maps, lesions, counted, 2 / 12).tolist() == [1, 4 / 12, 1 / 2]


def test_study_takes_the_mean_score_and_any_label():
    films = pd.DataFrame(
        {
            "study_id": ["b", "a", "b"],
            "score": [1.0, 5.0, 2.0],
            "label": [0, 0, 1],
            "patient_id": ["p", "q", "p"],
        }
    )
    studies = metrics.by_study(films).set_index("study_id")
    assert studies.loc["b"].tolist() == [1.5, 1, "p"]
    assert studies.loc["a"].tolist() == [5.0, 0, "q"]


def test_a_perfect_map_is_perfect_and_its_inverse_is_worst():
    lesions = np.zeros((4, 16, 16), bool)
    lesions[:, 3:6, 4:9] = True
    maps = lesions + np.random.default_rng(0).uniform(0, 0.4, lesions.shape)
    everywhere = np.ones_like(lesions)
    ranking = metrics.rank_pixels(*metrics.pixel_counts(maps, lesions, everywhere))
    assert [ranking.auroc(), ranking.average_precision(), ranking.best_dice()] == [1, 1, 1]
    assert metrics.pointing_game(maps, lesions).tolist() == [1, 1, 1, 1]
    assert metrics.rank_pixels(*metrics.pixel_counts(-maps, lesions, everywhere)).auroc() == 0
    assert metrics.pointing_game(-maps, lesions).sum() == 0


def test_pixels_agree_with_scikit_learn_beyond_the_bins():
    rng = np.random.default_rng(0)
    lesions = rng.random((6, 64, 64)) < 0.02
    maps, counted = rng.normal(lesions * 1.5, 1.0), rng.random(lesions.shape) < 0.7
    ranking = metrics.rank_pixels(*metrics.pixel_counts(maps, lesions, counted))
    truth, value = lesions[counted], maps[counted]
    assert ranking.auroc() == pytest.approx(roc_auc_score(truth, value), abs=1e-4)
    assert ranking.average_precision() == pytest.approx(
        average_precision_score(truth, value), abs=2e-3
    )


def test_pixel_weight_is_repetition_of_films():
    rng = np.random.default_rng(0)
    lesions, maps = rng.random((3, 8, 8)) < 0.2, rng.random((3, 8, 8))
    counts = metrics.pixel_counts(maps, lesions, np.ones_like(lesions))
    again = [0, 2, 2]
    repeated = metrics.pixel_counts(maps[again], lesions[again], np.ones_like(lesions))
    expected = metrics.rank_pixels(*repeated).auroc()
    assert metrics.rank_pixels(*counts, weight=[1, 0, 2]).auroc() == pytest.approx(expected)


def test_overlap_per_region_by_hand():
    """A region of 1 pixel found first, one of 8 found after a fifth of the other pixels."""
    lesions = np.zeros((1, 5, 10), bool)
    lesions[0, 0, 0] = lesions[0, 2:4, 4:8] = True
    maps = lesions * 1.0
    maps[0, 0, 0] = 3
    maps.reshape(-1)[np.flatnonzero(~lesions)[:8]] = 2  # of 41
    counted = lesions.copy()
    counted.reshape(-1)[np.flatnonzero(~lesions)[:40]] = True
    counts = metrics.pixel_counts(maps, lesions, counted, per_region=True)
    assert counts[0].sum() == 2 and counts[1].sum() == 40
    # Overlap is 1/2 up to a false positive rate of .2 and 1 from there on, up to .3.
    assert metrics.aupro(*counts) == pytest.approx((0.2 * 0.5 + 0.1 * 1) / 0.3)
    constant = metrics.pixel_counts(0 * maps, lesions, counted, per_region=True)
    assert metrics.aupro(*constant) == pytest.approx(0.15)
    perfect = metrics.pixel_counts(1.0 * lesions, lesions, counted, per_region=True)
    assert metrics.aupro(*perfect) == 1


def brute_force_aupro(maps, lesions, counted, limit=0.3):
    """Overlap and false positive rate at each value of the maps, region by region."""
    regions = [
        (film, region == number)
        for film, region in enumerate(
            ndimage.label(lesion, np.ones((3, 3)))[0] for lesion in lesions
        )
        for number in range(1, region.max() + 1)
    ]
    other, points = counted & ~lesions, [(0.0, 0.0)]
    for threshold in np.unique(maps[counted])[::-1]:
        flagged = maps >= threshold
        overlap = np.mean([flagged[film][region].mean() for film, region in regions])
        points.append((flagged[other].mean(), overlap))
    rates, overlaps = np.transpose(points)
    end = np.interp(limit, rates, overlaps)
    kept = rates <= limit
    return np.trapezoid([*overlaps[kept], end], [*rates[kept], limit]) / limit


@pytest.mark.parametrize("values", [7, 10**6])
def test_overlap_per_region_agrees_with_region_by_region(values):
    rng = np.random.default_rng(0)
    lesions = ndimage.binary_dilation(rng.random((4, 20, 20)) < 0.01, np.ones((1, 3, 3)))
    maps = rng.integers(0, values, lesions.shape) + lesions * (values // 3)
    counted = lesions | (rng.random(lesions.shape) < 0.6)
    counts = metrics.pixel_counts(maps, lesions, counted, per_region=True)
    assert metrics.aupro(*counts) == pytest.approx(brute_force_aupro(maps, lesions, counted))
    weights = np.array([[1, 1, 1, 1], [0, 2, 1, 0]])
    again = [1, 1, 2]
    assert metrics.aupro(*counts, weights) == pytest.approx(
        [
            brute_force_aupro(maps, lesions, counted),
            brute_force_aupro(maps[again], lesions[again], counted[again]),
        ]
    )


def test_lesions_are_grouped_by_their_area_and_each_region_counts_alone():
    lesions = np.zeros((2, 20, 20), bool)  # 1 % is 4 pixels
    lesions[0, 0, :3] = lesions[0, 4, :4] = lesions[0, 8:10, :8] = True
    lesions[1, 0:3, 0:5] = True
    lesions[1, 3, 5] = True  # touches at a corner: 16 pixels
    areas = {size: metrics.of_size(lesions, size).sum(axis=(1, 2)) for size in metrics.LESION_SIZES}
    assert {size: list(found) for size, found in areas.items()} == {
        "small": [3, 0],
        "medium": [4, 0],
        "large": [16, 16],
    }
    assert list(metrics.areas().values()) == [
        "below 1 % of the film",
        "1 to 4 % of the film",
        "from 4 % of the film",
    ]


def test_pointing_game_by_hand():
    maps, lesions = np.zeros((3, 2, 2)), np.zeros((3, 2, 2), bool)
    lesions[:, 0, 0] = True
    maps[0, 0, 0] = maps[1, 1, 1] = 1  # a hit, a miss, and a constant map: 1 of 4 tied peaks
    assert metrics.pointing_game(maps, lesions).tolist() == [1, 0, 0.25]


def test_patients_are_drawn_whole():
    patient = np.array(["a", "b", "a", "c"])
    weight = metrics.patient_weights(patient, resamples=400)
    assert (weight[:, 0] == weight[:, 2]).all()
    assert (weight[:, [0, 1, 3]].sum(axis=1) == 3).all()
    assert weight[:, 1].mean() == pytest.approx(1, abs=0.15)


def test_duplicated_films_do_not_narrow_the_interval_of_patients():
    rng = np.random.default_rng(0)
    label = rng.integers(0, 2, 80)
    score = rng.normal(label, 1.0)
    copies = np.tile(np.arange(80), 8)

    def width(patient, films):
        weights = metrics.patient_weights(patient)
        interval = metrics.bootstrap(
            lambda w: {"auroc": metrics.auroc(label[films], score[films], w)}, weights
        )
        return interval["auroc"].high - interval["auroc"].low

    once, by_patient = width(np.arange(80), np.arange(80)), width(copies, copies)
    by_film = width(np.arange(640), copies)
    assert by_patient == pytest.approx(once)
    assert by_film < by_patient / 2


def test_bootstrap_interval_covers_the_truth():
    truth, hits, rng = norm.cdf(1 / np.sqrt(2)), 0, np.random.default_rng(3)
    for trial in range(200):
        label = rng.integers(0, 2, 120)
        score = rng.normal(label, 1.0)
        weights = metrics.patient_weights(np.arange(120), resamples=200, seed=trial)

        def measure(weight, label=label, score=score):
            return {"auroc": metrics.auroc(label, score, weight)}

        value, low, high = metrics.bootstrap(measure, weights)["auroc"]
        assert low < value < high
        hits += low < truth < high
    assert 0.89 <= hits / 200 <= 0.99


def test_bootstrap_is_the_same_again():
    weights = [metrics.patient_weights(np.arange(200), seed=5) for _ in range(2)]
    assert (weights[0] == weights[1]).all()


def placements(label, score):
    """Return DeLong's placements by comparing every pair of films."""
    pairs = score[label == 1][:, None] - score[label == 0][None]
    won = (pairs > 0) + 0.5 * (pairs == 0)
    return won.mean(axis=1), won.mean(axis=0)


def test_delong_agrees_with_all_pairs(films):
    label, score_a = films
    score_b = np.round(score_a + np.random.default_rng(4).normal(size=200), 1)
    (a_positive, a_negative), (b_positive, b_negative) = (
        placements(label, score) for score in (score_a, score_b)
    )
    variance = sum(
        np.cov(np.stack(pair)) / len(pair[0])
        for pair in ((a_positive, b_positive), (a_negative, b_negative))
    )
    error = np.sqrt(variance[0, 0] + variance[1, 1] - 2 * variance[0, 1])
    difference = roc_auc_score(label, score_a) - roc_auc_score(label, score_b)
    interval, p_value = metrics.paired_delong(label, score_a, score_b)
    assert interval.value == pytest.approx(difference)
    assert interval.high - interval.value == pytest.approx(1.959964 * error)
    assert p_value == pytest.approx(2 * norm.sf(abs(difference) / error))


def test_delong_of_equal_detectors_is_uniform():
    rng = np.random.default_rng(5)
    p_values = []
    for _ in range(400):
        label = rng.integers(0, 2, 100)
        shared, noise = rng.normal(label, 1.0), rng.normal(size=(2, 100))
        p_values.append(metrics.paired_delong(label, shared + noise[0], shared + noise[1])[1])
    assert kstest(p_values, "uniform").pvalue > 0.01


def test_delong_over_patients_agrees_with_their_bootstrap():
    rng = np.random.default_rng(6)
    patient = np.repeat(np.arange(150), 4)
    label = (rng.random(600) < np.repeat(rng.uniform(0.1, 0.9, 150), 4)).astype(int)
    effect = np.repeat(rng.normal(size=150), 4)
    score_a, score_b = label + effect + rng.normal(size=(2, 600)) * [[0.5], [1.0]]
    score_b = score_b - effect
    weights = metrics.patient_weights(patient, resamples=4000)
    draws = metrics.auroc(label, score_a, weights) - metrics.auroc(label, score_b, weights)
    interval, _ = metrics.paired_delong(label, score_a, score_b, patient)
    as_if_apart, _ = metrics.paired_delong(label, score_a, score_b)
    assert (interval.high - interval.value) / 1.96 == pytest.approx(draws.std(), rel=0.1)
    assert interval.high - interval.value > 1.1 * (as_if_apart.high - as_if_apart.value)


def test_delong_of_one_detector_with_itself(films):
    label, score = films
    assert metrics.paired_delong(label, score, score) == ((0, 0, 0), 1)


def test_permutation_test_of_a_few_films_by_hand():
    """Of five films the third is ranked third by both: 2 of the 2^4 exchanges are as uneven."""
    label, score = np.array([1, 1, 1, 0, 0]), np.array([3.0, 4.0, 5.0, 1.0, 2.0])
    assert metrics.paired_permutation(label, score, -score) == pytest.approx(2 / 2**4)
    assert metrics.paired_permutation(label, -score, score) == pytest.approx(2 / 2**4)
    assert metrics.paired_permutation(label, score, score) == 1
    patient = ["x", "y", "z", "x", "y"]  # both films of a patient are exchanged together
    assert metrics.paired_permutation(label, score, -score, patient) == pytest.approx(2 / 2**3)


def test_permutation_test_counts_every_exchange_of_ranks():
    rng = np.random.default_rng(8)
    label = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0])
    score_a, score_b = label + rng.normal(size=9), np.round(label + rng.normal(size=9))
    ranks = rankdata(score_a), rankdata(score_b)
    differences = [
        metrics.auroc(label, np.where(of_b, *ranks[::-1]))
        - metrics.auroc(label, np.where(of_b, *ranks))
        for of_b in itertools.product((False, True), repeat=9)
    ]
    observed = differences[0]
    tails = (
        np.less_equal(differences, observed + 1e-9),
        np.greater_equal(differences, observed - 1e-9),
    )
    expected = min(1, 2 * min(tail.mean() for tail in tails))
    assert metrics.paired_permutation(label, score_a, score_b) == pytest.approx(expected)


def test_permutation_test_agrees_with_delong_on_many_films(films):
    label, score_a = films
    score_b = score_a + np.random.default_rng(4).normal(size=200)
    p_value = metrics.paired_delong(label, score_a, score_b)[1]
    assert metrics.paired_permutation(label, score_a, score_b) == pytest.approx(p_value, abs=0.01)


@pytest.mark.parametrize(
    ("each", "auroc", "test"),
    [
        (100, 0.94, "DeLong"),
        (100, 0.96, "permutation"),
        (100, 0.04, "permutation"),
        (10, 0.5, "DeLong"),
        (9, 0.5, "permutation"),
    ],
)
def test_few_patients_or_an_auroc_near_1_are_left_to_a_permutation_test(
    each, auroc, test, monkeypatch
):
    """Abnormal films score 0, a share `auroc` of the normal ones below, the rest above."""
    monkeypatch.setattr(metrics.significance, "PERMUTATIONS", 99)
    label = np.repeat([1, 0], each)
    score = np.r_[np.zeros(each), np.where(np.arange(each) < auroc * each, -1.0, 1.0)]
    other = np.random.default_rng(9).normal(size=2 * each) if each == 100 else score
    tested = metrics.paired_test(label, score, other)
    assert tested.test == test
    assert metrics.paired_test(label, other, score).test == test
    patients = np.arange(2 * each) // 2  # half as many
    assert metrics.paired_test(label, score, other, patients).test == "permutation"


def test_the_interval_of_a_permutation_test_is_the_bootstrap_of_the_difference():
    label = np.repeat([1, 0], 15)
    perfect, other = label + 0.0, label + np.random.default_rng(10).normal(size=30)
    (difference, low, high), p_value, test = metrics.paired_test(label, perfect, other)
    weights = metrics.patient_weights(np.arange(30))
    draws = 1 - metrics.auroc(label, other, weights)
    assert test == "permutation" and difference == 1 - metrics.auroc(label, other)
    assert (low, high) == pytest.approx(tuple(np.nanquantile(draws, (0.025, 0.975))))
    assert 0 < p_value < 0.05 and low > 0
    equal = metrics.paired_test(label, perfect, 2 * perfect)
    assert equal.p_value == 1 and np.isnan(equal.difference.low)


def test_paired_t_by_hand():
    """Differences 1, 2, 3: mean 2, standard error 1 / sqrt(3), t = sqrt(12) at 2 degrees."""
    t = np.sqrt(12)
    assert metrics.paired_t([1, 2, 3]) == pytest.approx(1 - t / np.sqrt(t**2 + 2))
    assert metrics.paired_t([-1, -2, -3]) == pytest.approx(metrics.paired_t([1, 2, 3]))
    assert np.isnan(metrics.paired_t([1])) and np.isnan(metrics.paired_t([1, 1, 1]))


def test_holm_by_hand():
    # sorted .01 .02 .04 times 3, 2, 1, then never decreasing
    assert metrics.holm([0.04, 0.01, 0.02]) == pytest.approx([0.04, 0.03, 0.04])
    assert len(metrics.holm([])) == 0
    assert metrics.holm([0.02, np.nan, 0.03]) == pytest.approx([0.04, np.nan, 0.04], nan_ok=True)


def test_the_t_interval_by_hand():
    # mean 0.8, sd 0.1; at two degrees of freedom t is 4.302653; the logit has slope 1 / (0.8 * 0.2)
    interval = metrics.t_interval([0.7, 0.8, 0.9])
    margin = 4.302653 * 0.1 / 3**0.5 / (0.8 * 0.2)
    low, high = (1 / (1 + np.exp(-(np.log(0.8 / 0.2) + side * margin))) for side in (-1, 1))
    assert interval == pytest.approx((0.8, low, high), rel=1e-6)
    narrow = metrics.t_interval([0.7, 0.8, 0.9], level=0.5)
    assert interval.low < narrow.low < 0.8 < narrow.high < interval.high


def test_a_t_interval_stays_within_the_bounds_and_small_ones_are_students():
    wide = metrics.t_interval([0.6, 0.99, 0.98])
    assert 0 < wide.low < wide.value < wide.high < 1
    assert wide.value + 4.302653 * np.std([0.6, 0.99, 0.98], ddof=1) / 3**0.5 > 1, "Student's own"
    apart = metrics.t_interval([-0.9, 0.9, 0.8], bounds=(-1, 1))
    assert -1 < apart.low < 0 < apart.high < 1
    values = np.array([0.01, 0.02, 0.012])
    small = metrics.t_interval(values, bounds=(-1, 1))
    margin = 4.302653 * values.std(ddof=1) / 3**0.5
    assert (small.high - small.value, small.value - small.low) == pytest.approx([margin] * 2, 1e-2)
    with pytest.raises(ValueError, match=r"values from -0.1 to 0.2 exceed \(0.0, 1.0\)"):
        metrics.t_interval([-0.1, 0.2])


@pytest.mark.parametrize("values", [[0.3], [0.3, 0.3], [1.0, 1.0, 1.0], [0.0, 0.0]])
def test_one_value_and_equal_values_have_no_t_interval(values):
    assert metrics.t_interval(values) == pytest.approx((values[0], np.nan, np.nan), nan_ok=True)


def test_the_t_interval_holds_the_mean_as_often_as_it_says():
    random = np.random.default_rng(0)
    intervals = [metrics.t_interval(random.normal(0.8, 0.03, 3)) for _ in range(2000)]
    assert np.mean([low < 0.8 < high for _, low, high in intervals]) == pytest.approx(
        0.95, abs=0.015
    )


def test_a_detector_that_separates_perfectly_has_no_interval(films):
    label, _ = films
    weights = metrics.patient_weights(np.arange(len(label)))
    interval = metrics.bootstrap(
        lambda weight: {"auroc": metrics.auroc(label, label, weight)}, weights
    )
    assert interval["auroc"] == pytest.approx((1, np.nan, np.nan), nan_ok=True)


def test_roc_band_holds_the_curve(films):
    label, score = films
    rates = np.linspace(0, 1, 11)
    band = metrics.roc_band(label, score, metrics.patient_weights(np.arange(200)), rates)
    assert (band["low"] <= band["tpr"]).all() and (band["tpr"] <= band["high"]).all()
    assert band["tpr"].is_monotonic_increasing and band["tpr"].iloc[-1] == 1
    assert band["high"].iloc[3] - band["low"].iloc[3] > 0.05


@pytest.mark.parametrize(
    ("label", "score", "reason"),
    [
        ([0, 1], [0.5, np.nan], "1 of 2 scores are not finite"),
        ([0, 2], [0.5, 0.6], "labels must be 1"),
        ([0, np.nan], [0.5, 0.6], "labels must be 1"),
        ([0, 1], [0.5], "one number per film"),
    ],
)
def test_bad_input_is_named(label, score, reason):
    with pytest.raises(ValueError, match=reason):
        metrics.auroc(label, score)
