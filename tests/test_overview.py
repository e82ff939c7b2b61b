"""The tables of page 06 are whole, in order, and as wide as a page."""

import pandas as pd
import pytest
from bs4 import BeautifulSoup
from nbconvert.filters import markdown2html

from lib import grid, prose
from lib.comparison import overview
from lib.comparison.pretraining import pretraining
from lib.comparison.rows import OF_SIZE

PAIRS = ["method_a", "seed_a", "method_b", "seed_b", "difference", "low", "high", "p_value"]


def differences(*rows):
    table = pd.DataFrame(rows, columns=[*PAIRS, "p_holm"])
    return table.assign(dataset="limbs", n=90, test="DeLong", correlation=0.25)


def results_of(*rows, **columns):
    """Return rows of results.csv: method, metric, value."""
    table = pd.DataFrame(rows, columns=["method", "metric", "value"])
    ends = {"low": table["value"] - 0.1, "high": table["value"] + 0.1}
    usual = {
        "dataset": "limbs",
        "seed": "0",
        "family": "one_class",
        "setting": "unlabelled",
        "n": 90.0,
    }
    return table.assign(**ends, **{"base_rate": 0.4} | usual | columns)


def cut(page: BeautifulSoup) -> list[str]:
    """Return what betrays a table that pandas has cut: a cell of dots, or a line with its size."""
    cells = [cell.text.strip() for cell in page(["td", "th"])]
    sizes = page.find_all(string=lambda text: "rows × " in text and "columns" in text)
    lines = [line for block in page("pre") for line in block.text.split("\n")]
    dots = [text for text in [*cells, *lines] if text.strip(" .…") == "" and text.strip()]
    return [*dots, *map(str, sizes)]


def shown(table):
    return BeautifulSoup(markdown2html(prose.table(table)), "html.parser")


def test_a_cut_table_is_recognised():
    long = pd.DataFrame({"a": range(100)})
    assert cut(BeautifulSoup(long._repr_html_(), "html.parser"))
    assert cut(BeautifulSoup(f"<pre>{long}</pre>", "html.parser"))
    assert not cut(BeautifulSoup(long.to_html(), "html.parser"))


def test_a_long_table_is_whole_and_its_best_method_first():
    rows = [(f"method_{n}", "auroc", n / 200) for n in range(120)]
    page = shown(overview.ranked(results_of(*rows)))
    assert len(page.tbody("tr")) == 120 and not cut(page)
    first = [cell.text for cell in page.tbody.tr("td")]
    assert first == [
        *(
            "method_119",
            "0.595\xa0[0.495,\xa00.695]",
            "90\xa0(40%)",
            "one class",
            "none",
            "unlabelled",
        )
    ]


def test_findings_unlike_drawn_lesions_are_compared_with_all():
    rows = results_of(*[("vae", "auroc", 0.6), ("nsa", "auroc", 0.9)] * 2).assign(
        group=["all", "all", overview.UNLIKE, overview.UNLIKE], value=[0.6, 0.9, 0.7, 0.5]
    )
    table = overview.unlike(rows)
    assert list(table) == ["method", "findings unlike drawn lesions", "all findings"]
    assert list(table["method"]) == ["vae", "nsa"], "the best on these findings first"
    assert [cell[:5] for cell in table.iloc[1, 1:]] == ["0.500", "0.900"]


def test_seeds_are_named_where_there_are_several():
    both = results_of(("vae", "auroc", 0.6), ("vae", "auroc", 0.5), seed=["0", "1"])
    methods = [row.td.text for row in shown(overview.ranked(both)).tbody("tr")]
    assert methods == ["vae, seed 0", "vae, seed 1"]


def test_a_pair_counts_for_both_of_it_and_only_if_clear():
    table = overview.order(
        differences(
            ("good", "0", "bad", "0", 0.3, 0.2, 0.4, 0.001, 0.01),
            ("bad", "0", "best", "0", -0.4, -0.5, -0.3, 0.001, 0.01),
            ("best", "0", "good", "0", 0.1, 0.0, 0.2, 0.03, 0.3),
        )
    )
    assert table.to_numpy().tolist() == [
        ["good", "bad", "none"],
        ["best", "bad", "none"],
        ["bad", "none", "best, good"],
    ]


def test_the_floor_is_in_the_heading_and_small_numbers_keep_no_sign():
    table = overview.against_floor(
        differences(("vae", "0", "floor: knn", "", -0.0001, -0.1, 0.1, 0.9, 0.00001))
    )
    page = shown(table)
    assert [cell.text for cell in page.thead("th")] == [
        *(
            "method",
            "AUROC of it minus floor: knn [95 % interval]",
            "p",
            "p (Holm)",
            "test",
            "rank correlation",
        )
    ]
    assert [cell.text for cell in page.tbody("td")] == [
        *("vae", "+0.000\xa0[-0.100,\xa0+0.100]", "0.9000", "<\xa00.0001", "DeLong", "0.250")
    ]


def test_page_06_names_the_detectors_that_order_films_most_and_least_alike():
    pairs = [("a", "b"), ("a", "c"), ("b", "c")]
    tests = differences(*[(x, "0", y, "0", 0.1, 0.0, 0.2, 0.04, 0.08) for x, y in pairs])
    tests["correlation"] = [0.9, -0.2, 0.5]
    assert overview.of_correlations(tests).replace("&#58;", ":") == (
        "- limbs: most alike are a and b (0.90), least a and c (-0.20); the median of 3 pairs is "
        "0.50."
    )


def test_kappa_per_study_is_ordered_and_has_that_of_radiologists_on_mura_alone():
    metric, of_recall = overview.KAPPA
    rows = results_of(("vae", metric, 0.2), ("resnet", metric, 0.7), ("vae", of_recall, 0.9))
    table = overview.kappas(rows.assign(dataset="mura"))
    assert table["method"].str.partition(",")[0].tolist() == [
        *(overview.RADIOLOGISTS, "resnet", "vae")
    ]
    assert shown(table).tbody("td")[1].text == "0.778"
    assert overview.kappas(rows.assign(dataset="limbs"))["method"].tolist() == ["resnet", "vae"]


def test_page_06_counts_permutation_tests_per_data_set():
    tests = differences(*[("a", "0", "b", "0", 0.1, 0.0, 0.2, 0.04, 0.08)] * 3)
    tests = tests.assign(dataset=["many", "few", "few"], test=["DeLong", "DeLong", "permutation"])
    assert overview.of_tests(tests).endswith("among all pairs: on many, 0 of 1; few, 1 of 2.")
    assert overview.of_tests(tests[:0]) == ""


@pytest.mark.parametrize("intervals", [False, True])
def test_measures_have_one_row_per_method_and_only_the_columns_there_are(intervals):
    rows = results_of(("vae", "brier", 0.2), ("nsa", "brier", 0.1), ("nsa", "auroc", 0.9))
    table = overview.measures(rows, overview.CALIBRATION, intervals)
    assert list(table) == ["method", "Brier score, logistic"]
    cells = [cell.text for cell in shown(table).tbody("td")]
    values = ["0.200[0.100,\xa00.300]", "0.100[0.000,\xa00.200]"]
    assert cells == [
        "vae",
        values[0] if intervals else "0.200",
        "nsa",
        values[1] if intervals else "0.100",
    ]


def test_aupro_by_size_has_a_column_for_each_size_with_its_films():
    rows = results_of(("vae", "aupro", 0.2), ("nsa", "aupro", 0.3), ("vae", "aupro", 0.7))
    small, large = OF_SIZE["small"], OF_SIZE["large"]
    rows = rows.assign(group=[small, small, large], n=[20, 22, 9])
    table = overview.by_size(rows)
    heads = ["small lesions, below 1 % of the film (films: 20-22)"]
    assert list(table) == ["method", *heads, "large lesions, from 4 % of the film (films: 9)"]
    assert [cell.text for cell in shown(table).tbody("td")][1] == "0.200[0.100,\xa00.300]"
    assert overview.of_sizes(rows) == (
        "- limbs: small lesions, below 1 % of the film: median 0.25, highest 0.30 (nsa); large "
        "lesions, from 4 % of the film: median 0.70, highest 0.70 (vae)."
    )
    whole = rows.assign(group="all", metric="auroc")
    page = overview.where_maps_point(pd.concat([whole, rows]).assign(level="pixel"))
    order = ["Exact masks, with", "AUROC over pixels", "AUPRO by size", heads[0], "median 0.25"]
    assert [page.index(words) for words in order] == sorted(map(page.index, order))
    assert "Boxes" not in page


def test_the_curves_of_a_set_are_of_all_methods_and_the_best_floor_without_fusions():
    names = ["vae", "vae", "dmsad", "floor: knn", "floor: mean grey", "both: sum"]
    families = ["reconstruction", "reconstruction", "few_labels", "floor", "floor", "fusion"]
    auroc = results_of(*((name, "auroc", 0.5 + n / 20) for n, name in enumerate(names)))
    auroc = auroc.assign(family=families, seed=["0", "1", "0", "", "", "0"])
    auroc.loc[auroc["method"].eq("floor: knn"), "value"] = 0.9
    keys = auroc[["dataset", "method", "seed"]]
    roc = pd.concat([keys.assign(fpr=rate, tpr=rate) for rate in (0.0, 1.0)])
    ((dataset, drawn, floor),) = overview.curves(roc, auroc)
    assert (dataset, floor) == ("limbs", "floor: knn")
    assert drawn["name"].unique().tolist() == ["vae", "dmsad", "floor: knn"]
    assert set(drawn["seed"]) == {"0", ""} and drawn["name"].value_counts().eq(2).all()
    assert drawn.groupby("name")["auroc"].first()["dmsad"] == 0.6


def test_the_sentence_on_the_curves_has_the_numbers_of_the_table():
    rows = results_of(*((name, "recall", n / 10) for n, name in enumerate(["a", "b", "c", "f"], 2)))
    rows = rows.assign(family=["one_class", "one_class", "supervised", "floor"])
    assert overview.of_curves(rows) == (
        "- limbs: the recall at a specificity of 90 % is 0.20 (a) to 0.40 (c); a score without "
        "information would have 0.10."
    )
    assert " is 0.40 (c); a score" in overview.of_curves(rows[rows["family"].eq("supervised")])


def test_the_best_are_named_within_equal_pre_training(monkeypatch):
    fusions = {"joined": grid.Fusion(["vae", "padim/mean"]), "mere": grid.Fusion(["vae", "bigan"])}
    monkeypatch.setattr(grid, "fusions", lambda: fusions)
    assert pretraining("transfer_resnet") == "ImageNet", "the default of its class"
    names = ["vae", "bigan", "padim", "joined", "mere: rank average", "floor: knn"]
    before = [pretraining(name) for name in names]
    assert before == ["none", "none", "ImageNet", "ImageNet", "none", "none"]
    auroc = results_of(*((name, "auroc", 0.5 + n / 50) for n, name in enumerate(names)))
    auroc.loc[5, "family"] = "floor"
    assert overview.best(auroc) == (
        "- limbs, 90 test films, 36 of them abnormal: best floor knn **0.600** "
        "[0.500, 0.700]; best detector without "
        "pre-training on photographs mere&#58; rank average **0.580** [0.480, 0.680]; best "
        "detector with it joined **0.560** [0.460, 0.660]."
    )
    assert overview.best(auroc[:2]).count("best") == 1


def test_networks_that_learn_from_labels_and_have_none_are_counted_apart():
    untaught = "In the ablation x, unlabelled: ValueError: ResNet learns from labelled films "
    untaught += "of both classes; it was given 9 normal and 0 abnormal ones."
    other = "ValueError: ResNet learns from labelled films of both classes; it was given 9 normal"
    failures = pd.DataFrame(
        [("limbs", "resnet_few", n, untaught) for n in range(3)] + [("limbs", "resnet", 0, other)],
        columns=["dataset", "method", "seed", "reason"],
    )
    assert overview.unintended(failures)["method"].tolist() == ["resnet"]
    words = overview.of_intended(failures)
    assert words.startswith("3 further fits have no")
    assert "resnet&#95;few)" in words and overview.of_intended(failures[3:]) == ""
    assert overview.unintended(failures[:0]).empty


def test_what_pre_training_is_worth_is_given_with_intervals():
    rows = results_of(
        ("padim", "auroc_difference", 0.05),
        ("patchcore", "auroc_difference", 0.2),
        family="ablation: backbone",
    )
    p_values = rows.assign(metric="auroc_difference_p_holm", value=[0.3, 0.01])
    others = pd.concat([rows, p_values]).assign(family="ablation: center")
    changes = overview.changes(pd.concat([rows, p_values, others]))
    words = overview.of_pretraining(changes)
    assert "by patchcore +0.200 [+0.100, +0.300], padim +0.050 [-0.050, +0.150]. Clear" in words
    assert words.endswith(": patchcore.") and overview.of_pretraining(changes[:0]) == ""
    assert words.count("padim") == 1
    assert overview.differences(changes)["p (Holm)"].tolist() == ["0.3000", "0.0100"] * 2
    assert overview.changes(rows)["p_holm"].isna().all(), "one seed has no p value"
