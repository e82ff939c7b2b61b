"""Why a file is not read, and which sizes no film has."""

SMALLEST = 16  # pixels a side
LARGEST = 60_000_000  # pixels in all; the largest plates in use have about 20 million
LARGEST_FILE = 512 * 2**20  # bytes


class UnreadableFilm(Exception):
    """Says in a few words why a film cannot be used."""


class NotAFilm(UnreadableFilm):
    """Says what a file of an export is that is no film at all, such as a report or a viewer."""


def check_size(width: int, height: int) -> None:
    """Raise UnreadableFilm unless a film of so many pixels may be decoded."""
    if min(width, height) < SMALLEST or width * height > LARGEST:
        raise UnreadableFilm(f"absurdly sized: {width} x {height} pixels")
