"""Errors of files that are not read, and limits of a film's size."""

SMALLEST = 16  # pixels per side
LARGEST = 60_000_000  # pixels in total; the largest plates in use have about 20 million
LARGEST_FILE = 512 * 2**20  # bytes


class UnreadableFilm(Exception):
    """A film that cannot be used, with a short reason."""


class NotAFilm(UnreadableFilm):
    """A file of an export that is not a film, such as a report or a viewer."""


def check_size(width: int, height: int) -> None:
    """Raise UnreadableFilm unless a film of this size in pixels may be decoded."""
    if min(width, height) < SMALLEST or width * height > LARGEST:
        raise UnreadableFilm(f"implausible size: {width} x {height} pixels")
