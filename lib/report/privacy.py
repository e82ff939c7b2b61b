"""What no page may show: names of films, which may be a patient's, and folders of this machine."""

import html
import re
import sys
import tempfile
from pathlib import Path

from nbconvert.filters import strip_ansi
from nbformat import NotebookNode

from lib import ROOT

#: The path of a film: to the end of its quotation, else to a colon or the end of the line, as names
#: of folders and files, which may be a patient's, hold spaces and commas.
FILM = re.compile(
    r"""(?P<quote>['"])[^'"\n]*?\bdata/(?=\S)(?:(?!(?P=quote)).)+(?P=quote)"""
    r"""|(?:[^\s'"<>]*/)?\bdata/(?=\S)[^\n'"]+?(?=: |$)""",
    re.MULTILINE,
)


def hide_film_names(notebook: NotebookNode) -> None:
    """Take paths of films out of what cells printed and of their errors."""
    for output in (output for cell in notebook.cells for output in cell.get("outputs", [])):
        for part in ("text", "evalue"):
            if part in output:
                output[part] = without_film_names(strip_ansi(output[part]))
        if "traceback" in output:
            lines = "\n".join(output.traceback)
            output.traceback = without_film_names(strip_ansi(lines)).split("\n")


def without_film_names(text: str) -> str:
    """Return the text with paths below data/ cut short: their names may be a patient's."""
    return FILM.sub(lambda found: "{0}data/…{0}".format(found["quote"] or ""), text)


def without_machine_paths(text: str) -> str:
    """Return the page without this machine's folders; embedded pictures stay as they are."""
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
    """Return `path` relative to the repository, or only its name when it lies elsewhere."""
    path = path.resolve()
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name
