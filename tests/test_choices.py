"""Choices that were made with test scores in sight are marked where their numbers are shown."""

import pandas as pd
import pytest
from bs4 import BeautifulSoup
from nbconvert.filters import markdown2html
from test_overview import results_of

from lib import ROOT, grid, params, pictures
from lib.comparison import choices, overview, recorded
from lib.datasets.entries import load_entries
from lib.figures.glance import best_of_families

PEERS = ["nih_peers", "kermany224_peers"]


def test_every_choice_is_of_methods_and_data_sets_that_there_are_and_has_a_source():
    table = choices.read_choices()
    fusions = {name for one in params.read("study")["grids"].values() for name in one["fusions"]}
    assert set(table["method"]) <= {*grid.families(), *fusions}
    assert set(table["dataset"]) <= set(load_entries())
    assert set(table["profile"]) <= {"", "quick", "hours", "full"}
    assert all((ROOT / source).is_file() for source in table["source"])
    assert not table.duplicated().any() and table["chosen"].ne("").all()


def test_methods_that_share_a_setting_share_the_mark():
    table = choices.read_choices()
    entries = params.read("hours")
    few = {name for name, family in grid.families().items() if family == "few_labels"}
    from_films = {name for name in few if not entries[name].get("features")}
    for dataset in PEERS:
        assert from_films <= set(table.loc[table["dataset"].eq(dataset), "method"])
    augmented = {name for name in grid.families() if entries.get(name, {}).get("augment")}
    knees = {name for name, entry in load_entries().items() if entry.get("upright")}
    upright = table[table["chosen"].str.contains("upright")]
    assert set(upright["dataset"]) == knees and set(upright["method"]) == augmented


@pytest.mark.parametrize(
    ("dataset", "method", "profile", "number"),
    [
        ("nih_peers", "deep_sad", "hours", 1),
        ("nih_peers", "deep_sad", "quick", 0),
        ("nih_peers", "joint_deep_sad", "hours", 2),
        ("nih_peers", "vae", "hours", 0),
        ("mura", "deep_sad", "hours", 1),
        ("nih_peers", "few labels: logistic", "quick", 2),
        ("nih_peers", "across families: logistic", "hours", 0),
        ("nih_peers", "floor: knn", "hours", 0),
    ],
)
def test_a_choice_concerns_its_methods_data_sets_and_profile(
    dataset, method, profile, number, monkeypatch
):
    monkeypatch.setattr(params, "profile_name", lambda: profile)
    monkeypatch.setattr(grid, "datasets", lambda: [dataset])
    fusions = params.read("study")["grids"]["peers"]["fusions"]
    declared = {name: grid.Fusion(one) for name, one in fusions.items() if isinstance(one, list)}
    monkeypatch.setattr(grid, "fusions", lambda: declared)
    assert len(choices.chosen_in_sight(dataset, method)) == number


def test_numbers_of_the_record_have_the_marks_of_its_own_profile(monkeypatch):
    monkeypatch.setattr(params, "profile_name", lambda: "hours")
    assert "nih_peers" not in grid.datasets() and not choices.marked("nih_peers", "deep_sad")
    monkeypatch.setattr(grid, "datasets", lambda: ["nih_peers"])
    assert choices.marked("nih_peers", "deep_sad"), "chosen in sight in the profile hours"


def test_the_paragraph_names_what_the_marks_in_the_table_are():
    rows = results_of(("lesion_deep_sad", "auroc", 0.8), ("vae", "auroc", 0.6)).assign(
        dataset="nih_peers", level="image"
    )
    page = BeautifulSoup(markdown2html(overview.leaderboards(rows)), "html.parser")
    assert [row.td.text for row in page.tbody("tr")] == ["lesion_deep_sad †", "vae"]
    assert (
        page("p")[-1].text == BeautifulSoup(markdown2html(choices.note("†")), "html.parser").p.text
    )
    assert page.p.text == (
        "† marks results that are optimistic, since something was chosen when test scores of the "
        "same films had been seen: the method itself (lesion_deep_sad, on nih_peers)."
    )
    assert choices.paragraph([("mura", "vae")]) == ""
    assert choices.MARK not in overview.leaderboards(rows[rows["method"].eq("vae")])
    tests = pd.DataFrame(
        {"method_a": ["lesion_deep_sad"], "seed_a": "0", "method_b": "floor: knn", "seed_b": ""}
    ).assign(dataset="nih_peers", difference=0.1, low=0.0, high=0.2, p_value=0.1, p_holm=0.1)
    tests = tests.assign(test="DeLong", correlation=0.5)
    assert overview.against_floor(tests)["method"].tolist() == ["lesion&#95;deep&#95;sad †"]


def test_the_pictures_of_the_readme_mark_their_methods(monkeypatch):
    drawn = {}
    monkeypatch.setattr(
        pictures, "_write", lambda figure, name: drawn.update({name: figure.get_label()})
    )
    pictures.at_a_glance()
    marked = choices.with_marks(best_of_families(recorded.auroc()))["method"]
    assert marked.str.contains(choices.MARK).any()
    assert drawn["results_real.png"].count(choices.MARK) == marked.str.count(choices.MARK).sum()


@pytest.mark.parametrize(
    "table",
    [
        overview.ranked,
        lambda rows: overview.measures(rows, {"auroc": "AUROC"}),
        lambda rows: overview.scores(rows.assign(metric="auroc_of_logits")),
        lambda rows: overview.unlike(pd.concat([rows, rows.assign(group=overview.UNLIKE)])),
        lambda rows: overview.differences(rows.assign(family="ablation: x", p_holm=0.5)),
        lambda rows: choices.with_marks(rows),
        lambda rows: pd.DataFrame({"method": [overview.best(rows)]}),
        lambda rows: pd.DataFrame(
            {
                "words": [
                    overview.of_pretraining(rows.assign(family="ablation: backbone", p_holm=0.5))
                ]
            }
        ),
    ],
)
def test_every_table_and_figure_marks_the_same_methods(table):
    row = results_of(("lesion_deep_sad", "auroc", 0.8)).assign(group="all")
    for dataset, times in {"nih_peers": 1, "kermany224": 0}.items():
        words = "".join(map(str, table(row.assign(dataset=dataset)).to_numpy().ravel()))
        assert words.count(choices.MARK) == times, dataset
