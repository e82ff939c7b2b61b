"""Links between files of the repository, and those of notebooks to each other, lead somewhere."""

import re

import nbformat
import pytest

from lib import ROOT

TEXTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "notebooks").glob("*.ipynb")),
]
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")


def prose(path) -> str:
    """Return the text of a file; of a notebook that of its markdown cells."""
    if path.suffix != ".ipynb":
        return path.read_text()
    cells = nbformat.read(path, as_version=4).cells
    return "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_links_to_files_lead_to_files(path):
    for link in LINK.findall(prose(path)):
        if not re.match(r"https?:|\{", link) and not link.endswith(".html"):
            assert (path.parent / link).exists(), link


def test_each_notebook_leads_to_a_later_one_or_to_the_first():
    notebooks = [path.name for path in TEXTS if path.suffix == ".ipynb"]
    for place, name in enumerate(notebooks):
        following = LINK.findall(prose(ROOT / "notebooks" / name).rpartition("## Next")[2])
        assert following[0] in [*notebooks[place + 1 :], notebooks[0]], name


def test_the_first_page_has_a_place_for_each_notebook():
    """Pages link to a notebook by its name, at its place on the first page."""
    text = prose(ROOT / "notebooks/00_index.ipynb")
    places = re.findall(r'<span id="(\w+)"></span>', text)
    numbered = [path.stem for path in TEXTS if path.suffix == ".ipynb"]
    assert sorted(places) == numbered[1:]
