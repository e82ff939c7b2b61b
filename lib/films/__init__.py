"""Reads one film, whatever it came as: a picture or a DICOM; names the reason if it cannot be."""

from lib.films.kinds import FILM_SUFFIXES
from lib.films.reading import film_facts, film_size, read_film, read_mask
from lib.films.refusals import NotAFilm, UnreadableFilm

__all__ = [
    "FILM_SUFFIXES",
    "NotAFilm",
    "UnreadableFilm",
    "film_facts",
    "film_size",
    "read_film",
    "read_mask",
]
