"""Rules that every file of the repository keeps: notebooks, imports, paths, pictures, style."""

import ast
import re
import subprocess
import symtable
import sys
import tomllib
from collections import Counter
from itertools import pairwise

import nbformat
import pytest
import yaml

from lib import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
STUDIES = [path for path in NOTEBOOKS if path.stem != "00_index"]  # which points at the others
MODULES = sorted((ROOT / "lib").rglob("*.py"))

# Ground floor first: a module imports only from its own floor's folder and from floors below it.
FLOORS = [
    *("files", "errors", "accidents", "processes"),
    *("params", "variants", "grid", "ablations", "shown", "lanes"),
    *("films", "burned_in", "phantoms", "provenance"),
    *("datasets", "data", "manifest", "preprocessing"),
    *(
        "selection",
        "networks",
        "noise",
        "lesions",
        "collapse",
        "batches",
        "engine",
        "detector",
        "samples",
    ),
    *("bodies", "reconstruction", "standardisation", "tensor_files", "backbones", "finetuning"),
    *("features", "losses", "feature_detector", "feature_statistics", "grid_detector"),
    *("methods", "metrics", "floors", "prose", "figures", "templates", "fits", "comparison"),
    *("unlabelled", "report", "pages", "reader", "export", "robustness", "lab"),
    *(
        "preflight",
        "benchmark",
        "verify",
        "release",
        "excerpts",
        "checklist",
        "publish",
        "archive",
        "pictures",
    ),
]

FILMS = {".dcm", ".dicom", ".jpg", ".jpeg"}
TEXTS = {".py", ".ipynb", ".md", ".yaml", ".yml", ".j2"}
PICTURES = {".png", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".svg", ".ico"}
A_PERSONS_FOLDER = re.compile(r"(?<![\w.:/-])/(?:home|Users|root|tmp)/\w+")


def committed() -> list:
    """Return the files that git has, or would add."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def named(path) -> str:
    return str(path.relative_to(ROOT))


def read(path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def code_cells(notebook) -> list:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def prose(notebook) -> str:
    return "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=named)
def test_a_notebook_is_valid_has_no_outputs_and_runs_on_python3(path):
    notebook = read(path)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    for cell in code_cells(notebook):
        assert not cell.outputs, f"strip the outputs: nbstripout {named(path)}"
        assert cell.execution_count is None
    assert "injected-parameters" not in path.read_text()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=named)
def test_a_notebook_opens_with_a_title_card(path):
    card = read(path).cells[0]
    assert card.cell_type == "markdown"
    assert card.source.startswith("# ")
    for entry in ("question", "input", "output", "run time", "GPU"):
        assert entry.casefold() in card.source.casefold(), f"the title card does not say: {entry}"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=named)
def test_prose_precedes_each_code_cell(path):
    cells = read(path).cells
    for before, cell in pairwise(cells):
        assert cell.source.strip(), "an empty cell"
        assert cell.cell_type != "code" or before.cell_type == "markdown", cell.source


@pytest.mark.parametrize("path", NOTEBOOKS, ids=named)
def test_a_code_cell_has_at_most_eight_lines(path):
    for cell in code_cells(read(path)):
        lines = [line for line in cell.source.splitlines() if line.strip()]
        assert len(lines) <= 8, f"move a function into lib:\n{cell.source}"


def names_set_and_read(source: str) -> tuple[set[str], set[str]]:
    """Return the names that a cell sets, and those that it has from other cells or from Python."""
    cell = symtable.symtable(source, "cell", "exec")
    set_here = {symbol.get_name() for symbol in cell.get_symbols() if symbol.is_assigned()}
    scopes, read_here = [cell], set()
    for scope in scopes:  # which grows: comprehensions and functions are scopes of their own
        scopes.extend(scope.get_children())
        for symbol in scope.get_symbols():
            if symbol.is_referenced() and (scope is cell or symbol.is_global()):
                read_here.add(symbol.get_name())
    return set_here, read_here - set_here


@pytest.mark.parametrize("path", NOTEBOOKS, ids=named)
def test_what_other_cells_of_a_notebook_read_is_set_in_one_cell(path):
    """Page 00 once showed a second table of the same name in place of the first."""
    cells = [names_set_and_read(cell.source) for cell in code_cells(read(path))[1:]]
    read_elsewhere = set().union(*(read_here for _, read_here in cells))
    set_in = Counter(name for set_here, _ in cells for name in set_here)
    assert not {name for name in read_elsewhere if set_in[name] > 1}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=named)
def test_a_notebook_has_one_parameters_cell_and_is_of_readable_length(path):
    cells = code_cells(read(path))
    tagged = [cell for cell in cells if "parameters" in cell.metadata.get("tags", [])]
    assert tagged == cells[:1], "exactly one parameters cell, the first code cell"
    assert 10 <= len(cells) <= 25


@pytest.mark.parametrize("path", STUDIES, ids=named)
def test_a_study_ends_with_result_limitations_and_next(path):
    text = prose(read(path))
    places = [
        re.search(rf"^(#+ |\*\*){word}\b", text, re.MULTILINE)
        for word in ("Result", "Limitations", "Next")
    ]
    assert all(places), "headings Result, Limitations, Next"
    assert sorted(places, key=lambda place: place.start()) == places


@pytest.mark.parametrize("path", NOTEBOOKS, ids=named)
def test_a_page_can_show_the_answer_first_and_set_up_last(path):
    """By the tags that lib.report.rendering reads: all set-up is tagged, and some answer."""
    section, tagged = "", set()
    for cell in read(path).cells:
        if cell.cell_type == "markdown" and (heading := re.match("## (.+)", cell.source)):
            section = heading[1]
        tags = set(cell.metadata.get("tags", [])) & {"setup", "answer"}
        assert ("setup" in tags) == (section == "Setup"), cell.source
        assert "answer" in tags or section != "Result", cell.source
        tagged |= tags
    assert tagged == {"setup", "answer"}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=named)
def test_a_page_per_data_set_has_the_title_that_its_code_displays(path):
    cells = code_cells(read(path))
    if any(
        "parameters" in cell.metadata.get("tags", []) and "dataset" in cell.source for cell in cells
    ):
        assert any('Markdown(f"# {' in cell.source for cell in cells)
        assert "notebook-only" in read(path).cells[0].metadata.get("tags", [])


def test_the_notebooks_are_numbered_without_gaps():
    assert [path.stem[:3] for path in NOTEBOOKS] == [f"{n:02d}_" for n in range(len(NOTEBOOKS))]


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_a_module_imports_only_from_floors_below(path):
    floor = floor_of(path.relative_to(ROOT).with_suffix("").parts)
    for imported in imports(path):
        assert imported == floor or FLOORS.index(imported) < FLOORS.index(floor), (
            f"{named(path)} imports lib.{imported}, which is above it"
        )


def floor_of(parts) -> str:
    """Return the floor of lib.<floor>...; lib itself is the ground floor."""
    floor = parts[1] if len(parts) > 1 and parts[1] != "__init__" else FLOORS[0]
    assert floor in FLOORS, f"lib.{floor} has no floor yet: give it one in {__name__}"
    return floor


def imports(path) -> set[str]:
    """Return the floors that a module imports from, at its top or inside its functions."""
    imported = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{named(path)}: write `from lib import ...`"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        imported |= {floor_of(name.split(".")) for name in names if re.match(r"lib\.[a-z]", name)}
    return imported


def test_what_a_text_names_in_lib_is_there():
    """Dotted names, and paths except where a text adds a method of its own."""
    for path in committed():
        if path.suffix not in TEXTS or path.name == "CHANGELOG.md":  # which names what there was
            continue
        text = path.read_text()
        for name in re.findall(r"(?<![\w.])lib(?:\.\w+)+", text):
            assert is_in_lib(name.split(".")), f"{named(path)} names {name}"
        if path.suffix == ".ipynb" or "tests" in path.parts:
            continue
        for name in re.findall(r"(?<![\w/])lib/[\w/]+\.py\b", text):
            assert (ROOT / name).is_file(), f"{named(path)} names {name}"


def is_in_lib(parts: list[str]) -> bool:
    """Return whether a dotted name is a module, or a word of the innermost module that it names."""
    for count in range(len(parts), 0, -1):
        place = ROOT.joinpath(*parts[:count])
        for file in (place.with_suffix(".py"), place / "__init__.py"):
            if file.is_file():
                text = file.read_text()
                return all(re.search(rf"\b{word}\b", text) for word in parts[count:])
    return False


def test_a_module_that_is_not_there_is_missed():
    assert is_in_lib(["lib", "fits", "score", "write_scores"])
    assert not is_in_lib(["lib", "no_module"]) and not is_in_lib(["lib", "files", "no_function"])


def test_tests_import_one_another_by_name():
    """tests/ is a package only where the study's own folder is on the path, as it is not in CI."""
    for path in (ROOT / "tests").rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            package = node.module if isinstance(node, ast.ImportFrom) else ""
            assert not package.startswith("tests"), f"{named(path)} imports {package}"


def test_no_file_names_a_folder_of_one_machine():
    for path in committed():
        text = path.read_text(errors="ignore")
        for line in text.splitlines():
            assert str(ROOT) not in line and not A_PERSONS_FOLDER.search(line), (
                f"{named(path)}: {line[:200]}"
            )


@pytest.mark.parametrize("top", ["home", "Users", "root", "tmp"])
def test_a_folder_of_one_machine_is_recognised(top):
    assert A_PERSONS_FOLDER.search(f"path: /{top}/films")
    assert not A_PERSONS_FOLDER.search(f"https://host.org/{top}/x ../{top}/x build/{top}/x")


def test_no_film_and_no_picture_but_the_readmes_is_in_git():
    for path in committed():
        assert path.suffix.lower() not in FILMS, f"{named(path)} may be a film"
        assert path.suffix.lower() not in PICTURES or path.match(str(ROOT / "docs/*.png")), named(
            path
        )


@pytest.mark.parametrize("command", ["check", "format --check"])
def test_ruff_finds_nothing(command):
    ruff = [sys.executable, "-m", "ruff", *command.split(), "--no-cache", "."]
    run = subprocess.run(ruff, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


def test_annotations_hold():
    """Runs mypy, as pyproject.toml configures it."""
    run = subprocess.run([sys.executable, "-m", "mypy"], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_citation_has_the_version_and_the_date_of_the_changelog():
    """A version that is not released has no date."""
    version, date = re.search(
        r"^## (\S+) \((.+)\)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE
    ).groups()
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert citation["version"] == project["version"] == version
    assert str(citation.get("date-released", "unreleased")) == date
