"""What params/ asks for."""

import shutil

import pytest
from ruamel.yaml import YAML

from lib import ROOT, grid


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A repository with the committed parameters and nothing else."""
    shutil.copytree(ROOT / "params", tmp_path / "params")
    monkeypatch.setattr(grid, "ROOT", tmp_path)
    return tmp_path


def test_every_cell_has_parameters_and_every_data_set_an_entry():
    entries = grid.parameters("datasets")["datasets"]
    for chosen in grid.parameters("study")["grids"].values():
        assert set(chosen["datasets"]) <= set(entries)
        for family in grid.GROUPS:
            assert set(chosen[family]["datasets"]) <= set(chosen["datasets"])
            for profile in ("quick", "hours", "full"):
                assert set(chosen[family]["methods"]) <= set(grid.parameters(profile))


def test_every_study_has_parameters_data_sets_of_its_grid_and_a_stage():
    stages = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())["stages"]
    for chosen in grid.parameters("study")["grids"].values():
        for name, study in chosen["studies"].items():
            assert set(study) == {"datasets", "methods", "seeds", "variants"}
            assert set(study["datasets"]) <= set(chosen["datasets"])
            assert {name, f"{name}-page"} <= set(stages)
            for profile in ("quick", "full"):
                assert set(study["methods"]) <= set(grid.parameters(profile))


def test_every_entry_of_a_profile_is_a_method_or_a_setting_of_one(root):
    files = {path.stem for path in (ROOT / "lib/methods").glob("[!_]*.py")}
    for profile in ("quick", "full"):
        entries = grid.parameters(profile)
        named = {entries[name].get("method", name) for name in entries.keys() - {"images", "split"}}
        assert named <= files


def test_an_entry_may_be_a_setting_of_another_method(root):
    quick = root / "params/quick.yaml"
    quick.write_text(quick.read_text() + "\nwide: {method: autoencoder, latent_dim: 128}\n")
    assert grid.method_of("wide") == "autoencoder" == grid.method_of("autoencoder")
    assert "wide" in grid.methods() and "images" not in grid.methods()


def test_cells_are_the_product_of_each_family(root):
    cells = grid.cells()
    assert len(cells) == len(set(cells))
    assert grid.cell("mura", "deep_svdd", 3).family == "svdd"
    assert grid.cell("mura", "unheard_of").family == "other"
