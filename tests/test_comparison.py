"""The comparison of a tiny study whose scores are known, with fits that failed or broke."""

import hashlib
import json
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy.stats import spearmanr

from lib import ROOT, files, metrics, params
from lib.comparison import choices, findings, measures, record_scores
from lib.comparison import compare as together
from lib.comparison.compare import mean_over_seeds
from lib.comparison.measures import floor_correlations, write_measures
from lib.comparison.peers import read_peers
from lib.comparison.record import _ablations, record
from lib.comparison.rows import OF_SIZE
from lib.comparison.scores import BrokenFit, Scored, read_fit, read_floors
from lib.comparison.sweep import sweep_auroc
from lib.comparison.tables import COLUMNS, Measures, measures_of
from lib.comparison.tests import paired_tests
from lib.datasets.entries import load_entries
from lib.datasets.table import load_index
from lib.errors import BadData
from lib.grid import Fit, Fusion
from lib.provenance import OF_PHANTOMS
from lib.shown import median_runs

FILMS, SIDE = 240, 16
GOOD = Fit("limbs", "deep_svdd", seed=0)
AGAIN = Fit("limbs", "deep_svdd", seed=1)
CHANCE = Fit("limbs", "autoencoder", seed=0)


def compare(fits, build, resamples=20, **options):
    """Measure the fits of limbs and compare; returns the results."""
    write_measures("limbs", fits, build=build, resamples=resamples, **options)
    return together.compare(["limbs"], build)


def films_of_limbs() -> pd.DataFrame:
    """Return an index: two views per study and studies per patient, two body parts and findings."""
    film = np.arange(FILMS)
    study, patient = film // 2, film // 4
    label = study % 2
    return pd.DataFrame(
        {
            "image_id": [f"{number:03}" for number in film],
            "path": "film.png",
            "dataset": "limbs",
            "patient_id": [f"p{number}" for number in patient],
            "study_id": [
                f"p{patient}/s{study}" for patient, study in zip(patient, study, strict=True)
            ],
            "body_part": np.where(patient % 3, "hand", "wrist"),
            "view": np.where(film % 2, "PA", "LL"),
            "sex": "F",
            "age": 50.0,
            "finding": np.where(label, np.where(study % 4 == 1, "fracture", "hardware|lytic"), ""),
            "label": label,
            "split": np.array(["train", "validation", "test", "test"])[patient % 4],
            "width": 100,
            "height": 120,
        }
    )


def leave_fit(build, fit, scores, maps=None, **outcome):
    """Write what a fit leaves that was trained and scored, or whose outcome is another."""
    record = {"status": "finished", "reason": "", "setting": "unlabelled", "key": "k"}
    record |= {"duration_s": 2.0, "trace": {"commit": "abcdef0123"}, "trained": "k"} | outcome
    for folder in (files.trained(fit, build), files.scored(fit, build)):
        folder.mkdir(parents=True)
        (folder / files.RECORD).write_text(json.dumps(record))
    scores.to_csv(files.scored(fit, build) / "scores.csv", index=False)
    if maps is not None:
        np.savez(files.scored(fit, build) / "maps.npz", **maps)


def scores_of(fit, build):
    return pd.read_csv(files.scored(fit, build) / "scores.csv", dtype={"image_id": str})


@pytest.fixture
def build(tmp_path):
    """Return a build folder: a detector of the label through noise, twice, and one at chance."""
    rng, index = np.random.default_rng(0), films_of_limbs()
    for folder in ("index", "images", "floors"):
        (tmp_path / folder).mkdir()
    index.to_csv(tmp_path / "index/limbs.csv", index=False)
    lesions = np.zeros((FILMS, SIDE, SIDE), np.uint8)
    lesions[index["label"].eq(1), 4:8, 4:8] = 1
    np.save(tmp_path / "images/limbs.lesions.npy", lesions)
    np.save(tmp_path / "images/limbs.body.npy", np.ones_like(lesions))
    leave_annotations(tmp_path, index)
    scored = index[index["split"].ne("train")].reset_index(drop=True)
    floor = scored[["image_id"]].assign(mean_grey=rng.normal(size=len(scored)))
    floor["shortcut_view"] = scored["view"].eq("PA") * 0.5
    floor.to_csv(tmp_path / "floors/limbs.csv", index=False)
    test = np.flatnonzero(index["split"].eq("test"))
    maps = {
        "image_id": index["image_id"].to_numpy(str)[test],
        "map": lesions[test].astype("float16"),
    }
    for fit, signal in ((GOOD, 2.0), (AGAIN, 1.5), (CHANCE, 0.0)):
        score = signal * scored["label"] + rng.normal(size=len(scored))
        table = scored[["image_id"]].assign(score=score)
        leave_fit(tmp_path, fit, table, maps if fit == GOOD else None)
    return tmp_path


def leave_annotations(build, index):
    """Annotate fractures by boxes, hardware by exact masks."""
    abnormal = index[index["label"].eq(1)]
    notes = abnormal[["image_id", "finding"]].assign(x=25, y=30, width=25, height=30)
    notes["mask"] = np.where(notes["finding"].eq("fracture"), "", "masks/film.png")
    notes.to_csv(build / "index/limbs.annotations.csv", index=False)


def table(build, name):
    return pd.read_csv(build / f"comparison/{name}.csv", dtype={"seed": str})


def one(results, **wanted):
    """Return the only row of the results that holds what is wanted."""
    wanted = {"level": "image", "group": "all", "metric": "auroc"} | wanted
    rows = results.loc[np.all([results[name].eq(value) for name, value in wanted.items()], axis=0)]
    assert len(rows) == 1, (wanted, len(rows))
    return rows.iloc[0]


def test_results_are_those_of_scores_and_index(build):
    compare([GOOD, CHANCE], build, resamples=100)
    results, index = table(build, "results"), load_index(build / "index/limbs.csv")
    assert list(results) == COLUMNS
    scores = scores_of(GOOD, build)
    test = index[index["split"].eq("test")].merge(scores)
    row = one(results, method="deep_svdd")
    assert row["value"] == pytest.approx(metrics.auroc(test["label"], test["score"]), abs=1e-4)
    assert row["low"] < row["value"] < row["high"]
    assert (row["n"], row["base_rate"], row["family"], row["setting"]) == (
        120,
        0.5,
        "one_class",
        "unlabelled",
    )
    hand = test[test["body_part"].eq("hand")]
    of_hands = one(results, method="deep_svdd", group="body part: hand")
    assert of_hands["value"] == pytest.approx(metrics.auroc(hand["label"], hand["score"]), abs=1e-4)


def test_groups_compare_each_finding_with_all_normals(build):
    compare([GOOD], build, resamples=20)
    rows = table(build, "results").query(
        "method == 'deep_svdd' and metric == 'auroc' and level == 'image'"
    )
    sizes = dict(zip(rows["group"], rows["n"], strict=True))
    assert set(sizes) == {
        *("all", "body part: hand", "body part: wrist", "view: LL", "view: PA"),
        *("finding: fracture", "finding: hardware", "finding: lytic"),
    }
    index = films_of_limbs().query("split == 'test'")
    assert (
        sizes["finding: lytic"]
        == index["label"].eq(0).sum() + index["finding"].str.contains("lytic").sum()
    )
    assert sizes["view: LL"] == 60


def test_a_group_has_the_findings_that_look_like_no_drawn_lesion(build, monkeypatch):
    every, listed = params.read, {"like_drawn_lesions": ["Lytic", "mass"]}
    monkeypatch.setattr(params, "read", lambda name: every(name) | listed)
    compare([GOOD], build, resamples=20)
    results = table(build, "results").query("level == 'image' and metric == 'auroc'")
    index = films_of_limbs().query("split == 'test'")
    films = index[index["finding"].isin(["", "fracture"])].merge(scores_of(GOOD, build))
    row = one(results, method="deep_svdd", group="findings unlike drawn lesions")
    assert row["n"] == len(films) < len(index)
    auroc = metrics.auroc(films["label"], films["score"])
    assert row["value"] == pytest.approx(auroc, abs=1e-4)
    floors = results[results["group"].eq(row["group"]) & results["family"].eq("floor")]
    assert len(floors), "floors are compared as well"


def test_studies_average_their_views(build):
    compare([GOOD], build, resamples=20)
    row = one(table(build, "results"), method="deep_svdd", level="study")
    scores = scores_of(GOOD, build)
    test = films_of_limbs().query("split == 'test'").merge(scores)
    studies = test.groupby("study_id").agg({"score": "mean", "label": "max"})
    assert row["n"] == 60
    assert row["value"] == pytest.approx(
        metrics.auroc(studies["label"], studies["score"]), abs=1e-4
    )


def test_thresholds_come_from_validation_films(build):
    compare([GOOD], build, resamples=20)
    results = table(build, "results")
    scores = scores_of(GOOD, build)
    films = films_of_limbs().merge(scores)
    known, test = (films[films["split"].eq(split)] for split in ("validation", "test"))
    threshold = np.quantile(known["score"][known["label"].eq(0)], 0.95)
    expected = (test["score"] >= threshold)[test["label"].eq(1)].mean()
    row = one(results, method="deep_svdd", metric="recall_at_threshold_normals_0.95")
    assert row["value"] == pytest.approx(expected, abs=1e-4)
    named = set(results["metric"])
    assert {"kappa_at_threshold_recall_0.90", "brier", "recall_at_specificity_0.90"} <= named


def test_a_threshold_that_cannot_be_set_has_no_rows_and_the_others_do(build):
    index = films_of_limbs()
    index.loc[index["split"].eq("validation"), "label"] = 0
    index.to_csv(build / "index/limbs.csv", index=False)
    named = set(compare([GOOD], build, resamples=20)["metric"])
    assert {"auroc", "recall_at_threshold_normals_0.95", "specificity_at_recall_0.90"} <= named
    assert not {name for name in named if "threshold_recall" in name}
    assert not {name for name in named if "brier" in name or "calibration" in name}


def test_probabilities_are_fitted_on_validation_films_alone(build):
    """Scores of validation films turned round turn the curves, while AUROC stays as it is."""
    before = compare([GOOD], build)
    index, scores = load_index(build / "index/limbs.csv"), scores_of(GOOD, build)
    validation = scores["image_id"].isin(index["image_id"][index["split"].eq("validation")])
    scores["score"] = scores["score"].where(~validation, -scores["score"])
    scores.to_csv(files.scored(GOOD, build) / "scores.csv", index=False)
    after = compare([GOOD], build)
    same, *changed = (
        (one(before, method="deep_svdd", metric=name), one(after, method="deep_svdd", metric=name))
        for name in ("auroc", "brier", "brier_isotonic")
    )
    assert same[0]["value"] == same[1]["value"]
    assert all(now["value"] > earlier["value"] + 0.05 for earlier, now in changed)


def test_the_reliability_of_a_fit_is_that_of_its_probabilities(build):
    compare([GOOD, CHANCE], build)
    bins, index = measures_of(GOOD, build).reliability, load_index(build / "index/limbs.csv")
    films = index.merge(scores_of(GOOD, build))
    validation, test = (films[films["split"].eq(split)] for split in ("validation", "test"))
    for curve, fit in metrics.CURVES.items():
        part = bins[bins["curve"].eq(curve)]
        assert part["n"].sum() == len(test)
        assert np.average(part["observed"], weights=part["n"]) == pytest.approx(
            test["label"].mean()
        )
        mean = fit(validation["label"], validation["score"])(test["score"]).mean()
        assert np.average(part["predicted"], weights=part["n"]) == pytest.approx(mean)
        assert (part["low"].fillna(0) <= part["observed"]).all()


def test_perfect_maps_are_perfect_against_masks_and_boxes(build):
    compare([GOOD], build, resamples=20)
    results = table(build, "results")
    for level in ("pixel", "box"):
        for metric in ("auroc", "average_precision", "aupro", "best_dice", "pointing_game"):
            row = one(results, method="deep_svdd", level=level, metric=metric)
            assert (row["value"], row["n"], row["base_rate"]) == (1, 30, 0.0625)
    assert one(results, method="deep_svdd", level="pixel", metric="iou")["value"] == 1
    # No validation film has a box, by which the share that is flagged could be chosen.
    assert results.query("metric == 'iou'")["level"].tolist() == ["pixel"]


def test_the_share_that_is_flagged_is_that_of_validation_lesions(build):
    """Twice as large in validation, a perfect map flags twice the lesion: half of it is right."""
    index = load_index(build / "index/limbs.csv")
    lesions = np.load(build / "images/limbs.lesions.npy")
    lesions[index["split"].eq("validation") & index["label"].eq(1), 4:8, 8:12] = 1
    np.save(build / "images/limbs.lesions.npy", lesions)
    folder, ramp = files.scored(GOOD, build), np.linspace(0, 0.5, SIDE * SIDE).reshape(SIDE, SIDE)
    kept = dict(np.load(folder / "maps.npz"))
    np.savez(folder / "maps.npz", image_id=kept["image_id"], map=kept["map"] + ramp)
    results = compare([GOOD], build)
    assert one(results, method="deep_svdd", level="pixel", metric="iou")["value"] == 0.5
    assert one(results, method="deep_svdd", level="pixel", metric="aupro")["value"] == 1


def test_a_map_of_large_lesions_alone_finds_these_and_small_ones_by_chance(build):
    """Large lesions are left out of what small ones are compared with, and none is of medium size.

    All abnormal films have a lesion of 16 of 256 pixels, every second one of 2 as well.
    """
    lesions = np.load(build / "images/limbs.lesions.npy")
    lesions[3::4, 12, 12:14] = 1
    np.save(build / "images/limbs.lesions.npy", lesions)
    results = compare([GOOD], build)
    values = {
        size: one(results, method="deep_svdd", level="pixel", group=group, metric="aupro")
        for size, group in OF_SIZE.items()
        if results["group"].eq(group).any()
    }
    assert list(values) == ["small", "large"]
    assert (values["large"]["value"], values["large"]["n"]) == (1, 30)
    assert values["small"]["value"] == pytest.approx(0.15) and values["small"]["n"] == 15
    assert values["small"]["base_rate"] == pytest.approx(2 / (256 - 16), abs=1e-4)
    both = one(results, method="deep_svdd", level="pixel", metric="aupro")["value"]
    assert both == pytest.approx((1 + 0.5 * 0.15) / 1.5, abs=1e-4)
    assert findings.as_table(pd.DataFrame([values["small"]]))["measure"].tolist() == [
        "AUPRO, small lesions, below 1 % of the film"
    ]


def test_maps_of_another_size_are_brought_to_the_lesions(build):
    folder = files.scored(GOOD, build)
    kept = dict(np.load(folder / "maps.npz"))
    np.savez(folder / "maps.npz", image_id=kept["image_id"], map=kept["map"][:, ::2, ::2])
    compare([GOOD], build, resamples=20)
    assert one(table(build, "results"), method="deep_svdd", level="pixel")["value"] > 0.95


def test_a_setting_says_whether_validation_labels_were_used(build):
    compare([GOOD], build)
    rows = table(build, "results").query("method in ('deep_svdd', 'floor: shortcut view')")
    with_labels = rows["setting"].str.endswith(", validation labels")
    fitted = rows["metric"].str.contains("brier|calibration|threshold_recall|iou")
    assert fitted.any() and (with_labels == fitted).all()
    assert one(rows, method="deep_svdd", metric="recall_at_threshold_normals_0.95")["setting"] == (
        "unlabelled"
    )


def test_floors_are_listed_with_methods(build):
    compare([GOOD], build, resamples=20)
    results = table(build, "results")
    row = one(results, method="floor: shortcut view")
    assert (row["value"], row["family"], row["setting"]) == (0.5, "floor", "supervised")
    assert np.isnan(pd.to_numeric(row["seed"]))
    assert one(results, method="floor: mean grey")["setting"] == "unlabelled"


def test_means_over_seeds_by_hand(build):
    compare([GOOD, AGAIN, CHANCE], build, resamples=20)
    results = table(build, "results")
    first, second = (one(results, method="deep_svdd", seed=seed)["value"] for seed in ("0", "1"))
    row = one(results, method="deep_svdd", seed="mean")
    deviation = abs(first - second) / np.sqrt(2)
    assert row["value"] == pytest.approx((first + second) / 2, abs=2e-4)
    assert row["high"] - row["value"] == pytest.approx(deviation, abs=2e-4)
    assert not (results["method"].ne("deep_svdd") & results["seed"].eq("mean")).any()
    assert mean_over_seeds(pd.DataFrame(columns=COLUMNS)).empty


def test_paired_tests_of_methods_and_the_best_floor(build):
    results = compare([GOOD, AGAIN, CHANCE], build, resamples=20)
    tests = table(build, "tests")
    pairs = list(zip(tests["method_a"], tests["method_b"], strict=True))
    assert pairs[0] == ("deep_svdd", "autoencoder")
    assert [a for a, _ in pairs] == ["deep_svdd", "deep_svdd", "autoencoder"]
    assert len({b for _, b in pairs[1:]}) == 1 and pairs[1][1].startswith("floor: ")
    assert tests["p_value"][0] < 0.001 and tests["p_value"][2] > 0.01
    assert (tests["p_holm"] >= tests["p_value"]).all()
    lower = min(
        (GOOD, AGAIN), key=lambda fit: one(results, method=fit.method, seed=str(fit.seed))["value"]
    )
    assert (tests["seed_a"].head(2) == lower.seed).all()
    a, b = (scores_of(fit, build).set_index("image_id")["score"] for fit in (lower, CHANCE))
    films = films_of_limbs().query("split == 'test'")["image_id"]
    assert tests["correlation"][0] == pytest.approx(spearmanr(a[films], b[films])[0], abs=1e-4)


def test_what_a_score_follows_is_seen_on_normal_films_alone(build):
    scores, index = scores_of(GOOD, build), load_index(build / "index/limbs.csv")
    label = scores["image_id"].map(films_of_limbs().set_index("image_id")["label"])
    floors = scores[["image_id"]].assign(
        mean_grey=-np.exp(scores["score"]),  # the same ranks, backwards
        knn=np.where(label.eq(1), scores["score"], np.arange(len(scores)) % 7),
    )
    floors.to_csv(build / "floors/limbs.csv", index=False)
    rows = floor_correlations(read_fit(GOOD, index, build), read_floors("limbs", index, build))
    assert [row["floor"] for row in rows] == ["mean grey", "knn"], "the strongest first"
    assert rows[0]["correlation"] == pytest.approx(-1)
    assert abs(rows[1]["correlation"]) < 0.4, "abnormal films, on which they agree, do not count"


def test_the_tables_of_several_processes_are_those_of_one(build, monkeypatch):
    compare([GOOD, CHANCE], build)
    one_process = {path.name: path.read_bytes() for path in (build / "measures/limbs").iterdir()}
    monkeypatch.setattr(measures, "LARGE", 0)
    compare([GOOD, CHANCE], build)
    several = {path.name: path.read_bytes() for path in (build / "measures/limbs").iterdir()}
    assert several == one_process and len(one_process) > 5


def test_roc_curves_have_bands(build):
    compare([GOOD], build, resamples=50)
    curve = table(build, "roc").query("method == 'deep_svdd'")
    assert len(curve) == 101
    assert (curve["low"] <= curve["high"]).all() and curve["tpr"].is_monotonic_increasing


def test_the_same_bytes_again(build):
    names = ("results", "tests", "roc", "failures")
    runs = []
    for _ in range(2):
        compare([GOOD, CHANCE], build, resamples=50)
        runs.append([(build / f"comparison/{name}.csv").read_bytes() for name in names])
    assert runs[0] == runs[1]


def test_failed_and_absent_fits_are_listed_and_the_others_go_on(build):
    failed, absent = Fit("limbs", "dmsvdd"), Fit("limbs", "drocc")
    reason = "Collapsed: all scores are equal"
    leave_fit(build, failed, pd.DataFrame(), status="failed", reason=reason)
    compare([failed, GOOD, absent], build)
    failures = table(build, "failures").set_index("method")
    assert failures.loc["dmsvdd", "reason"] == reason
    assert failures.loc["drocc", "reason"] == (
        "The fit limbs/drocc/0 has not run: run `python -m lib.fits run limbs drocc 0`."
    )
    methods = set(table(build, "results")["method"])
    assert "deep_svdd" in methods and not {"dmsvdd", "drocc"} & methods


def test_scores_of_other_weights_are_no_scores_of_a_fit(build):
    record = files.trained(GOOD, build) / files.RECORD
    record.write_text(record.read_text().replace('"key": "k"', '"key": "another"'))
    with pytest.raises(BrokenFit, match="has not run"):
        read_fit(GOOD, load_index(build / "index/limbs.csv"), build)


def test_a_card_reads_the_rows_of_the_comparison(build):
    results = compare([GOOD, AGAIN, CHANCE], build)
    measures = measures_of(AGAIN, build)
    part = results[results["method"].eq("deep_svdd") & results["seed"].eq("1")]
    pd.testing.assert_frame_equal(
        measures.results, part[COLUMNS].reset_index(drop=True), check_dtype=False
    )
    assert len(measures.curve) == 101 and len(measures.follows) == 2
    of_runs = (measures_of(fit, build).against_floor for fit in (GOOD, AGAIN))
    (test,) = filter(None, of_runs)  # of several seeds the median one is tested
    assert test["method_b"].startswith("floor: ")


def broken(scores, how):
    """Break a table of scores in a known way."""
    if how == "twice":
        return pd.concat([scores, scores[:1]])
    if how == "unknown":
        return pd.concat([scores, pd.DataFrame({"image_id": ["x9"], "score": [1.0]})])
    if how == "word":
        return scores.assign(score=scores["score"].astype(object).where(scores.index != 3, "high"))
    return {
        "missing": scores[2:],
        "infinite": scores.assign(score=scores["score"].where(scores.index != 3, np.inf)),
        "unnamed": scores.rename(columns={"score": "anomaly"}),
        "label": scores.assign(label=1.0),
        "empty": pd.DataFrame(),
    }[how]


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("twice", r"more than once \(1, as 004\)"),
        ("unknown", r"not validation or test films of the index \(1, as x9\)"),
        ("missing", r"lacks films of the index \(2, as 004\)"),
        ("infinite", "1 films with scores that are not finite"),
        ("word", "films with scores that are not finite"),
        ("unnamed", "no column score"),
        ("label", "has a score named 'label'"),
        ("empty", "No columns"),
    ],
)
def test_broken_scores_are_one_sentence(build, how, reason):
    path = files.scored(GOOD, build) / "scores.csv"
    broken(pd.read_csv(path, dtype={"image_id": str}), how).to_csv(path, index=False)
    with pytest.raises(BrokenFit, match=reason) as caught:
        read_fit(GOOD, load_index(build / "index/limbs.csv"), build)
    assert str(caught.value).startswith("The fit limbs/deep_svdd/0: ")
    assert str(caught.value).endswith("; run `python -m lib.fits score limbs deep_svdd 0`.")


def test_broken_maps_and_json_are_listed(build):
    (files.scored(GOOD, build) / "maps.npz").write_bytes(b"PK\x03\x04 cut short")
    (files.scored(AGAIN, build) / files.RECORD).write_text("{")
    compare([GOOD, AGAIN], build, resamples=20)
    assert len(table(build, "failures")) == 2
    assert set(table(build, "results")["family"]) == {"floor"}


def test_floors_of_another_index_are_refused(build):
    path = build / "floors/limbs.csv"
    pd.read_csv(path, dtype=str)[1:].to_csv(path, index=False)
    with pytest.raises(
        BadData, match=r"lacks films of the index .*run `python -m lib.floors limbs`"
    ):
        read_floors("limbs", load_index(build / "index/limbs.csv"), build)


def test_films_of_unknown_label_are_left_out(build):
    index = films_of_limbs().astype({"label": float})
    index.loc[index["split"].eq("test") & index["view"].eq("PA"), "label"] = np.nan
    index.to_csv(build / "index/limbs.csv", index=False)
    compare([GOOD], build, resamples=20)
    assert one(table(build, "results"), method="deep_svdd")["n"] == 60


def test_a_test_set_of_one_label_has_no_rows(build):
    index = films_of_limbs()
    index.loc[index["split"].eq("test"), "label"] = 0
    index.to_csv(build / "index/limbs.csv", index=False)
    assert compare([GOOD], build, resamples=20).empty
    assert table(build, "tests").empty


def test_further_scores_have_their_own_rows(build):
    path = files.scored(GOOD, build) / "scores.csv"
    scores = pd.read_csv(path, dtype={"image_id": str})
    scores.assign(inverse=-scores["score"]).to_csv(path, index=False)
    compare([GOOD], build, resamples=20)
    results = table(build, "results")
    inverse = one(results, method="deep_svdd", metric="auroc_of_inverse")["value"]
    assert inverse == pytest.approx(1 - one(results, method="deep_svdd")["value"], abs=2e-4)


def swept(settings, number=60, seed=0):
    """Return a sweep of films, two per patient, and facts on them; columns are settings."""
    rng = np.random.default_rng(seed)
    films = pd.DataFrame({"image_id": [f"{n:03}" for n in range(number)]})
    films["patient_id"] = [f"p{n // 2}" for n in range(number)]
    films["label"] = np.arange(number) % 2.0
    signal = films["label"] + rng.normal(size=number)
    scores = [
        films[["image_id"]].assign(**setting, score=signal + noise * rng.normal(size=number))
        for setting, noise in settings
    ]
    return pd.concat(scores, ignore_index=True), films


SETTINGS = [
    ({"lambda": 250, "calls": 5}, 0.0),
    ({"lambda": 250, "calls": 250}, 0.0),
    ({"lambda": 100, "calls": 5}, 9.0),
]


def test_a_sweep_is_measured_against_the_setting_with_most_calls():
    sweep, films = swept(SETTINGS)
    table = sweep_auroc(sweep.sample(frac=1, random_state=0), films, resamples=300)
    assert table.index.names == ["lambda", "calls"] and (table["n"] == 60).all()
    assert table.index[table["reference"]].tolist() == [(250, 250)]
    few, most, noisy = (table.loc[tuple(setting.values())] for setting, _ in SETTINGS)
    part = sweep[sweep["calls"].eq(250)].merge(films)
    assert most["value"] == pytest.approx(metrics.auroc(part["label"], part["score"]))
    assert most["low"] < most["value"] < most["high"]
    paired = ["difference", "difference_low", "difference_high"]
    for same in (few, most):  # the same scores, whatever the patients
        assert same[paired].tolist() == pytest.approx([0, np.nan, np.nan], nan_ok=True)
    assert noisy["difference"] == pytest.approx(noisy["value"] - most["value"])
    assert noisy["difference_low"] < noisy["difference"] < noisy["difference_high"] < 0


def test_differences_of_a_sweep_are_paired():
    """Nearly equal scores: each AUROC is unsure, and their difference is not."""
    sweep, films = swept([({"calls": 2}, 0.02), ({"calls": 9}, 0.0)])
    few = sweep_auroc(sweep, films, resamples=300).iloc[0]
    assert few["difference_high"] - few["difference_low"] < 0.2 * (few["high"] - few["low"])


def test_a_sweep_leaves_out_films_of_unknown_label_and_says_nothing_of_too_few():
    sweep, films = swept(SETTINGS)
    films.loc[:9, "label"] = np.nan
    assert (sweep_auroc(sweep, films, resamples=20)["n"] == 50).all()
    films["label"] = films["label"].where(films["label"].ne(1) | (films.index > 52))
    assert sweep_auroc(sweep, films, resamples=20).empty
    assert sweep_auroc(pd.DataFrame(), films).empty


def write_source(root, folder="/media/ada/films", path="data.csv", md5="abc.dir"):
    """Write params/study.yaml and dvc.lock as after `dvc repro` has copied films to data/."""
    listed = "of real films"
    (root / "data.csv").write_text(listed)
    (root / "params").mkdir(exist_ok=True)
    study = {"source": {"folder": folder, "list": path}}
    dep = {"path": path, "md5": hashlib.md5(listed.encode()).hexdigest()}
    lock = {"stages": {"data": {"deps": [dep], "outs": [{"path": "data", "md5": md5}]}}}
    (root / "params/study.yaml").write_text(json.dumps(study))
    (root / "dvc.lock").write_text(yaml.safe_dump(lock))  # line by line, as DVC writes it


@pytest.fixture
def root(build, at_commit, tmp_path_factory):
    """Return a repository whose data/ holds real films, compared and published."""
    root = tmp_path_factory.mktemp("repository")
    compare([GOOD], build, resamples=20)
    (root / "reports").mkdir()
    (root / "build").symlink_to(build)
    (root / "reports/results.csv").write_bytes((build / "comparison/results.csv").read_bytes())
    write_source(root)
    return root


def test_record_says_where_the_numbers_come_from(root):
    line = record(root)
    kept = root / "reports/real"
    results, again = (pd.read_csv(folder / "results.csv") for folder in (root / "reports", kept))
    assert set(again["commit"]) == {"abcdef0123"} and set(again["profile"]) == {"hours"}
    again = again.drop(columns=["commit", "profile"])
    keys = ["dataset", "family", "method", "seed", "level", "group", "metric"]
    pd.testing.assert_frame_equal(
        *(rows.sort_values(keys, ignore_index=True) for rows in (results, again))
    )
    assert str(date.today()) in line and "abc.dir" in line and "/media/ada" not in line
    text = (kept / "README.md").read_text()
    assert line in text and "| limbs | test | 60 | 60 | 0 |" in text


def test_a_data_set_is_recorded_as_a_whole(root):
    """A record of two experiments would have curves, tests and scores of one of them alone."""
    record(root)
    kept, published = root / "reports/real", root / "reports/results.csv"
    before = {path.name: path.read_bytes() for path in kept.glob("*.*")}
    first = pd.read_csv(published, dtype={"seed": str})
    of_floors = first[first["family"].eq("floor")]
    of_floors.to_csv(published, index=False)
    with pytest.raises(BadData, match=r"1 runs in reports/real are not among .* limbs deep_svdd"):
        record(root)
    assert {path.name: path.read_bytes() for path in kept.glob("*.*")} == before
    record(root, replace=True)
    assert set(pd.read_csv(kept / "results.csv")["family"]) == {"floor"}
    assert set(pd.read_csv(kept / "roc.csv")["method"]) == set(of_floors["method"])
    first.to_csv(published, index=False)
    record(root)
    assert {path.name: path.read_bytes() for path in kept.glob("*.*")} == before


def test_a_mean_over_seeds_below_chance_is_said_to_point_the_wrong_way():
    means = pd.DataFrame({"setting": ["1 %", "5 %"], "value": [0.46, 0.47], "high": [0.49, 0.51]})
    means = means.assign(dataset="limbs", method="resnet_few", family="ablation: label_fraction")
    means = means.assign(low=0.43, n=9, base_rate=0.5, metric="auroc_over_seeds")
    means = means.assign(level="image", group="all", seed="")
    _, table = _ablations(means)
    assert table.count("0.460 [0.430, 0.490], points the wrong way |") == 1
    _, table = _ablations(means.assign(metric="auroc_difference"))
    assert "wrong way" not in table, "a difference below 0.5 is none"


def test_several_seeds_are_shown_by_their_median_run(root):
    compare([GOOD, AGAIN], root / "build", resamples=20)
    (root / "reports/results.csv").write_bytes((root / "build/comparison/results.csv").read_bytes())
    record(root)
    kept = root / "reports/real"
    results = pd.read_csv(kept / "results.csv", dtype={"seed": str})
    rows = results.query("method == 'deep_svdd' and level == 'image' and metric == 'auroc'")
    auroc = rows[rows["group"].eq("all")].set_index("seed")["value"]
    assert auroc["mean"] == pytest.approx(auroc.drop("mean").mean(), abs=1e-4)
    lower = auroc.drop("mean").idxmin()
    curves = pd.read_csv(kept / "roc.csv", dtype={"seed": str}).query("method == 'deep_svdd'")
    assert len(auroc) == 3 and set(curves["seed"]) == {lower}
    scores = pd.read_csv(kept / "scores/limbs.csv")
    value = metrics.auroc(scores["label"], scores["deep_svdd"])
    assert value == pytest.approx(auroc[lower], abs=1e-4)
    text = (kept / "README.md").read_text()
    runs = auroc.drop("mean")
    assert f"{runs.mean():.3f} +- {runs.std():.3f} (2 seeds)" in text


def test_a_record_keeps_the_paired_tests(root):
    record(root)
    kept = root / "reports/real/tests.csv"
    tests = pd.read_csv(kept)
    assert len(tests) and set(tests["commit"]) == {"abcdef0123"}
    of_limbs = tests.drop(columns=["commit", "profile"])
    pd.testing.assert_frame_equal(of_limbs, table(root / "build", "tests"), check_dtype=False)
    (root / "build/comparison/tests.csv").unlink()
    with pytest.raises(BadData, match=r"no tests\.csv yet"):
        record(root)


def test_of_several_seeds_the_run_that_pages_show_is_tested(build):
    limbs = load_index(build / "index/limbs.csv")
    good = read_fit(GOOD, limbs, build)
    floors = read_floors("limbs", limbs, build)
    rng, score = np.random.default_rng(0), good.films["score"]
    seeds = [
        replace(
            good,
            seed=str(seed),
            films=good.films.assign(score=score + noise * rng.normal(size=len(score))),
        )
        for seed, noise in enumerate((9, 0, 2))
    ]
    of_limbs = {"dataset": "limbs", "method": "deep_svdd", "family": "one_class"}
    rows = [of_limbs | {"seed": one.seed, "value": one.auroc} for one in seeds]
    shown = median_runs(pd.DataFrame(rows))["seed"]
    assert [row["seed_a"] for row in paired_tests(seeds, floors)] == list(shown) == ["2"]


OTHER = {"commit": "0123456789", "profile": "quick", "films": "def.dir"}


@pytest.mark.parametrize("what", OTHER)
def test_a_record_is_of_one_experiment_unless_it_is_replaced(root, at_commit, what):
    record(root)
    kept = root / "reports/real"
    before = {path.name: path.read_bytes() for path in kept.glob("*.*")}
    at_commit[what] = OTHER[what]
    write_source(root, md5=OTHER["films"] if what == "films" else "abc.dir")
    results = pd.read_csv(root / "reports/results.csv", dtype={"seed": str})
    results.query("method == 'deep_svdd'").to_csv(root / "reports/results.csv", index=False)
    with pytest.raises(BadData, match=f"another {what.removesuffix('s')} .*REPLACE=yes"):
        record(root)
    assert {path.name: path.read_bytes() for path in kept.glob("*.*")} == before
    record(root, name="named")
    assert {path.name: path.read_bytes() for path in kept.glob("*.*")} == before
    assert set(pd.read_csv(kept / "named/runs.csv", dtype=str)[what]) == {OTHER[what]}
    record(root, replace=True)
    assert set(pd.read_csv(kept / "results.csv")["method"]) == {"deep_svdd"}
    assert set(pd.read_csv(kept / "runs.csv", dtype=str)[what]) == {OTHER[what]}


def test_data_sets_of_a_record_are_replaced_one_by_one_on_the_same_films(root, at_commit):
    record(root)
    kept = root / "reports/real"
    for path in kept.glob("*.csv"):
        table = pd.read_csv(path)
        pd.concat([table, table.assign(dataset="elsewhere")]).to_csv(path, index=False)
    at_commit["commit"] = OTHER["commit"]
    with pytest.raises(BadData, match=r"another commit .*REPLACE=yes"):
        record(root)
    line = record(root, replace=True)
    for path in kept.glob("*.csv"):
        table = pd.read_csv(path, dtype={"commit": str})
        assert set(table["dataset"]) == {"limbs", "elsewhere"}
        if "commit" in table:
            at = table.groupby("dataset")["commit"].unique().map(list)
            assert at["limbs"] == [OTHER["commit"]] and at["elsewhere"] == ["abcdef0123"], path
    assert (
        f"{OTHER['commit']}, with the profile `hours`, from the films of MD5 abc.dir: limbs" in line
    )
    at_commit["profile"] = OTHER["profile"]
    with pytest.raises(BadData, match=r"another profile .*NAME=folder"):
        record(root, replace=True)


def test_a_record_has_the_curves_of_the_runs_that_pages_show(root):
    record(root)
    curves = pd.read_csv(root / "reports/real/roc.csv", dtype={"seed": str})
    whole = table(root / "build", "roc")
    shown = whole[~whole["method"].str.contains(": (?:rank|normalised|logistic)")]
    columns = ["method", "fpr", "tpr", "low", "high"]
    assert set(curves["method"]) >= {"deep_svdd", "floor: mean grey"} and len(curves)
    for name, rows in curves.groupby("method"):
        expected = shown[shown["method"].eq(name)][columns].reset_index(drop=True)
        pd.testing.assert_frame_equal(rows[columns].reset_index(drop=True), expected)
    strata, whole = (
        pd.read_csv(folder / "strata.csv", dtype={"seed": str})
        for folder in (root / "reports/real", root / "build/comparison")
    )
    of_shown = whole[whole["method"].isin(curves["method"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(strata.drop(columns=["commit", "profile"]), of_shown)


@pytest.mark.parametrize("is_public", [False, True])
def test_a_record_has_the_scores_from_which_its_numbers_follow(root, monkeypatch, is_public):
    monkeypatch.setattr(record_scores, "PUBLIC", ("limbs",) if is_public else ())
    fusion = Fusion(["deep_svdd", "deep_svdd/other"], "soft maximum")
    monkeypatch.setattr("lib.grid.fusions", lambda: {"joined": fusion})
    path = files.scored(GOOD, root / "build") / "scores.csv"
    whole = pd.read_csv(path, dtype={"image_id": str})
    whole.assign(other=whole["score"] ** 3).to_csv(path, index=False)
    compare([GOOD], root / "build", fusions={"joined": fusion})
    (root / "reports/results.csv").write_bytes((root / "build/comparison/results.csv").read_bytes())
    record(root)
    scores = pd.read_csv(root / "reports/real/scores/limbs.csv", dtype={"film": str})
    results = pd.read_csv(root / "reports/real/results.csv", dtype={"seed": str})
    test = load_index(root / "build/index/limbs.csv").query("split == 'test'")
    assert list(scores["film"]) == list(test["path"] if is_public else map(str, range(1, 121)))
    names = scores.columns.drop(["film", "patient", "label"])
    assert {"deep_svdd", "joined", "floor: mean grey"} <= set(names)
    for name in names:
        value = one(results, method=name)["value"]
        assert metrics.auroc(scores["label"], scores[name]) == pytest.approx(value, abs=1e-4)
    assert list(scores["patient"].rank(method="dense")) == list(
        test["patient_id"].rank(method="dense")
    )
    monkeypatch.setattr("lib.grid.fusions", dict)
    with pytest.raises(BadData, match="an AUROC of joined on limbs that is not that of its"):
        record(root)


@pytest.mark.parametrize("name", ["scores", "../elsewhere", "a/b"])
def test_an_experiment_has_a_plain_name(root, name):
    with pytest.raises(BadData, match="cannot be used: give the name of a new folder"):
        record(root, name=name)


WARNING = "was recorded at several commits and with two profiles"
PEERS = """dataset,peer,input,setting,value,source,note
limbs,first,raw,unlabelled,0.61,code@1,
limbs,second,raw,unlabelled,0.99,code@1,seeds 0.98-1.00
limbs,third,raw,unlabelled,0.60,code@1,
limbs,fourth,raw,unlabelled,0.59,code@1,
limbs,mean grey,raw,brightness floor,0.41,own,
limbs,mean grey,equalised,brightness floor,0.40,own,
limbs,known,raw,5 % known normal + 5 % known abnormal,0.3,code@2,
limbs,printed,,published elsewhere,0.92,arXiv,whole set
other,first,raw,unlabelled,0.95,code@1,
"""


def test_record_puts_the_study_beside_the_reference_codes(root):
    (root / "reports/real").mkdir()
    (root / "reports/real/peers.csv").write_text(PEERS)
    record(root)
    text = (root / "reports/real/README.md").read_text()
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| limbs |")]
    compared = {row[1]: row[3:] for row in rows if len(row) == 7}
    values = [float(row[2].split()[0]) for row in compared.values()]
    assert values == sorted(values, reverse=True) and {"printed", "known, raw"} <= set(compared)
    assert "mean grey, raw" in compared and "mean grey, equalised" not in compared
    assert "third, raw" in compared and "fourth, raw" not in compared
    assert compared["second, raw"][:3] == ["code@1", "unlabelled", "0.990"]
    ours = one(pd.read_csv(root / "reports/results.csv"), method="deep_svdd")
    number = f"{ours['value']:.3f} [{ours['low']:.3f}, {ours['high']:.3f}]"
    assert compared["deep_svdd"][:3] == ["this study", "unlabelled", number]
    assert text.count("| deep_svdd |") == 1 and "| other |" not in text
    assert "## The protocols of the reference codes" in text and "## Own splits" not in text
    assert "| dataset | method | pre-training | of | setting |" in text


def test_a_record_marks_choices_in_sight_and_scores_that_point_the_wrong_way(root, monkeypatch):
    in_sight = pd.DataFrame({"method": ["deep_svdd"], "dataset": "limbs", "chosen": "its width"})
    monkeypatch.setattr(choices, "read_choices", lambda: in_sight.assign(profile=""))
    results = pd.read_csv(root / "reports/results.csv", dtype={"seed": str})
    part = results["method"].eq("deep_svdd")
    backwards = results.assign(high=results["high"].mask(part, 0.4))
    backwards.to_csv(root / "reports/results.csv", index=False)
    record(root)
    text = (root / "reports/real/README.md").read_text()
    assert "## Own splits" in text and "its width (deep_svdd" in text.replace("&#95;", "_")
    (row,) = [line for line in text.splitlines() if line.startswith("| limbs | deep_svdd")]
    assert row.startswith("| limbs | deep_svdd † |") and "0.400], points the wrong way |" in row


def test_the_peers_numbers_are_of_entries_that_are_marked_so():
    entries, peers = load_entries(), read_peers(ROOT)
    marked = {name for name in entries if entries[name].get("peers")}
    # No films of MURA and RSNA are at hand.
    assert set(peers["dataset"]) == marked - {"mura_hand_peers", "rsna_peers"}
    assert peers["value"].between(0, 1).all() and peers["source"].ne("").all()
    assert not peers.duplicated(["dataset", "peer", "input"]).any()


def refused(root, reason):
    with pytest.raises(BadData, match=reason):
        record(root)
    assert not (root / "reports/real").exists()


def test_record_refuses_phantoms(root):
    write_source(root, OF_PHANTOMS["folder"], OF_PHANTOMS["list"])
    refused(root, "phantoms")


def test_record_refuses_films_that_were_never_run(root):
    (root / "data.csv").write_text("films that `dvc repro` has not copied")
    refused(root, "no results yet")


@pytest.mark.parametrize("at", ["abcdef0123 with local changes", "none (no git)"])
def test_record_refuses_code_of_no_commit(root, at_commit, at):
    at_commit["commit"] = at
    refused(root, "commit lib/")


def test_record_refuses_fits_of_other_code_or_another_profile(root, at_commit):
    at_commit["outdated"] = (CHANCE,)
    refused(root, "1 of 2 fits are of other code, parameters or films, as limbs/autoencoder/0")


def test_record_refuses_results_of_earlier_scores(root):
    path = files.scored(GOOD, root / "build") / "scores.csv"
    scores = pd.read_csv(path, dtype={"image_id": str})
    scores.assign(score=-scores["score"]).to_csv(path, index=False)
    refused(root, "an AUROC of limbs/deep_svdd/0 that is not that of its scores")


def test_record_refuses_results_that_the_grid_has_no_fits_of(root, monkeypatch):
    monkeypatch.setattr("lib.ablations.every_fit", lambda name: [])
    refused(root, "has results of limbs, of which the grid")


def test_the_committed_record_is_of_one_experiment_or_warns_that_it_is_not():
    runs = pd.read_csv(ROOT / "reports/real/runs.csv", dtype=str)
    of_a_set = runs.groupby("dataset")["commit"].nunique()
    mixed = of_a_set.gt(1).any() or len(runs[["profile", "films"]].drop_duplicates()) > 1
    for readme in ("README.md", "reports/real/README.md"):
        assert (WARNING in " ".join((ROOT / readme).read_text().split())) == mixed, readme


def test_record_refuses_results_of_other_films(root):
    films_of_limbs()[:-8].to_csv(root / "build/index/limbs.csv", index=False)
    refused(root, "other films of limbs")


def test_scored_films_carry_no_training_film(build):
    scored = read_fit(GOOD, load_index(build / "index/limbs.csv"), build)
    assert isinstance(scored, Scored) and set(scored.films["split"]) == {"validation", "test"}


def changed(build, **columns):
    """Return the index with other columns, in the place of the first."""
    index = pd.read_csv(build / "index/limbs.csv", dtype={"image_id": str}).assign(**columns)
    index.to_csv(build / "index/limbs.csv", index=False)
    return index


def test_nothing_is_measured_of_normals_alone_and_a_sentence_says_so(build):
    changed(build, label=0, finding="")
    results = compare([GOOD, AGAIN], build, fusions={"both": Fusion(["deep_svdd", "deep_svdd"])})
    assert results.empty and list(table(build, "results")) == COLUMNS
    measures = measures_of(GOOD, build)
    assert measures.results.empty and measures.curve.empty and measures.follows.empty
    assert measures.against_floor == {}
    sentence = findings.unmeasured("limbs", build)
    assert sentence.endswith("120 are normal and 0 abnormal, but at least 5 of each are needed.")
    validation = pd.DataFrame({"label": [0.0, 0.0, np.nan], "score": [1, 3, 9]})
    assert findings.thresholds(validation) == {"5 % false alarms": pytest.approx(2.9)}


def test_films_without_a_label_change_no_number_of_the_others(build, monkeypatch):
    index = films_of_limbs()
    new = index["split"].eq("test") & index["patient_id"].isin([f"p{n}" for n in range(20)])
    test = index[index["split"].eq("test") & ~new]
    changed(build, split=index["split"].mask(new, "unlabelled"), label=index["label"].mask(new))
    compare([GOOD], build, resamples=20)
    row = one(table(build, "results"), method="deep_svdd")
    scores = scores_of(GOOD, build)
    area = metrics.auroc(test["label"], test.merge(scores, on="image_id")["score"])
    assert row["n"] == len(test) and row["value"] == pytest.approx(area, abs=1e-4)
    assert not table(build, "results").isna().to_numpy()[:, COLUMNS.index("n") :].any()


def test_the_result_of_a_fit_in_words(build, monkeypatch):
    monkeypatch.setattr(findings, "unmeasured", lambda dataset: "Nothing is measured.")
    info = {"method": "deep_svdd", "dataset": "limbs", "setting": "unlabelled"}
    compare([GOOD], build)
    measures = measures_of(GOOD, build)
    words = findings.result(info, measures)
    assert words.startswith("deep_svdd on limbs, unlabelled: AUROC **0.")
    assert "It beats the best floor: " in words and "after Holm's correction)." in words
    assert findings.headline(measures) == f"{auroc_of(measures)}, above the best floor"
    strongest = f"{measures.follows.index[0]} most ({measures.follows.iloc[0]:+.2f})"
    assert f"follows {strongest}." in words
    nothing = measures._replace(
        results=measures.results[:0], against_floor={}, follows=measures.follows[:0]
    )
    words = findings.result(info, nothing)
    assert words == "deep_svdd on limbs, unlabelled: Nothing is measured."
    assert findings.headline(nothing) == ""


def auroc_of(measures):
    row = measures.results.query("level == 'image' and group == 'all' and metric == 'auroc'")
    value, low, high = row[["value", "low", "high"]].to_numpy()[0]
    return f"AUROC {value:.3f} [{low:.3f}, {high:.3f}]"


@pytest.mark.parametrize(
    ("value", "difference", "p_holm", "verdict"),
    [
        (0.7, 0.1, 0.04, "above the best floor"),
        (0.7, 0.1, 0.06, "not clearly above the best floor"),
        (0.6, -0.1, 0.06, "not clearly above the best floor"),
        (0.6, -0.1, 0.04, "below the best floor"),
        (0.4, -0.1, 0.04, "points the wrong way, below the best floor"),
    ],
)
def test_a_heading_claims_what_the_test_against_the_floor_does(value, difference, p_holm, verdict):
    row = {"level": "image", "group": "all", "metric": "auroc", "value": value}
    results = pd.DataFrame([row | {"low": value - 0.05, "high": value + 0.05}])
    floor = {"difference": difference, "p_holm": p_holm}
    curves = pd.DataFrame()
    measures = Measures(results, curves, floor, pd.Series(dtype=float), curves)
    assert findings.headline(measures) == f"{auroc_of(measures)}, {verdict}"
    assert findings.headline(measures._replace(against_floor={})).startswith(auroc_of(measures))


@pytest.mark.parametrize(
    ("training", "n", "base_rate", "warned"),
    [(23, 20, 0.3, True), (200, 100, 0.1, True), (23, 400, 0.5, True), (200, 400, 0.5, False)],
)
def test_few_films_are_named(training, n, base_rate, warned):
    words = findings.few_films({"films": {"training": training}}, {"n": n, "base_rate": base_rate})
    assert words.startswith(f"**Few films**: {training} in training") == warned
