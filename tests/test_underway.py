"""The first page while the study runs: what is finished, what is left, and when it gives way."""

import pytest
from bs4 import BeautifulSoup

from lib import ablations, files, lanes, metrics
from lib.fits import landing, queue, store, train, underway, work
from lib.grid import Fit

pytest_plugins = ["toys"]

DRAWING = Fit("toy", "drawing")


@pytest.fixture
def study(toys, monkeypatch):
    """Return the toy study, whose only data set is `toy`."""
    monkeypatch.setattr("lib.grid.datasets", lambda: ["toy"])
    return toys


def words_of(page) -> tuple[str, list[list[str]]]:
    """Return the text of a page, and the cells of its table."""
    soup = BeautifulSoup(page.read_text(), "html.parser")
    rows = [[cell.text for cell in row.find_all("td")] for row in soup.find_all("tr")]
    return " ".join(soup.text.split()), [row for row in rows if row]


def test_the_page_has_each_finished_fit_with_its_auroc(study, tmp_path):
    page = tmp_path / "index.html"
    underway.renew_page(page)
    text, rows = words_of(page)
    total = len(ablations.every_fit())
    assert f"0 of {total} fits are finished" in text and rows == []
    queue.run("run", DRAWING)
    underway.renew_page(page)
    text, rows = words_of(page)
    assert f"1 of {total} fits are finished" in text
    scores = store.load("toy", "drawing").scores
    test = scores[scores["split"].eq("test") & scores["label"].notna()]
    expected = f"{metrics.auroc(test['label'], test['score']):.3f}"
    assert [row[:2] + row[3:] for row in rows] == [["toy", "drawing", expected]]


def test_the_finished_page_of_the_study_is_left_alone(study, tmp_path):
    page = tmp_path / "index.html"
    page.write_text("<h1>Results</h1>")
    underway.renew_page(page)
    assert page.read_text() == "<h1>Results</h1>"


def test_a_fit_is_at_work_while_its_process_writes_it(study, tmp_path):
    with files.whole_folder(files.trained(DRAWING)) as unfinished:
        underway.renew_page(tmp_path / "index.html")
        (unfinished / "any").touch()
    text, _ = words_of(tmp_path / "index.html")
    assert f"Now at work: training {DRAWING.place}." in text


def test_a_fit_of_other_parameters_is_not_finished(study, monkeypatch):
    assert not underway.is_finished(DRAWING)
    queue.run("train", DRAWING)
    assert underway.is_finished(DRAWING)
    monkeypatch.setattr(underway, "_recipe", lambda fit: "another")
    assert not underway.is_finished(DRAWING)


def test_the_progress_bar_counts_the_whole_study(study, capsys):
    queue.run("train", Fit("toy", "first"))
    list(queue.work_through("run", [DRAWING], "toy", others=[Fit("toy", "first"), Fit("toy", "x")]))
    bar = capsys.readouterr().err
    assert "training and scoring toy:  67%" in bar and "pages=reports/index.html" in bar


def test_a_fit_killed_after_its_training_is_only_scored(study, monkeypatch):
    work.train(DRAWING)
    trained = landing.read(files.trained(DRAWING))
    monkeypatch.setattr(train, "train", None)
    assert not work.TASKS["run"].is_done(DRAWING)
    queue.run("run", DRAWING)
    assert work.is_up_to_date(DRAWING) and landing.read(files.trained(DRAWING)) == trained


def test_stages_are_of_data_sets_by_their_number_of_fits(monkeypatch):
    fits = {"mura": 3, "nih": 1, "rsna": 2}
    monkeypatch.setattr("lib.grid.datasets", lambda: list(fits))
    monkeypatch.setattr("lib.ablations.every_fit", lambda dataset: [None] * fits[dataset])
    assert lanes.named("fits@smallest") == ["fits@nih"]
    assert lanes.named("-s fits@others scores@others") == [
        *("-s", "fits@nih", "fits@rsna", "scores@nih", "scores@rsna"),
    ]
    assert lanes.named("-s cards@largest robustness") == ["-s", "cards@mura", "robustness"]
    assert lanes.named("fits@nih") == ["fits@nih"], "its own name"
    monkeypatch.setattr("lib.grid.datasets", lambda: ["mura"])
    assert lanes.named("-s fits@others") == [], "or DVC would run every stage"
    assert lanes.named("-s fits@largest") == ["-s", "fits@mura"]


def test_the_page_takes_a_twentieth_of_the_time_at_most(monkeypatch):
    """5,000 fits of a second each, while a renewal takes 8 seconds."""
    clock = {"now": 100.0, "renewals": 0}

    def renew():
        clock["now"] += 8
        clock["renewals"] += 1

    monkeypatch.setattr(underway, "renew_page", renew)
    monkeypatch.setattr(underway.time, "monotonic", lambda: clock["now"])
    renewal = underway.Renewal()
    renewal.after_a_fit()
    assert clock["renewals"] == 1, "the first fit is shown at once"
    for _ in range(5000):
        clock["now"] += 1
        renewal.after_a_fit()
    assert 8 * clock["renewals"] <= 5000 / 20 + 8
