"""Links within a site: every one leads to a file of the site, and to a place in it."""

from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

ATTRIBUTES = {"href", "src", "poster", "data"}


class Page(NamedTuple):
    """What a page links to, and the places in it that a link may name."""

    links: list[str]
    places: set[str]


class _Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.page = Page([], set())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value for name, value in attrs if value is not None}
        self.page.places.update(named[name] for name in ("id", "name") if name in named)
        links = [named[name] for name in ATTRIBUTES & named.keys()]
        self.page.links.extend(link for link in links if not urlsplit(link).scheme)


def read(path: Path) -> Page:
    """Return the links of a page to its own site, and its places."""
    reader = _Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    return reader.page


def broken(site: Path) -> list[str]:
    """Return `page: link` for each link that leads to no file of the site, or to no place in it.

    The name of a file counts with its case, as on most hosts. A link from the root of the host,
    as /page.html, is broken, since the site may be in a folder of it.
    """
    files = {path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()}
    pages = {name: read(site / name) for name in sorted(files) if name.endswith(".html")}
    return [
        f"{name}: {link}"
        for name, page in pages.items()
        for link in dict.fromkeys(page.links)
        if not _leads(name, link, files, pages)
    ]


def _leads(name: str, link: str, files: set[str], pages: dict[str, Page]) -> bool:
    parts = urlsplit(link)
    if parts.netloc:  # //host/page, of another site
        return True
    target = _resolved(name, unquote(parts.path))
    if target not in files:
        return False
    if not parts.fragment or target not in pages:
        return True
    places = {parts.fragment, unquote(parts.fragment)}  # as browsers look for it, in turn
    return bool(places & pages[target].places)


def _resolved(name: str, path: str) -> str:
    """Return the file that a relative path leads to from a page; "" if it leaves the site."""
    if path.startswith("/"):
        return ""
    folders = name.split("/")[:-1]
    *through, last = path.split("/") if path else ["", name.split("/")[-1]]
    for folder in through:
        if folder == ".." and not folders:
            return ""
        folders = folders[:-1] if folder == ".." else [*folders, folder]
    ends = "index.html" if last in ("", ".") else last
    return "/".join([*(folder for folder in folders if folder not in ("", ".")), ends])
