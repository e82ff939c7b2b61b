"""Errors reported to the user about films, tables and settings that cannot be used."""


class BadData(Exception):
    """An error in one sentence: the file, the problem and its remedy."""
