"""What pyproject.toml and CHANGELOG.md say of the release, and how to cite it."""

import re
import tomllib
from pathlib import Path
from typing import NamedTuple

from lib.errors import BadData

LICENCE_PAGE = "https://spdx.org/licenses/{}.html"


class Release(NamedTuple):
    """What pyproject.toml and CHANGELOG.md say of the release."""

    name: str
    title: str
    version: str
    authors: list[str]
    keywords: list[str]
    licence: str  # SPDX
    date: str  # of the release, "" before it

    @classmethod
    def of(cls, root: Path) -> "Release":
        """Read it. Raises BadData if the CHANGELOG does not begin with the version."""
        project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
        heading = re.search(r"^## (\S+) \((.+)\)$", (root / "CHANGELOG.md").read_text(), re.M)
        if not heading or heading[1] != project["version"]:
            raise BadData(f"CHANGELOG.md does not begin with version {project['version']}.")
        return cls(
            project["name"],
            project["description"],
            project["version"],
            [author["name"] for author in project["authors"]],
            project["keywords"],
            project["license"],
            "" if heading[2] == "unreleased" else heading[2],
        )

    @property
    def reference(self) -> str:
        """How to cite it, in one line."""
        return f"{', '.join(self.authors)}. {self.title}, version {self.version}."
