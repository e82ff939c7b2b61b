"""The page of real films has the numbers of the record, and of nothing else."""

import pandas as pd
import pytest

from lib import prose
from lib.comparison import answer, overview, real_films, record_scores
from lib.datasets.entries import load_entries
from lib.shown import of_one_seed

SETTINGS = {
    "unlabelled": 0.0,
    "5 % known normal + 5 % known abnormal": 5.0,
    "5 % known normal + 5 % known abnormal, validation labels": None,
    "unlabelled and 5 % known normal + 5 % known abnormal": None,
    "50 % known normal, 50 % contamination": None,
    "unlabelled, epochs 0": None,
    "1 % known normal + 5 % known abnormal": None,
}


@pytest.fixture(scope="module")
def record():
    return real_films.read()


def test_the_record_is_of_real_films_and_none_of_phantoms(record):
    entries = load_entries()
    assert all(entries[name].get("peers") for name in record.auroc["dataset"].unique())
    words = real_films.fits_recorded(record)
    assert words.count("\n") == len(record_scores.PUBLIC) - 1 and "chests (nih&#95;peers)" in words
    assert "phantom" not in overview.best(record.auroc)
    assert words.count(": 241 fits of") == 3, "a fit of several ablations is one"


def test_a_method_has_the_number_of_the_first_page(record):
    for one in answer.best_recorded():
        rows = record.auroc.query("dataset == @one.dataset and method == @one.run['method']")
        assert rows["value"].item() == one.run["value"]


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_curve_over_labels_holds_equal_shares_alone(setting):
    assert real_films._percent(setting) == SETTINGS[setting]


def test_a_curve_over_labels_has_the_means_of_the_record(record):
    curves = {name: rest for name, *rest in real_films.label_curves(record.results)}
    assert "nih_peers" in curves
    for dataset, (means, fits, floor) in curves.items():
        assert set(means["dataset"]) | set(fits["dataset"]) == {dataset}
        by_hand = fits.groupby(["method", "percent"])["value"].mean()
        recorded = means.set_index(["method", "percent"])["value"]
        pd.testing.assert_series_equal(
            recorded.sort_index(), by_hand.loc[recorded.index].sort_index(), atol=2e-4
        )
        (name,) = floor
        assert name.startswith("floor: ")


def test_a_contrast_has_the_p_value_of_its_row(record):
    table = real_films.contrasts(record.results)
    classifiers = {"resnet&#95;few", "resnet&#95;few&#95;pu", "lesion&#95;logistic"}
    assert len(table) and set(table["compared with"]) <= classifiers
    results = record.results
    p_values = results.query("metric == 'auroc_contrast_p_holm' and dataset == 'nih_peers'")
    shown = table.loc[table["dataset"].eq("nih_peers"), "p (Holm)"]
    assert sorted(shown) == sorted(p_values["value"].map("{:.4f}".format))
    assert real_films.contrasts(results.head(0)).empty


def test_variants_of_one_seed_are_shown_with_their_auroc(record):
    """They have no difference over seeds, and would be in no table."""
    first = record.results[record.results["seed"].eq("0")]
    rows = of_one_seed(first[first["family"].eq("ablation: trained_part")])
    assert set(rows["family"]) == {"ablation: trained_part"} and not rows["seed"].eq("mean").any()
    table = overview.variants(rows[rows["dataset"].eq("nih_peers")])
    scratch = table[table["variant"].eq(prose.literal("unlabelled, backbone random"))]
    value = rows.query("dataset == 'nih_peers' and setting == 'unlabelled, backbone random'")
    assert of_one_seed(record.results).empty, "every ablation of the record has three seeds"
    (number,) = scratch["AUROC [95 % interval]"]
    assert number.startswith(f"{value['value'].item():.3f}")


def test_groups_are_of_median_runs_without_floors(record):
    for dataset, rows in real_films.groups(record):
        assert not rows.duplicated(["method", "group"]).any(), dataset
        assert not rows["family"].isin(["floor", "fusion"]).any()


def test_of_films_of_known_view_sex_and_age_the_crude_auroc_is_that_of_the_results(record):
    of_all = record.strata.query("stratum == 'all' and metric == 'auroc'")
    both = of_all.merge(record.auroc, on=["dataset", "method", "seed", "n"])
    assert len(both) == len(of_all) > 100
    assert both["value_x"].tolist() == both["value_y"].tolist()
    shortcut = record.strata.query("method == 'floor: shortcut view' and circumstance == 'view'")
    pooled = shortcut.set_index("metric")["value"]["auroc_pooled"]
    assert pooled == 0.5, "among films of one view, the view says nothing"


def test_maps_are_of_median_runs_the_largest_aupro_first(record):
    shown = dict(real_films.annotated(record))
    recorded = record.results.query("level == 'box'")
    assert set(shown) == set(recorded["dataset"])
    for dataset, rows in shown.items():
        aupro = rows[rows["metric"].eq("aupro")]
        of_median = record.auroc[["dataset", "method", "seed"]].merge(recorded)
        of_median = of_median[of_median["dataset"].eq(dataset) & of_median["metric"].eq("aupro")]
        assert sorted(aupro["value"]) == sorted(of_median["value"])
        assert not aupro["method"].duplicated().any()
        assert aupro["value"].is_monotonic_decreasing
        words = real_films.of_annotated(rows)
        assert f"{aupro['n'].iloc[0]:.0f} test films" in words
        assert f"median of {aupro['value'].median():.3f} over {len(aupro)} methods" in words
        assert "seed" not in overview.where_maps_point(rows)


def test_numbers_of_the_codes_are_next_to_ours_with_their_protocol(record):
    tables = real_films.beside_codes(record)
    words = tables["nih_peers"]
    assert "| ImageNet | this study |" in words and "see its source" in words
    assert "dataset" not in words.splitlines()[0]
