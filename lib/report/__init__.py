"""Run a notebook and render it as one self-contained HTML page, legible even if a cell fails.

    python -m lib.report NOTEBOOK OUTPUT.html -p name value ...

The page loads no external resource, runs no script but that of its template, and ends with a trace
of its origin.
"""

import sys

# jsonschema, which checks notebooks, would compile an unused grammar of web addresses: half
# the import time of this package.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]

from lib.report.command import main
from lib.report.failures import explain, undescribed_picture
from lib.report.folding import folded, folded_figure
from lib.report.page import run
from lib.report.parameters import known_parameters, typed
from lib.report.privacy import without_film_names
from lib.report.rendering import home, safe_html
from lib.report.running import number_cells

__all__ = [
    "explain",
    "folded",
    "folded_figure",
    "home",
    "known_parameters",
    "main",
    "number_cells",
    "run",
    "safe_html",
    "typed",
    "undescribed_picture",
    "without_film_names",
]
