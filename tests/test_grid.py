"""What params/ asks for, and where a source of films is put."""

import shutil

import pytest
from ruamel.yaml import YAML

from lib import ROOT, grid, source
from lib.datasets import BadData


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A repository with the committed parameters and nothing else."""
    shutil.copytree(ROOT / "params", tmp_path / "params")
    shutil.copy(ROOT / "data.dvc", tmp_path)
    for module in (grid, source):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    return tmp_path


def test_every_cell_has_parameters_and_every_data_set_an_entry():
    entries = grid.parameters("datasets")["datasets"]
    for chosen in grid.parameters("study")["grids"].values():
        assert set(chosen["datasets"]) <= set(entries)
        for family in grid.FAMILIES:
            assert set(chosen[family]["datasets"]) <= set(chosen["datasets"])
            for profile in ("quick", "full"):
                assert set(chosen[family]["methods"]) <= set(grid.parameters(profile))


def test_cells_are_the_product_of_each_family(root):
    cells = grid.cells()
    assert len(cells) == len(set(cells))
    assert grid.cell("mura", "deep_svdd", 3).family == "svdd"
    assert grid.cell("mura", "unheard_of").family == "other"


def test_pointing_at_a_folder_and_back_leaves_no_trace(root, tmp_path):
    before = (root / "params/study.yaml").read_text()
    films = root / "elsewhere/kermany/chest_xray/train"
    for kind in ("NORMAL", "PNEUMONIA"):
        (films / kind).mkdir(parents=True)
        for number in range(12):
            (films / kind / f"person{number + 100 * len(kind)}_a.jpeg").touch()
    assert source.use(root / "elsewhere") == ["kermany"]
    assert {cell.dataset for cell in grid.cells()} == {"kermany"}
    assert "path: elsewhere" in (root / "data.dvc").read_text()

    source.use(source.PHANTOMS)
    assert "path: build/phantoms" in (root / "data.dvc").read_text()
    after = YAML(typ="safe").load((root / "params/study.yaml").read_text())
    assert after["grid"] == YAML(typ="safe").load(before)["grids"]["phantoms"]
    assert after["grids"]["films"]["datasets"] == ["kermany"]


def test_the_committed_grid_survives_a_round_trip_to_the_byte(root):
    before = (root / "params/study.yaml").read_bytes()
    source.use(source.PHANTOMS)
    assert (root / "params/study.yaml").read_bytes() == before


@pytest.mark.parametrize("folder", ["nowhere", "empty"])
def test_a_folder_without_films_changes_nothing(root, folder):
    (root / "empty").mkdir()
    before = (root / "params/study.yaml").read_bytes(), (root / "data.dvc").read_bytes()
    with pytest.raises(BadData, match=folder):
        source.use(root / folder)
    assert before == ((root / "params/study.yaml").read_bytes(), (root / "data.dvc").read_bytes())
