"""What params/ asks for, and where a source of films is put."""

import shutil

import pytest
from ruamel.yaml import YAML

from lib import ROOT, grid, source
from lib.datasets.entries import BadData


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


def test_the_peers_protocols_join_the_grid_when_asked_for_but_not_every_study(root):
    films = root / "elsewhere/knee_oa/ClaheDataset224"
    for place in [f"{part}/{grade}" for part in ("train", "val", "test") for grade in (0, 2)]:
        (films / place).mkdir(parents=True)
        for number in range(12):
            code = sum(map(ord, place)) % 89 * 100 + number
            (films / place / f"9{code:06}L.png").touch()
    assert source.use(root / "elsewhere") == ["knee_oa"]
    with pytest.warns(UserWarning, match="knee_oa_peers: every abnormal film is in the test list"):
        found = source.use(root / "elsewhere", peers=True)
    assert found == ["knee_oa", "knee_oa_peers", "knee_oa_peers_labels"]
    families = {cell.family for cell in grid.cells() if cell.dataset == "knee_oa_peers"}
    assert families == {"supervised", "reconstruction", "svdd"}
    assert grid.studies()["label_fraction"]["datasets"] == found
    assert grid.studies()["contamination"]["datasets"] == ["knee_oa"]
    assert source.use(root / "elsewhere") == ["knee_oa"]
    assert {cell.dataset for cell in grid.cells()} == {"knee_oa"}


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
