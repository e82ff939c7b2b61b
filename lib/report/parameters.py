"""The parameters of a notebook: their names, and their values from text of a command line."""

import ast
from pathlib import Path

import nbformat
import papermill


def known_parameters(notebook: Path) -> dict[str, str]:
    """Return name -> default, as source code, of the cell tagged `parameters`."""
    try:
        parameters = papermill.inspect_notebook(str(notebook))
    except FileNotFoundError:
        raise SystemExit(f"{notebook} does not exist.") from None
    except (ValueError, AttributeError, nbformat.ValidationError) as error:
        raise SystemExit(f"{notebook} is not a notebook that can be run: {error}") from None
    return {name: parameter["default"] for name, parameter in parameters.items()}


def typed(given: dict[str, str], defaults: dict[str, str], notebook: Path) -> dict[str, object]:
    """Convert the given texts to the types of the notebook's defaults."""
    unknown = [name for name in given if name not in defaults]
    if unknown:
        known = ", ".join(defaults) or "none"
        problem = f"{notebook} has no parameter {', '.join(unknown)}"
        raise SystemExit(f"{problem}: use one of {known}.")
    return {name: _typed(name, text, defaults[name]) for name, text in given.items()}


def _typed(name: str, text: str, default: str) -> object:
    example = _literal(default)
    if isinstance(example, str):
        return text
    value = _literal({"true": "True", "false": "False"}.get(text, text))
    if isinstance(example, float) and type(value) is int:
        value = float(value)
    if example is not None and type(value) is not type(example):
        kind = type(example).__name__
        raise SystemExit(f"The parameter {name} must be of type {kind}, like {default}: {text!r}.")
    return value


def _literal(text: str) -> object:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
