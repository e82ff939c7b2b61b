"""What a study found: AUROC of each fit, intervals over seeds, paired differences, and words."""

import json

import numpy as np
import pandas as pd
import pytest
from test_comparison import films_of_limbs, one, table, write_source

from lib import metrics
from lib.comparison import COLUMNS, compare
from lib.comparison.record import record
from lib.comparison.scores import BrokenCell
from lib.comparison.studies import judge_study, what_was_given, without_studies
from lib.comparison.verdicts import of_failures, result, verdicts, words_of
from lib.studies import Study, variant_name

NONE, SOME = {"labels": "none"}, {"labels": {"normal": 0.05, "abnormal": 0.05}}
KNOWN = variant_name(SOME)
STUDY = Study("label_fraction", "limbs", ["deep_sad", "resnet"], [0, 1, 2], [NONE, SOME])
T = 4.302653  # the 97.5 % quantile at two degrees of freedom
COLLAPSED = "Collapsed: all films are mapped to one point."


def leave_study(build, study=STUDY, failed=(), signal=None):
    """Write what a study leaves: labels help the score by `signal` of a variant and seed."""
    signal = signal or (lambda variant, seed: 2.0 * (variant != "unlabelled") + 0.1 * seed)
    films = films_of_limbs().query("split != 'train'")
    outcomes, scores = [], []
    for method, variant, change, seed in study.fits():
        of = {"method": method, "variant": variant, "seed": seed}
        outcome = of | {"parameters": change, "duration_s": 2.0}
        if (method, variant, seed) in failed:
            outcomes.append(outcome | {"status": "failed", "reason": COLLAPSED})
            continue
        told = {"training": 40, "with known label": 4 * (variant == KNOWN)}
        finished = {"status": "finished", "reason": "", "setting": variant, "films": told}
        outcomes.append(outcome | finished)
        noise = np.random.default_rng([seed, len(method)]).normal(size=len(films))
        score = signal(variant, seed) * films["label"] + noise
        scores.append(films[["image_id"]].assign(**of, score=score))
    folder = build / "studies" / study.name / study.dataset
    folder.mkdir(parents=True)
    columns = ["method", "variant", "seed", "image_id", "score"]
    pd.concat(scores)[columns].to_csv(folder / "scores.csv", index=False)
    variants = {variant_name(change): change for change in study.variants}
    info = {"variants": variants, "fits": outcomes, "trace": {"commit": "abcdef0123"}}
    (folder / "fits.json").write_text(json.dumps(info))
    return folder


@pytest.fixture
def build(tmp_path):
    """A build folder with an index and floors, and no study yet."""
    index = films_of_limbs()
    for folder in ("index", "floors"):
        (tmp_path / folder).mkdir()
    index.to_csv(tmp_path / "index/limbs.csv", index=False)
    scored = index[index["split"].ne("train")]
    floors = scored[["image_id"]].assign(mean_grey=np.arange(len(scored)), good=scored["label"])
    floors.to_csv(tmp_path / "floors/limbs.csv", index=False)
    return tmp_path


def auroc_of(folder, method, variant, seed):
    scores = pd.read_csv(folder / "scores.csv", dtype={"image_id": str})
    chosen = scores.query("method == @method and variant == @variant and seed == @seed")
    test = films_of_limbs().query("split == 'test'").merge(chosen)
    return float(metrics.auroc(test["label"], test["score"]))


def test_each_fit_is_measured_on_the_test_films(build):
    folder = leave_study(build)
    judged = judge_study(STUDY, build, resamples=50)
    assert len(judged.fits) == 2 * 12, "two metrics of each fit"
    for fit in judged.fits.query("metric == 'auroc'").itertuples():
        assert fit.value == pytest.approx(auroc_of(folder, fit.method, fit.variant, fit.seed))
        assert fit.low < fit.value < fit.high and (fit.n, fit.base_rate) == (120, 0.5)
    assert set(zip(judged.fits["variant"], judged.fits["percent"], strict=True)) == {
        ("unlabelled", 0),
        (KNOWN, 5),
    }
    assert judged.floor == {"floor: good": 1.0}


def test_means_and_differences_over_seeds_by_hand(build):
    folder = leave_study(build)
    judged = judge_study(STUDY, build, resamples=20)
    without, known = (
        np.array([auroc_of(folder, "deep_sad", variant, seed) for seed in (0, 1, 2)])
        for variant in ("unlabelled", KNOWN)
    )
    for found, values in (
        (judged.means.query("method == 'deep_sad' and variant == @KNOWN").iloc[0], known),
        (judged.differences.query("method == 'deep_sad'").iloc[0], known - without),
    ):
        margin = T * values.std(ddof=1) / np.sqrt(3)
        assert found["value"] == pytest.approx(values.mean())
        assert found["sd"] == pytest.approx(values.std(ddof=1))
        assert found["high"] - found["value"] == pytest.approx(margin, rel=1e-5)
        assert found["value"] - found["low"] == pytest.approx(margin, rel=1e-5)
        assert (found["seeds"], found["n"], found["base_rate"]) == (3, 120, 0.5)
    assert set(judged.differences["reference"]) == {"unlabelled"}
    assert set(judged.differences["variant"]) == {KNOWN}, "the reference is compared with no one"


def test_differences_are_paired_by_seed(build):
    """A seed moves both variants alike: the means are unsure, and their difference is not."""
    leave_study(build, signal=lambda variant, seed: 1.5 * seed + 0.2 * (variant == KNOWN))
    judged = judge_study(STUDY, build, resamples=20)
    difference, mean = judged.differences.iloc[0], judged.means.iloc[0]
    assert difference["sd"] < 0.2 * mean["sd"]
    assert difference["low"] > -0.05 and mean["high"] - mean["low"] > 0.5


def test_a_seed_without_its_twin_is_in_no_difference(build):
    folder = leave_study(
        build,
        failed={("deep_sad", "unlabelled", 1), *(("resnet", "unlabelled", n) for n in range(3))},
    )
    judged = judge_study(STUDY, build, resamples=20)
    assert judged.means.set_index(["method", "variant"])["seeds"].to_dict() == {
        ("deep_sad", "unlabelled"): 2,
        ("deep_sad", KNOWN): 3,
        ("resnet", KNOWN): 3,
    }
    (difference,) = judged.differences.itertuples()
    pairs = [auroc_of(folder, "deep_sad", v, s) for s in (0, 2) for v in (KNOWN, "unlabelled")]
    assert difference.value == pytest.approx((pairs[0] - pairs[1] + pairs[2] - pairs[3]) / 2)
    assert (difference.method, difference.seeds) == ("deep_sad", 2)
    assert of_failures(judged) == [
        f"deep_sad, unlabelled, seed 1: {COLLAPSED}",
        f"resnet, unlabelled, seed 0, 1, 2: {COLLAPSED}",
    ]
    said = verdicts(judged, words_of("label_fraction"))
    assert said[1].startswith("resnet: no difference")
    given = what_was_given(judged)
    assert given.loc[("resnet", "unlabelled"), ["fits", "failed"]].tolist() == [3, 3]
    assert given.loc[("deep_sad", KNOWN)].tolist() == [3, 0, 40, 4, 2]


def test_rows_over_seeds_stand_beside_those_of_fits_and_no_cell_is_among_them(build):
    leave_study(build)
    results = compare([], build, resamples=20, studies=[STUDY])
    assert list(results) == COLUMNS and set(results["family"]) == {"study: label_fraction"}
    assert not results.duplicated(COLUMNS[: COLUMNS.index("value")]).any()
    results = table(build, "results")
    judged = judge_study(STUDY, build, resamples=20)
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
    assert without_studies(results).empty
    other = pd.DataFrame({"family": ["svdd", "floor", "study: any"]})
    assert without_studies(other)["family"].tolist() == ["svdd", "floor"]


def test_one_seed_has_no_interval_and_no_row_over_seeds(build):
    alone = Study("label_fraction", "limbs", ["deep_sad"], [0], [NONE, SOME])
    leave_study(build, alone)
    judged = judge_study(alone, build, resamples=20)
    assert judged.means["low"].isna().all() and judged.differences["seeds"].tolist() == [1]
    assert "not told apart**: 5 % (+" in verdicts(judged, words_of("label_fraction"))[0]
    assert "of one seed" in verdicts(judged, words_of("label_fraction"))[0]
    results = compare([], build, resamples=20, studies=[alone])
    assert set(results["metric"]) == {"auroc", "average_precision"}
    assert set(results["seed"]) == {"0"}


def test_failed_fits_and_absent_studies_are_listed(build):
    leave_study(build, failed={("resnet", "unlabelled", 2)})
    absent = Study("contamination", "limbs", ["deep_sad"], [0], [NONE])
    compare([], build, resamples=20, studies=[STUDY, absent])
    failures = table(build, "failures").set_index("method")["reason"]
    assert failures["resnet"] == f"In the study label_fraction, unlabelled: {COLLAPSED}"
    assert failures["study: contamination"] == (
        "The study contamination of limbs has not run: run `dvc repro -k`."
    )
    assert one(table(build, "results"), method="resnet", seed="1", setting=KNOWN)["n"] == 120


def shortened(folder):
    path = folder / "scores.csv"
    pd.read_csv(path, dtype=str)[:-3].to_csv(path, index=False)


def without_a_fit(folder):
    path = folder / "scores.csv"
    scores = pd.read_csv(path, dtype=str)
    scores[scores["seed"].ne("1")].to_csv(path, index=False)


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        (shortened, r"\('resnet', .*, 2\), lacks films of the index \(3, as "),
        (without_a_fit, "scores.csv and fits.json are of different fits"),
        (lambda folder: (folder / "fits.json").write_text("{"), "Expecting"),
        (lambda folder: (folder / "fits.json").write_text("{}"), "'fits'"),
        (lambda folder: (folder / "scores.csv").unlink(), "scores.csv is missing"),
    ],
)
def test_broken_files_are_one_sentence(build, how, reason):
    how(leave_study(build))
    with pytest.raises(BrokenCell, match=reason) as caught:
        judge_study(STUDY, build)
    assert str(caught.value).startswith("The study label_fraction of limbs: ")
    assert str(caught.value).endswith("; run `python -m lib.studies label_fraction limbs`.")


def test_a_test_set_of_one_label_has_no_numbers(build):
    leave_study(build)
    index = films_of_limbs()
    index.loc[index["split"].eq("test"), "label"] = 0
    index.to_csv(build / "index/limbs.csv", index=False)
    judged = judge_study(STUDY, build, resamples=20)
    assert judged.fits.empty and judged.means.empty and judged.differences.empty
    assert "no difference could be measured" in result(judged, words_of("label_fraction"))


def test_words_follow_from_the_numbers(build):
    leave_study(build, signal=lambda variant, seed: 3.0 if variant == KNOWN else 0.0)
    judged, words = judge_study(STUDY, build, resamples=20), words_of("label_fraction")
    row = judged.differences.iloc[0]
    assert row["low"] > 0
    number = f"5 % ({row['value']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}])"
    assert verdicts(judged, words)[0] == f"deep_sad: **labels help**: {number}"
    assert "2 lie clearly above 0 (labels help) and 0 clearly below" in result(judged, words)
    top = judged.differences.sort_values("value").iloc[-1]
    assert f"the largest of these: {top['method']}, 5 % ({top['value']:+.3f}" in result(
        judged, words
    )


def test_words_of_harm_and_of_doubt(build):
    def signal(variant, seed):
        return 0.0 if variant == KNOWN else 3.0

    leave_study(build, signal=signal)
    judged, words = judge_study(STUDY, build, resamples=20), words_of("label_fraction")
    assert all("**labels harm**: 5 % (-" in sentence for sentence in verdicts(judged, words))
    wide = judged.differences.assign(low=-0.2, high=0.1)
    unsure = judged._replace(differences=wide)
    assert all("**not told apart**" in sentence for sentence in verdicts(unsure, words))
    assert result(unsure, words).endswith("0 clearly below (labels harm).")


def test_a_study_of_ones_own_has_words_too():
    assert words_of("of_latent_size").above == "above the reference"


def test_record_has_tables_of_studies(build, tmp_path_factory):
    leave_study(build)
    root = tmp_path_factory.mktemp("repository")
    compare([], build, resamples=20, studies=[STUDY])
    (root / "reports").mkdir()
    (root / "build").symlink_to(build)
    (root / "reports/results.csv").write_bytes((build / "comparison/results.csv").read_bytes())
    write_source(root)
    record(root)
    lines = (root / "reports/real/README.md").read_text().splitlines()
    rows = [line.split(" | ") for line in lines if "| label_fraction |" in line]
    mean = judge_study(STUDY, build, resamples=20).means.iloc[0]
    said = f"{mean['value']:.3f} ({mean['low']:.3f} to {mean['high']:.3f})"
    assert rows[0] == ["| limbs", "label_fraction", "deep_sad", "unlabelled", said, "120", "0.5 |"]
    assert len(rows) == 4 + 2, "the means of four variants, and two differences"
    assert f"{KNOWN}, against unlabelled" in {row[3] for row in rows}
    assert not any(line.startswith("| limbs | deep_sad |") for line in lines), "no cell ran"
    runs = pd.read_csv(root / "reports/real/runs.csv")
    assert set(runs["commit"]) == {"abcdef0123"}, "that at which the study was fitted"
