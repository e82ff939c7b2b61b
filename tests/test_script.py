"""Pages as a reader uses them in a browser: tables that sort and filter, a threshold that moves."""

import re

import nbformat
import numpy as np
import pandas as pd
import pytest
from browser import missing, needs_chromium, on_paper, problems
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_notebook, new_output
from test_overview import cut

from lib import ROOT, figures, metrics, prose, report
from lib.comparison import operating_points
from lib.report import folded, folded_figure
from lib.report.rendering import render, script

pytestmark = pytest.mark.seconds(30)

METHODS = [f"joint_method_{n}_subspace" for n in range(20)]
VALUES = [0.803, 0.1, 0.25, None, *np.linspace(0.3, 0.9, 16).round(3)]
INTERVALS = ["" if v is None else prose.interval(v, v - 0.1, v + 0.1) for v in VALUES]
LABELS = "5 % normal + 5 % abnormal, validation labels"
WIDE = pd.DataFrame(
    {
        "method": METHODS,
        "AUROC on mura": map(prose.unbroken, INTERVALS),
        "AUROC on nih": VALUES,
        "films (abnormal)": [prose.unbroken(f"{1000 - n} (44%)") for n in range(20)],
        "p": [prose.p_value(10.0 ** (-n / 2)) for n in range(20)],
        "family": ["reconstruction", "few labels"] * 10,
        "pre-training": "ImageNet",
        "known labels": [LABELS] * 19 + [""],
        "paper": "Somebody et al., Some Workshops 2022",
    }
)
SHORT = pd.DataFrame({"data set": ["b", "a", "c"], "films": ["1,024", "90", "-3"]})
TEST = pd.DataFrame(
    {
        "label": [0.0, 1.0, np.nan] * 20,
        "score": np.random.default_rng(0).normal(size=60) + np.tile([0, 1, 0], 20),
    }
)
OWN = {"5 % false alarms": 1.3, "90 % recall": 0.2}


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Return a page of a long table, a short one and decisions, made without running anything."""
    shown = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(operating_points, "display", lambda data, raw: shown.append(data))
        operating_points.show(TEST, OWN)
    data = [{"text/markdown": f"# Tables\n\n{prose.table(WIDE)}\n"}, *shown]
    data += [{"text/markdown": prose.table(SHORT)}]
    cells = [new_code_cell("1", outputs=[new_output("display_data", data=one)]) for one in data]
    notebook = nbformat.from_dict(new_notebook(cells=cells))
    report.number_cells(notebook, stopped=False)
    file = tmp_path_factory.mktemp("pages") / "page.html"
    file.write_text(render(notebook, file, failure="", made={}, pictures=ROOT))
    return file


@pytest.fixture
def window(browser, page):
    browser.open(page)
    return browser


def column(window, table, number):
    rows = f"[...document.querySelectorAll('table')[{table}].tBodies[0].rows]"
    cells = f"{rows}.filter(r => !r.hidden).map(r => r.cells[{number}].innerText)"
    return [text.replace("\xa0", " ") for text in window.value(cells)]


def click(window, table, number):
    head = f"document.querySelectorAll('table')[{table}].tHead.rows[0].cells[{number}]"
    window.value(f"{head}.querySelector('button').click()")
    return window.value(f"{head}.getAttribute('aria-sort')")


@needs_chromium
def test_every_page_there_is_fits_its_window_and_runs_without_an_error(page, browser):
    """Pages of reports/ that other templates made are not looked at."""
    built = sorted((ROOT / "reports").rglob("*.html"))
    current = [path for path in built if script()["script_hash"] in path.read_text()]
    wrong = {}
    for path in [page, *current]:
        soup = BeautifulSoup(path.read_text(), "html.parser")
        if flaws := [*cut(soup), *missing(soup), *problems(browser, path)]:
            wrong[str(path)] = flaws
    assert wrong == {}


def page_with(shown, folder):
    """Return a page of one cell that displays HTML."""
    output = new_output("display_data", data={"text/html": shown})
    notebook = nbformat.from_dict(new_notebook(cells=[new_code_cell("1", outputs=[output])]))
    report.number_cells(notebook, stopped=False)
    file = folder / "page.html"
    file.write_text(render(notebook, file, failure="", made={}, pictures=ROOT))
    return file


@needs_chromium
def test_a_folded_figure_is_drawn_when_it_is_opened_and_keeps_its_description(browser, tmp_path):
    figure = figures.separated(["<vae>", "padim"], [0.7, 0.6], [range(2)])
    browser.open(page_with(folded_figure('The "bars"', figure).data, tmp_path))
    picture = "document.querySelector('details:not(.code) img')"
    assert browser.value(f"{picture}.checkVisibility()") is False
    browser.value("document.querySelector('details:not(.code)').open = true")
    assert browser.value(f"{picture}.checkVisibility() && {picture}.naturalWidth") == 520
    assert browser.value(f"{picture}.alt") == figure.get_label()
    assert browser.value("document.querySelector('details:not(.code) summary').innerText") == (
        'The "bars"'
    )
    assert browser.problems == []


@needs_chromium
def test_the_filter_of_a_folded_table_is_folded_with_it(browser, tmp_path):
    file = page_with(folded("20 rows", prose.table(WIDE)).data, tmp_path)
    browser.open(file)
    filters = "[...document.querySelectorAll('.filter')].map(one => one.checkVisibility())"
    assert browser.value(filters) == [False]
    browser.value("document.querySelector('details:not(.code)').open = true")
    assert browser.value(filters) == [True] and problems(browser, file) == []


@needs_chromium
def test_a_table_that_is_too_wide_is_noticed(page, browser, tmp_path):
    wide = tmp_path / "wide.html"
    wide.write_text(page.read_text().replace("Somebody et al.", "Somebody" * 40))
    assert any(words.startswith("at 1000 px TABLE") for words in problems(browser, wide))


@needs_chromium
def test_on_a_phone_cells_of_several_lines_are_below_each_other_each_with_its_name(
    browser, tmp_path
):
    heads = "".join(f"<th>{name}</th>" for name in ("films", "without labels", "with labels"))
    row = "<tr><td>chests</td>" + "<td>a detector<br>0.797 [0.727, 0.859]</td>" * 2 + "</tr>"
    file = page_with(
        f"<table><thead><tr>{heads}</tr></thead><tbody>{row * 3}</tbody></table>", tmp_path
    )
    tops = """[...document.querySelector('tbody').rows[1].cells].map(cell =>
      [cell.getBoundingClientRect().top, getComputedStyle(cell, '::before').content])"""
    browser.open(file, 360)
    (first, none), (second, without), (third, with_labels) = browser.value(tops)
    assert first < second < third
    assert [without, with_labels] == ['"without labels"', '"with labels"'] and none == "none"
    assert browser.value("document.querySelector('table').scrollWidth") <= 360
    browser.open(file, 1000)
    assert len({top for top, _ in browser.value(tops)}) == 1
    assert {name for _, name in browser.value(tops)} == {"none"}
    assert problems(browser, file) == []


@needs_chromium
def test_on_a_phone_a_wide_table_says_that_it_goes_on_and_its_last_column_is_reached(page, browser):
    browser.open(page, 400)
    more = "[...document.querySelectorAll('.more')].map(one => one.checkVisibility())"
    assert browser.value(more) == [True, True, False], "of a short table there is no more"
    last = """(() => { const table = document.querySelector('table'); table.scrollLeft = 9999;
      const cell = [...table.tBodies[0].rows[0].cells].at(-1).getBoundingClientRect();
      return [cell.left, cell.right, table.tabIndex]; })()"""
    left, right, order = browser.value(last)
    assert 100 < left < right <= 400 and order == 0
    browser.open(page, 1000)
    assert browser.value(more)[2] is False


@needs_chromium
def test_a_column_sorts_by_its_first_number_up_down_and_as_it_was(window):
    assert click(window, 0, 1) == "ascending"
    first = [re.match(r"[\d.]*", text)[0] for text in column(window, 0, 1)]
    assert first[-1] == "" and sorted(first[:-1], key=float) == first[:-1]
    assert click(window, 0, 1) == "descending"
    first = [re.match(r"[\d.]*", text)[0] for text in column(window, 0, 1)]
    assert first[-1] == "" and sorted(first[:-1], key=float, reverse=True) == first[:-1]
    assert click(window, 0, 1) is None and column(window, 0, 0) == METHODS
    assert click(window, 0, 4) == "ascending"
    assert column(window, 0, 4)[0] == "< 0.0001" and column(window, 0, 4)[-1] == "1.0000"
    assert window.value("document.querySelectorAll('[aria-sort]').length") == 1
    assert click(window, 2, 1) == "ascending"
    assert column(window, 2, 1) == ["-3", "90", "1,024"]
    assert click(window, 2, 0) == "ascending" and column(window, 2, 0) == ["a", "b", "c"]


@needs_chromium
def test_words_sort_as_words_with_their_numbers_in_order(window):
    click(window, 0, 0)
    assert column(window, 0, 0) == METHODS
    click(window, 0, 5)
    assert column(window, 0, 5) == ["few labels"] * 10 + ["reconstruction"] * 10


@needs_chromium
def test_the_keyboard_sorts(window):
    window.value("document.querySelectorAll('table')[2].querySelector('button').focus()")
    window.press("Enter")
    assert column(window, 2, 0) == ["a", "b", "c"]
    window.press(" ")
    assert column(window, 2, 0) == ["c", "b", "a"]


@needs_chromium
def test_a_long_table_filters_by_text_in_any_cell(window):
    assert window.value("document.querySelectorAll('.filter').length") == 1
    field = "document.querySelector('.filter input')"
    window.value(f"{field}.focus()")
    window.ask("Input.insertText", text="FEW lab")
    assert column(window, 0, 5) == ["few labels"] * 10
    assert "10 of 20 rows" in window.value("document.querySelector('.filter').innerText")
    click(window, 0, 0)
    click(window, 0, 0)
    assert column(window, 0, 0) == METHODS[1::2][::-1], "sorted and still filtered"


@needs_chromium
def test_a_column_of_few_values_filters_by_a_list_and_by_the_keyboard(window):
    """A list for the family, whose values differ; none for columns with one value or measures."""
    lists = "[...document.querySelectorAll('.filter select')]"
    labels = window.value(f"{lists}.map(one => one.labels[0].firstChild.data.trim())")
    assert labels == ["family", "known labels"]
    options = window.value(f"{lists}.map(one => [...one.options].map(option => option.text))")
    assert options[0] == ["all", "few labels", "reconstruction"]
    assert options[1] == ["all", "(empty)", LABELS]
    window.value(f"{lists}[0].focus()")
    window.press("ArrowDown")
    assert column(window, 0, 5) == ["few labels"] * 10
    window.value(f"{lists}[1].focus()")
    window.press("ArrowDown")
    assert column(window, 0, 0) == [METHODS[19]], "of few labels, with empty labels"
    window.value("document.querySelector('.filter input').focus()")
    window.ask("Input.insertText", text=METHODS[3])
    assert column(window, 0, 0) == []
    assert "0 of 20 rows" in window.value("document.querySelector('.filter').innerText")
    window.value(f"{lists}[1].focus()")
    window.press("ArrowUp")
    assert column(window, 0, 0) == [METHODS[3]], "any labels, and the text still counts"


KINDS = ("range", "number")


def decision(window):
    values = window.value("[...document.querySelectorAll('.decide dd')].map(v => v.innerText)")
    names = window.value("[...document.querySelectorAll('.decide dt')].map(v => v.innerText)")
    return dict(zip(names, values, strict=True))


def expected(threshold, base_rate):
    known = TEST.dropna()
    flaws = metrics.decide(known["label"], known["score"], threshold)
    recall, specificity = float(flaws.recall()), float(flaws.specificity())
    flagged, ppv, npv = operating_points.predictive(recall, specificity, base_rate)
    shares = [f"{100 * share:.1f} %" for share in (recall, specificity, ppv, npv)]
    names = ["recall", "specificity", "PPV", "NPV"]
    return dict(zip(names, shares, strict=True)) | {
        "flagged per 1,000 films": f"{1000 * flagged:.0f}"
    }


@needs_chromium
def test_a_threshold_moves_at_the_readers_own_base_rate(window):
    slider, share = (
        f"document.querySelector('.decide [type={kind}]')" for kind in ("range", "number")
    )
    assert decision(window) == expected(OWN["5 % false alarms"], 0.5)
    window.value(f"{share}.select()")
    window.ask("Input.insertText", text="2")
    assert decision(window) == expected(OWN["5 % false alarms"], 0.02)
    every = operating_points.steps(TEST.dropna(), OWN.values())
    window.value(f"{slider}.focus()")
    for _ in range(3):
        window.press("ArrowLeft")
    at = every["threshold"].to_numpy()[np.searchsorted(every["threshold"], 1.3) - 3]
    assert decision(window) == expected(at, 0.02)
    assert window.value(f"{slider}.getAttribute('aria-valuetext')") == f"{at:.4g}"
    window.value(f"{slider}.value = 1000; {slider}.dispatchEvent(new Event('input'))")
    assert decision(window)["PPV"] == "no film" and decision(window)["recall"] == "0.0 %"
    window.value(f"{share}.select()")
    window.ask("Input.insertText", text="120")
    assert "from 0.1 to 99.9" in decision(window)["NPV"]
    assert window.value("document.querySelector('.decide dl').ariaLive") == "polite"


@needs_chromium
def test_without_script_and_on_paper_a_page_is_complete_and_has_neither(page, browser):
    browser.ask("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(page)
        soup = BeautifulSoup(browser.value("document.documentElement.outerHTML"), "html.parser")
    finally:
        browser.ask("Emulation.setScriptExecutionDisabled", value=False)
    assert not soup.select(".filter, .decide, .sort, .more, input, select, button")
    assert len(soup.table.tbody("tr")) == 20 and "PPV" in soup("table")[1].text
    assert on_paper(browser, page) == []
    browser.ask("Emulation.setEmulatedMedia", media="print")
    hidden = "[...document.querySelectorAll('.filter, .decide')].map(e => e.checkVisibility())"
    try:
        assert browser.value(hidden) == [False, False]
    finally:
        browser.ask("Emulation.setEmulatedMedia", media="")
    assert browser.value(hidden) == [True, True]


@needs_chromium
def test_no_other_script_runs(window):
    add = "document.body.append(Object.assign(document.createElement('script'), {textContent: "
    window.value(add + "'window.strange = 1'}))")
    assert window.value("window.strange") is None
    assert any("Content Security Policy" in words for words in window.problems)


STYLE = (ROOT / "templates/study/style.css").read_text()


def luminance(colour):
    """Relative luminance of #rrggbb (WCAG 2.2)."""
    parts = np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)]) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def contrast(one, other):
    dark, light = sorted([luminance(one), luminance(other)])
    return (light + 0.05) / (dark + 0.05)


def test_text_of_every_colour_can_be_read_on_every_ground_it_may_have():
    variables = dict(re.findall(r"--([a-z]+): (#[0-9a-f]{6})", STYLE))
    plain = re.sub(r"var\(--([a-z]+)\)", lambda name: variables.get(name[1], name[0]), STYLE)
    rules = re.findall(r"([^{}]+)\{([^{}]*)\}", re.sub(r"/\*.*?\*/", "", plain, flags=re.DOTALL))
    seen = 0
    for selector, body in rules:
        ground = re.findall(r"background(?:-color)?: (#[0-9a-f]{6})", body)
        for colour in re.findall(r"(?<![-\w])color: (#[0-9a-f]{6})", body):
            for behind in ground or [variables["paper"], variables["tint"]]:
                assert contrast(colour, behind) >= 4.5, f"{selector.strip()}: {colour} on {behind}"
                seen += 1
    assert seen > 20
    assert contrast("#ffffff", "#767676") == pytest.approx(4.54, abs=0.01)
