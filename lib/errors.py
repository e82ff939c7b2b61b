"""What is said to the user about films, tables and settings that cannot be used."""


class BadData(Exception):
    """One sentence for the user: which file, what is wrong with it, and what to do."""
