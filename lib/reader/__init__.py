"""Read one film, or a folder of films, with a trained detector of the study.

    from lib.reader import Reader

    reader = Reader("rsna/nsa/0")  # data set / method or fusion / seed
    answer = reader.read("film.dcm")
    answer.show()

`python -m lib.reader FILMS` reads a folder. For research; not a medical device.
"""

from lib.reader.answer import Answer
from lib.reader.reading import Reader

__all__ = ["Answer", "Reader"]
