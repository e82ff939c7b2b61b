"""Single values of a DICOM: strangers leave tags empty, repeat them or write nonsense into them."""

import math
from collections.abc import Sequence

from pydicom import Dataset
from pydicom.valuerep import PersonName


def values(film: Dataset, tag: str) -> list:
    """All values of a tag; none where it is absent, empty or not what its type allows."""
    try:
        value = film.get(tag)
    except Exception:  # pydicom converts a value when it is asked for, and raises nearly anything
        return []
    if value is None:
        return []
    plain = isinstance(value, str | bytes | PersonName) or not isinstance(value, Sequence)
    return [value] if plain else list(value)


def numbers(film: Dataset, tag: str) -> list[float]:
    """The numbers of a tag; none of them where one is no finite number."""
    try:
        converted = [float(value) for value in values(film, tag)]
    except (TypeError, ValueError, OverflowError):
        return []
    return converted if all(map(math.isfinite, converted)) else []


def number(film: Dataset, tag: str) -> float | None:
    """The first number of a tag, if it has one."""
    return next(iter(numbers(film, tag)), None)


def text(film: Dataset, tag: str) -> str:
    r"""The words of a tag on one line, several values parted by \ as in the file.

    Only what can be printed is kept, so that the words survive the way through a table and back.
    """
    words = [value for value in values(film, tag) if isinstance(value, str | int | float)]
    line = "\\".join(map(str, words))
    return " ".join("".join(letter if letter.isprintable() else " " for letter in line).split())
