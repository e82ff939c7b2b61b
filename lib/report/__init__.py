"""Run a notebook and render it to one self-contained HTML page, legible even when a cell fails.

    python -m lib.report NOTEBOOK OUTPUT.html -p name value ...

The page loads nothing from anywhere, runs no script, and ends with a trace of what made it.
"""

import sys

# jsonschema, which checks notebooks, would compile a grammar of web addresses that none needs: half
# the time that this package takes to import.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]

from lib.report.command import main
from lib.report.failures import explain, undescribed_picture
from lib.report.page import run
from lib.report.parameters import known_parameters, typed
from lib.report.privacy import without_film_names
from lib.report.rendering import anchor, home, safe_html
from lib.report.running import number_cells

__all__ = [
    "anchor",
    "explain",
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
