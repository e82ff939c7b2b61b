"""`make data FROM=folder`: what is found, what is refused, in which words, and what is written."""

import ctypes
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from ruamel.yaml import YAML

from lib import ROOT, ablations, data, grid, params, selection
from lib.datasets.entries import load_entries
from lib.datasets.index import build_index
from lib.datasets.survey import SHIPPED
from lib.errors import BadData

OURS = (
    "  ours: {layout: folder, folder: ours, normal: healthy, abnormal: [fracture, implant], "
    r"patient: '^(p\d+)_', body: chest}" + "\n"
)
SMALL = (
    "  small: {layout: folder, folder: small, normal: healthy, abnormal: fracture, body: limb}\n"
)


def film(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    grey = np.random.default_rng(seed).integers(0, 255, (24, 24), np.uint8)
    Image.fromarray(grey).save(path)


def write_films(folder: Path, patients: int = 24, classes=("healthy", "fracture", "implant")):
    """Write a film of each class of so many patients."""
    for position, name in enumerate(classes):
        for number in range(patients):
            film(folder / name / f"p{number:03}_{position}.png", 100 * position + number)
    return folder


@pytest.fixture(scope="session")
def ready(tmp_path_factory) -> Path:
    """Return a folder with a good set of one's own, and one that is too small."""
    folder = tmp_path_factory.mktemp("ready") / "films"
    write_films(folder / "ours")
    write_films(folder / "small", 12, ("healthy", "fracture"))
    return folder


@pytest.fixture
def films(ready, tmp_path) -> Path:
    """Return the same, to be spoilt."""
    return Path(shutil.copytree(ready, tmp_path / "films"))


@pytest.fixture
def root(tmp_path, monkeypatch) -> Path:
    """Return a repository with the committed parameters and two entries of a user's own."""
    root = tmp_path / "repository"
    shutil.copytree(ROOT / "params", root / "params")
    describe(root, OURS + SMALL)
    for module in (params, selection):
        monkeypatch.setattr(module, "ROOT", root)
    return root


def describe(root: Path, entries: str) -> None:
    text = (ROOT / "params/datasets.yaml").read_text()
    (root / "params/datasets.yaml").write_text(text + entries)


def places(root: Path) -> dict:
    return YAML(typ="safe").load(root / "params/study.yaml")["source"].get("places")


def refused(root: Path, folder: Path, match: str, capsys) -> str:
    """Nothing is written, and the answer says why; returns the answer."""
    before = (root / "params/study.yaml").read_bytes()
    capsys.readouterr()
    with pytest.raises(BadData) as raised:
        selection.use(folder)
    answer = f"{capsys.readouterr().out}{raised.value}"
    assert match in answer, answer
    assert (root / "params/study.yaml").read_bytes() == before
    assert not (root / "data.csv").exists()
    return answer


# --- what is answered


def test_a_table_says_what_will_be_studied_and_what_not_and_why(root, films, capsys):
    (films / "ours/healthy/p000_0.png").write_bytes(b"")
    broken = SMALL.replace("small:", "broken:").replace("healthy", "Healthy")
    describe(root, OURS + SMALL + broken)
    assert selection.use(films) == ["ours"]
    answer = capsys.readouterr().out
    rows = [line.split() for line in answer.splitlines() if "abnormal:" in line]
    assert [row[1:4] for row in rows] == [["fracture", "24", "24"], ["implant", "24", "24"]]
    assert all(sum(map(int, row[4:])) == 24 for row in rows)
    assert "small: too small: 6 normal films are in training" in answer
    assert "broken: `normal: Healthy` matches no film" in answer and "`normal: healthy`" in answer
    assert "kermany" not in answer, "nobody misses a data set that comes with the study"
    assert places(root) == {"ours": str(films / "ours")}
    assert (root / "data.csv").read_text().count("\n") == 1 + 72, "the small set is not copied"


def test_all_films_that_were_selected_can_be_used(root, films):
    selection.use(films)
    data.fill(root)
    tables = build_index("ours", load_entries(root)["ours"], root / "data", salt="")
    assert len(tables[""]) == 72 and tables["problems"].empty


def test_a_set_that_is_too_small_alone_can_still_be_indexed(root, films, capsys):
    shutil.rmtree(films / "ours")
    assert selection.use(films) == ["small"]
    answer = capsys.readouterr().out
    assert "Too small to be studied" in answer
    assert "ours: `folder: ours` was not found" in answer, "an entry of one's own is missed"


def test_the_entries_that_come_with_the_study_are_known():
    assert set(load_entries(ROOT)) == SHIPPED, "name what comes with the study in the survey"


def test_films_that_do_not_open_are_found_at_once(root, films, capsys):
    for number, path in enumerate((films / "ours/fracture").iterdir()):
        if number < 4:
            path.write_bytes(b"not a film")
    selection.use(films)
    assert "of 24 films that were tested cannot be read (" in capsys.readouterr().out
    for path in (films / "ours").rglob("*.png"):
        path.write_bytes(b"not a film")
    selection.use(films)  # the small set is left
    assert "24 of 24 films that were tested cannot be read, the first" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (
            lambda ours: (ours / "healthy/a.png").symlink_to("gone"),
            "ours/healthy/a.png is a broken link",
        ),
        (
            lambda ours: (ours / "healthy/up").symlink_to(".."),
            "is a link to a folder that contains it",
        ),
        (
            lambda ours: os.rename(ours / "healthy", os.fsencode(ours) + b"/gesund\xfc"),
            r"gesund\xfc has a name that is not UTF-8",
        ),
    ],
)
def test_a_broken_set_does_not_stop_the_others(root, films, spoil, sentence, capsys):
    spoil(films / "ours")
    assert selection.use(films) == ["small"]
    assert sentence in capsys.readouterr().out


@pytest.mark.parametrize("images", ["{equalise: none}", "{equalize: nun}", "{size: wide}"])
def test_images_that_cannot_be_prepared_are_refused(root, films, images, capsys):
    describe(root, OURS.replace("body:", f"images: {images}, body:"))
    refused(root, films, "`images`", capsys)


def test_a_slip_in_the_entries_is_answered_in_one_sentence(root, films, capsys):
    describe(root, OURS.replace("'^", '"^').replace("_'", '_"'))
    refused(root, films, "params/datasets.yaml, line", capsys)


# --- where films are found


def test_links_lead_to_films(root, films, tmp_path):
    (films / "ours/implant").rename(tmp_path / "store")
    (films / "ours/implant").symlink_to(tmp_path / "store")
    selection.use(films)
    assert (root / "data.csv").read_text().count("ours/implant/") == 2 * 24


def test_two_stars_enter_folders_that_are_links(root, films, tmp_path):
    stars = SMALL.replace("small", "stars").replace("normal: h", "normal: '**/h")
    stars = stars.replace("healthy,", "healthy',").replace("fracture,", "'**/fracture',")
    describe(root, stars)
    shutil.move(films / "small", tmp_path / "elsewhere")
    write_films(films / "stars/one", 12, ("healthy", "fracture"))
    (films / "stars/two").symlink_to(write_films(tmp_path / "two", 20, ("healthy", "fracture")))
    shutil.rmtree(films / "ours")
    assert selection.use(films) == ["stars"]
    data.fill(root)
    tables = build_index("stars", load_entries(root)["stars"], root / "data", salt="")
    listed = {film.place for film in data.planned(root)}
    assert len(listed) == 64 and set(tables[""]["path"]) <= listed
    assert len(tables[""]) > 24, "12 of each class are copies"


@pytest.mark.parametrize("below", ["ours/healthy", "ours", ".", ".."])
def test_from_may_be_the_sets_folder_or_one_above_or_below(root, ready, below, capsys):
    selection.use(ready / below)
    assert places(root)["ours"] == str(ready / "ours")


def test_from_may_be_a_set_of_another_name(root, ready, tmp_path, capsys):
    (tmp_path / "2024").symlink_to(ready / "ours")
    assert selection.use(tmp_path / "2024") == ["ours"]
    assert places(root) == {"ours": str(tmp_path / "2024")}
    assert f"found in {tmp_path / '2024'}" in capsys.readouterr().out


def test_archives_in_a_folder_of_their_own_name_and_other_capitals(root, films):
    (films / "ours").rename(films / "inner")
    (films / "OURS").mkdir()
    (films / "inner").rename(films / "OURS/OURS")
    assert selection.use(films) == ["ours"]
    assert places(root) == {"ours": str(films / "OURS/OURS")}


def test_a_set_in_two_places_is_named(root, ready, tmp_path, capsys):
    for name in ("a", "b"):
        (tmp_path / "both" / name).mkdir(parents=True)
        (tmp_path / "both" / name / "ours").symlink_to(ready / "ours")
    refused(root, tmp_path / "both", "name one of them with FROM", capsys)


@pytest.mark.parametrize("below", ["ours/healthy", ".", "ours"])
def test_one_set_of_films_is_studied_once(root, films, below):
    describe(root, OURS + OURS.replace("  ours:", "  theirs:").replace("folder: ours", "folder: o"))
    (films / "o").symlink_to("ours")
    assert selection.use(films / below) == ["ours"]
    assert places(root) == {"ours": str(films / "ours")}


def test_kermany_is_not_studied_in_two_sizes(root, tmp_path):
    describe(root, "")
    folder = tmp_path / "chest_xray"
    for number in range(48):
        part = ("train", "test")[number % 2]
        film(folder / part / f"NORMAL/IM-{number:04}-0001.jpeg", number)
        name = f"person{number}_bacteria_{number}.jpeg"
        film(folder / part / "PNEUMONIA" / name, 100 + number)
    assert selection.use(folder) == ["kermany"]


def test_masks_beside_the_set_belong_to_it(root, films):
    film(films / "masks/ours/fracture/p001_1.png", 0)
    selection.use(films)
    assert places(root)["masks/ours"] == str(films / "masks/ours")


# --- rights


@pytest.fixture
def without_root_rights():
    """Root may read everything: lay down CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH for a while."""
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "capset"):
        pytest.skip("no capabilities here")
    header, rights = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    libc.capget(header, rights)
    effective = rights[0]
    rights[0] &= ~0b110
    libc.capset(header, rights)
    yield
    rights[0] = effective
    libc.capset(header, rights)


@pytest.fixture(params=[0o000, 0o444])
def barred(films, without_root_rights, request):
    """Take the rights to folders below `films`."""
    folders = []

    def bar(*names: str) -> None:
        for name in names:
            (films / name).mkdir(parents=True, exist_ok=True)
            (films / name).chmod(request.param)
            folders.append(films / name)

    yield bar
    for folder in reversed(folders):
        folder.chmod(0o755) if folder.exists() else None  # a test may rename its parent


def test_folders_that_may_not_be_read_are_passed_over(root, films, barred):
    film(films / "private/ours/1.png", 0)
    film(films / "lost+found/1.png", 0)
    barred("lost+found", "masks", "ours/lost+found", "private")
    assert selection.use(films) == ["ours"]
    (films / "ours").rename(films / "2024")
    assert selection.use(films / "2024") == ["ours"]


@pytest.mark.parametrize("name", ["ours/healthy", "ours", "ours/implant"])
def test_a_set_that_may_not_be_read_is_named(root, films, barred, name, capsys):
    barred(name)
    assert selection.use(films) == ["small"]
    answer = capsys.readouterr().out
    assert f"{films / name}" in answer and "cannot be read" in answer, answer


def test_a_class_that_may_not_be_read_is_named_where_no_set_is_found(root, films, barred, capsys):
    (films / "ours").rename(films / "2024")
    barred("2024/healthy")
    assert "healthy (cannot be read)" in refused(root, films / "2024", "was not found", capsys)


@pytest.mark.parametrize("name", [".", "ours", "ours/healthy"])
def test_from_without_rights_is_one_sentence(root, films, barred, name, capsys):
    barred(name)
    refused(root, films / name, f"{films / name} cannot be read: give yourself permission", capsys)
    barred(".")
    refused(root, films / "ours", "ours cannot be read", capsys)


# --- FROM


@pytest.mark.parametrize(
    ("folder", "sentence"),
    [
        ("nowhere", "nowhere is not a folder"),
        ("films/ours/healthy/p001_0.png", "is not a folder"),
        ("repository", "contains the study itself"),
        (".", "contains the study itself"),
        ("repository/data/mine", "in the study's folder data/"),
        ("repository/build/phantoms/nih", "in the study's folder build/"),
        ("empty", "contains no data set of params/datasets.yaml"),
    ],
)
def test_folders_that_cannot_be_studied_change_nothing(root, films, folder, sentence, capsys):
    for name in ("data/mine", "build/phantoms/nih"):
        (root / name).mkdir(parents=True)
    describe(root, "") if folder == "empty" else None
    (films.parent / "empty").mkdir()
    refused(root, films.parent / folder, sentence, capsys)


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("repository/data", "films/ours/healthy/new"),
        ("films/ours/mine", "repository/data/ours"),
        ("films/ours/healthy/p999_0.png", "repository/data/ours/1.png"),
    ],
)
def test_films_and_data_are_kept_apart(root, films, link, target, capsys):
    film(root / "data/ours/1.png", 0) if target.startswith("repository") else None
    (films / "ours/healthy/new").mkdir()
    (films.parent / link).symlink_to(films.parent / target)
    refused(root, films, "data/ is in" if "new" in target else "are already in data/", capsys)


def test_data_that_leads_nowhere_is_named(root, films, tmp_path, capsys):
    (root / "data").symlink_to(tmp_path / "disk/films")
    refused(root, films, "disk/films, which is not a folder", capsys)


@pytest.mark.parametrize(
    "name",
    [
        *("my films", "films (2)", "Anna's films", "films & more", 'a "b"', "a#b", "$HOME", "$(x)"),
        *("`ls`", "ü", "a;b", "a%b", "back\\slash", "-dash", "*", "films/"),
    ],
)
def test_make_hands_over_the_name_of_any_folder(tmp_path, name):
    shutil.copy(ROOT / "Makefile", tmp_path)
    python = tmp_path / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\nfor argument; do :; done\nprintf '<%s>' \"$argument\"\n")
    python.chmod(0o755)
    command = ["make", "--silent", "-o", ".venv/ready", "data", f"FROM={name}"]
    answer = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert answer.stdout == f"<{name}>"


def test_a_folder_may_be_named_from_home(root, ready, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(ready.parent))
    selection.use(Path("~") / ready.name)
    assert places(root)["ours"] == str(ready / "ours")


def test_an_empty_name_is_no_folder(root, monkeypatch):
    monkeypatch.setattr("sys.argv", ["selection", "--", ""])
    with pytest.raises(SystemExit, match="FROM is empty"):
        selection.main()


# --- what is written


def test_nothing_is_written_while_data_is_filled(root, films, capsys):
    with data.alone(root):
        refused(root, films, "data/ is being filled", capsys)
        with pytest.raises(BadData, match="is being filled"):
            selection.use(selection.PHANTOMS)
    assert selection.use(films) == ["ours"]


def test_pointing_at_a_folder_and_back_leaves_no_trace(root, films):
    before = (root / "params/study.yaml").read_bytes()
    assert selection.use(films) == ["ours"]
    assert {fit.dataset for fit in grid.fits()} == {"ours"}
    selection.use(selection.PHANTOMS)
    after = YAML(typ="safe").load(root / "params/study.yaml")
    first = YAML(typ="safe").load(before)
    assert after["grid"] == first["grids"]["phantoms"] and after["source"] == first["source"]
    assert not (root / "data.csv").exists()


def test_the_committed_grid_survives_a_round_trip_to_the_byte(root):
    before = (root / "params/study.yaml").read_bytes()
    selection.use(selection.PHANTOMS)
    assert (root / "params/study.yaml").read_bytes() == before


def _of(ablation):
    """Return the data sets of an ablation of the chosen grid."""
    return [one.dataset for one in ablations.of_grid() if one.name == ablation]


def test_the_peers_protocols_are_a_grid_of_their_own(root, tmp_path, capsys):
    describe(root, "")
    folder = tmp_path / "elsewhere/knee_oa/ClaheDataset224"
    for place in [f"{part}/{grade}" for part in ("train", "val", "test") for grade in (0, 2)]:
        for number in range(12):
            code = sum(map(ord, place)) % 89 * 100 + number
            film(folder / place / f"9{code:06}L.png", code)
    assert selection.use(tmp_path / "elsewhere") == ["knee_oa"]
    assert _of("contamination") == ["knee_oa"]
    selected = selection.use(tmp_path / "elsewhere", peers=True)
    assert selected == ["knee_oa_peers", "knee_oa_peers_labels"], "the own split is not among them"
    families = {name: {fit.family for fit in grid.fits(name)} for name in selected}
    without_labels = {"reconstruction", "features", "one_class"}
    assert families["knee_oa_peers"] == without_labels, "all abnormal films are test films"
    assert families["knee_oa_peers_labels"] == without_labels | {"supervised", "few_labels"}
    assert _of("label_fraction") == ["knee_oa_peers_labels"] and _of("pretraining") == selected
    assert _of("sim_to_real") == [], "phantoms of chests teach nothing about knees"
    assert selection.use(tmp_path / "elsewhere") == ["knee_oa"]
    assert {fit.dataset for fit in grid.fits()} == {"knee_oa"}


def test_films_of_chests_alone_are_compared_with_phantoms_of_chests(root, films):
    write_films(films / "small", classes=("healthy", "fracture"))  # limbs, and enough of them
    assert set(selection.use(films)) == {"ours", "small"} == set(_of("contamination"))
    assert _of("sim_to_real") == ["ours"]


def test_a_folder_without_films_of_the_reference_codes_is_named(root, films):
    with pytest.raises(BadData, match=r"no films of the reference codes' protocols.*without PEERS"):
        selection.use(films, peers=True)
