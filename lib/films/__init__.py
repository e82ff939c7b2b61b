"""Read one film, a picture or a DICOM file, or give the reason why it cannot be read."""

from lib.films.kinds import FILM_SUFFIXES
from lib.films.reading import film_facts, film_size, read_film, read_mask, read_reduced
from lib.films.reduced import Reduced
from lib.films.refusals import NotAFilm, UnreadableFilm

__all__ = [
    "FILM_SUFFIXES",
    "NotAFilm",
    "Reduced",
    "UnreadableFilm",
    "film_facts",
    "film_size",
    "read_film",
    "read_mask",
    "read_reduced",
]
