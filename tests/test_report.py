"""A page shows what its notebook found, or why it could not, and loads nothing from anywhere."""

import base64
import hashlib
import re
from pathlib import Path
from typing import NamedTuple

import nbformat
import pytest
from browser import needs_chromium, opened
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from papermill.exceptions import PapermillExecutionError

from lib import ROOT, report
from lib.report import rendering
from lib.report.rendering import render

PARAMETERS = new_code_cell("dataset = 'mura'\nseed = 0\nrate = 0.1\nquick = True")
PARAMETERS.metadata.tags = ["parameters"]
FIGURE = """
from matplotlib.figure import Figure
from lib import figures
figure = Figure((2, 1))
figure.subplots().plot([1, 2])
figures.show(figure, alt='a line from "1" to 2')
"""
HOSTILE = (
    "<img src=x onerror=alert(1)><a href='javascript:alert(1)'>x</a>"
    "<style>p{}</style><script>alert(2)</script><b style='color:red'>b</b>"
)
TABLE = f"""
import pandas as pd
from IPython.display import HTML
name = "<script>alert(1)</script>.png"
print(name)
display(pd.DataFrame({{name: [name]}}), HTML({HOSTILE!r}), name)
"""


class Page(NamedTuple):
    status: int
    file: Path
    soup: BeautifulSoup


def make_page(folder, *sources, arguments=(), prose="## Films\n\n[next](../x/02_next.ipynb)"):
    """Write a notebook with code cells of these sources into `folder` and make its page."""
    code = [new_code_cell(source) for source in sources]
    title = new_markdown_cell("# A page about `films` & <b>more</b>")
    notebook = new_notebook(cells=[title, PARAMETERS, new_markdown_cell(prose), *code])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "", "language": "python"}
    nbformat.write(notebook, folder / "sample.ipynb")
    file = folder / "pages" / "sample.html"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lib.report.page.EXECUTED", folder / "executed")
        status = report.main([str(folder / "sample.ipynb"), str(file), *arguments])
    assert [path.name for path in file.parent.iterdir()] == ["sample.html"]
    return Page(status, file, BeautifulSoup(file.read_text(), "html.parser"))


def page_of_cells(folder, *cells, arguments=()):
    """Return the page of a notebook of these cells."""
    notebook = new_notebook(cells=list(cells))
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "", "language": "python"}
    nbformat.write(notebook, folder / "cells.ipynb")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lib.report.page.EXECUTED", folder / "executed")
        report.main([str(folder / "cells.ipynb"), str(folder / "cells.html"), *arguments])
    return BeautifulSoup((folder / "cells.html").read_text(), "html.parser")


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """Return a page with a figure, hostile markup, warnings, a progress bar and local paths."""
    paths = "import sys, lib\nprint(lib.ROOT / 'build/x.png', sys.executable)"
    noise = "from tqdm import tqdm\nfor _ in tqdm(range(3)): pass\nprint('w', file=sys.stderr)"
    arguments = ["-p", "seed", "7", "-p", "dataset", str(ROOT / "build/nih")]
    folder = tmp_path_factory.mktemp("good")
    sources = ["print(dataset, 6 * seed)", FIGURE, TABLE, paths, noise]
    return make_page(
        folder,
        *sources,
        arguments=arguments,
        prose=f"## Films {HOSTILE}\n\n[next](../x/02_next.ipynb) {HOSTILE}",
    )


def test_a_page_shows_results_folded_code_alt_texts_and_its_trace(good):
    page = good.soup
    assert good.status == 0
    assert page.title.text == "A page about films & <b>more</b>"
    assert page.html["lang"] == "en"
    assert "build/nih 42" in page.main.text
    assert all(code.find_parent("details") for code in page.select(".highlight"))
    assert "Parameters of this run" in page.text
    assert [image["alt"] for image in page("img", src=True)] == ['a line from "1" to 2']
    trace = {row.dt.text: row.dd.text for row in page.footer("div")}
    assert trace["notebook"] == "sample.ipynb"
    assert trace["parameters"] == "dataset = 'build/nih', seed = 7, rate = 0.1, quick = True"
    assert {"commit", "data", "pandas", "duration"} <= set(trace)
    assert page.find("a", class_="skip")["href"] == f"#{page.main['id']}"
    assert page.nav.a["href"] == "index.html"
    assert page.main.find("a", string="next")["href"] == "index.html#02_next"


def test_messages_are_folded_and_a_progress_bar_is_one_line(good):
    (messages,) = [pre for pre in good.soup("pre") if pre.text.strip().endswith("w")]
    assert messages.find_parent("details").summary.text == "Messages"
    assert messages.text.count("it/s]") == 1


def test_a_page_asks_no_other_host_and_runs_its_own_script_alone(good):
    page = good.soup
    (script,) = page("script")
    digest = base64.b64encode(hashlib.sha256(script.text.encode()).digest()).decode()
    policy = page.find("meta", {"http-equiv": "Content-Security-Policy"})["content"]
    allowed = f"script-src 'sha256-{digest}'; img-src data:; style-src 'unsafe-inline'"
    assert policy.startswith(f"default-src 'none'; {allowed}")
    assert script.text == (ROOT / "templates/study/script.js").read_text()
    assert not page.find(["iframe", "object", "embed", "form"])
    assert all(tag["src"].startswith("data:") for tag in page(src=True))
    assert all(tag["href"].startswith("data:") for tag in page("link"))
    assert not re.search(r"url\(|@import|https?://", str(page))
    assert good.file.stat().st_size < 100_000


def test_markup_comes_out_escaped(good):
    page = good.soup
    assert good.file.read_text().count("<script") == 1, "its own"
    # in the code, printed, as a column, in it, and as the result
    assert page.main.text.count("<script>alert(1)</script>.png") == 5
    assert not page.main.find("style")
    for tag in page.main(True):
        assert not any(name.startswith("on") or name == "style" for name in tag.attrs)
        assert not tag.get("href", "#").startswith("javascript")


def test_a_page_names_no_folder_of_this_machine(good):
    text = good.file.read_text()
    assert "build/x.png" in text
    for folder in (ROOT, Path.home(), good.file.parent, "/tmp/"):
        assert str(folder) not in text


@needs_chromium
def test_a_browser_renders_the_page_without_an_error(good, tmp_path):
    seen, log = opened(good.file, tmp_path)
    assert "CONSOLE" not in log
    assert "build/nih 42" in seen.text
    assert all(image["alt"] for image in seen("img", src=True))


def test_a_page_opens_with_the_title_that_its_code_displays(tmp_path):
    title = "from IPython.display import Markdown\ndisplay(Markdown(f'# A fit on {dataset}'))"
    card = new_markdown_cell("# A notebook", metadata={"tags": ["notebook-only"]})
    page = page_of_cells(tmp_path, card, PARAMETERS, new_code_cell(title))
    assert page.title.text == "A fit on mura" == page.h1.contents[0]
    assert len(page("h1")) == 1 and "A notebook" not in page.text
    assert page.main.find(True).find(True) == page.h1, "nothing comes before the title"
    untitled = page_of_cells(tmp_path, card, PARAMETERS, new_code_cell("1 + 1"))
    assert untitled.title.text == "A notebook" == untitled.h1.contents[0]


def test_a_section_without_content_is_not_on_the_page(tmp_path):
    def section(name, source, *tags):
        code = new_code_cell(source, metadata={"tags": list(tags)})
        return new_markdown_cell(f"## {name}\nWhat {name} is."), code

    page = page_of_cells(
        tmp_path,
        new_markdown_cell("# A notebook"),
        PARAMETERS,
        *section("Maps", "'a map'", "if-any"),
        *section("Chain", "None", "if-any"),
        *section("Setup", "import json"),
        *section("Curves", "'a curve'", "if-any"),
    )
    sections = ["Maps", "Setup", "Curves"]
    assert [heading.contents[0] for heading in page.main("h2")] == sections
    assert [link.text for link in page.select("nav li")] == sections
    assert "Chain" not in page.text and "a curve" in page.main.text


def test_a_section_whose_cell_failed_stays_and_those_after_it_go(tmp_path):
    cells = [new_markdown_cell("# A"), PARAMETERS, new_markdown_cell("## Chain")]
    cells += [new_code_cell("1 / 0", metadata={"tags": ["if-any"]}), new_markdown_cell("## Rest")]
    cells += [new_code_cell("None", metadata={"tags": ["if-any"]})]
    page = page_of_cells(tmp_path, *cells)
    assert [heading.contents[0] for heading in page.main("h2")] == ["Chain"]


def test_the_answer_is_below_the_title_and_set_up_at_the_end(tmp_path):
    card = "# A notebook\n\nWhat is it?\n\n| | |\n| --- | --- |\n| **Inputs** | films |\n\nWhy."
    answer = {"tags": ["answer"]}
    notebook = [
        new_markdown_cell(card),
        new_markdown_cell("## Setup\nWhich films.", metadata={"tags": ["setup"]}),
        new_code_cell("dataset = 'mura'", metadata={"tags": ["parameters", "setup"]}),
        new_markdown_cell("## Films"),
        new_code_cell("value = 0.75; print(dataset)"),
        new_markdown_cell("## Result", metadata=answer),
        new_code_cell("print(f'the AUROC is {value}')", metadata=answer),
        new_markdown_cell("## Next"),
    ]
    page = page_of_cells(tmp_path, *notebook, arguments=["-p", "dataset", "nih"])
    sections = ["Result", "Films", "Next", "Setup"]
    assert [heading.contents[0] for heading in page.main("h2")] == sections
    assert [link.text for link in page.select("nav li")] == sections
    words = " ".join(page.main.get_text(" ").split())
    order = ["A notebook", "What is it?", "Result", "the AUROC is 0.75", "Code", "Why.", "Films"]
    order += ["nih", "Next", "Setup", "Which films.", "Inputs", "Parameters of this run"]
    places = [words.index(text) for text in order]
    assert places == sorted(places)
    assert words.count("the AUROC is 0.75") == words.count("Inputs") == 1


def test_headings_that_code_displays_are_sections_too(tmp_path):
    source = (
        "from IPython.display import Markdown\nfor name in 'ABC': display(Markdown(f'## {name}'))"
    )
    page = page_of_cells(tmp_path, new_markdown_cell("# T"), PARAMETERS, new_code_cell(source))
    links = page.select("nav li a")
    assert [link.text for link in links] == ["A", "B", "C"]
    assert all(page.find(id=link["href"][1:]) for link in links)


def test_a_failure_is_reported_at_the_top_and_the_rest_is_marked(tmp_path, capsys):
    fails = "print('before')\nraise ValueError('no films\\nin build/nih')"
    status, _, page = make_page(tmp_path, "1 + 1", fails, "print('never')", FIGURE)
    assert status == 1
    banner = page.main.find(class_="failure")
    sentence = "Cell 3, under “Films”, failed: ValueError: no films in build/nih."
    assert sentence in banner.text and sentence in capsys.readouterr().err
    cell = page.find(id=banner.a["href"][1:])
    assert cell.select_one(".output > pre").text.strip() == "before"
    assert "\x1b" not in str(page) and "Traceback" in cell.text
    marks = [mark.text for mark in page.select("summary em")]
    assert marks == ["(failed)", "(not run)", "(not run)"]
    assert page.footer


PATIENT = "MUSTERMANN, ERIKA 1964"
FILM = f"{ROOT}/data/ours/healthy/{PATIENT}/IM 1.dcm"


@pytest.mark.parametrize(
    "source",
    [
        "open(film)",
        "raise ValueError(f'{film}: truncated')",
        "from lib.fits import store\nraise store.FitFailed(f'The fit a failed. OSError: {film}')",
        "print(film, 'is odd')\nraise KeyError(film)",
        "import warnings\nwarnings.warn(f'{film}: no profile')\n1 / 0",
    ],
)
def test_no_error_or_message_of_a_page_names_a_film(tmp_path, source, capsys, monkeypatch):
    monkeypatch.setenv("FILM", FILM)
    _, file, page = make_page(tmp_path, f"import os\nfilm = os.environ['FILM']\n{source}")
    assert "data/…" in page.main.text
    for text in (file.read_text(), capsys.readouterr().err):
        assert not re.search("MUSTER|ERIKA|1964|IM 1|healthy", text)
    assert "Cell 2" in page.main.find(class_="failure").text


def test_what_is_cut_short_is_the_path_alone():
    cut = report.without_film_names
    assert cut("cannot read data/a b/c.dcm: truncated: yes") == "cannot read data/…: truncated: yes"
    assert cut("No such file: '/x/data/O Neill, P/1.png' (2)") == "No such file: 'data/…' (2)"
    for text in ("the folder data/ is empty", "metadata/x", "build/index/ours.csv: no film"):
        assert cut(text) == text


@pytest.mark.parametrize(
    ("source", "arguments", "reason"),
    [
        ("import os; os._exit(9)", [], "the kernel died, perhaps for lack of memory."),
        ("while True: pass", ["--timeout", "1"], "the cell exceeded its time limit."),
    ],
)
def test_a_dead_or_endless_cell_leaves_a_page(tmp_path, source, arguments, reason):
    status, _, page = make_page(tmp_path, source, "print('never')", arguments=arguments)
    assert status == 1
    assert f"Cell 2, under “Films”, failed: {reason}" in page.main.find(class_="failure").text


def test_a_notebook_may_stop_itself_with_a_sentence_of_its_own():
    notebook = new_notebook(cells=[new_code_cell("...")])
    notebook.cells[0].metadata.page = nbformat.from_dict({"number": 1, "state": "failed"})
    error = PapermillExecutionError(0, 1, "...", "SystemExit", "the scores are constant.", [])
    assert report.explain(error, notebook) == "Cell 1 failed: the scores are constant."
    assert report.explain(OSError("no kernel"), new_notebook()).startswith("No cell could run: OS")


@pytest.mark.parametrize("alt", [None, " ", "a curve"])
def test_a_picture_without_a_description_makes_the_page_unfinished(alt):
    metadata = {"image/png": {"alt": alt}} if alt else {}
    picture = new_output("display_data", data={"image/png": "eA=="}, metadata=metadata)
    notebook = new_notebook(cells=[new_code_cell("plot", outputs=[picture])])
    report.number_cells(notebook, stopped=False)
    finding = report.undescribed_picture(notebook)
    assert finding.startswith("Cell 1 shows a picture without a desc") == (alt != "a curve")


def test_parameters_are_checked_before_anything_runs(tmp_path):
    with pytest.raises(SystemExit, match=r"no parameter sed: use one of dataset, seed, rate, q"):
        make_page(tmp_path, "1", arguments=["-p", "sed", "1"])
    with pytest.raises(SystemExit, match="seed must be of type int, like 0: 'one'"):
        make_page(tmp_path, "1", arguments=["-p", "seed", "one"])
    assert [path.name for path in tmp_path.iterdir()] == ["sample.ipynb"]
    defaults = {"dataset": "'mura'", "seed": "0", "rate": "0.1", "quick": "True", "limit": "None"}
    given = {"dataset": "007", "seed": "3", "rate": "1", "quick": "false", "limit": "5"}
    values = report.typed(given, defaults, Path("sample.ipynb"))
    assert values == {"dataset": "007", "seed": 3, "rate": 1.0, "quick": False, "limit": 5}
    assert type(values["rate"]) is float and values["quick"] is False


@pytest.mark.parametrize("content", [None, "", "{}", "[]", "not a notebook"])
def test_what_is_no_notebook_is_named_in_one_sentence(tmp_path, content):
    notebook = tmp_path / "broken.ipynb"
    if content is not None:
        notebook.write_text(content)
    with pytest.raises(SystemExit, match=r"broken\.ipynb (does not exist|is not a notebook)"):
        report.main([str(notebook), str(tmp_path / "page.html")])
    assert not (tmp_path / "page.html").exists()


def test_the_first_page_has_no_link_to_itself():
    notebook = nbformat.from_dict(new_notebook(cells=[new_markdown_cell("# Title")]))
    links = {}
    for name in ("index", "comparison"):
        text = render(notebook, ROOT / f"reports/{name}.html", failure="", made={}, pictures=ROOT)
        links[name] = [tag["href"] for tag in BeautifulSoup(text, "html.parser").nav("a")]
    assert links == {"index": [], "comparison": ["index.html"]}


def test_pages_in_folders_find_the_first_page():
    assert report.home(ROOT / "reports/03_supervised.html") == "index.html"
    assert report.home(ROOT / "reports/mura/03.html") == "../index.html"


def test_links_to_notebooks_lead_to_their_only_page_or_to_all_of_them_on_the_first():
    """Pages by the graph, places by the first page."""
    run = re.findall(r"notebooks/(\w+)\.ipynb reports/(\S+)", (ROOT / "dvc.yaml").read_text())
    only = {notebook: page for notebook, page in run if "{" not in page}
    assert only == rendering.ONLY_PAGE
    first = (ROOT / "notebooks/00_index.ipynb").read_text()
    for notebook in sorted({path.stem for path in (ROOT / "notebooks").glob("*.ipynb")} - {*only}):
        assert f'<span id=\\"{notebook}\\"></span>' in first, notebook
