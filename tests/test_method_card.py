"""The card of a method: links that lead somewhere, equations whole, parameters as they are."""

import csv
import inspect
import re

import pandas as pd
import pytest
from bs4 import BeautifulSoup

from lib import ROOT, ablations, grid, methods, params, prose, report
from lib.comparison import published
from lib.comparison.tables import COLUMNS
from lib.fits import method_card
from lib.fits.catalogue import catalogue, has_map
from lib.fits.families import FOLDER, OTHERS, family, limitations
from lib.fits.keywords import keywords, meanings
from lib.grid import Fit
from lib.report.equations import markdown2html

NO_RESULTS = pd.DataFrame(columns=COLUMNS)


def html(markdown):
    return BeautifulSoup(report.safe_html(markdown2html(markdown, ROOT)), "html.parser")


@pytest.mark.parametrize("method", methods.names())
def test_every_paper_that_a_method_names_is_a_link(method, monkeypatch):
    monkeypatch.setattr(params, "method_of", lambda name: name)
    page = html(method_card.text(method))
    for link in page("a", href=re.compile("^https?:")):
        number = re.search(r"\d{4}\.\d{4,5}", link.text)
        assert number is None or number[0] in link["href"]
    for other in page(["a", "pre", "code"]):
        other.decompose()
    assert not re.search(r"arXiv\s+\d{4}\.", page.text)
    assert method_card.paper(method).startswith("[")


def test_links_leave_equations_code_and_links_as_they_are():
    equation = "    D(x)   (1704.00028, equation 3)\n"
    words = (
        f"See arXiv\n1706.04987 and `arXiv 1802.06222`:\n\n{equation}\nThen 1704.00028, 1000.1234."
    )
    linked = method_card.linked(words)
    assert "[arXiv 1706.04987](https://arxiv.org/abs/1706.04987)" in linked
    assert "`arXiv 1802.06222`" in linked and equation in linked
    assert "[1704.00028](https://arxiv.org/abs/1704.00028), 1000.1234." in linked
    assert method_card.linked(linked) == linked
    assert method_card.linked("(doi\n10.1016/j.media.2019.01.010);") == (
        "([doi 10.1016/j.media.2019.01.010](https://doi.org/10.1016/j.media.2019.01.010));"
    )
    assert method_card.linked("Spahr's X-ray\ncode, X-ray code").count("](https://github") == 1


def test_a_list_and_a_table_of_what_differs_are_shown_as_such():
    words = "Text.\n\nDiffers from the paper\n1. One;\n   more.\n2. Two\n\nDiffers too\n3. Three"
    page = html(method_card.structured(words))
    assert [bold.text for bold in page("strong")] == ["Differs from the paper", "Differs too"]
    assert [item.text.split()[0] for item in page("li")] == ["One;", "Two", "Three"]
    assert page("ol")[1]["start"] == "3"
    table = "**Differs**\n\n| what | here |\n| --- | --- |\n| 1. a | b |"
    assert method_card.structured(table) == table and html(table).td.text == "1. a"


def test_equations_are_whole():
    for method in methods.names():
        body = method_card.docstring(method).text
        blocks = re.findall(r"(?:^ {4}.*\n)+", body, re.MULTILINE)
        shown = html(method_card.structured(body))
        assert len(shown("pre")) >= min(1, len(blocks))
        for line in blocks[0].strip("\n").splitlines() if blocks else []:
            assert line[4:] in shown.pre.text


@pytest.mark.parametrize("method", methods.names())
def test_keywords_are_those_that_the_classes_take(method, monkeypatch):
    monkeypatch.setattr(params, "method_of", lambda name: name)
    taken = {}
    for kind in reversed(methods.find(method).__mro__):
        if "__init__" in vars(kind) and kind.__module__.startswith("lib."):
            for name, one in inspect.signature(kind.__init__).parameters.items():
                if one.kind is one.KEYWORD_ONLY:
                    taken[name] = one.default
    known = keywords(method)
    assert set(known) <= set(taken) and {"epochs", "batch_size", "seed"} <= set(known)
    for name, default in taken.items():
        assert name not in known or known[name].default == repr(default) or default == ""
    assert list(known)[-1] in ("seed", "mirrored") and known["epochs"].of_all


def test_a_keyword_that_a_class_fixes_for_its_parent_is_no_keyword_of_it():
    assert {"gamma", "spheres", "latent_dim"} <= set(keywords("dmsad"))
    assert not {"nu", "boundary"} & set(keywords("dmsad"))
    assert {"eta", "subspace"} <= set(keywords("joint_deep_sad"))
    assert keywords("vae_gan")["learning_rate"].default.startswith("{'encoder'")


def test_what_a_docstring_says_of_keywords():
    text = "A class.\n\n- `a`, `b`: both of them,\n  in two lines\n"
    text += "- `c`: one; `d`: another.\n\n`e`: no"
    assert meanings(text) == {
        "a": "both of them, in two lines",
        "b": "both of them, in two lines",
        "c": "one",
        "d": "another",
        "e": "no",
    }


def test_parameters_say_what_was_used_and_what_is_usual():
    fit = Fit("mura", "dmsad")
    entry = {"labels": {"normal": 0.05}, "updates": 7, "spheres": 3, "batch_size": 8}
    table = method_card.parameters(fit, entry).set_index("parameter")
    assert table.loc["`labels`", ["here", "default"]].tolist() == ["normal 0.05", "none"]
    assert table.loc["`spheres`", ["here", "default"]].tolist() == ["3", "100"]
    assert table["here"]["`epochs`"] == "7 updates" and table["here"]["`gamma`"] == ""
    assert "`augment`" not in table.index, "as usual"
    assert table.index.get_loc("`spheres`") < table.index.get_loc("`batch_size`")


def test_a_title_names_method_data_labels_and_seed():
    title = method_card.title(Fit("mura", "joint_deep_sad_subspace", seed=3))
    assert title == (
        "Joint Deep SAD (subspace) on mura phantoms, 5\N{NO-BREAK SPACE}% known normal + "
        "5\N{NO-BREAK SPACE}% known abnormal, seed 3"
    )
    titles = [method_card.title(fit) for fit in grid.fits()]
    assert len(set(titles)) == len(titles)


def test_published_numbers_are_sourced_and_belong_to_methods():
    with method_card.PUBLISHED.open() as file:
        rows = list(csv.DictReader(file))
    entries = set(params.methods())
    for row in rows:
        assert row["method"] in entries, row
        linked, slides = "](https://" in row["source"], row["source"].startswith("slides ")
        assert linked or (slides and row["note"].endswith("not documented")), row
        assert re.match(r"\.\d+( to \.\d+)?$", row["value"]), row
        assert row["dataset"] in ("mura", "nih", "rsna") and row["note"]
        assert row["pretraining"] in published.PRETRAINED, row
    assert len({tuple(row.values()) for row in rows}) == len(rows)


def test_ours_is_next_to_numbers_on_the_same_data_alone():
    results = pd.DataFrame(
        {"level": "image", "group": "all", "metric": ["auroc"], "value": [0.6037]}
    )
    ours = method_card.published(Fit("mura", "deep_svdd"), results).set_index("data set")["ours"]
    assert ours["mura"] == "0.604" and ours["rsna"] == ""
    assert method_card.published(Fit("mura", "synthetic_lesions"), NO_RESULTS).empty


def test_the_catalogue_has_every_method_of_the_grids():
    results = pd.DataFrame(
        [
            ("mura", "resnet", "supervised", 0.8, "0"),
            ("mura", "resnet", "supervised", 0.6, "1"),
            ("mura", "resnet", f"{ablations.ABLATION}x", 0.1, "0"),
            ("mura", "floor: knn", "floor", 0.5, ""),
        ],
        columns=["dataset", "method", "family", "value", "seed"],
    ).assign(level="image", group="all", metric="auroc")
    table = catalogue(results)
    fusions = {name for name, fusion in grid.fusions().items() if fusion.rule}
    assert len(table) == len(set(grid.families()) & set(params.methods())) + len(fusions)
    joined = table.set_index("method").query("family == 'fusion'")
    assert fusions == {"label_free"} and "`padim`" in joined.index[0]
    assert joined["labels"].tolist() == ["unlabelled"] and joined["map"].tolist() == ["yes"]
    of_resnet = table.set_index("method").loc["Supervised residual network (`resnet`)"]
    assert of_resnet["AUROC on mura"] == "0.700", "a mean over the seeds of the grid alone"
    marked = catalogue(results, lambda dataset, method: f" on {dataset}")["AUROC on mura"]
    assert set(marked) == {"", "0.700 on mura"}
    assert (
        of_resnet["map"] == "yes"
        and of_resnet["pre-training"] == "none"
        and of_resnet["labels"] == "supervised"
    )
    page = html(prose.table(table))
    rows = page.tbody("tr")
    assert all(row.find("a") for row in rows[: -len(fusions)]), "a paper"


def test_entries_of_one_method_have_words_of_their_own():
    """Titles, and how a detector of the first page is described."""
    names = [method_card.name_of(name) for name in params.methods()]
    assert len(set(names)) == len(names)
    words = "Supervised residual network (few labels, films of unknown label as normal)"
    assert method_card.name_of("resnet_few_pu") == words
    assert method_card.setting_of("padim") == ""


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.md")), ids=lambda path: path.stem)
def test_a_family_has_an_idea_equations_and_limitations(path):
    words = family(path.stem)
    page = html(words.idea)
    assert page.find(class_="equation").math.mi
    assert not set("$\\{") & set(page.text), "all of it is understood"
    assert html(words.limitations).li and words.title
    assert path.stem in grid.families().values()


def test_a_card_has_the_limitations_of_its_method_alone():
    reconstructing, nsa, drawn = (
        limitations("reconstruction", name) for name in ("vae", "nsa", "synthetic_lesions")
    )
    assert "latent size" in reconstructing and "added to normal films" not in reconstructing
    assert "latent size" not in nsa + drawn and "residual" not in nsa + drawn
    assert "added to normal films" in nsa and "phantoms are drawn" not in nsa
    assert "phantoms are drawn" in drawn
    assert "drawn lesions" not in limitations("few_labels", "deep_sad")
    assert limitations("of_my_own", "mine") == ""
    for text in (reconstructing, nsa, drawn):
        assert "hides small lesions" in text and "#" not in text
        assert len(html(text)("ul")) == 1


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.md")), ids=lambda path: path.stem)
def test_a_heading_of_limitations_names_methods_of_its_family(path):
    for heading in re.findall("^### (.+)", family(path.stem).limitations, re.MULTILINE):
        names = re.findall("`(.+?)`", heading)
        assert names or heading == f"Of {OTHERS}"
        assert all(grid.families()[name] == path.stem for name in names)


def test_a_family_without_words_has_its_name():
    assert family("of_my_own") == ("Of my own methods", "", "")


def test_equations_are_mathml_that_pages_let_through():
    words = "With $c * d * e$:\n\n$$ \\frac{1}{n} \\sqrt{x}\n< \\sum_{k} R^2 $$\n\nend"
    page = html(words)
    line = page.find(class_="equation").math
    assert line["display"] == "block" and line.text == "1nx<∑kR2"
    assert [part.text for part in line.mfrac(["mn", "mi"])] == ["1", "n"]
    assert line.msqrt.text == "x" and [part.text for part in line.msup(["mi", "mn"])] == ["R", "2"]
    assert page.p.math.text == "c*d*e" and not page.em


@pytest.mark.parametrize("latex", ["a^", "a_1_2", "\\left("])
def test_an_equation_that_is_not_understood_is_shown_as_it_is_written(latex):
    assert html(f"With ${latex}$.").code.text == latex


def test_a_dollar_of_the_data_or_of_code_begins_no_equation():
    page = html(f"{prose.literal('$x_1$ a$b')} and `$a$`")
    assert page.text.strip() == "$x_1$ a$b and $a$" and not page.math


def test_what_equations_may_not_carry_is_left_out_of_pages():
    bad = (
        '<math onclick="x()" href="javascript:x()"><mi style="a">x</mi><maction>y</maction></math>'
    )
    assert report.safe_html(bad) == "<math><mi>x</mi>&lt;maction&gt;y&lt;/maction&gt;</math>"


def test_pages_find_the_files_of_families():
    assert {path.stem for path in FOLDER.glob("*.md")} == set(grid.families().values())
    assert FOLDER.is_relative_to(ROOT / "notebooks")


def test_the_catalogue_says_which_methods_have_a_map():
    with_map = {"padim", "patchcore_anywhere", "feature_flow", "lesion_head", "vae", "nsa"}
    without = {"feature_distance", "linear_probe", "feature_deep_sad"}
    assert {name for name in with_map | without if has_map(name)} == with_map


def test_each_entry_of_a_method_has_its_own_paper():
    papers = {"cutpaste": "2104.04015", "fpi": "2011.04197", "pii": "2107.02622"}
    papers["nsa"] = "2109.15222"
    for entry, number in papers.items():
        assert f"arxiv.org/abs/{number}" in method_card.paper(entry)
