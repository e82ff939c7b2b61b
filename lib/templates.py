"""Fill the templates of pages that are no notebooks."""

import jinja2

from lib import ROOT

_ENVIRONMENT = jinja2.Environment(
    loader=jinja2.FileSystemLoader([ROOT / "templates", ROOT / "templates/study"]),
    autoescape=True,
    trim_blocks=True,
)


def rendered(template: str, **values) -> str:
    """Return the HTML of a template in templates/, with values escaped."""
    return _ENVIRONMENT.get_template(f"{template}.html.j2").render(**values)
