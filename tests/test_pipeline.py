"""The rules of the graph: what each edit runs again, and what a broken cell leaves behind."""

import json
import shutil

import nbformat
import numpy as np
import pytest
from PIL import Image

CELLS = {
    "supervised@rsna-resnet-0",
    "reconstruction@rsna-autoencoder-0",
    "reconstruction@rsna-gaussian-0",
    "adversarial@rsna-f_anogan-0",
    "svdd@rsna-deep_svdd-0",
}
RECONSTRUCTION_PAGES = {
    "reconstruction-page@rsna-autoencoder-0",
    "reconstruction-page@rsna-gaussian-0",
    "adversarial-page@rsna-f_anogan-0",
}
STUDIES = {f"{name}@{name}-rsna" for name in ("label_fraction", "as_published", "pretraining")}
PAGES = RECONSTRUCTION_PAGES | {
    "label_fraction-page@label_fraction-rsna",
    "as_published-page@as_published-rsna",
    "pretraining-page@pretraining-rsna",
    "exploration@rsna",
    "preprocessing@rsna",
    "supervised-page@rsna-resnet-0",
    "svdd-page@rsna-deep_svdd-0",
    "comparison-page",
    "site",
}


@pytest.fixture
def study(small_study):
    """The rebuilt study; what a test edits is put back after it."""
    yield small_study
    small_study.run("git", "checkout", "-q", "lib", "notebooks", "templates", "params")


def changed_stages(study) -> set[str]:
    """The stages that `dvc repro` would run next, once the fingerprints are written anew."""
    assert study.dvc("repro", "code").returncode == 0
    return set(json.loads(study.dvc("status", "--json").stdout or "{}"))


def unread(folder) -> dict:
    """All that is known of files but when they were read."""
    facts = {path: path.stat() for path in folder.rglob("*")}
    return {path: (s.st_ino, s.st_mode, s.st_nlink, s.st_mtime_ns) for path, s in facts.items()}


def test_nothing_changes_after_a_rebuild(study):
    assert changed_stages(study) == set()
    assert "up to date" in study.dvc("repro").stdout


def test_saving_a_notebook_retrains_nothing(study):
    path = study.folder / "notebooks/04_reconstruction.ipynb"
    notebook = nbformat.read(path, as_version=4)
    code = next(cell for cell in notebook.cells if cell.cell_type == "code")
    code.execution_count, code.outputs = (
        1,
        [nbformat.v4.new_output("stream", text="run in JupyterLab")],
    )
    nbformat.write(notebook, path)
    assert changed_stages(study) == RECONSTRUCTION_PAGES


def test_prose_touches_its_page_only(study):
    study.edit("notebooks/05_svdd.ipynb", "Limitations", "Limits")
    assert changed_stages(study) == {"svdd-page@rsna-deep_svdd-0"}


@pytest.mark.parametrize("path", ["lib/losses.py", "lib/methods/resnet.py"])
def test_a_comment_or_docstring_runs_nothing(study, path):
    study.edit(path, '"""', '"""Said better: ')
    (study.folder / path).write_text((study.folder / path).read_text() + "# a remark\n")
    assert changed_stages(study) == set()


def test_a_figure_makes_pages_only(study):
    (study.folder / "lib/figures/style.py").write_text(
        (study.folder / "lib/figures/style.py").read_text() + "\nNEW = 1\n"
    )
    assert changed_stages(study) <= PAGES


def test_the_page_template_makes_pages_only(study):
    template = next((study.folder / "templates").rglob("*.j2"))
    template.write_text(template.read_text() + "\n")
    assert changed_stages(study) == PAGES


def test_a_metric_makes_tables_and_pages_only(study):
    (study.folder / "lib/metrics.py").write_text(
        (study.folder / "lib/metrics.py").read_text() + "\nNEW = 1\n"
    )
    changed = changed_stages(study)
    assert "comparison" in changed
    assert changed <= PAGES | {"comparison"}


@pytest.mark.parametrize(
    ("method", "cells"),
    [
        ("resnet", {"supervised@rsna-resnet-0"}),
        # Deep SVDD is pre-trained as an autoencoder: it builds on that file.
        ("autoencoder", {"reconstruction@rsna-autoencoder-0", "svdd@rsna-deep_svdd-0"}),
        ("deep_svdd", {"svdd@rsna-deep_svdd-0"}),
        ("anoddpm", {"reconstruction@rsna-gaussian-0"}),  # of which it is a setting
    ],
)
def test_a_method_retrains_its_own_cells_and_those_that_build_on_it(study, method, cells):
    path = study.folder / f"lib/methods/{method}.py"
    path.write_text(path.read_text() + "\nNEW = 1\n")
    assert changed_stages(study) & CELLS == cells


def test_a_learning_rate_retrains_its_own_cells(study):
    study.edit(
        "params/tiny.yaml",
        "autoencoder: {epochs: 2",
        "autoencoder: {learning_rate: 0.002, epochs: 2",
    )
    assert changed_stages(study) == {
        "reconstruction@rsna-autoencoder-0",
        "label_fraction@label_fraction-rsna",
    }


def test_a_method_fits_its_studies_again(study):
    path = study.folder / "lib/methods/vae.py"
    path.write_text(path.read_text() + "\nNEW = 1\n")
    assert changed_stages(study) == {"as_published@as_published-rsna"}


def test_editing_a_study_fits_that_study_again_and_no_cell(study):
    study.edit("params/study.yaml", "seeds: [0, 1]", "seeds: [0, 1, 2]")
    assert changed_stages(study) == {"label_fraction@label_fraction-rsna", "comparison", "site"}


def test_the_code_of_studies_trains_no_cell(study):
    path = study.folder / "lib/studies/run.py"
    path.write_text(path.read_text() + "\nNEW = 1\n")
    changed = changed_stages(study)
    assert changed & (CELLS | STUDIES) == STUDIES


def test_other_films_and_back_again_retrains_nothing_and_leaves_the_films_alone(study, tmp_path):
    for kind in ("NORMAL", "PNEUMONIA"):
        folder = tmp_path / "kermany/chest_xray/train" / kind
        folder.mkdir(parents=True)
        for number in range(12):
            seed = number + 50 * len(kind)
            film = np.random.default_rng(seed).integers(0, 255, (64, 64), np.uint8)
            name = f"person{seed}_a.jpeg"
            Image.fromarray(film).save(folder / name)
    before = unread(tmp_path)
    trained = study.durations()

    assert study.run("python", "-m", "lib.source", str(tmp_path)).returncode == 0
    indexed = study.dvc("repro", "index@kermany")
    assert indexed.returncode == 0, indexed.stderr
    assert study.run("python", "-m", "lib.source", "build/phantoms").returncode == 0
    back = study.dvc("repro")
    assert back.returncode == 0, back.stderr
    assert "python -m lib.study " not in back.stdout
    assert "python -m lib.studies" not in back.stdout
    assert study.durations() == trained
    assert unread(tmp_path) == before
    assert changed_stages(study) == set()


def test_a_broken_cell_says_why_and_the_rest_is_built(study):
    study.edit("lib/methods/deep_svdd.py", "def compute_losses(", "def compute_losses_of_nothing(")
    repro = study.dvc("repro")
    assert repro.returncode != 0
    assert "Cell rsna/deep_svdd/0 failed" in repro.stdout + repro.stderr
    assert "Cell rsna/deep_svdd/0 failed" in study.page("svdd-rsna-deep_svdd-0")
    assert "rsna/deep_svdd/0" in study.page("index")
    results = (study.folder / "reports/results.csv").read_text()
    assert "autoencoder" in results
    assert "deep_svdd,svdd" not in results

    study.run("git", "checkout", "-q", "lib")
    mended = study.dvc("repro")
    assert mended.returncode == 0
    assert "failed" not in study.page("svdd-rsna-deep_svdd-0")


def test_results_outlive_a_comparison_that_fails(study):
    published = study.folder / "reports/results.csv"
    before = published.read_text()
    study.edit("lib/comparison/rows.py", "def rows_of_films(", "def rows_of_nothing(")
    assert study.dvc("repro", "comparison").returncode != 0
    assert published.read_text() == before


def test_a_grid_without_studies_is_compared_and_its_pages_say_what_was_not_fitted(study):
    text = (study.folder / "params/study.yaml").read_text()
    grid, films = text.split("  films: &films")
    for dataset in ("as_published", "label_fraction", "pretraining"):
        start = grid.index("datasets: [rsna]", grid.index(f"{dataset}:"))
        grid = f"{grid[:start]}datasets: []{grid[start + len('datasets: [rsna]') :]}"
    (study.folder / "params/study.yaml").write_text(f"{grid}  films: &films{films}")
    shutil.rmtree(study.folder / "build/studies")
    repro = study.dvc("repro", "comparison", "svdd-page@rsna-deep_svdd-0")
    assert repro.returncode == 0, repro.stderr
    assert "python -m lib.study " not in repro.stdout
    assert "not fitted in these forms" in study.page("svdd-rsna-deep_svdd-0")
    assert "study: " not in (study.folder / "reports/results.csv").read_text()

    study.run("git", "checkout", "-q", "params")
    assert study.dvc("repro").returncode == 0
    assert "study: " in (study.folder / "reports/results.csv").read_text()
