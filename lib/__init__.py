"""The library that the notebooks of the study import."""

from pathlib import Path

#: The repository's root: every path of the study is relative to it, whatever folder a notebook runs in.
ROOT = Path(__file__).resolve().parent.parent
