"""The files by which a release is cited are those of the study, with one version."""

import json
import shutil

import mlcroissant
import pytest
import yaml
from rocrate.rocrate import ROCrate

from lib import ROOT
from lib.datasets.table import COLUMNS
from lib.errors import BadData
from lib.phantoms import cohorts
from lib.provenance import holds_phantoms
from lib.release.__main__ import contents, write
from lib.release.croissant import FILMS, INDEX_COLUMNS
from lib.release.project import Release

pytestmark = pytest.mark.skipif(not holds_phantoms(), reason="dvc.lock is of the user's own films")
READ = ("pyproject.toml", "CHANGELOG.md", "dvc.lock", "params/datasets.yaml", "notebooks")


@pytest.fixture
def copy(tmp_path):
    """Return a folder with what the files are written from."""
    for name in READ:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tmp_path / name)
        else:
            shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def edit(path, old, new):
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))


def test_the_committed_files_are_current():
    for name, text in contents().items():
        assert (ROOT / name).read_text(encoding="utf-8") == text, "run `python -m lib.release`"


def test_a_new_version_is_that_of_every_file_and_only_those_that_changed_are_written(copy):
    assert len(write(copy)) == 4 and write(copy) == []
    version = Release.of(copy).version
    edit(copy / "pyproject.toml", f'version = "{version}"', 'version = "9.8.7"')
    with pytest.raises(BadData, match=r"CHANGELOG.md does not begin with version 9.8.7"):
        write(copy)
    edit(copy / "CHANGELOG.md", f"## {version} (unreleased)", "## 9.8.7 (2031-02-03)")
    assert len(write(copy)) == 4
    citation = yaml.safe_load((copy / "CITATION.cff").read_text())
    of_zenodo, crate, croissant = (json.loads(text) for text in list(contents(copy).values())[1:])
    dataset = next(part for part in crate["@graph"] if part["@id"] == "./")
    described = (citation, of_zenodo, dataset, croissant)
    assert {one["version"] for one in described} == {"9.8.7"}
    dates = {str(citation["date-released"]), of_zenodo["publication_date"]}
    assert dates | {dataset["datePublished"], croissant["datePublished"]} == {"2031-02-03"}


def test_authors_and_licence_are_those_of_the_project_and_no_doi_is_invented():
    release, texts = Release.of(ROOT), contents()
    for name, text in texts.items():
        assert all(author in text for author in release.authors), name
        assert release.licence in text and "doi" not in text.lower(), name
    assert release.licence in (ROOT / "LICENSE").read_text()
    assert release.authors[0] in (ROOT / "LICENSE").read_text()


def test_what_the_crate_lists_is_there_with_every_notebook():
    crate = json.loads(contents()["ro-crate-metadata.json"])
    entities = {entity["@id"]: entity for entity in crate["@graph"]}
    parts = [part["@id"] for part in entities["./"]["hasPart"]]
    for name in parts:
        assert (ROOT / name).is_file() and entities[name]["description"], name
    notebooks = {f"notebooks/{path.name}" for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert notebooks <= set(parts)
    assert len(entities) == len(crate["@graph"])


def test_the_rocrate_package_reads_the_crate_and_refuses_one_without_its_root(tmp_path):
    release, crate = Release.of(ROOT), ROCrate(ROOT)
    assert (crate.name, str(crate.version)) == (release.title, "1.1")
    authors = [author["name"] for author in crate.root_dataset["author"]]
    assert authors == release.authors and crate.license["name"] == release.licence
    listed = json.loads(contents()["ro-crate-metadata.json"])
    parts = {part.id for part in crate.data_entities if part.type == "File"}
    assert parts == {entity["@id"] for entity in listed["@graph"] if entity["@type"] == "File"}
    listed["@graph"] = [entity for entity in listed["@graph"] if entity["@id"] != "./"]
    (tmp_path / "ro-crate-metadata.json").write_text(json.dumps(listed))
    with pytest.raises(ValueError, match="root"):
        ROCrate(tmp_path)


def test_the_mlcroissant_package_accepts_the_phantoms_and_refuses_a_field_without_its_file():
    described = json.loads(contents()["croissant.json"])
    issues = mlcroissant.Dataset(described).metadata.ctx.issues
    undated = [] if Release.of(ROOT).date else ["datePublished"]
    assert not issues.errors and len(issues.warnings) == len(undated)
    assert all(word in warning for word, warning in zip(undated, issues.warnings, strict=True))
    described["recordSet"][0]["field"][0]["source"]["fileObject"]["@id"] = "nowhere"
    with pytest.raises(mlcroissant.ValidationError, match="nowhere"):
        mlcroissant.Dataset(described)


def test_the_phantoms_are_described_by_the_columns_of_their_index():
    croissant = json.loads(contents()["croissant.json"])
    assert list(INDEX_COLUMNS) == COLUMNS and set(FILMS) == set(cohorts.PLANS)
    known = {part["@id"] for part in croissant["distribution"]}
    for records in croissant["recordSet"]:
        assert [field["name"] for field in records["field"]] == COLUMNS
        assert {field["source"]["fileObject"]["@id"] for field in records["field"]} <= known
    for part in croissant["distribution"]:
        assert "md5" in part or part["@type"] == "cr:FileSet"


def test_a_study_that_never_ran_is_one_sentence(copy):
    (copy / "dvc.lock").unlink()
    with pytest.raises(BadData, match=r"dvc.lock does not hold build/index/mura.csv"):
        contents(copy)
