"""The reader answers for films from files as the study did, and names nobody."""

import os
import re
import subprocess
import sys
import zlib
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pandas as pd
import pytest
from browser import TOO_WIDE, needs_chromium, opened
from burned import NAME, burned, is_legible
from PIL import Image
from pydicom.uid import DeflatedExplicitVRLittleEndian
from sklearn.datasets import load_sample_image
from written_films import as_tiff, png, smooth_film, stated, write_dicom, write_wavelets

from lib import ROOT, features, files, params, processes
from lib.comparison.answer import advised, best
from lib.datasets.table import COLUMNS
from lib.errors import BadData
from lib.films import UnreadableFilm
from lib.fits import work
from lib.grid import Fit
from lib.metrics import threshold_for_recall, threshold_from_normals
from lib.preprocessing import prepare
from lib.preprocessing.arrays import write_films
from lib.reader import Reader, folder
from lib.reader.__main__ import main
from lib.reader.answer import Map
from lib.reader.answers import ranked, table
from lib.reader.choice import candidates, choose
from lib.reader.drawing import LONGEST, drawn, thumbnail
from lib.reader.film import Refused, batches, load
from lib.reader.gate import LIMIT
from lib.reader.likeness import likest
from lib.reader.places import carried_back

pytestmark = pytest.mark.seconds(60)

STUDY = """
profile: small
grids:
  one: &one
    seeds: [0]
    datasets: [chests]
    families:
      supervised: [{datasets: [chests], methods: [linear_probe]}]
      reconstruction: [{datasets: [chests], methods: [autoencoder]}]
      features: [{datasets: [chests], methods: [padim, feature_distance]}]
    fusions:
      guided: {rule: logistic, parts: [padim, linear_probe]}
      joined: {rule: soft maximum, parts: [padim, autoencoder, feature_distance/level_4]}
      without rule: [padim, autoencoder]
    ablations: {}
grid: *one
"""
PROFILE = """
images: {size: 32, equalize: clahe}
autoencoder: {epochs: 2}
padim: {features: coarse, channels: 20, film_size: 96}
feature_distance: {features: pooled, film_size: 96}
linear_probe: {features: pooled, film_size: 96, labels: {normal: 0.3, abnormal: 0.3}}
untrained: {method: autoencoder}
"""
ENTRY = "chests: {layout: folder, folder: chests, body: chest, normal: n, abnormal: a}"
METHODS = ("autoencoder", "padim", "feature_distance", "linear_probe")
IDENTITY = ("Doe", "Jane", "secret-42", "19010203", "A-77")  # tags of write_dicom


def chest(seed: int, abnormal: bool = False) -> np.ndarray:
    """Bright all over, two dark lungs, some of them with a nodule; no two films are alike."""
    draw = np.random.default_rng(seed)
    body, lung = draw.uniform(150, 190), draw.uniform(40, 80)
    film = np.full((180, 150), body, np.float32)
    x, y = draw.integers(-10, 11, 2)
    for side in (-1, 1):
        axes = tuple(map(int, draw.integers((18, 48), (26, 64))))
        place = (75 + 32 * side + int(x), 85 + int(y))
        cv2.ellipse(film, place, axes, 0, 0, 360, lung, -1)
    for _ in range(draw.integers(2, 9)):  # vessels, scars, what lies on a patient
        ends = tuple(map(int, draw.integers(10, 140, 4)))
        cv2.line(
            film, ends[:2], ends[2:], float(draw.uniform(lung, body)), int(draw.integers(1, 6))
        )
    if abnormal:
        cv2.circle(film, (43 + int(x), 60 + int(draw.integers(0, 50))), 8, body, -1)
    film = cv2.GaussianBlur(film, (0, 0), 3) * np.linspace(*draw.uniform(0.8, 1.2, 2), 150)
    return np.uint8((film + draw.normal(0, 4, film.shape)).clip(0, 255))


def limb(seed: int) -> np.ndarray:
    """Draw a bright shaft on dark air, with a brighter bone in it."""
    draw = np.random.default_rng(seed)
    film = draw.normal(25, 2, (220, 150))
    film[:, 50:100] += 90
    film[:, 67 : 75 + int(draw.integers(0, 12))] += 80
    return np.uint8(film)


def photograph(seed: int) -> np.ndarray:
    """Many overlapping discs and boxes of any grey level."""
    draw = np.random.default_rng(seed)
    film = np.full((160, 200), 90, np.uint8)
    for _ in range(60):
        x, y, size, grey = (int(draw.integers(0, most)) for most in (200, 160, 30, 256))
        cv2.circle(film, (x, y), size, grey, -1)
        cv2.rectangle(film, (y, x), (y + size, x + 9), 255 - grey, -1)
    return film


def index_of(films: int) -> pd.DataFrame:
    number = np.arange(films)
    names = [f"film{n}" for n in number]
    index = pd.DataFrame({"image_id": names, "path": [f"chests/{name}.png" for name in names]})
    index = index.assign(dataset="chests", patient_id=names, study_id=names, body_part="chest")
    index = index.assign(view="", sex="", age=np.nan, finding="", label=(number // 3) % 2.0)
    index = index.assign(split=np.array(["train", "validation", "test"])[number % 3])
    return index.assign(width=150, height=180)[COLUMNS]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Yield a study of drawn chests with a few trained detectors; returns its folder."""
    root = tmp_path_factory.mktemp("study")
    (root / "params").mkdir()
    entry = {"layout": "folder", "folder": "chests", "body": "chest"}
    for name, text in {
        "study": STUDY,
        "small": PROFILE,
        "datasets": f"datasets: {{{ENTRY}}}",
    }.items():
        (root / f"params/{name}.yaml").write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(params, "ROOT", root)
        patch.setattr(files, "BUILD", root / "build")
        patch.setattr(processes, "CORES", 1)
        patch.setattr("lib.reader.choice.load_entry", _entry_of_chests(entry))
        for module in ("lib.fits.recipes", "lib.preprocessing.arrays"):
            patch.setattr(f"{module}.load_entry", lambda *_: entry)
        _prepare(root, entry)
        for method in METHODS:
            record = work.train_and_score(Fit("chests", method))
            assert record["status"] == "finished", record["reason"]
        yield root


def _entry_of_chests(entry):
    def load_entry(name):
        if name != "chests":
            raise BadData(f"{name} is not a data set.")
        return entry

    return load_entry


def _prepare(root, entry):
    index = index_of(240)
    (root / "data/chests").mkdir(parents=True)
    (root / "build/index").mkdir(parents=True)
    for number, (path, label) in enumerate(zip(index["path"], index["label"], strict=True)):
        assert cv2.imwrite(str(root / "data" / path), chest(number, label == 1))
    index.to_csv(files.index("chests"), index=False)
    index[["image_id"]][:0].to_csv(files.annotations("chests"), index=False)
    settings = {**params.profile()["images"], "body": "chest"}
    write_films(index, root / "data", files.images("chests"), settings)
    np.save(files.images("chests", "lesions"), np.zeros((240, 32, 32), np.uint8))
    features.write_features("chests", root)


@pytest.fixture(scope="module")
def joined(study):
    return Reader("chests/joined/0")


@pytest.fixture
def films(tmp_path):
    """Return a user's folder: films at some depth under names of patients, and other files."""
    inside = tmp_path / "films/MUSTERMANN ERIKA"
    inside.mkdir(parents=True)
    for number in range(3):
        write_dicom(inside / f"Doe_Jane{number}.dcm", chest(500 + number, number == 2))
    cv2.imwrite(str(tmp_path / "films/limb.png"), limb(0))
    (tmp_path / "films/half.dcm").write_bytes((inside / "Doe_Jane0.dcm").read_bytes()[:3000])
    (tmp_path / "films/report.txt").write_text("MUSTERMANN ERIKA")
    return tmp_path / "films"


def stored(reader):
    """Return the scores of the comparison by image_id, and the files of some of these films."""
    scores = reader.scored.films.set_index("image_id")
    return scores, scores.groupby(["split", "label"]).head(3)


@pytest.mark.parametrize("method", [*METHODS, "joined", "guided"])
def test_a_film_of_the_study_has_the_score_that_the_study_gave_it(study, method):
    """To 5e-3 of the range for methods on features, which the study stores as float16."""
    reader = Reader(f"chests/{method}/0")
    scores, some = stored(reader)
    largest = (1e-5 if method == "autoencoder" else 5e-3) * np.ptp(scores["score"])
    answers = list(reader.read_all([study / "data" / path for path in some["path"]]))
    np.testing.assert_allclose([one.score for one in answers], some["score"], rtol=0, atol=largest)
    alone = reader.read(study / "data" / some["path"].iloc[0])
    assert alone.score == pytest.approx(some["score"].iloc[0], abs=largest)
    assert (alone.reconstruction is not None) == (method == "autoencoder")
    assert (alone.map is None) == (method in ("feature_distance", "linear_probe"))


def test_percentile_flags_and_probability_are_those_of_the_validation_films(study):
    reader = Reader("chests/padim/0")
    scores, some = stored(reader)
    validation = scores[scores["split"].eq("validation")]
    normals = validation["score"][validation["label"].eq(0)]
    strict = threshold_from_normals(normals)
    by_ranks = threshold_for_recall(validation["label"], validation["score"])
    assert strict != by_ranks
    for answer, score in zip(
        reader.read_all([study / "data" / path for path in some["path"]]),
        some["score"],
        strict=True,
    ):
        lower = 100 * (normals < score).mean()
        assert answer.percentile == pytest.approx(lower, abs=100 / len(normals)), "itself is a tie"
        if min(abs(score - strict), abs(score - by_ranks)) > 1e-4:
            assert answer.flags == {
                "5 % false alarms": score > strict,
                "90 % recall": score > by_ranks,
            }
    assert reader.context.base_rate == pytest.approx(validation["label"].mean())
    words = str(answer)
    assert "normal validation films, no abnormal one" in words and "50% of the films" in words
    assert "Not a medical device; for research." in words


def test_a_higher_score_is_a_higher_percentile_and_probability(joined, study):
    scores, _ = stored(joined)
    paths = [study / "data" / path for path in scores["path"][:20]]
    rows = [(one.score, one.percentile, one.probability) for one in joined.read_all(paths)]
    table = pd.DataFrame(rows).dropna().sort_values(0)
    assert len(table) > 15
    assert table[1].is_monotonic_increasing and table[2].is_monotonic_increasing


def test_the_map_of_a_fusion_is_that_of_its_most_certain_part(joined, study):
    _, some = stored(joined)
    shown = {
        one.small_map.method for one in joined.read_all([study / "data" / some["path"].iloc[-1]])
    }
    assert shown <= {"padim", "autoencoder"}, "feature_distance has no map"
    answer = joined.read(study / "data" / some["path"].iloc[0])
    assert answer.map.shape == (180, 150) and answer.reconstruction is None
    assert joined.parts[0].scale == answer.small_map.scale or "autoencoder" in shown


def test_several_processes_read_films_in_order(tmp_path, monkeypatch):
    monkeypatch.setattr(processes, "CORES", 2)
    monkeypatch.setattr("lib.reader.film.FEW", 20)
    paths = [tmp_path / f"{number}.png" for number in range(70)]
    for number, path in enumerate(paths):
        cv2.imwrite(str(path), np.uint8(np.arange(20 * (20 + number)).reshape(20, -1) % 251))
    paths[40].write_bytes(b"")
    read = list(batches(paths, [{"size": 16, "body": "chest"}, {"size": 32, "body": "chest"}]))
    assert [len(batch) for batch in read] == [32, 32, 6]
    films = [film for batch in read for film in batch]
    assert [film.path for film in films] == paths
    refused = films.pop(40)
    assert isinstance(refused, Refused) and refused.reason == "empty file" and refused.is_film
    assert [film.shape[1] - 20 for film in films] == [n for n in range(70) if n != 40]
    assert {image.shape for film in films for image in film.images} == {(16, 16), (32, 32)}


def test_a_film_that_is_read_at_half_its_size_leads_back_to_the_whole(tmp_path):
    film, settings = smooth_film(2060, 2048), {"size": 64, "body": "chest", "equalize": "none"}
    whole = load(write_dicom(tmp_path / "raw.dcm", film), [settings])
    half = load(write_wavelets(tmp_path / "wavelets.dcm", film), [settings])
    assert half.shape == whole.shape == film.shape
    np.testing.assert_allclose(half.matrices, whole.matrices, atol=1e-9)
    assert np.mean(np.abs(half.images[0].astype(int) - whole.images[0]) <= 1) >= 0.98
    assert not np.array_equal(half.images, whole.images), "the film was read whole"


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("side", [16, 64, 80])
def test_a_place_on_the_map_is_the_place_on_the_film(turned, side):
    """A limb on a tilted plate is cropped, turned upright and reduced; the way back undoes it."""
    film = _on_a_plate(limb(1))
    cv2.rectangle(film, (150, 150), (187, 187), 255, -1)  # near a corner of the plate
    film = np.ascontiguousarray(np.rot90(film)) if turned else film
    y, x = np.argwhere(film == 255).mean(axis=0)
    prepared = prepare(film, size=64, body="limb", equalize="none")
    assert not np.array_equal(prepared.matrix[:2, :2], np.diag(np.diag(prepared.matrix))[:2, :2])
    values = np.float32(prepared.image) - prepared.image.mean()
    seen = cv2.resize(values, (side, side), interpolation=cv2.INTER_AREA)
    back = carried_back(seen, prepared.matrix, 64, film.shape)
    assert back.shape == film.shape
    pixel = max(film.shape) / min(side, 64)  # of the map, on the film
    assert np.abs(_brightest(back) - (y, x)).max() < pixel / 2 + 1
    assert np.isnan(back[3, 3]) and np.isnan(back[-3, -3]), "beyond the plate"
    half = carried_back(seen, prepared.matrix, 64, film.shape, (200, 210))
    np.testing.assert_allclose(
        _brightest(half) / (200, 210), np.array([y, x]) / film.shape, atol=0.03
    )


def _brightest(values):
    """Return the centre of what is brighter than nine tenths of the maximum, (y, x)."""
    return np.argwhere(np.nan_to_num(values) > 0.9 * np.nanmax(values)).mean(axis=0)


def _on_a_plate(plate):
    """Return the plate, tilted, on a dark and larger film."""
    height, width = plate.shape
    whole = np.float32([[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]])
    corners = np.float32([[110, 80], [330, 110], [290, 420], [60, 390]])
    place = cv2.getPerspectiveTransform(whole, corners)
    film = np.full((470, 420), 5, np.uint8)
    return cv2.warpPerspective(plate, place, (420, 470), film, borderMode=cv2.BORDER_TRANSPARENT)


def test_the_gate_lets_own_films_pass_and_stops_others(joined):
    settings = joined.settings[0]

    def share(films):
        pictures = np.stack([prepare(film, **settings).image for film in films])
        return (joined.gate.unlikeness(pictures) > LIMIT).mean()

    assert share([chest(900 + seed, seed % 2) for seed in range(40)]) <= 0.05
    assert share([limb(seed) for seed in range(20)]) >= 0.95
    assert share([photograph(seed) for seed in range(20)]) >= 0.95


def test_an_inverted_film_has_the_same_answer(joined, tmp_path):
    """Preparation recognises and undoes the inversion."""
    for name, film in {"film": chest(7, True), "inverted": 255 - chest(7, True)}.items():
        cv2.imwrite(str(tmp_path / f"{name}.png"), film)
    film, inverted = (joined.read(tmp_path / f"{name}.png") for name in ("film", "inverted"))
    assert inverted.score == pytest.approx(film.score, rel=1e-3)
    assert not film.unlike and not inverted.unlike


def test_a_photograph_in_colours_is_unlike_and_a_tinted_film_is_not(joined, tmp_path):
    photograph = load_sample_image("flower.jpg")
    tinted = (chest(7)[..., None] * np.array([0.8, 1, 0.9])).astype(np.uint8)
    marked = np.dstack([chest(7)] * 3)
    marked[:9, :9] = (255, 0, 0)
    for name, picture in {"1": tinted, "2": photograph, "3": marked}.items():
        Image.fromarray(picture).save(tmp_path / f"{name}.png")
    answers = list(joined.read_all(sorted(tmp_path.iterdir())))
    assert [one.unlike for one in answers] == [False, True, False]
    assert answers[1].unlikeness == np.inf and answers[1].probability is None
    assert table(ranked(answers, joined.context), tmp_path)["unlike"].sum() == 1


def test_an_unlike_film_is_not_judged(joined, tmp_path, no_text):
    """Neither probability nor percentile, and no flag, whatever its score."""
    (tmp_path / "films").mkdir()
    cv2.imwrite(str(tmp_path / "films/limb.png"), limb(3))
    answer = joined.read(tmp_path / "films/limb.png")
    assert answer.unlike and answer.unlikeness > LIMIT and answer.probability is None
    assert answer.score >= max(one.score for one in answer.context.thresholds)
    assert not any(answer.flags.values())
    words = str(answer)
    assert words.startswith("UNLIKE") and "lagged" not in words and "ercentile" not in words
    answers = folder.read(tmp_path / "films", joined, tmp_path / "answers")
    assert [answers.flagged(name) for name in answer.flags] == [0] * len(answer.flags) != []
    assert (
        pd.read_csv(tmp_path / "answers/answers.csv")
        .filter(regex="flagged|percentile")
        .isna()
        .to_numpy()
        .all()
    )
    page = (tmp_path / "answers/answers.html").read_text()
    assert "Unlike the films" in page and "Flagged at" not in page and ": percentile" not in page


def test_what_learned_from_phantoms_says_so(joined, films, no_text, monkeypatch):
    monkeypatch.setattr(joined, "context", joined.context._replace(phantoms=True))
    answers = folder.read(films, joined, films.parent / "answers")
    table = pd.read_csv(films.parent / "answers/answers.csv")
    summary = folder.summary(answers, films.parent / "answers")
    said = [str(answers.read[0].answer), *table["note"], summary]
    said.append((films.parent / "answers/answers.html").read_text())
    assert all("The detector learned from phantoms" in words for words in said)


def test_an_answer_is_shown_in_words_where_pictures_are_not(joined, films, capsys):
    answer = next(one for one in joined.read_all(sorted(films.rglob("*.png"))) if one.path)
    capsys.readouterr()
    answer.show()
    shown = capsys.readouterr().out
    assert shown == f"{answer}\nThe pictures are shown in a notebook.\n"


def test_a_file_that_is_no_film_has_its_reason(joined, films):
    for name, reason in {"half.dcm": "truncated", "report.txt": "not an image"}.items():
        with pytest.raises(UnreadableFilm, match=reason):
            joined.read(films / name)


def test_hostile_files_have_their_reasons_and_the_others_go_on(joined, tmp_path, no_text):
    """Bombs, a text with the name of a film, and a film of another part of the body."""
    flat, folder_ = np.zeros((7000, 7000), np.uint8), tmp_path / "films"
    folder_.mkdir()
    write_dicom(folder_ / "deflated.dcm", flat, DeflatedExplicitVRLittleEndian)
    for name, content in {
        "400 megapixels.png": png(20000, 20000, zlib.compress(bytes(10**8))),
        "stated.tif": stated(as_tiff(chest(1)), 20000, 20000),
        "claims.tif": stated(as_tiff(chest(1)), 7000, 7000),
        "letter.dcm": b"Dear colleague",
    }.items():
        (folder_ / name).write_bytes(content)
    for name, film in {"chest.png": chest(7), "limb.png": limb(0)}.items():
        cv2.imwrite(str(folder_ / name), film)
    folder.read(folder_, joined, tmp_path / "answers")
    answers = pd.read_csv(tmp_path / "answers/answers.csv").set_index("path")
    assert answers["not read because"].dropna().to_dict() == {
        "400 megapixels.png": "implausible size: a decompression bomb",
        "claims.tif": "truncated or damaged",
        "deflated.dcm": "a deflated DICOM, which is not supported",
        "letter.dcm": "not an image",
        "stated.tif": "implausible size: a decompression bomb",
    }
    assert answers.loc[["chest.png", "limb.png"], "unlike"].tolist() == [False, True]


@pytest.fixture
def no_text(monkeypatch):
    """Burned-in text is looked for in its own test."""
    monkeypatch.setattr("lib.burned_in.text_boxes", lambda grey: np.empty((0, 4), int))


def test_a_folder_has_one_table_and_one_page_the_most_suspicious_first(joined, films, no_text):
    before = {path: path.stat().st_mtime_ns for path in films.rglob("*")}
    output = films.parent / "answers"
    answers = folder.read(films, joined, output)
    assert {path: path.stat().st_mtime_ns for path in films.rglob("*")} == before
    assert sorted(path.name for path in output.iterdir()) == ["answers.csv", "answers.html"]
    table = pd.read_csv(output / "answers.csv")
    assert len(table) == 6 and table["score"][:3].is_monotonic_decreasing
    assert table["note"].str.endswith("Not a medical device; for research.").all()
    assert [*table["unlike"][:4]] == [False, False, False, True], "whatever its score"
    reasons = table.set_index("path")["not read because"].dropna()
    assert reasons.to_dict() == {"half.dcm": "truncated or damaged", "report.txt": "not an image"}
    page = (output / "answers.html").read_text()
    numbers = re.findall(r"<strong>Film (\d+)</strong>", page)
    assert (
        numbers == [str(one.number) for one in answers.read] == list(map(str, table["number"][:4]))
    )
    assert page.count("data:image/jpeg;base64,") == 4
    assert page.count("Not a medical device; for research.") == 5, "at the head and on each answer"
    assert "truncated or damaged" in page


def test_nobody_is_named(joined, films, no_text):
    output = films.parent / "answers"
    folder.read(films, joined, output)
    page, table = ((output / name).read_text() for name in ("answers.html", "answers.csv"))
    words = re.sub(r"data:image/jpeg;base64,[^\"]+", "", page)
    for name in (*IDENTITY, "MUSTERMANN", "ERIKA", str(films)):
        assert name not in words, "a name of a tag, a file or a folder"
    written = table.replace("Doe_Jane", "")
    assert not any(name in written for name in IDENTITY), "a tag"
    assert "MUSTERMANN ERIKA/Doe_Jane0.dcm" in table, "the user's own name of the file"


def test_many_films_have_no_picture_but_a_row(joined, films, no_text, monkeypatch):
    monkeypatch.setattr("lib.reader.page.PICTURES", 1)
    folder.read(films, joined, films.parent / "answers")
    page = (films.parent / "answers/answers.html").read_text()
    assert page.count("<img") == 1 and "Further films" in page and page.count("<tr><td>") >= 5


def test_what_is_reconstructed_is_shown_on_the_page_with_its_picture(
    study, films, no_text, monkeypatch
):
    """Of the films with a picture; a film that is removed meanwhile is shown without."""
    monkeypatch.setattr("lib.reader.folder.PICTURES", 3)
    reader = Reader("chests/autoencoder/0")
    answers = folder.read(films, reader, films.parent / "answers")
    page = (films.parent / "answers/answers.html").read_text()
    assert page.count("as prepared for the detector, and its reconstruction") == 3
    for number, answer in answers.read[:3]:
        alone = reader.read(answer.path)
        assert np.array_equal(answer.prepared, alone.prepared) and number
        assert np.abs(answer.reconstruction.astype(int) - alone.reconstruction).max() <= 1
    assert answers.read[3].answer.reconstruction is None
    first, second, *_ = (answer for _, answer in answers.read)
    second.path.unlink()
    kept = reader.reconstructed([first, second._replace(prepared=None, reconstruction=None)])
    assert [one.reconstruction is None for one in kept] == [False, True]


@needs_chromium
@pytest.mark.parametrize("width", [1000, 360])
def test_the_page_with_reconstructions_fits_the_screen(study, films, no_text, browser, width):
    folder.read(films, Reader("chests/autoencoder/0"), films.parent / "answers")
    browser.open(films.parent / "answers/answers.html", width)
    assert browser.value("document.querySelectorAll('.reconstruction').length") == 4
    assert browser.value(TOO_WIDE) == [] and not browser.problems


@needs_chromium
def test_the_page_opens_in_a_browser(joined, films, no_text, tmp_path):
    folder.read(films, joined, films.parent / "answers")
    (tmp_path / "profile").mkdir()
    soup, log = opened(films.parent / "answers/answers.html", tmp_path / "profile")
    assert len(soup("img")) == 4 and all(image["alt"].strip() for image in soup("img"))
    assert not soup("script") and "Refused" not in log and "ERR_" not in log


def test_what_is_written_is_whole_or_not_there(joined, films, no_text, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("lib.reader.folder.table", full)
    with pytest.raises(OSError, match="No space"):
        folder.read(films, joined, films.parent / "answers")
    assert list((films.parent / "answers").iterdir()) == []


def test_nothing_is_written_among_the_films(joined, films):
    for output in (films, films / "answers"):
        with pytest.raises(BadData, match="another folder"):
            folder.read(films, joined, output)


def test_an_output_that_cannot_be_written_is_refused_before_films_are_read(films, tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "output/answers.csv").mkdir(parents=True)
    for output in (tmp_path / "file/below", tmp_path / "output"):
        with pytest.raises(BadData, match=r"another folder|name a folder"):
            folder.check_output(films, output)
    (tmp_path / "film.dcm").touch()
    with pytest.raises(BadData, match="another folder"):
        folder.check_output(tmp_path / "film.dcm", tmp_path)
    folder.check_output(tmp_path / "film.dcm", tmp_path / "build/read")  # not next to the film


def test_a_table_belongs_to_a_page_and_holds_any_name(joined, films, no_text):
    (films / "an\rodd, name.txt").write_text("not a film")
    (films / "=1+1.txt").write_text("a formula to a spreadsheet")
    output = films.parent / "answers"
    folder.read(films, joined, output)
    table = pd.read_csv(output / "answers.csv", lineterminator="\n")
    assert {"an\rodd, name.txt", "./=1+1.txt"} <= set(table["path"])
    (read_at,) = table["read at"].unique()
    assert read_at in (output / "answers.html").read_text()


def test_text_burned_into_a_film_is_hidden(tmp_path):
    """Also where the study's own films are phantoms, on which nobody is named."""
    film = cv2.resize(chest(3), (600, 720), interpolation=cv2.INTER_CUBIC)
    cv2.imwrite(str(tmp_path / "film.png"), burned(film))
    assert is_legible(burned(film), NAME)
    whole = Map(np.ones((32, 32)), np.diag([32 / 720, 32 / 720, 1]), 32, "padim", (0.0, 1.0))
    shown = drawn(tmp_path / "film.png", film.shape, whole)
    assert not is_legible(shown.grey, NAME)
    assert thumbnail(tmp_path / "film.png", film.shape, whole, 256).startswith("data:image/jpeg")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("knees/padim", "knees is not a data set"),
        ("chests/padin/0", "padin is not a method.*on chests are trained: autoencoder, padim"),
        ("chests/untrained", "trained and scored: run `python -m lib.fits run chests untrained 0`"),
        ("chests/padim/4", "chests/padim/4 has not been trained"),
        ("chests/padim/first", "write data set/method/seed"),
        ("chests/padim/0/1", "write data set/method/seed"),
        ("chests/without rule", "has no rule"),
    ],
)
def test_a_detector_that_is_not_there_is_one_sentence(study, name, sentence):
    with pytest.raises(BadData, match=sentence) as error:
        choose(name)
    assert "\n" not in str(error.value)


def test_without_a_name_a_fusion_without_labels_reads(study, monkeypatch):
    assert str(choose()) == str(choose("chests")) == "chests/joined/0", "guided has seen labels"
    monkeypatch.setattr("lib.reader.choice.grid.fusions", dict)
    assert choose().method in ("autoencoder", "padim", "feature_distance")


def test_data_sets_with_a_fusion_are_tried_first_and_those_that_need_labels_not(study, monkeypatch):
    trained = {"few": ["linear_probe"], "one": ["padim"], "all": [*METHODS]}
    monkeypatch.setattr("lib.reader.choice.grid.datasets", lambda: list(trained))
    monkeypatch.setattr("lib.reader.choice.ready", lambda dataset, seed=0: trained[dataset])
    assert candidates() == ["all", "one"]


@pytest.fixture
def limbs(study, monkeypatch):
    """Add a second data set, of limbs, which comes before that of chests."""
    pictures = [
        prepare(limb(n), **params.profile()["images"], body="chest").image for n in range(90)
    ]
    np.save(files.images("limbs"), np.stack(pictures))
    index_of(90).assign(dataset="limbs").to_csv(files.index("limbs"), index=False)
    monkeypatch.setattr("lib.reader.likeness.candidates", lambda: ["limbs", "chests"])


def test_without_a_name_the_data_set_that_finds_fewest_films_unlike_reads(
    limbs, films, no_text, capsys
):
    assert likest([films / "limb.png"])[0] == "limbs"
    assert likest([films / "report.txt"]) == ("limbs", ""), "nothing to choose by"
    assert main([str(films), "--output", str(films.parent / "out")]) == 0
    first, second, *_ = capsys.readouterr().out.splitlines()
    assert "Films tried: 4; unlike the films of limbs (chest): 3, chests (chest): 1" in first
    assert "DETECTOR=limbs" in first and second.startswith("Detector: chests/joined/0. Not a")


def test_a_data_set_with_too_few_normal_films_is_not_chosen(limbs, films):
    index_of(90).assign(label=1.0).to_csv(files.index("limbs"), index=False)
    assert likest([films / "limb.png"]) == ("chests", "")


@pytest.mark.parametrize("p_of_the_best", [0.4, 0.001])
def test_without_a_name_the_detector_that_the_first_page_advises_reads(
    study, monkeypatch, p_of_the_best
):
    values = {"linear_probe": 0.9, "padim": 0.8, "autoencoder": 0.7, "joined": 0.75}
    rows = pd.DataFrame(values.items(), columns=["method", "value"])
    rows = pd.concat([rows, pd.DataFrame({"method": ["floor: knn"], "value": [0.5]})])
    families = {"joined": "fusion", "floor: knn": "floor"}
    rows["family"] = rows["method"].map(families).fillna("features")
    few = "5 % known normal + 5 % known abnormal"
    rows["setting"] = rows["method"].map({"linear_probe": few}).fillna("unlabelled")
    ends = {"low": rows["value"] - 0.1, "high": rows["value"] + 0.1}
    rows = rows.assign(
        dataset="chests", seed="0", level="image", group="all", metric="auroc", **ends
    )
    pairs = [("padim", "joined", 0.05, p_of_the_best), ("joined", "floor: knn", 0.25, 0.001)]
    pairs += [("padim", "floor: knn", 0.3, 0.001)]
    tests = pd.DataFrame(pairs, columns=["method_a", "method_b", "difference", "p_holm"])
    tests = tests.assign(dataset="chests", low=0.0, high=0.1)
    tables = {"results": rows, "tests": tests}
    monkeypatch.setattr("lib.reader.choice.read_measures", lambda _, name: tables[name])
    (without, *_) = best(rows, tests)
    assert choose().method == advised(without).run["method"]
    assert choose().method == ("joined" if p_of_the_best > 0.05 else "padim")


def test_the_command_prints_what_it_found_and_where(study, films, no_text, capsys):
    output = films.parent / "out"
    arguments = [str(films), "--detector", "chests/padim/0", "--output", str(output)]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert "Films read by chests/padim/0: 4" in printed and str(output / "answers.html") in printed
    assert "Not a medical device" in printed and not any(name in printed for name in IDENTITY)
    assert main([str(films / "half.dcm"), *arguments[1:]]) == 1, "no film that can be read"
    nowhere = str(films.parent / "nowhere")
    for wrong in ([""], [nowhere], [str(films), "--output", str(films)], [nowhere, "--output", ""]):
        with pytest.raises(BadData):
            main(wrong)


def test_what_a_backend_writes_of_the_machine_is_not_shown_and_its_errors_are(tmp_path):
    """A stand-in for Keras writes past Python, as TensorFlow does, which takes seconds to load."""
    quiet = str(ROOT / "lib/reader/quiet.py")
    code = f"import os, runpy; runpy.run_path({quiet!r})['load_keras'](); os.write(2, b'then')"
    run = [sys.executable, "-c", code]
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    for words, shown in {"": "then", "raise ImportError('no backend')": "no backend"}.items():
        (tmp_path / "keras.py").write_text(f"import os\nos.write(2, b'oneDNN')\n{words}\n")
        stderr = subprocess.run(run, env=environment, capture_output=True, text=True).stderr
        assert shown in stderr and not stderr.startswith("oneDNN")


def test_the_page_of_one_film_says_how_large_it_is_drawn(joined, tmp_path):
    large = cv2.resize(chest(7), (1000, 1200))
    cv2.imwrite(str(tmp_path / "large.png"), large)
    answer = joined.read(tmp_path / "large.png")
    assert answer.map.shape == large.shape
    assert max(drawn(answer.path, answer.shape, answer.small_map).grey.shape) == LONGEST
    words = (ROOT / "notebooks/09_one_film.ipynb").read_text()
    assert f"{LONGEST} pixels on the longer side; `answer.map` has the film's own" in words


def test_a_figure_shows_film_map_and_reconstruction(study, no_text, monkeypatch):
    shown = []
    monkeypatch.setattr("lib.figures.show", lambda figure: shown.append(figure))
    monkeypatch.setattr("IPython.display.display", lambda _: None)
    notebook = SimpleNamespace(kernel=None)
    monkeypatch.setattr("IPython.get_ipython", lambda: notebook)
    Reader("chests/autoencoder/0").read(Path(study / "data/chests/film5.png")).show()
    assert [axes.get_title("left") for axes in shown[0].axes] == [
        *("film", "map over the film", "reconstruction")
    ]
    assert "film5" not in shown[0].get_label()
