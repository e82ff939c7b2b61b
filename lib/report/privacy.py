"""Removal of private text from pages: names of films, possibly of patients, and local folders."""

import html
import re
import sys
import tempfile
from pathlib import Path

from nbconvert.filters import strip_ansi
from nbformat import NotebookNode

from lib import ROOT

#: The path of a film: to the end of its quotation, otherwise to a colon or the end of the line, as
#: names of folders and files, possibly of patients, contain spaces and commas.
FILM = re.compile(
    r"""(?P<quote>['"])[^'"\n]*?\bdata/(?=\S)(?:(?!(?P=quote)).)+(?P=quote)"""
    r"""|(?:[^\s'"<>]*/)?\bdata/(?=\S)[^\n'"]+?(?=: |$)""",
    re.MULTILINE,
)


def hide_film_names(notebook: NotebookNode) -> None:
    """Remove paths of films from printed output and from errors."""
    for output in (output for cell in notebook.cells for output in cell.get("outputs", [])):
        for part in ("text", "evalue"):
            if part in output:
                output[part] = without_film_names(strip_ansi(output[part]))
        if "traceback" in output:
            lines = "\n".join(output.traceback)
            output.traceback = without_film_names(strip_ansi(lines)).split("\n")


def without_film_names(text: str) -> str:
    """Return the text with shortened paths below data/: names may be those of patients."""
    return FILM.sub(lambda match: "{0}data/…{0}".format(match["quote"] or ""), text)


def without_machine_paths(text: str) -> str:
    """Return the page without folders of this machine; embedded images are unchanged."""
    names = {ROOT: ".", Path(sys.prefix): "python", Path.home(): "~", tempfile.gettempdir(): "tmp"}
    folders = {html.escape(str(folder)): name for folder, name in names.items()}
    parts = re.split(r"(data:image/[^\"]+)", text)
    for index in range(0, len(parts), 2):
        part = parts[index].replace(html.escape(f"{ROOT}/"), "")
        for folder in sorted(folders, key=len, reverse=True):
            if folder != "/":
                part = re.sub(rf"(?<![\w.-]){re.escape(folder)}(?![\w-])", folders[folder], part)
        parts[index] = part
    return "".join(parts)


def seen_from_root(path: Path) -> str:
    """Return `path` relative to the repository, or only its name if it is elsewhere."""
    path = path.resolve()
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name
