"""The reporting check-lists: complete, filled in, and with places that are there."""

import re

import pandas as pd
import pytest
import yaml
from bs4 import BeautifulSoup

from lib import ROOT, checklist, files, grid
from lib.errors import BadData
from lib.excerpts import excerpt, is_excerpt

PARTS_OF_TRIPOD = {3: "abc", 5: "ab", 6: "abc", 8: "abc", 9: "abc", 12: "abcdefg", 18: "abcdef"}
PARTS_OF_TRIPOD |= {20: "abc", 23: "ab", 27: "abc"}
TRIPOD = [f"{no}{part}" for no in range(1, 28) for part in PARTS_OF_TRIPOD.get(no, ("",))]
FILMS = pd.DataFrame(
    {"patient_id": ["a", "a", "b"], "split": ["train", "train", "test"], "label": [0.0, 1.0, 1.0]}
)
BY_COMMAND = {"results.csv"}


@pytest.fixture(params=[True, False], ids=["phantoms", "films of patients"])
def filled(request, monkeypatch):
    """Return the check-lists for phantoms, and for films of patients."""
    monkeypatch.setattr(checklist, "load_index", lambda path: FILMS)
    return checklist.guidelines(checklist.facts(), grid.datasets(), request.param)


def outputs() -> set[str]:
    """Return pages that stages of the graph make, with {dataset} for the data set."""
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"].values()
    listed = [str(out) for stage in stages for out in stage.get("outs", [])]
    pages = {name.removeprefix("reports/") for name in listed if name.endswith(".html")}
    names = grid.datasets()
    return {page.replace("${item.dataset}", name) for page in pages for name in names}


def headings() -> dict[str, str]:
    """Return the text of the notebook of each page that is run from one, by the page's name."""
    run = re.compile(r"lib\.report (notebooks/\S+) reports/(\S+\.html)")
    found = run.findall((ROOT / "dvc.yaml").read_text())
    return {
        page.replace("${item.dataset}", name): (ROOT / notebook).read_text()
        for notebook, page in found
        for name in grid.datasets()
    }


def test_every_item_is_there_once(filled):
    claim, tripod = filled
    assert [item.no for item in claim.items] == [str(number) for number in range(1, 45)]
    assert [item.no for item in tripod.items] == TRIPOD


def test_an_item_is_answered_or_open_and_says_where(filled):
    for item in (item for guideline in filled for item in guideline.items):
        assert item.state in checklist.STATES, item
        assert item.asks and item.answer and not re.search(r"[{}]", item.answer), item
        assert item.where or item.state in ("open", "does not apply"), item


def test_places_are_pages_of_the_graph_files_of_the_repository_or_definitions(filled):
    pages, prose = outputs() | BY_COMMAND, headings()
    for place in (place for one in filled for item in one.items for place in item.where):
        if is_excerpt(place):
            found = excerpt(place, ROOT)
            defined = (ROOT / found.file).read_text().splitlines()[found.line - 1]
            assert re.match(rf"(def |class )?{found.name}\b", defined), place
        else:
            assert not place.startswith("lib/"), f"{place}: name what it is in that file"
            page, mark, section = place.partition("#")
            known = page in pages if checklist.is_of_site(place) else (ROOT / place).is_file()
            assert known, place
            ends = f'## {section}"', f'## {section}\\n"'  # in the JSON of a notebook
            assert not mark or any(end in prose[page] for end in ends), place


def test_a_place_in_the_code_is_found_where_it_is_now_and_an_unknown_one_is_one_sentence(tmp_path):
    (tmp_path / "lib").mkdir()
    file = tmp_path / "lib/a.py"
    file.write_text("import os\n\nBOUND: int = 3\n\n\ndef f(x):\n    BOUND\n    return x\n")
    assert excerpt("lib/a.py:f", tmp_path)[1:] == ("f", 6, "def f(x):\n    BOUND\n    return x")
    assert excerpt("lib/a.py:BOUND", tmp_path).line == 3
    file.write_text("\n" + file.read_text())
    assert excerpt("lib/a.py:f", tmp_path).line == 7
    for place in ("lib/a.py:x", "lib/a.py:os", "lib/b.py:f"):
        with pytest.raises(BadData, match=place) as raised:
            excerpt(place, tmp_path)
        assert str(raised.value).count(". ") == 0


def test_films_of_patients_have_other_answers_than_phantoms(monkeypatch):
    monkeypatch.setattr(checklist, "load_index", lambda path: FILMS)
    known = checklist.facts()
    of_phantoms, of_films = (checklist.guidelines(known, ["x"], one) for one in (True, False))
    for no in ("11", "13", "16", "18"):
        item = next(item for item in of_films[0].items if item.no == no)
        assert item not in of_phantoms[0].items and item.state in ("open", "in part")


def test_the_page_has_every_item_and_the_numbers_of_the_study(tmp_path, monkeypatch):
    monkeypatch.setattr(checklist, "load_index", lambda path: FILMS)
    checklist.write(tmp_path / "checklist.html")
    text = (tmp_path / "checklist.html").read_text()
    assert len(re.findall('<th scope="row">', text)) == 44 + len(TRIPOD)
    assert f"{grid.datasets()[0]} has 3 films of 2 patients" in text
    assert "has 1 test films, 1 of them abnormal" in text
    assert '<a href="comparison.html#Beyond-AUROC">comparison.html: Beyond AUROC</a>' in text
    assert '<a href="results.csv">' in text and "<code>params/study.yaml</code>" in text
    page = BeautifulSoup(text, "html.parser")
    links = [link["href"] for link in page("a") if link["href"].startswith("#")]
    assert len(links) > 20 and all(page.find(id=link[1:]) for link in links)
    heading = page.find(id="code-lib-datasets-split-py-check_split")
    assert heading.find_next("pre").text.startswith("def check_split(films: pd.DataFrame")
    line = (ROOT / "lib/datasets/split.py").read_text().split("def check_split")[0].count("\n") + 1
    assert heading.text == f"lib/datasets/split.py, line {line}: check_split"
    assert "nothing was filled in" in text and "<strong>open</strong>" in text


def test_a_study_without_results_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "RESULTS", tmp_path / "results.csv")
    with pytest.raises(BadData, match="no results yet"):
        checklist.facts()
