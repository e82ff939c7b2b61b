"""Read single values of a DICOM file, whose tags may be empty, repeated or malformed."""

import math
from collections.abc import Sequence

from pydicom import Dataset
from pydicom.valuerep import PersonName


def values(film: Dataset, tag: str) -> list:
    """Return all values of a tag, none where it is absent, empty or invalid for its type."""
    try:
        value = film.get(tag)
    except Exception:  # pydicom converts values on access, and raises almost any error
        return []
    if value is None:
        return []
    plain = isinstance(value, str | bytes | PersonName) or not isinstance(value, Sequence)
    return [value] if plain else list(value)


def numbers(film: Dataset, tag: str) -> list[float]:
    """Return the numbers of a tag, none where any of them is not finite."""
    try:
        converted = [float(value) for value in values(film, tag)]
    except (TypeError, ValueError, OverflowError):
        return []
    return converted if all(map(math.isfinite, converted)) else []


def number(film: Dataset, tag: str) -> float | None:
    """Return the first number of a tag, or None."""
    return next(iter(numbers(film, tag)), None)


def text(film: Dataset, tag: str) -> str:
    r"""Return the text of a tag on one line, several values separated by \ as in the file.

    Only printable characters are kept, so that the text can be written to a table and read back.
    """
    words = [value for value in values(film, tag) if isinstance(value, str | int | float)]
    line = "\\".join(map(str, words))
    return " ".join("".join(letter if letter.isprintable() else " " for letter in line).split())
