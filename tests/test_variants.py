"""Words for what a fit was given and what a variant changes."""

import pytest

from lib.params import setting
from lib.variants import percent, variant_name

FIVE = {"normal": 0.05, "abnormal": 0.05}


def test_setting_names():
    assert setting() == "unlabelled"
    assert setting("all") == "supervised"
    assert setting(FIVE) == "5 % known normal + 5 % known abnormal"
    assert setting("none", 0.1) == "unlabelled, 10 % contamination"


@pytest.mark.parametrize(
    ("change", "name", "number"),
    [
        ({"labels": "none"}, "unlabelled", 0),
        ({"labels": FIVE}, "5 % known normal + 5 % known abnormal", 5),
        ({"labels": {"normal": 0.5}}, "50 % known normal", 0),
        ({"labels": "all"}, "supervised", 100),
        ({"contamination": 0}, "0 % contamination", 0),
        ({"labels": "none", "contamination": 0.2}, "unlabelled, 20 % contamination", 20),
        ({"as_published": True}, "as published", None),
        ({"as_published": False}, "corrected", None),
        ({"latent_dim": 8, "contamination": 0.01}, "1 % contamination, latent dim 8", 1),
        ({"images": {"equalize": "clahe", "mask": True}}, "equalize clahe, mask", None),
        ({}, "unchanged", None),
        ({"phantoms": "alone"}, "phantoms alone", None),
        ({"labels": "all", "phantoms": "first"}, "supervised, phantoms first", 100),
        ({"phantoms": ""}, "without phantoms", None),
        ({"name": "random features", "epochs": 0}, "random features", None),
    ],
)
def test_a_variant_is_named_by_what_it_changes(change, name, number):
    before = dict(change)
    assert (variant_name(change), percent(change)) == (name, number)
    assert change == before
