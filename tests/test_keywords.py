"""Keywords of methods: each is explained, kept under its name, and given once.

A new file in lib/methods is tested here without a change.
"""

import inspect

import pytest

from lib import methods, params
from lib.detector import Detector
from lib.fits.train import epochs_of

PROFILES = ("quick", "hours", "full")


def keywords(kind):
    """{keyword: default} of the constructor that a class writes itself, {} where it has none."""
    if "__init__" not in vars(kind):
        return {}
    parameters = inspect.signature(vars(kind)["__init__"]).parameters.values()
    return {each.name: each.default for each in parameters if each.kind is each.KEYWORD_ONLY}


def all_keywords(kind):
    """{keyword: default} of a method, those of the classes that it builds on among them."""
    by_class = [keywords(each) for each in reversed(kind.__mro__) if issubclass(each, Detector)]
    return {name: default for known in by_class for name, default in known.items()}


def alike(one, other):
    """Return whether two values mean the same: lists of a profile are tuples in a class."""
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return list(one) == list(other)
    return one == other


@pytest.mark.parametrize("name", ["detector", *methods.names()])
def test_every_keyword_is_explained_where_it_is_declared(name):
    kind = Detector if name == "detector" else methods.find(name)
    lines = inspect.getdoc(kind).splitlines()
    explained = " ".join(line.partition(": ")[0] for line in lines if line.startswith("- `"))
    missing = [keyword for keyword in keywords(kind) if f"`{keyword}`" not in explained]
    assert not missing, f"{kind.__name__} says nothing about {', '.join(missing)}"


@pytest.mark.parametrize("name", methods.names())
def test_every_keyword_is_stored_under_its_own_name(name):
    kind = methods.find(name)
    detector = kind(image_size=32)
    for keyword, default in all_keywords(kind).items():
        stored = getattr(detector, keyword)
        if keyword in keywords(kind) and keyword != "image_size":
            assert default is None or alike(stored, default), keyword


@pytest.mark.parametrize("profile", PROFILES)
def test_profiles_hold_only_what_differs_from_the_defaults_of_a_class(profile):
    for name, entry in params.read(profile).items():
        if name in params.FOR_ALL:
            continue
        defaults = all_keywords(methods.find(entry.get("method", name)))
        repeated = {
            key for key in entry.keys() & defaults.keys() if alike(entry[key], defaults[key])
        }
        if any(key.endswith("updates") for key in entry):
            repeated -= {"batch_size"}  # by which updates become epochs
        assert not repeated, f"params/{profile}.yaml, {name}: {', '.join(sorted(repeated))}"


@pytest.mark.parametrize("profile", PROFILES)
def test_every_length_in_updates_can_be_counted_in_epochs(profile):
    for name in params.read(profile).keys() - {*params.FOR_ALL}:
        parameters = params.part(name, params.entry_of(name, profile))
        epochs = epochs_of(parameters, films=100)
        assert epochs.keys() == parameters.updates.keys(), name
