"""The pages of a whole small study: what a visitor gets, and what it rests on."""

import posixpath
import re
import shutil
from collections import Counter
from contextlib import contextmanager
from urllib.parse import unquote, urlsplit

import pandas as pd
import pytest
from browser import missing, needs_chromium, problems
from bs4 import BeautifulSoup
from test_overview import cut

from lib.comparison.tables import COLUMNS

pytestmark = pytest.mark.seconds(150)

PAGES = [
    *("index", "exploration-rsna", "preprocessing-rsna", "first-fit", "one-film", "comparison"),
    "real-films",
    *(f"chapters/rsna/{family}" for family in ("supervised", "reconstruction", "one_class")),
    *(
        f"cards/rsna/{method}-0"
        for method in ("resnet", "autoencoder", "gaussian", "f_anogan", "deep_svdd")
    ),
    *(f"ablations/{name}/rsna" for name in ("label_fraction", "as_published", "pretraining")),
]


@pytest.fixture(params=PAGES)
def page(request, small_study):
    return small_study.folder / f"reports/{request.param}.html"


def test_a_page_loads_nothing_describes_its_pictures_and_says_where_it_is_from(page, small_study):
    text = page.read_text()
    soup = BeautifulSoup(text, "html.parser")
    assert not [script for script in soup("script") if script.get("class") != ["decisions"]][1:]
    assert all(image["src"].startswith("data:") and image["alt"].strip() for image in soup("img"))
    assert str(small_study.folder) not in text
    footer = soup.footer.text
    assert all(word in footer for word in ("commit", "data", "keras", "duration"))
    assert not soup.find(class_="failure")


@pytest.fixture(scope="module")
def all_pages(small_study):
    """Every page of the study, by its path below reports/."""
    reports = small_study.folder / "reports"
    return {
        path.relative_to(reports).as_posix(): BeautifulSoup(path.read_text(), "html.parser")
        for path in sorted(reports.rglob("*.html"))
    }


def test_every_link_leads_to_a_page_and_a_place_on_it(all_pages):
    assert len(all_pages) >= len(PAGES)
    places = {name: {tag["id"] for tag in page(id=True)} for name, page in all_pages.items()}
    places["results.csv"] = set()
    links = {
        (name, tag["href"]) for name, page in all_pages.items() for tag in page("a", href=True)
    }
    assert [
        f"{name}: {link}" for name, link in sorted(links) if not leads(name, link, places)
    ] == []


def leads(name: str, link: str, places: dict[str, set[str]]) -> bool:
    """Return whether a link on the page `name` leads elsewhere, or to a place that exists."""
    target = urlsplit(link)
    if target.scheme in ("http", "https", "mailto", "data"):
        return True
    path = posixpath.join(posixpath.dirname(name), target.path) if target.path else name
    places_there = places.get(posixpath.normpath(path))
    if places_there is None or not target.fragment:
        return places_there is not None
    # Browsers look for the fragment as it is, then decoded.
    return bool({target.fragment, unquote(target.fragment)} & places_there)


def test_every_page_is_reached_from_the_first(all_pages):
    reached, ahead = set(), ["index.html"]
    while ahead:
        name = ahead.pop()
        if name in all_pages and name not in reached:
            reached.add(name)
            paths = {urlsplit(tag["href"]).path for tag in all_pages[name]("a", href=True)}
            folder = posixpath.dirname(name)
            ahead += [posixpath.normpath(posixpath.join(folder, path)) for path in paths]
    assert "checklist.html" in reached and set(all_pages) - reached == set()


def test_every_page_has_a_title_of_its_own(all_pages):
    titles = Counter(page.title.text.strip() for page in all_pages.values())
    assert "" not in titles
    assert {title for title, times in titles.items() if times > 1} == set()


def test_no_page_has_a_cut_table(all_pages):
    assert {name: cut(page) for name, page in all_pages.items() if cut(page)} == {}


def test_no_page_shows_a_missing_value(all_pages):
    assert {name: missing(page) for name, page in all_pages.items() if missing(page)} == {}


@needs_chromium
def test_a_browser_shows_the_whole_page_and_has_nothing_to_complain_of(page, browser):
    assert problems(browser, page) == []
    assert browser.value("document.querySelector('h1').innerText")


def test_scores_carry_no_labels_and_cover_the_films_they_should(small_study):
    index = pd.read_csv(small_study.folder / "build/index/rsna.csv")
    wanted = set(index.loc[index["split"].ne("train"), "image_id"])
    tables = list((small_study.folder / "build/scores/rsna").rglob("scores.csv"))
    assert len(tables) >= 5 + 6, "the fits of the grid, and those of ablations that differ"
    for path in tables:
        scores = pd.read_csv(path)
        assert set(scores["image_id"]) == wanted
        assert not {"label", "finding", "split"} & set(scores.columns)


def text_of(study, name):
    """Return what a page says, without line breaks."""
    return " ".join(BeautifulSoup(study.page(name), "html.parser").text.split())


def alts_of(study, name):
    return [image["alt"] for image in BeautifulSoup(study.page(name), "html.parser")("img")]


def test_the_page_of_an_ablation_names_the_fits_that_failed(small_study):
    words = text_of(small_study, "ablations/label_fraction/rsna")
    assert "resnet, unlabelled, seed" in words and "not a failure: it learns from labels" in words
    assert "autoencoder: " in words and "10 % (" in words, "the others go on"
    alts = alts_of(small_study, "ablations/label_fraction/rsna")
    assert any("by known normal and known abnormal" in alt for alt in alts)
    everyone = text_of(small_study, "comparison")
    assert "fits have no numbers as intended" in everyone and "ResNet learns" not in everyone


def test_the_page_of_an_ablation_of_one_seed_claims_no_interval(small_study):
    words = text_of(small_study, "ablations/as_published/rsna")
    assert "of one seed" in words and not re.search(r"\bnan\b", words, re.IGNORECASE)
    alts = alts_of(small_study, "ablations/as_published/rsna")
    assert any("means: vae corrected" in alt for alt in alts)


def test_pages_of_ablations_are_linked(small_study):
    wanted = {f"ablations/{name}/rsna.html" for name in ("label_fraction", "as_published")}
    for name in ("index", "comparison"):
        links = BeautifulSoup(small_study.page(name), "html.parser")("a", href=True)
        assert wanted <= {link["href"] for link in links}


def test_tables_of_the_grid_leave_out_ablations(small_study):
    results = pd.read_csv(small_study.folder / "reports/results.csv")
    rows = results[results["family"].str.startswith("ablation: ")]
    names = ("label_fraction", "as_published", "pretraining")
    assert set(rows["family"]) == {f"ablation: {name}" for name in names}
    assert not results.duplicated(COLUMNS[: COLUMNS.index("value")]).any()
    for name in ("index", "comparison"):
        alts = alts_of(small_study, name)
        assert not any(re.search(r"\bvae\b", alt) for alt in alts), "vae ran in an ablation only"


def test_every_result_says_on_which_films_it_was_measured(all_pages):
    for name in all_pages.keys() - {"checklist.html"}:  # which has answers to others' questions
        page = all_pages[name]
        heading = page.find("h2", id=re.compile("^(Result|The-answer)$"))
        words = " ".join(one for one in heading.find_all_next(string=True, limit=250))
        assert re.search("phantoms|real films", words), name
        assert re.search(r"\d+ test films,\s+\d+ (of them )?abnormal", words), name


def test_the_first_page_answers_for_real_films_before_phantoms(all_pages):
    words = " ".join(all_pages["index.html"].main.get_text(" ").split())
    assert 0 < words.index("On real films") < words.index("On phantoms")
    real, of_run = [image["alt"] for image in all_pages["index.html"].main("img")][:2]
    assert "(nih_peers): " in real and "rsna: " in of_run, "pictures in the same order"


def test_no_page_speaks_of_itself_in_the_names_of_the_code(all_pages):
    coded = re.compile(r"threshold (normals|recall) 0\.9|game of|\bNaN\b|\(\d+, \d+\) values")
    shown = {
        name: coded.findall(BeautifulSoup(str(page.main), "html.parser").get_text(" "))
        for name, page in all_pages.items()
        if name != "checklist.html"  # which shows code
    }
    assert {name: words for name, words in shown.items() if words} == {}


def test_a_finished_fit_is_read_without_tensorflow(small_study):
    read = "import sys; from lib import figures; from lib.ablations import find; "
    read += "from lib.fits import examples, store; "
    read += "from lib.comparison import ablations, tables; "
    read += "fit = store.load('rsna', 'autoencoder'); examples.examples(fit); "
    read += "tables.measures_of(fit.fit); "
    read += "ablations.judge(find('label_fraction', 'rsna')); "
    read += "sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    done = small_study.run("python", "-c", read)
    assert done.returncode == 0, done.stderr


def headings_of(study, name):
    soup = BeautifulSoup(study.page(name), "html.parser")
    return [heading.text.strip("¶ \n") for heading in soup("h2")]


def test_a_card_has_only_sections_that_its_method_has(small_study):
    """The autoencoder draws nothing, works in no steps, and has no embedding."""
    plain, chain, drawn, sphere = (
        headings_of(small_study, f"cards/rsna/{method}-0")
        for method in ("autoencoder", "gaussian", "f_anogan", "deep_svdd")
    )
    only = {
        "chain": [set(chain) - set(plain), ("calls", "noise")],
        "drawn": [set(drawn) - set(plain), ("draw", "learn")],
        "sphere": [set(sphere) - set(plain), ("where", "films lie", "sphere")],
    }
    for headings, words in only.values():
        assert any(word in heading.lower() for heading in headings for word in words), headings
    for method in ("autoencoder", "gaussian", "f_anogan", "deep_svdd", "resnet"):
        words = text_of(small_study, f"cards/rsna/{method}-0")
        for nothing in ("No chain", "No pictures", "Nothing to compare", "has no map"):
            assert nothing not in words
        assert "floor" in words, "the answer is compared with the floors"


def test_a_card_shows_what_its_method_has(small_study):
    assert any("calls" in alt for alt in alts_of(small_study, "cards/rsna/gaussian-0"))
    assert any("stage 1" in alt for alt in alts_of(small_study, "cards/rsna/f_anogan-0"))
    words = text_of(small_study, "cards/rsna/f_anogan-0")
    assert all(name in words for name in ("sum", "image", "feature"))


@needs_chromium
@pytest.mark.parametrize("method", ["autoencoder", "resnet", "f_anogan"])
def test_a_card_opens_with_its_number_and_three_films_that_a_phone_shows(
    small_study, browser, method
):
    path = small_study.folder / f"reports/cards/rsna/{method}-0.html"
    heading = BeautifulSoup(path.read_text(), "html.parser").find("h2", id="Result").find_next("h3")
    results = pd.read_csv(small_study.folder / "reports/results.csv")
    of_method = "level == 'image' and group == 'all' and metric == 'auroc' and seed == '0'"
    results = results[~results["family"].str.startswith("ablation")].query(of_method)
    row = results[results["method"].eq(method)].iloc[0]
    numbers = [float(number) for number in re.findall(r"\d\.\d{3}", heading.text)]
    assert numbers == pytest.approx([*row[["value", "low", "high"]]], abs=6e-4)  # rounded twice
    assert heading.text.startswith("AUROC") and "the best floor" in heading.text
    films = heading.find_next(class_="row")
    kinds = ["Abnormal, highest", "Abnormal, lowest", "Normal, highest"]
    alts = [image["alt"] for image in films("img")]
    for kind, caption, alt in zip(kinds, films("figcaption"), alts, strict=True):
        assert caption.text.startswith(f"{kind} score: above") and caption.text in alt
    boxes = "[...document.querySelectorAll('.row img')].map(i => i.getBoundingClientRect())"
    for width, rows in ((1000, 1), (360, 3)):
        browser.open(path, width)
        assert browser.value(f"new Set({boxes}.map(b => b.top)).size") == rows
        assert browser.value(f"Math.min(...{boxes}.map(b => b.width))") >= 240


@needs_chromium
@pytest.mark.parametrize("family", ["supervised", "reconstruction", "one_class"])
def test_equations_of_a_chapter_are_mathml_that_a_browser_sets(small_study, browser, family):
    path = small_study.folder / f"reports/chapters/rsna/{family}.html"
    page = BeautifulSoup(path.read_text(), "html.parser")
    assert page.select(".equation > math") and page.select("p > math"), "of a line, and within one"
    assert "$" not in page.main.text
    for width in (1000, 360):
        browser.open(path, width)
        sizes = (
            "[...document.querySelectorAll('math mi')].map(m => m.getBoundingClientRect().width)"
        )
        assert browser.value(f"Math.min(...{sizes})") > 3
        assert browser.value("document.querySelector('.equation math') instanceof MathMLElement")


def test_a_chapter_puts_the_methods_of_a_family_next_to_each_other(small_study):
    words = text_of(small_study, "chapters/rsna/reconstruction")
    for method in ("autoencoder", "gaussian", "f_anogan"):
        assert method in words
    links = BeautifulSoup(small_study.page("chapters/rsna/reconstruction"), "html.parser")("a")
    assert any(link.get("href", "").endswith("cards/rsna/gaussian-0.html") for link in links)


def test_the_comparison_has_bands_bars_flags_and_costs_and_names_no_film(small_study):
    alts, words = alts_of(small_study, "comparison"), text_of(small_study, "comparison")
    assert any("ROC curves of reconstruction with 95 % bands: " in alt for alt in alts)
    assert any("Without a clear difference: " in alt for alt in alts)
    (costs,) = [alt for alt in alts if "minutes of training and milliseconds per film" in alt]
    assert "autoencoder" in costs and "floor" not in costs
    assert "abnormal films" in words and "are flagged by none of the" in words
    index = pd.read_csv(small_study.folder / "build/index/rsna.csv", dtype=str)
    assert not [name for name in [*index["image_id"], *index["patient_id"]] if name in words]


NAME = "MUSTERMANN ERIKA"


@pytest.fixture
def index_of(small_study):
    """Change columns of the index, and note a film that could not be read; restore them after."""
    path = small_study.folder / "build/index/rsna.csv"
    problems = path.with_suffix(".problems.csv")
    before = {file: file.read_bytes() for file in (path, problems)}

    def change(**columns):
        index = pd.read_csv(path, dtype={"image_id": str}).assign(**columns)
        index.to_csv(path, index=False)
        problems.write_text(f"number,reason,path\n1,truncated,rsna/{NAME}/1.dcm\n")
        return index

    yield change
    for file, content in before.items():
        file.write_bytes(content)


def page_of(study, notebook, **parameters):
    """Return the page of a notebook, made now."""
    made = study.make_page(notebook, **parameters)
    assert made.returncode == 0, made.stderr[-2000:]
    return BeautifulSoup((study.folder / "build/page.html").read_text(), "html.parser")


def test_films_without_a_label_are_ranked_on_a_page_that_names_none(small_study, index_of):
    index = pd.read_csv(small_study.folder / "build/index/rsna.csv")
    new = index["split"].eq("test") & (index.index % 3 == 0)
    paths = [f"ours/{NAME}/{number}.dcm" for number in index.index]
    index_of(split=index["split"].mask(new, "unlabelled"), label=index["label"].mask(new))
    index_of(path=paths)
    ranked = small_study.run("python", "-m", "lib.unlabelled", "rsna")
    assert ranked.returncode == 0, ranked.stderr
    local = pd.read_csv(small_study.folder / "build/unlabelled/rsna.csv")
    assert len(local) == new.sum() and local["path"].str.contains(NAME).all()
    page = page_of(small_study, "08_unlabelled", dataset="rsna")
    text = " ".join(page.text.split())
    assert f"{new.sum()} films without a label, scored by 6 methods: resnet, autoencoder" in text
    assert "not a medical device" in text and NAME not in str(page)
    assert f"film {local['number'][0]}: " in page("img")[-2]["alt"] + page("img")[-1]["alt"]
    first = page_of(small_study, "01_exploration", dataset="rsna")
    assert NAME not in str(first) and "NaN" not in first.main.text
    assert [cell.text for cell in first.find("td", string="truncated").parent("td")] == [
        *("truncated", "1", "1")
    ]


@contextmanager
def measured_again(study):
    """Measure the films as the index has them now; restore the measures at the end."""
    folder = study.folder / "build/measures/rsna"
    kept = folder.rename(folder.with_name("kept"))
    try:
        measured = study.run("python", "-m", "lib.comparison", "rsna")
        assert measured.returncode == 0, measured.stderr[-2000:]
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        kept.rename(folder)


def test_one_process_and_a_pool_of_them_give_the_same_scores(small_study):
    folder = small_study.folder / "build/scores/rsna/vae/as-published/0"
    pooled = pd.read_csv(folder / "scores.csv")
    kept = [folder, small_study.folder / "build/fits/rsna/vae/as-published/0"]
    for path in kept:
        shutil.copytree(path, path.with_name("kept"))
    code = "from lib.fits import work; from lib.grid import Fit; "
    code += "fit = Fit('rsna', 'vae', 'as published'); work.train(fit, True); work.score(fit, True)"
    done = small_study.run("python", "-c", code)
    assert done.returncode == 0, done.stderr[-2000:]
    alone = pd.read_csv(folder / "scores.csv")
    for path in kept:
        shutil.rmtree(path)
        path.with_name("kept").rename(path)
    pd.testing.assert_frame_equal(alone, pooled, rtol=1e-2)


@pytest.mark.parametrize(
    ("notebook", "method"),
    [
        ("02_preprocessing", None),
        ("05_fit", "resnet"),
        ("05_fit", "autoencoder"),
        ("05_fit", "deep_svdd"),
    ],
)
def test_pages_of_normals_alone_say_that_nothing_is_measured(
    small_study, index_of, notebook, method
):
    index_of(label=0)
    with measured_again(small_study):
        page = page_of(
            small_study, notebook, dataset="rsna", **({"method": method} if method else {})
        )
    outputs = "\n".join(output.text for output in page(class_="output"))
    assert not page.find(class_="failure") and not re.search(r"\bnan\b", outputs, re.IGNORECASE)
    assert method is None or "Nothing is measured on rsna" in outputs


def test_an_unknown_parameter_is_an_error(small_study):
    report = ("python", "-m", "lib.report", "notebooks/01_exploration.ipynb", "build/x.html")
    done = small_study.run(*report, "-p", "datset", "rsna")
    assert done.returncode != 0
    assert "datset" in done.stderr
    assert not (small_study.folder / "build/x.html").exists()
