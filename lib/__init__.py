"""The library that the notebooks of the study import."""

from pathlib import Path

#: The repository's root, from which all paths of the study start, wherever a notebook runs.
ROOT = Path(__file__).resolve().parent.parent
