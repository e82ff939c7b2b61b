"""Words of the data come to a page as they are; films as reasons, counts and numbers."""

import pandas as pd
import pytest
from bs4 import BeautifulSoup
from nbconvert.filters import markdown2html

from lib import burned_in, prose, report

ODD = [
    *("$x_1$ and $y$", "a_b_c", "**bold**", "<b>bold</b>", "a|b", "# head", "`code`", "[a](b)"),
    *(
        "&lt;",
        "\\alpha",
        "1. one",
        "~~gone~~",
        "😀",
        "שלום",
        "z" * 300,
        "<script>alert(1)</script>",
    ),
]


@pytest.mark.parametrize("word", ODD)
def test_a_word_survives_markdown_and_tables_to_the_letter(word):
    text = f"Data: **{prose.literal(word)}**.\n\n- {prose.literal(word)}: one\n\n"
    text += f"| a | b |\n| --- | --- |\n| {prose.literal(word)} | 1 |\n"
    page = BeautifulSoup(report.safe_html(markdown2html(text)), "html.parser")
    assert page.strong.text == word
    assert page.li.text.strip() == f"{word}: one"
    assert [cell.text for cell in page("td")] == [word, "1"]
    table = pd.DataFrame({"reason": [word]}).style.hide(axis="index").format(escape="html")
    cells = BeautifulSoup(report.safe_html(table.to_html()), "html.parser")("td")
    assert [cell.text for cell in cells] == [word]


def test_half_a_letter_becomes_a_question_mark():
    assert prose.literal("caf\udce9").endswith("&#63;")


@pytest.mark.parametrize(
    ("numbers", "text"),
    [([], ""), ([7], "7"), ([9, 2, 1, 3, 4], "1-4, 9"), ([1, 3, 5, 6], "1, 3, 5-6")],
)
def test_numbers_are_written_as_ranges(numbers, text):
    assert prose.ranges(numbers) == text


def test_films_left_out_are_summed_up_by_reason_without_a_path():
    problems = pd.DataFrame(
        {
            "number": [1, 2, 3, 4],
            "reason": ["truncated", "one grey level", "truncated", "truncated"],
            "path": ["ours/MUSTER ERIKA/1.dcm"] * 4,
        }
    )
    table = prose.by_reason(problems)
    assert table.to_numpy().tolist() == [["truncated", 3, "1, 3-4"], ["one grey level", 1, "2"]]
    assert prose.by_reason(problems[:0]).empty


def test_the_sentence_on_films_left_out_agrees_with_the_protocol():
    steps = [("films listed", 700), ("left out: other findings", 130), ("left out: unreadable", 2)]
    protocol = pd.DataFrame([*steps, ("left out: copies", 0)], columns=["step", "count"])
    assert prose.about_left_out(protocol, pd.DataFrame({"number": [7, 9]})) == (
        "Films left out in all: 132 (other findings: 130; unreadable: 2). Of these, 2 cannot be "
        "used as they are and have a number."
    )
    assert prose.about_left_out(protocol[:1], protocol[:0]).startswith("Films left out in all: 0. ")


def test_the_sentence_on_burned_in_text_has_the_numbers_of_the_protocol(monkeypatch):
    def sentence(**counts):
        steps = {getattr(burned_in, name): count for name, count in counts.items()}
        protocol = pd.DataFrame({"step": steps.keys(), "count": steps.values()})
        return prose.about_burned_in_text(protocol)

    both = sentence(STATED=60, LOOKED_AT=100, SHOWN=12)
    assert "60 films are marked" in both
    assert "of 100 films on which a detector searched for text, 12 show" in both
    assert "before you share" in both
    monkeypatch.setattr("lib.provenance.holds_phantoms", lambda: False)
    assert "on none was text searched for" in sentence() and "check before you" in sentence()
    monkeypatch.setattr("lib.provenance.holds_phantoms", lambda: True)
    assert sentence().endswith("no text was searched for on them.")
    assert "before you share" in sentence(LOOKED_AT=9, SHOWN=1)


def test_a_table_is_whole_and_its_cells_keep_their_words():
    wide = "a word " * 40
    frame = pd.DataFrame({"what | how": ["[link](x.html)", f"{wide}|b"], "value": [0.12345, None]})
    frame = pd.concat([frame] * 50, ignore_index=True)
    page = BeautifulSoup(report.safe_html(markdown2html(prose.table(frame))), "html.parser")
    rows = page.tbody("tr")
    assert len(rows) == 100 and page.th.text == "what | how"
    assert rows[0].a["href"] == "x.html" and rows[0]("td")[1].text == "0.123"
    assert rows[1].td.text == f"{wide.strip()} |b" and rows[1]("td")[1].text == ""
    assert prose.table(frame[:0]) == ""


def test_links_lead_from_page_to_page():
    card, chapter = "cards/mura/vae-0.html", "chapters/mura/one_class.html"
    assert prose.link("all", chapter, card) == "[all](../../chapters/mura/one_class.html)"
    assert prose.link("card", card, "index.html") == f"[card]({card})"


def test_a_long_name_in_a_cell_breaks_after_an_underscore_alone():
    """On a phone the first column is narrow; text and attributes stay as they are."""
    cells = '<tr><td class="of_one"><a href="a_b.html">deep_sad</a>, &lt;x_y&gt;</td></tr>'
    page = report.safe_html(f"<p>one_line</p><table>{cells}</table>")
    assert page.count("<wbr>") == 2 and "deep_<wbr>sad" in page and "<p>one_line</p>" in page
    whole = BeautifulSoup(page, "html.parser")
    assert whole.td.text == "deep_sad, <x_y>" and whole.a["href"] == "a_b.html"
