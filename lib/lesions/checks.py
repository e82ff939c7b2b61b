"""Checks of the kinds of lesions that a method is given."""


def module_of(kinds, modules, method):
    """Return the one of `modules` whose `KINDS` have all of `kinds`.

    Raises ValueError, which names the method, if there are no kinds, unknown ones, or ones of two
    modules.
    """
    for module in modules:
        if kinds and set(kinds) <= set(module.KINDS):
            return module
    known = " or of ".join(", ".join(module.KINDS) for module in modules)
    raise ValueError(f"{type(method).__name__} takes kinds of {known}, not kinds={kinds!r}.")
