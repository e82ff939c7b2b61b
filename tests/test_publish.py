"""The site and the archive of a tiny study: what is in them, and what is refused."""

import hashlib
import json
import subprocess
import tarfile
import xml.etree.ElementTree as ElementTree

import pytest
from ruamel.yaml import YAML

from lib import ROOT, archive, provenance
from lib.errors import BadData
from lib.fits import underway
from lib.publish.links import broken
from lib.publish.made import Record, hash_of
from lib.publish.site import WITHOUT_FILMS, publish

PAGES = {
    "reports/index.html": '<p id="top"></p><a href="cards/mura/vae-0.html#map">card</a>'
    '<a href="results.csv">numbers</a><a href="https://arxiv.org/abs/1">paper</a>',
    "reports/cards/mura/vae-0.html": '<p id="map"></p><a href="../../index.html#top">home</a>'
    '<img src="data:image/png;base64,AAAA">',
}
FILES = {
    **PAGES,
    "reports/results.csv": "dataset,value\nmura,0.7\n",
    "build/index/mura.csv": "image_id\n1\n",
    "build/fits/mura/vae/0/weights.weights.h5": "weights",
    "build/fits/mura/vae/0/drawn.npz": "large",
    "build/scores/mura/vae/0/scores.csv": "image_id,score\n1,0.5\n",
    "data/film.png": "a phantom",
    "build/phantoms.csv": "film.png",
    "build/manifest.csv": "film.png",
    "pyproject.toml": """[project]
name = "study"
version = "1.2.3"
description = "A study"
authors = [{name = "Somebody"}]
keywords = []
license = "MIT"
""",
    "CHANGELOG.md": "## 1.2.3 (unreleased)\n",
}
STAGES = {  # stage -> what it reads, what it makes
    "data": (["build/phantoms.csv"], ["data", "build/manifest.csv"]),
    "films@mura": (["build/manifest.csv"], ["build/index/mura.csv"]),
    "fits@mura": (["build/index/mura.csv"], ["build/fits/mura"]),
    "scores@mura": (["build/fits/mura"], ["build/scores/mura"]),
    "cards@mura": (["build/scores/mura"], ["reports/cards/mura"]),
    "comparison": (["build/scores"], ["reports/results.csv"]),
    "site": (["reports/results.csv", "build/fits"], ["reports/index.html"]),
}
GRID = {"datasets": ["mura"], "ablations": {}, "unlabelled": []}


def save(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def run(root, *stages):
    """Write what a run of these stages leaves in dvc.lock."""
    lock = root / "dvc.lock"
    record = YAML(typ="safe").load(lock) if lock.exists() else {"schema": "2.0", "stages": {}}
    for name in stages or STAGES:
        sides = [
            [{"path": path, "md5": hash_of(root / path)} for path in paths]
            for paths in STAGES[name]
        ]
        record["stages"][name] = dict(zip(("deps", "outs"), sides, strict=True))
    YAML(typ="safe").dump(record, lock)


@pytest.fixture
def study(tmp_path, monkeypatch):
    """Return the root of a study that has just run, and whose files are committed."""
    for name, content in FILES.items():
        save(tmp_path / name, content)
    (tmp_path / "params").mkdir()
    grid_of(tmp_path)
    run(tmp_path)
    save(tmp_path / ".gitignore", "build/\nsite/\ndata/\n*.html\n")
    for command in ("init -q", "add -A", "-c user.name=t -c user.email=t@t commit -qm t"):
        subprocess.run(["git", *command.split()], cwd=tmp_path, check=True)
    monkeypatch.setattr(provenance, "commit", lambda: "abcdef0123")
    return tmp_path


def grid_of(root, source=provenance.OF_PHANTOMS):
    YAML(typ="safe").dump({"source": source, "grid": GRID}, root / "params/study.yaml")


def names(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_site_has_pages_and_tables_and_a_map_of_the_pages(study):
    site, left_out = publish(study, base="https://host.org/study/")
    assert not left_out
    assert names(site) == {
        *(name.removeprefix("reports/") for name in PAGES),
        *("results.csv", "sitemap.xml", "robots.txt"),
    }
    places = [place.text for place in ElementTree.parse(site / "sitemap.xml").findall(".//{*}loc")]
    assert places == [
        "https://host.org/study/cards/mura/vae-0.html",
        "https://host.org/study/index.html",
    ]
    assert "Sitemap: https://host.org/study/sitemap.xml" in (site / "robots.txt").read_text()


def test_without_an_address_the_map_is_relative_and_robots_names_none(study):
    site, _ = publish(study)
    assert "<loc>index.html</loc>" in (site / "sitemap.xml").read_text()
    assert "Sitemap" not in (site / "robots.txt").read_text()
    for wrong in ("host.org", "ftp://host.org", "https://host.org/?a=b"):
        with pytest.raises(BadData, match="is not the address of a site"):
            publish(study, base=wrong)


@pytest.mark.parametrize("learned_from", ["phantoms", "films of your own folder"])
def test_the_page_that_reads_films_is_published_whole_or_not_at_all(study, learned_from):
    """An earlier export may be of films of patients. The archive has its source alone."""
    detector = json.dumps({"films": learned_from})
    page = {
        **{"index.html": '<script src="page.js"></script>', "page.js": "", "runtime.wasm": ""},
        **{"models/mura-vae-0/detector.json": detector, "models/mura-vae-0/detector.onnx": ""},
        "models/index.json": "{}",
    }
    for name, content in page.items():
        save(study / "reports/reader" / name, content)
    whole = {f"reader/{name}" for name in page}
    site, left_out = publish(study)
    of_phantoms = learned_from == "phantoms"
    assert {name for name in names(site) if "reader" in name} == (whole if of_phantoms else set())
    assert left_out == ([] if of_phantoms else ["reader/index.html"])
    assert whole <= names(publish(study, films=True)[0])
    assert not [name for name in archive.write(study)[1] if "reader" in name]
    (study / "reports/reader/models/index.json").unlink()
    assert not any("reader" in name for name in names(publish(study, films=True)[0])), "unfinished"


@pytest.mark.parametrize("where", ["params", "lock"])
def test_films_of_patients_are_refused_unless_asked_for(study, where):
    """Also where the study points at phantoms again, and the last run was of films."""
    if where == "params":
        grid_of(study, {"folder": "/clinic", "list": "data.csv", "drawn": []})
    else:
        save(study / "data.csv", "film.png")
        lock = YAML(typ="safe").load(study / "dvc.lock")
        lock["stages"]["data"]["deps"][0]["path"] = "data.csv"
        YAML(typ="safe").dump(lock, study / "dvc.lock")
    for make in (publish, archive.write):
        with pytest.raises(BadData, match=r"not phantoms.*FILMS=yes"):
            make(study)
    assert not (study / "site").exists() and not (study / "build/archive").exists()
    publish(study, films=True)
    _, sums = archive.write(study, films=True)
    of_films = where == "lock"
    assert ("build/index/mura.csv" in sums) is not of_films, "an index names files of patients"


def test_a_page_of_earlier_films_is_refused(study):
    """The films changed, and were indexed again; the cards are those of the earlier ones."""
    save(study / "data/film.png", "another phantom")
    save(study / "build/index/mura.csv", "image_id\n2\n")
    run(study, "data", "films@mura")
    for make in (publish, archive.write):
        with pytest.raises(BadData, match=r"2 pages are not those of the last run: .*vae-0.html"):
            make(study)


def test_a_page_that_the_last_run_did_not_make_is_refused_or_left_out(study):
    save(study / "reports/cards/clinic/vae-0.html", "a film of a patient")
    save(study / "reports/notes.html", "")
    site, left_out = publish(study)
    assert left_out == ["cards/clinic/vae-0.html", "notes.html"]
    assert not names(site) & set(left_out)
    save(study / "reports/index.html", "changed by hand")
    with pytest.raises(BadData, match=r"1 pages are not those of the last run: index.html"):
        publish(study)


def test_the_first_page_links_each_page_that_is_made_outside_the_graph():
    notebook = (ROOT / "notebooks/00_index.ipynb").read_text()
    assert WITHOUT_FILMS and all(name in notebook for name in WITHOUT_FILMS)


def test_the_record_of_a_data_set_that_left_the_grid_counts_for_nothing(study):
    save(study / "reports/cards/clinic/vae-0.html", "a film of a patient")
    lock = YAML(typ="safe").load(study / "dvc.lock")
    hashed = {"path": "reports/cards/clinic", "md5": hash_of(study / "reports/cards/clinic")}
    lock["stages"]["cards@clinic"] = {"deps": [], "outs": [hashed]}
    YAML(typ="safe").dump(lock, study / "dvc.lock")
    assert publish(study)[1] == ["cards/clinic/vae-0.html"]


def test_a_study_under_way_or_without_pages_is_not_published(study):
    save(study / "reports/index.html", underway.MARK)
    with pytest.raises(BadData, match="has not ended"):
        publish(study)
    (study / "reports/index.html").unlink()
    with pytest.raises(BadData, match="has no pages yet"):
        publish(study)


def test_a_broken_link_is_named_and_the_earlier_site_stays(study):
    publish(study)
    before = {name: (study / "site" / name).read_text() for name in names(study / "site")}
    save(study / "reports/index.html", '<a href="absent.html">x</a>')
    run(study, "site")
    with pytest.raises(BadData, match=r"2 links lead nowhere") as failure:
        publish(study)
    assert "index.html: absent.html" in str(failure.value)
    assert "cards/mura/vae-0.html: ../../index.html#top" in str(failure.value)
    assert {name: (study / "site" / name).read_text() for name in names(study / "site")} == before
    assert not list(study.glob(".site@*"))


@pytest.mark.parametrize(
    ("link", "leads"),
    [
        ("b.html", True),
        ("B.html", False),
        ("./sub/../b.html", True),
        ("../b.html", False),
        ("/b.html", False),
        ("sub/", True),
        ("sub/index.html?x=1", True),
        ("b.html#caf%C3%A9", True),
        ("b.html#tea", False),
        ("#here", True),
        ("#there", False),
        ("with%20space.html", True),
        ("mailto:a@b.org", True),
        ("//host.org/x", True),
    ],
)
def test_where_a_link_leads(tmp_path, link, leads):
    for name in ("sub/index.html", "with space.html"):
        save(tmp_path / name, "")
    save(tmp_path / "b.html", '<p id="café"></p>')
    save(tmp_path / "a.html", f'<p id="here"></p><a href="{link}">x</a>')
    assert broken(tmp_path) == ([] if leads else [f"a.html: {link}"])


def test_an_archive_has_source_results_weights_pages_and_their_hashes(study):
    path, sums = archive.write(study)
    with tarfile.open(path) as opened:
        content = {one.name: opened.extractfile(one).read() for one in opened}
    there = {name.removeprefix("study-1.2.3/"): data for name, data in content.items()}
    listed = there.pop("SHA256SUMS").decode().splitlines()
    assert {line.split("  ")[1]: line.split("  ")[0] for line in listed} == sums
    assert {name: hashlib.sha256(data).hexdigest() for name, data in there.items()} == sums
    lists = ("build/phantoms.csv", "build/manifest.csv")
    absent = {name for name in FILES if name.endswith((".png", ".npz", *lists))}
    assert set(there) == {*FILES, ".gitignore", "params/study.yaml", "dvc.lock"} - absent
    before = path.read_bytes()
    archive.write(study)
    assert path.read_bytes() == before, "the same files give the same bytes"


def test_an_archive_is_of_a_commit_and_of_its_results(study, monkeypatch):
    save(study / "build/scores/mura/vae/0/scores.csv", "image_id,score\n1,0.9\n")
    with pytest.raises(BadData, match=r"scores.csv is not that of the last run"):
        archive.write(study)
    save(study / "build/scores/mura/vae/0/scores.csv", FILES["build/scores/mura/vae/0/scores.csv"])
    save(study / "reports/results.csv", "dataset,value\nmura,0.8\n")
    run(study, "comparison", "site")
    with pytest.raises(BadData, match=r"reports/results.csv is not that of the commit"):
        archive.write(study)
    monkeypatch.setattr(provenance, "commit", lambda: "abcdef0123 with local changes")
    with pytest.raises(BadData, match="of no commit"):
        archive.write(study)
    assert not list((study / "build/archive").glob("*.tar.gz"))


def test_a_folder_has_the_hash_that_dvc_gives_it_without_what_dvc_ignores(study):
    before = hash_of(study / "build/fits/mura")
    save(study / "build/fits/mura/vae/.0.lock", "")
    save(study / "build/fits/mura/vae/.0@host-1-2.partial/weights", "")
    assert hash_of(study / "build/fits/mura") == before
    assert all(current for _, current in Record(study).files("build/fits"))
