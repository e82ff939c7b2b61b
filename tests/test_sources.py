"""The data card: where films are from, their terms and labels, and limitations of these alone."""

import pytest
from bs4 import BeautifulSoup
from nbconvert.filters import markdown2html

from lib import ROOT, params, provenance
from lib.datasets import checks, sources
from lib.datasets.entries import load_entries


@pytest.fixture
def real(monkeypatch):
    monkeypatch.setattr(provenance, "holds_phantoms", lambda: False)


def test_every_data_set_of_the_study_has_a_source(real):
    for dataset in load_entries():
        known = sources.source(dataset)
        assert known.keys() == {*sources.FACTS, "limitations"}, dataset
        assert sources.NOT_KNOWN not in set(sources.table(dataset)["these films"])


def test_every_published_layout_has_a_source():
    of_owners = set(checks.LAYOUTS) - {"folder", "table"}
    assert of_owners <= set(params.read("sources"))


def test_limitations_are_of_these_films_alone(real):
    assert "study, not to a film" in sources.limitations("mura_hand_peers")
    assert "mined" in sources.limitations("nih64") and "MURA" not in sources.limitations("nih")
    shown = BeautifulSoup(markdown2html(sources.limitations("rsna")), "html.parser")
    assert len(shown("li")) == 1 + len(params.read("sources")["rsna"]["limitations"])


def test_what_is_not_known_of_films_of_ones_own_is_left_open(real):
    assert set(sources.table("ours")["these films"]) == {sources.NOT_KNOWN}
    assert sources.limitations("ours") == sources.OF_ALL


def test_phantoms_are_no_films_of_an_owner(monkeypatch):
    monkeypatch.setattr(provenance, "holds_phantoms", lambda: True)
    words = " ".join(sources.table("nih")["these films"])
    assert "drawn by this study" in words and "MIT" in words and "NIH" not in words
    assert "owner" not in sources.limitations("nih")


def test_the_page_is_made_again_when_a_source_changes():
    stages = (ROOT / "dvc.yaml").read_text().split("\n\n  ")
    (page,) = (stage for stage in stages if stage.startswith("exploration:"))
    assert "- params/sources.yaml" in page
