"""Fill site/: what may be shown, a map of the pages for search engines, and links that lead."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit
from xml.sax.saxutils import escape

from lib import ROOT, files, provenance
from lib.errors import BadData
from lib.fits import underway
from lib.publish.links import broken
from lib.publish.made import Record

KINDS = {".html", ".csv", ".json", ".svg"}  # of files in reports/ that a site has
WITHOUT_FILMS = ("verify.html",)  # pages that are made outside the graph
READER = "reader"  # folder of reports/ with the page of `make reader`, which reads films
SHOWN = 10  # most names in a sentence
AGAIN = "run `make study` first"


def publish(root: Path = ROOT, base: str = "", films: bool = False) -> tuple[Path, list[str]]:
    """Fill site/; return it, and the pages of reports/ that the last run did not make.

    `base`: the address of the site, for the map of pages. `films`: publish pages of films of
    patients as well. Raises BadData, and then leaves site/ as it was, if the pages may not be
    published (see `allow`), if they are not those of the last run, or if a link is broken.
    """
    check_base(base)
    reports, record = root / "reports", Record(root)
    allow(record, films)
    pages, others = pages_of_the_run(reports, record)
    published = {*pages, *tables(reports), *reader(reports, films)}
    with files.whole_folder(root / "site") as site:
        for path in sorted(published):
            target = site / path.relative_to(reports)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        (site / "sitemap.xml").write_text(sitemap(site, base), encoding="utf-8")
        (site / "robots.txt").write_text(robots(base), encoding="utf-8")
        if wrong := broken(site):
            listed = "\n  ".join(wrong)
            raise BadData(f"{len(wrong)} links lead nowhere; nothing was published.\n  {listed}")
    left_out = [page for page in others if page not in published]
    return root / "site", [page.relative_to(reports).as_posix() for page in left_out]


def allow(record: Record, films: bool = False) -> None:
    """Raise BadData if data/, or the last run, holds other films than phantoms.

    `films`: the user says that these may be shown. Raises BadData also if nothing has run.
    """
    if not record.stages or not (record.root / "reports/index.html").exists():
        raise BadData(f"The study has no pages yet: {AGAIN}.")
    if not films and not (provenance.holds_phantoms(record.root) and record.holds_phantoms()):
        raise BadData(
            "The study is of films that are not phantoms, and its pages, weights and scores may "
            "show patients: nothing was published. If these films may be, add FILMS=yes."
        )


def pages_of_the_run(reports: Path, record: Record) -> tuple[list[Path], list[Path]]:
    """Return the pages of the last run, and the others. Raises BadData for one that is older."""
    made = {path: current for path, current in record.files("reports") if path.suffix == ".html"}
    old = [path for path, current in made.items() if not current]
    if underway.MARK in (reports / "index.html").read_text(encoding="utf-8", errors="replace"):
        raise BadData("The study has not ended: its first page is that of a run under way.")
    if old:
        names = ", ".join(path.relative_to(reports).as_posix() for path in old[:SHOWN])
        more = f" and {len(old) - SHOWN} more" if len(old) > SHOWN else ""
        raise BadData(f"{len(old)} pages are not those of the last run: {names}{more}: {AGAIN}.")
    others = [reports / name for name in WITHOUT_FILMS if (reports / name).exists()]
    there = set(reports.rglob("*.html"))
    hidden = {path for path in there if any(part.startswith(".") for part in path.parts)}
    return [*made, *others], sorted(there - hidden - set(made) - set(others))


def tables(reports: Path) -> Iterator[Path]:
    """Yield the tables, and the badge of a verification, none of which shows a film."""
    for path in sorted(reports.rglob("*")):
        parts = path.relative_to(reports).parts
        apart = parts[0] == READER or any(part.startswith(".") for part in parts)
        if path.is_file() and not apart and path.suffix in KINDS - {".html"}:
            yield path


def reader(reports: Path, films: bool = False) -> list[Path]:
    """Return all files of the page that reads films in the browser, none where it is not built.

    Also none if one of its detectors learned from films of patients, unless `films`.
    """
    folder = reports / READER
    if not (folder / "models/index.json").exists():  # which is written last
        return []
    detectors = folder.glob("models/*/detector.json")
    learned = {json.loads(path.read_text(encoding="utf-8")).get("films") for path in detectors}
    if not films and learned != {"phantoms"}:
        return []
    return [path for path in sorted(folder.rglob("*")) if path.is_file()]


def check_base(base: str) -> None:
    """Raise BadData if the address of the site is not one."""
    parts = urlsplit(base)
    if base and (parts.scheme not in ("http", "https") or not parts.netloc or parts.query):
        raise BadData(f"{base} is not the address of a site: write BASE=https://host/folder.")


def sitemap(site: Path, base: str) -> str:
    """Return the list of pages for search engines, which ask for whole addresses (`base`)."""
    names = sorted(path.relative_to(site).as_posix() for path in site.rglob("*.html"))
    places = [escape(_address(base) + quote(name)) for name in names]
    lines = "".join(f"  <url><loc>{place}</loc></url>\n" for place in places)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{lines}</urlset>\n'
    )


def robots(base: str) -> str:
    """Return robots.txt: all may read all. It names the map of pages by its whole address."""
    named = f"Sitemap: {_address(base)}sitemap.xml\n" if base else ""
    return f"User-agent: *\nAllow: /\n{named}"


def _address(base: str) -> str:
    return f"{base.rstrip('/')}/" if base else ""
