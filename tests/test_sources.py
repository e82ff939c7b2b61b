"""The data card: where films are from, their terms and labels, and limitations of these alone."""

import pytest
from bs4 import BeautifulSoup
from nbconvert.filters import markdown2html

from lib import ROOT, params, provenance
from lib.comparison import record_scores
from lib.datasets import checks, sources
from lib.datasets.entries import load_entries
from lib.fits import model_card


@pytest.fixture
def real(monkeypatch):
    monkeypatch.setattr(provenance, "holds_phantoms", lambda: False)


def test_every_data_set_of_the_study_has_a_source(real):
    for dataset in load_entries():
        known = sources.source(dataset)
        assert known.keys() - {"protocol"} == {*sources.FACTS, "limitations"}, dataset
        assert ("protocol" in known) == (dataset in record_scores.PUBLIC), dataset
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


@pytest.mark.parametrize("stage", ["exploration", "cards", "real-films"])
def test_a_page_is_made_again_when_a_source_changes(stage):
    stages = (ROOT / "dvc.yaml").read_text().split("\n\n  ")
    (page,) = (lines for lines in stages if lines.startswith(f"{stage}:"))
    assert "- params/sources.yaml" in page


def test_a_model_card_says_that_phantoms_say_nothing_about_patients(monkeypatch):
    monkeypatch.setattr(provenance, "holds_phantoms", lambda: True)
    lines = model_card.lines("rsna", ["autoencoder"], "unlabelled").splitlines()
    names = [line.split("**")[1] for line in lines]
    assert names == ["Intended use", "Not for", "Trained on", "Licence"]
    assert model_card.PHANTOMS in lines[1] and "no film of a patient" in lines[2]
    assert lines[3] == "- **Licence**: MIT, as the code of this study."


def test_a_model_card_of_real_films_has_their_terms_and_what_its_network_saw_before(real):
    card = model_card.lines("nih", ["padim", "autoencoder"], "unlabelled")
    assert "No restrictions on use" in card and "phantoms" not in card
    assert "ImageNet" in card and "Apache 2.0" in card
    assert sources.NOT_KNOWN in model_card.lines("ours", ["autoencoder"], "unlabelled")
