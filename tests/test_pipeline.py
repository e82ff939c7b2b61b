"""The rules of the graph: what each edit runs again, and what a broken fit leaves behind."""

import json
import subprocess
import sys

import nbformat
import numpy as np
import pytest
from PIL import Image

from lib import ROOT

pytestmark = pytest.mark.seconds(500)

SOME = "10-known-normal-10-known-abnormal"  # the folder of a variant
OF_RESNET = [f"{name}/{seed}" for name in ("unlabelled", SOME) for seed in (0, 1)]
PAGES_OF_FITS = {"cards@rsna", "chapters@rsna"}
ABLATIONS = {f"ablation@{name}" for name in ("label_fraction", "as_published", "pretraining")}
PAGES = (
    PAGES_OF_FITS
    | ABLATIONS
    | {
        "exploration@rsna",
        "preprocessing@rsna",
        "first-fit",
        "one-film",
        "real-films",
        "comparison-page",
        "checklist",
        "site",
    }
)


@pytest.fixture
def study(small_study):
    """Yield the rebuilt study; what a test edits is put back after it."""
    yield small_study
    small_study.run("git", "checkout", "-q", "lib", "notebooks", "templates", "params")


def changed_stages(study) -> set[str]:
    """Return the stages that `dvc repro` would run next, after new fingerprints."""
    assert study.dvc("repro", "code").returncode == 0
    return set(json.loads(study.dvc("status", "--json").stdout or "{}"))


def page_of(study, notebook, **parameters) -> str:
    """Return the page of a notebook, complete or not, from what the last `dvc repro` left."""
    study.make_page(notebook, dataset="rsna", **parameters)
    return (study.folder / "build/page.html").read_text()


def trained_again(study) -> set[str]:
    """Return the fits that `dvc repro` trains, by data set, method, variant and seed."""
    before = study.trained()
    repro = study.dvc("repro", "fits@rsna")
    assert repro.returncode == 0, repro.stderr[-2000:]
    return {fit for fit, moment in study.trained().items() if before.get(fit) != moment}


def unread(folder) -> dict:
    """Return all that is known of files but when they were read."""
    facts = {path: path.stat() for path in folder.rglob("*")}
    return {path: (s.st_ino, s.st_mode, s.st_nlink, s.st_mtime_ns) for path, s in facts.items()}


def test_nothing_changes_after_a_rebuild(study):
    assert changed_stages(study) == set()
    assert "up to date" in study.dvc("repro").stdout


def test_saving_a_notebook_retrains_nothing(study):
    path = study.folder / "notebooks/05_fit.ipynb"
    notebook = nbformat.read(path, as_version=4)
    code = next(cell for cell in notebook.cells if cell.cell_type == "code")
    code.execution_count, code.outputs = (
        1,
        [nbformat.v4.new_output("stream", text="run in JupyterLab")],
    )
    nbformat.write(notebook, path)
    assert changed_stages(study) == {"cards@rsna"}


def test_prose_touches_its_page_only(study):
    study.edit("notebooks/07_ablation.ipynb", "Limitations", "Limits")
    assert changed_stages(study) == ABLATIONS


def remark_on(study, path):
    """Change a docstring and add a comment."""
    study.edit(path, '"""', '"""In other words: ')
    (study.folder / path).write_text((study.folder / path).read_text() + "# a remark\n")


def test_a_comment_or_docstring_runs_nothing(study):
    remark_on(study, "lib/losses.py")
    assert changed_stages(study) == set()


def test_the_docstring_of_a_method_makes_what_shows_it_and_trains_nothing(study):
    remark_on(study, "lib/methods/resnet.py")
    assert changed_stages(study) == {"cards@rsna", "site"}


def test_a_figure_makes_pages_only(study):
    (study.folder / "lib/figures/style.py").write_text(
        (study.folder / "lib/figures/style.py").read_text() + "\nNEW = 1\n"
    )
    assert changed_stages(study) <= PAGES


def test_the_page_template_makes_pages_only(study):
    template = next((study.folder / "templates").rglob("*.j2"))
    template.write_text(template.read_text() + "\n")
    assert changed_stages(study) == PAGES


def test_a_measure_makes_tables_and_pages_only(study):
    path = study.folder / "lib/metrics/ranking.py"
    path.write_text(path.read_text() + "\nNEW = 1\n")
    changed = changed_stages(study)
    assert "measures@rsna" in changed
    assert changed <= PAGES | {"measures@rsna", "robustness@rsna", "comparison"}


@pytest.mark.parametrize(
    ("method", "fits"),
    [
        ("resnet", {"resnet/default/0", *(f"resnet/{one}" for one in OF_RESNET)}),
        ("vae", {"vae/default/0", "vae/as-published/0"}),
        ("anoddpm", {"gaussian/default/0"}),  # of which it is a setting
    ],
)
def test_a_method_retrains_its_own_fits_and_no_others(study, method, fits):
    path = study.folder / f"lib/methods/{method}.py"
    path.write_text(path.read_text() + "\nNEW = 1\n")
    assert study.waiting() == {f"rsna/{fit}" for fit in fits}


def test_a_method_retrains_those_that_build_on_it(study):
    """Deep SVDD is pre-trained as an autoencoder: it builds on that file."""
    path = study.folder / "lib/methods/autoencoder.py"
    path.write_text(path.read_text() + "\nNEW = 1\n")
    methods = {fit.split("/")[1] for fit in study.waiting()}
    assert methods == {"autoencoder", "deep_svdd"}


def test_a_learning_rate_retrains_its_own_fits(study):
    study.edit(
        "params/tiny.yaml",
        "autoencoder: {epochs: 2",
        "autoencoder: {learning_rate: 0.002, epochs: 2",
    )
    assert {fit.split("/")[1] for fit in study.waiting()} == {"autoencoder"}


def test_another_seed_of_an_ablation_trains_the_new_fits_alone(study):
    study.edit("params/study.yaml", "seeds: [0, 1]", "seeds: [0, 1, 7]")
    new = {f"rsna/autoencoder/{variant}/7" for variant in ("default", SOME)}
    assert study.waiting() == new | {f"rsna/resnet/{name}/7" for name in ("unlabelled", SOME)}


@pytest.mark.extended
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
    trained = study.trained()

    assert study.run("python", "-m", "lib.selection", str(tmp_path)).returncode == 0
    read = study.dvc("repro", "films@kermany")
    assert read.returncode == 0, read.stderr
    assert study.run("python", "-m", "lib.selection", "build/phantoms").returncode == 0
    back = study.dvc("repro")
    assert back.returncode == 0, back.stderr
    assert study.trained() == trained
    assert unread(tmp_path) == before
    assert changed_stages(study) == set()


def test_what_a_card_shows_trains_nothing(study):
    study.edit("lib/fits/evidence.py", "FILMS_WITH_MAPS = 200", "FILMS_WITH_MAPS = 4")
    changed = changed_stages(study)
    assert "scores@rsna" in changed and "fits@rsna" not in changed
    before = study.trained()
    scored = study.run("python", "-m", "lib.fits", "score", "rsna", "autoencoder", "0")
    assert scored.returncode == 0, scored.stderr[-2000:]
    maps = np.load(study.folder / "build/scores/rsna/autoencoder/default/0/maps.npz")
    assert len(maps["image_id"]) <= 4 + 2 + 1 and study.trained() == before


@pytest.mark.extended
def test_one_fit_by_hand_is_not_trained_again_by_the_graph(study):
    study.edit("params/study.yaml", "seeds: [0, 1]", "seeds: [0, 1, 8]")
    by_hand = study.run("python", "-m", "lib.fits", "train", "rsna", "autoencoder", "8")
    assert by_hand.returncode == 0, by_hand.stderr[-2000:]
    assert trained_again(study) == {f"rsna/resnet/{SOME}/8"}


KILLED_WHILE_IT_TRAINS = """
import shutil, sys
from pathlib import Path
from tests.conftest import Study
from tests.kills import Moment, killed_and_continued, scores
study = Study(Path(sys.argv[1]))
expected = scores(study)
for fit in study.folder.glob("build/*/rsna/autoencoder/*/[01]"):
    shutil.rmtree(fit)
print(killed_and_continued(study, Moment("training", 3, 0.5), expected))
"""


def test_a_killed_stage_goes_on_where_it_was(study):
    """One round of tests.kills: fits of an ablation are trained again, with equal scores."""
    code = [sys.executable, "-c", KILLED_WHILE_IT_TRAINS, str(study.folder)]
    run = subprocess.run(code, cwd=ROOT, capture_output=True, text=True)
    assert "again=0, scores_equal=True, unfinished=0" in run.stdout, run.stdout + run.stderr


def test_a_broken_fit_says_why_and_the_rest_is_built(study):
    study.edit("lib/methods/deep_svdd.py", "def compute_losses(", "def compute_losses_of_nothing(")
    repro = study.dvc("repro", "site")
    assert repro.returncode != 0
    reason = "The fit rsna/deep_svdd/0 failed"
    assert reason in repro.stdout + repro.stderr
    assert reason in page_of(study, "05_fit", method="deep_svdd")
    assert "rsna/deep_svdd/0: " in page_of(study, "04_family", family="one_class")
    assert "rsna/deep_svdd/0" in study.page("index")
    results = (study.folder / "reports/results.csv").read_text()
    assert "autoencoder" in results
    assert "deep_svdd,one_class" not in results

    study.run("git", "checkout", "-q", "lib")
    mended = study.dvc("repro", "site")
    assert mended.returncode == 0, mended.stderr[-2000:]
    assert reason not in study.page("index")
    assert "failed" not in page_of(study, "05_fit", method="deep_svdd")
    assert changed_stages(study) >= PAGES_OF_FITS, "which show the fit as it was"


def test_results_outlive_a_comparison_that_fails(study):
    published = study.folder / "reports/results.csv"
    before = published.read_text()
    study.edit("lib/comparison/rows.py", "def rows_of_films(", "def rows_of_nothing(")
    assert study.dvc("repro", "measures@rsna", "comparison").returncode != 0
    assert published.read_text() == before

    study.run("git", "checkout", "-q", "lib")
    assert study.dvc("repro", "measures@rsna", "comparison").returncode == 0
    assert published.read_text() == before


@pytest.mark.extended
def test_a_grid_without_ablations_is_compared(study):
    text = (study.folder / "params/study.yaml").read_text()
    grid, films = text.split("  films: &films")
    grid = f"{grid[: grid.index('    ablations:')]}    ablations: {{}}\n"
    films = films.replace("{<<: *label_fraction, ", "{question: 'Why?', variants: [{}], ")
    (study.folder / "params/study.yaml").write_text(f"{grid}  films: &films{films}")
    before = study.trained()
    repro = study.dvc("repro", "comparison-page", "site")
    assert repro.returncode == 0, repro.stderr
    assert study.trained() == before
    assert "ablation: " not in (study.folder / "reports/results.csv").read_text()

    study.run("git", "checkout", "-q", "params")
    assert study.dvc("repro", "comparison-page", "site").returncode == 0
    assert "ablation: " in (study.folder / "reports/results.csv").read_text()
