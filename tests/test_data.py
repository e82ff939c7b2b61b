"""data/ leads to all films of the study or stays as it is, and no file of a user's is lost."""

import errno
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from lib import ROOT, data
from lib.datasets.originals import originals, read_list, write_list
from lib.errors import BadData


def write(path: Path, text: str = "film") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def choose(root: Path, **places: Path) -> None:
    """Point the repository at films below data/, as `make data FROM=folder` does."""
    listing = originals(places)
    listing.check()
    write(root / "params/study.yaml")
    write_list(root / "data.csv", listing.files)
    source = {"folder": "films", "list": "data.csv", "drawn": []}
    source["places"] = {place: str(folder) for place, folder in places.items()}
    YAML().dump({"source": source}, root / "params/study.yaml")


def state(folder: Path) -> dict:
    """Return all that is known of files but when they were read."""
    facts = {path: path.lstat() for path in folder.rglob("*")}
    return {
        p: (s.st_ino, s.st_mode, s.st_nlink, s.st_size, s.st_mtime_ns) for p, s in facts.items()
    }


def contents(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != data.LIST]
    return {path.relative_to(folder).as_posix(): path.read_text() for path in files}


@pytest.fixture
def films(tmp_path) -> Path:
    """Return a user's films."""
    for name in ("healthy/1.png", "healthy/2.png", "fracture/3.png"):
        write(tmp_path / "films" / name, name)
    return tmp_path / "films"


@pytest.fixture
def root(tmp_path, films) -> Path:
    """Return a repository whose data/ has links to the films."""
    root = tmp_path / "repository"
    choose(root, ours=films)
    data.fill(root)
    return root


def copies_in(data_folder: Path) -> None:
    """Put copies in the place of links, as earlier versions of the study made them."""
    for link in [path for path in data_folder.rglob("*") if path.is_symlink()]:
        film = Path(os.readlink(link))
        link.unlink()
        shutil.copy2(film, link)


def refused(root: Path, match: str) -> None:
    """Assert that data/ is not filled, with a sentence, and stays as it was."""
    before = state(root / "data")
    with pytest.raises(BadData, match=match):
        data.fill(root)
    assert state(root / "data") == before
    assert {path.name for path in root.iterdir()} == {"data", "data.csv", "params"}


def test_films_stay_where_and_as_they_are(root, films):
    (films / "fracture/3.png").chmod(0o400)
    before = state(films)
    choose(root, ours=films)
    data.fill(root)
    assert state(films) == before
    assert contents(root / "data") == {f"ours/{k}": v for k, v in contents(films).items()}
    links = [path for path in (root / "data").rglob("*.png") if path.is_symlink()]
    assert {Path(os.readlink(link)) for link in links} == set(films.rglob("*.png"))


def test_films_that_changed_wait_until_they_are_listed_again(root, films):
    write(films / "healthy/2.png", "taken again")
    write(films / "healthy/4.png")
    assert "2 are new or changed and 1 missing or changed" in data.changes(root)
    refused(root, r"1 of 3 films are missing or have changed.*run `make data FROM=folder` again")
    choose(root, ours=films)
    assert "does not yet hold" in data.changes(root)
    data.fill(root)
    assert "as they are now" in data.changes(root) and len(contents(root / "data")) == 4


def test_films_that_are_gone_are_counted_before_dvc_looks_for_them(root, films):
    (films / "healthy/2.png").rename(films.parent / "2.png")
    (films / "fracture/3.png").unlink()
    with pytest.raises(BadData, match=r"2 films are gone.*the first in data/ours/fracture: put th"):
        data.changes(root)
    (films.parent / "2.png").rename(films / "healthy/2.png")
    choose(root, ours=films)
    data.drop_dead_links(root)
    assert set(contents(root / "data")) == {"ours/healthy/1.png", "ours/healthy/2.png"}
    data.fill(root)
    assert "as they are now" in data.changes(root)


def test_films_that_are_gone_stop_no_study_of_others(root, films, tmp_path):
    others = write(tmp_path / "others/healthy/4.png").parents[1]
    choose(root, ours=others)
    films.rename(tmp_path / "unplugged")
    assert "does not yet hold" in data.changes(root)
    assert not list(data._dead_links(root / "data", data._listed(root / "data")))
    data.fill(root)
    assert contents(root / "data") == {"ours/healthy/4.png": "film"}


def test_what_is_in_data_is_compared_with_what_the_study_put_there(root, films, tmp_path):
    (root / "data/ours/healthy/1.png").unlink()
    assert "does not yet hold" in data.changes(root)
    data.fill(root)
    assert "as they are now" in data.changes(root)
    write(root / "data/.nfs0001")
    assert "as they are now" in data.changes(root), "left by a system of files"
    film = root / "data/ours/healthy/1.png"
    film.unlink()
    film.symlink_to(films / "healthy/2.png")
    with pytest.raises(BadData, match="1 files that the study did not put there"):
        data.changes(root)
    film.unlink()
    film.symlink_to(films / "healthy/1.png")
    write(tmp_path / "more/5.png")
    (root / "data/ours/implant").symlink_to(tmp_path / "more")
    with pytest.raises(BadData, match="1 files that the study did not put there"):
        data.changes(root)


def test_a_disk_without_links_is_named(root, films, monkeypatch):
    def refuse(*_):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "symlink", refuse)
    refused(root, "The disk of data/ holds no links")


def test_links_are_followed(root, films, tmp_path):
    store = tmp_path / "store"
    (films / "healthy/link.png").symlink_to(write(store / "9.png"))
    (films / "implant").symlink_to(write(store / "implant/10.png").parent)
    choose(root, ours=films)
    data.fill(root)
    assert {"ours/healthy/link.png", "ours/implant/10.png"} < set(contents(root / "data"))
    assert not any(path.is_symlink() for path in (root / "data").rglob("*") if path.is_dir())
    write(store / "implant/11.png")
    assert "1 are new" in data.changes(root)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda folder: (folder / "a").symlink_to("nowhere"), "films/a is a broken link"),
        (lambda folder: (folder / "a").symlink_to("a"), "films/a is a broken link"),
        (lambda folder: (folder / "b").symlink_to(".."), "is a link to a folder that contains it"),
        (lambda folder: os.mkfifo(folder / "pipe"), "films/pipe is neither a file nor a folder"),
        (lambda folder: write(folder / "two\nlines"), r"two\\nlines has a line break"),
        (
            lambda folder: os.mkdir(os.fsencode(folder) + b"/M\xfcller"),
            r"films/M\\xfcller has a name that is not UTF-8: rename it",
        ),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(films, spoil, sentence):
    spoil(films)
    with pytest.raises(BadData, match=sentence):
        originals({"ours": films}).check()


def test_odd_names_survive_the_list(films, tmp_path):
    names = [
        "a b",
        "ü",
        "u\u0308",
        "back\\slash",
        "quo\"te'",
        "#",
        "$HOME",
        "a,b",
        "-",
        "*[x]?",
        "~",
    ]
    for name in names:
        write(films / "odd" / name)
    listing = originals({".": films})
    listing.check()
    write_list(tmp_path / "list.csv", listing.files)
    assert read_list(tmp_path / "list.csv") == listing.files
    assert {f"odd/{name}" for name in names} < {file.place for file in listing.files}


@pytest.mark.parametrize("place", ["theirs/healthy/ada_lovelace.png", ".hidden", "ours/new.png"])
def test_a_file_that_was_put_into_data_is_not_lost(root, films, place):
    write(root / "data" / place)
    refused(root, "data/ contains 1 files that the study did not put there")
    with pytest.raises(BadData) as raised:
        data.fill(root)
    assert "lovelace" not in str(raised.value)
    write(films.parent / "others/1.png")
    choose(root, others=films.parent / "others")
    refused(root, "contains 1 files")


def test_a_changed_or_linked_file_in_data_is_not_lost(root, films, tmp_path):
    copies_in(root / "data")
    (root / "data/ours/healthy/1.png").write_text("annotated by hand")
    (root / "data/theirs").symlink_to(write(tmp_path / "theirs/1.png").parent)
    refused(root, "data/ contains 2 files")
    assert (tmp_path / "theirs/1.png").exists()


def test_what_nobody_would_miss_stops_nothing(root, films, tmp_path):
    write(root / "data/.DS_Store")
    write(root / "data/ours/._1.png")
    shutil.copytree(write(tmp_path / "theirs/1.png", "the same").parent, root / "data/theirs")
    choose(root, ours=films, theirs=tmp_path / "theirs")  # it was copied there by hand before
    data.fill(root)
    assert len(contents(root / "data")) == 4


def test_the_only_copy_of_films_stays(root, films, tmp_path):
    copies_in(root / "data")
    films.rename(tmp_path / "unplugged")
    choose(root, others=write(tmp_path / "others/1.png").parent)
    refused(root, "data/ contains the only copy of 3 films, .* the first in data/ours/fracture:")
    names = tmp_path / "of_the_same_names"
    shutil.copytree(tmp_path / "unplugged", names)
    write(names / "healthy/1.png", "others")
    write(names / "healthy/2.png", "healthy/3.png")  # of the same size
    choose(root, ours=names)
    refused(root, "data/ contains the only copy of 2 films, .* the first in data/ours/healthy:")
    (tmp_path / "unplugged").rename(films)
    choose(root, others=tmp_path / "others")
    data.fill(root)
    assert list(contents(root / "data")) == ["others/1.png"]


def test_copies_of_earlier_versions_give_way_to_links(root, films):
    copies_in(root / "data")
    assert "as they are now" in data.changes(root)
    data.fill(root)
    assert all(path.is_symlink() for path in (root / "data").rglob("*.png"))


def test_a_folder_or_film_of_another_name_is_no_loss(root, films, tmp_path):
    copies_in(root / "data")
    films.rename(tmp_path / "A2")
    (tmp_path / "A2/healthy/1.png").rename(tmp_path / "A2/fracture/renamed.png")
    choose(root, theirs=tmp_path / "A2")
    data.fill(root)
    assert contents(root / "data") == {
        f"theirs/{name}": text for name, text in contents(tmp_path / "A2").items()
    }


def test_films_in_data_are_no_originals(root, films, tmp_path):
    ours = root / "data/ours"
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/ours").symlink_to(ours)
    choose(root, ours=tmp_path / "mine/ours")
    refused(root, r"3 films to be studied are already in data/|data/ is in")
    copies_in(root / "data")
    before = [film._replace(path=str(ours / film.place[5:])) for film in data.planned(root)]
    write_list(root / "data" / data.LIST, before)  # as if copied from there
    choose(root, others=write(tmp_path / "others/1.png").parent)
    refused(root, "data/ contains the only copy of 3 films")


@pytest.mark.parametrize("place", [".", "ours", "ours/healthy", "ours/healthy/new"])
def test_data_may_not_lead_into_the_users_films(root, films, tmp_path, place):
    (tmp_path / "mine").mkdir()
    films.rename(tmp_path / "mine/ours")
    (tmp_path / "mine/ours/healthy/new").mkdir()
    choose(root, ours=tmp_path / "mine/ours")
    shutil.rmtree(root / "data")
    (root / "data").symlink_to(tmp_path / "mine" / place)
    before = state(tmp_path / "mine")
    with pytest.raises(BadData, match=r"data/ is in|are already in data/"):
        data.fill(root)
    assert state(tmp_path / "mine") == before


def test_a_copy_without_a_list_is_the_users(root, films):
    (root / "data" / data.LIST).write_text("nonsense")
    choose(root, others=write(films.parent / "others/1.png").parent)
    refused(root, "data/ contains 3 files")


def test_data_may_be_a_link_to_a_larger_disk(root, films, tmp_path):
    (tmp_path / "disk").mkdir()
    (root / "data").rename(tmp_path / "disk/data")
    (root / "data").symlink_to(tmp_path / "disk/data")
    write(films / "healthy/4.png")
    choose(root, ours=films)
    data.fill(root)
    assert (root / "data").is_symlink() and len(contents(root / "data")) == 4
    assert [path.name for path in (tmp_path / "disk").iterdir()] == ["data"]
    (tmp_path / "disk/data").rename(tmp_path / "disk/.data.earlier")  # killed between the renames
    assert data.real_place(root) == tmp_path / "disk/data"
    data.fill(root)
    assert [path.name for path in (tmp_path / "disk").iterdir()] == ["data"]


def test_data_may_not_be_a_link_to_nowhere_or_to_a_whole_disk(root, tmp_path, monkeypatch):
    (root / "data").rename(tmp_path / "disk")
    (root / "data").symlink_to(tmp_path / "unplugged")
    with pytest.raises(BadData, match=r"data/ is a link to .*unplugged, which is not a folder"):
        data.fill(root)
    (root / "data").unlink()
    (root / "data").symlink_to(tmp_path / "disk")
    monkeypatch.setattr(os.path, "ismount", lambda path: Path(path) == tmp_path / "disk")
    refused(root, r"make data/ a link to a folder on that disk, for instance .*disk/films")


def test_a_full_disk_leaves_everything_as_it_was(root, films, monkeypatch):
    write(films / "healthy/4.png")
    choose(root, ours=films)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "symlink", full)
    before = state(root / "data")
    with pytest.raises(OSError, match="No space left"):
        data.fill(root)
    assert state(root / "data") == before and not list(root.glob(".data.*"))


def test_a_kill_leaves_the_old_films_or_the_new(root, films):
    """Killed at any moment, also between the two renames; the next call mends all."""
    for number in range(800):
        write(films / f"many/{number}.png", str(number))
    choose(root, ours=films)
    script = f"from pathlib import Path; from lib import data; data.fill(Path({str(root)!r}))"
    for wait in (0.0, 0.05, 0.15):
        copy = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL)
        while copy.poll() is None and not (root / ".data.unfinished").exists():
            time.sleep(0.002)
        time.sleep(wait)
        copy.send_signal(signal.SIGKILL)
        copy.wait()
        assert len(contents(root / "data")) in (3, 803)
    (root / "data").rename(root / ".data.earlier")  # between the renames
    write(root / ".data.unfinished/ours/half.png")
    data.fill(root)
    assert contents(root / "data") == {f"ours/{k}": v for k, v in contents(films).items()}
    assert not list(root.glob(".data.*"))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda films: write(films / "healthy/2.png", "still grows"), "A film changed while data/"),
        (lambda films: choose(films.parent / "repository", ours=films / "healthy"), "The list of"),
    ],
)
def test_what_changes_meanwhile_leaves_data_as_it_was(root, films, monkeypatch, change, sentence):
    write(films / "healthy/2.png", "new")
    choose(root, ours=films)
    link = os.symlink

    def link_and_change(*paths):
        link(*paths)
        change(films)

    monkeypatch.setattr(os, "symlink", link_and_change)
    refused(root, f"{sentence}.*data/ is unchanged")


def test_data_says_what_it_holds_when_the_study_is_pointed_elsewhere(root):
    phantoms_again(root)
    assert "data/ contains films other than the phantoms" in data.changes(root)
    shutil.rmtree(root / "data")
    assert data.changes(root) == "data/ is a copy of the phantoms."


def test_two_calls_wait_for_each_other(root, films):
    for number in range(400):
        write(films / f"many/{number}.png", str(number))
    choose(root, ours=films)
    script = f"from pathlib import Path; from lib import data; data.fill(Path({str(root)!r}))"
    both = [subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE) for _ in "ab"]
    assert [copy.communicate()[1][-1:] and copy.returncode for copy in both] == [0, 0]
    assert len(contents(root / "data")) == 403


# --- in DVC


@pytest.fixture
def repository(tmp_path):
    """Return a small DVC repository without git: `data` and two more stages."""
    root = tmp_path / "repository"
    shutil.copytree(ROOT / "lib", root / "lib", ignore=shutil.ignore_patterns("__pycache__"))
    (root / ".dvc").mkdir()
    for name in (".dvc/config", ".dvcignore"):
        shutil.copy(ROOT / name, root / name)
    stages = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]
    draw = "mkdir -p build/${item}; echo phantom > build/${item}/1.dcm"
    drawn = stages["drawn"]["do"]
    drawn = {"cmd": [draw, drawn["cmd"][1]], "outs": drawn["outs"]}
    index = {"cmd": "ls -R data > seen.txt", "deps": ["build/manifest.csv"], "outs": ["seen.txt"]}
    small = {"drawn": stages["drawn"] | {"do": drawn}, "data": stages["data"]}
    small["index"] = {"matrix": {"dataset": ["x"]}} | index
    YAML().dump({"vars": ["params/study.yaml"], "stages": small}, root / "dvc.yaml")
    phantoms_again(root)
    dvc(root, "config", "--local", "core.no_scm", "true")  # as `make` does where there is no git
    return root


def phantoms_again(root: Path) -> None:
    source = "{folder: build/phantoms, list: build/phantoms.csv, drawn: [phantoms]}"
    write(root / "params/study.yaml", f"source: {source}\n")


def dvc(root: Path, *arguments: str, rc: int = 0) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "PYTHONPATH": str(root)}
    answer = subprocess.run(
        ["dvc", *arguments], cwd=root, env=environment, capture_output=True, text=True
    )
    assert answer.returncode == rc or (rc and answer.returncode), answer.stdout + answer.stderr
    return answer.stdout + answer.stderr


def test_dvc_never_removes_what_a_user_put_into_data(repository, films):
    root = repository
    dvc(root, "repro", "index@x")
    assert list(contents(root / "data")) == ["1.dcm"]
    stages = YAML(typ="safe").load(root / "dvc.lock")["stages"]
    hashes = {out["path"]: out["md5"] for stage in stages.values() for out in stage["outs"]}
    assert hashes["data"] == hashes["build/phantoms"], "the list of copies is not hashed"
    assert hashes["build/manifest.csv"] == hashes["build/phantoms.csv"]

    theirs = write(root / "data/theirs/1.png")
    os.link(theirs, films / "linked.png")
    before = state(root / "data")
    assert "data/ contains 1 files that the study did not put there" in dvc(
        root, "repro", "index@x", rc=1
    )
    choose(root, ours=films)
    answer = dvc(root, "repro", rc=1)
    assert "data/ contains 1 files" in answer and "Traceback" not in answer
    dvc(root, "checkout", "--force")
    dvc(root, "repro", "--force", rc=1)
    assert state(root / "data") == before

    (root / "data/theirs").rename(films / "theirs")
    choose(root, ours=films)
    dvc(root, "repro", "index@x")
    assert len(contents(root / "data")) == 5
    assert "up to date" in dvc(root, "repro", "index@x")
    phantoms_again(root)
    assert "index@x' is cached" in dvc(root, "repro", "index@x")
    assert list(contents(root / "data")) == ["1.dcm"]


@pytest.mark.parametrize("folder", ["data", "build/${item}"])
def test_one_stage_looks_at_the_films_for_all_others(folder):
    """Each stage that names the folder costs a look at every film, at each `dvc repro`."""
    stages = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"].values()
    stages = [stage.get("do", stage) for stage in stages]
    sides = [path for stage in stages for side in ("deps", "outs") for path in stage.get(side, [])]
    paths = [path if isinstance(path, str) else next(iter(path)) for path in sides]
    assert paths.count(folder) == 1


def test_the_manifest_changes_with_a_film_and_not_with_its_time(repository, films):
    root = repository
    choose(root, ours=films)
    dvc(root, "repro", "index@x")
    listed = (root / "build/manifest.csv").read_text()
    rows = [line.split(",") for line in listed.splitlines()]
    assert rows[0] == ["place", "size", "md5"] and len(rows) == 4
    for place, size, md5 in rows[1:]:
        film = (root / "data" / place).read_bytes()
        assert (int(size), md5) == (len(film), hashlib.md5(film).hexdigest())

    os.utime(films / "healthy/1.png")
    choose(root, ours=films)
    assert "index@x' didn't change" in dvc(root, "repro", "index@x")
    assert (root / "build/manifest.csv").read_text() == listed
    write(films / "healthy/1.png", "another film")
    assert "modified:           data" in dvc(root, "status"), "seen through the link"
    assert "films are missing or have changed" in dvc(root, "repro", "index@x", rc=1)
    choose(root, ours=films)
    assert "Running stage 'index@x'" in dvc(root, "repro", "index@x")
