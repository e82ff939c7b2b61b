"""Functions, classes and constants of the code, found by name, so that no line becomes stale."""

import ast
import re
from pathlib import Path
from typing import NamedTuple

from lib.errors import BadData

PLACE = re.compile(r"(lib/[\w/]+\.py):(\w+)")


class Excerpt(NamedTuple):
    """A definition in a file of the code."""

    file: str
    name: str
    line: int  # its first, from 1
    text: str

    @property
    def anchor(self) -> str:
        """Its id on a page."""
        return re.sub(r"\W+", "-", f"code-{self.file}-{self.name}")


def is_excerpt(place: str) -> bool:
    """Return whether a place names a definition in the code: `lib/floors.py:shortcuts`."""
    return PLACE.fullmatch(place) is not None


def excerpt(place: str, root: Path) -> Excerpt:
    """Return the definition that a place names, at the top of a module.

    Raises BadData if the file or the name is not there.
    """
    file, _, name = place.partition(":")
    if not (root / file).is_file():
        raise BadData(f"{place} is named, but there is no file {file}: name the place that it has.")
    code = (root / file).read_text(encoding="utf-8")
    for node in ast.parse(code).body:
        if name in _names(node):
            lines = code.splitlines()[node.lineno - 1 : node.end_lineno]
            return Excerpt(file, name, node.lineno, "\n".join(lines))
    raise BadData(
        f"{place} is named, but {file} defines no function, class or constant {name}: name one "
        "that it defines."
    )


def _names(node: ast.stmt) -> set[str]:
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return {node.name}
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    found = [one for target in targets if target for one in ast.walk(target)]
    return {one.id for one in found if isinstance(one, ast.Name)}
