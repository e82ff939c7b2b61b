"""Words follow from tests that are corrected, never from an interval alone."""

import re

import numpy as np
import pandas as pd
import pytest

from lib import ROOT
from lib.comparison import claims, overview


def pair(difference, p_holm, method="vae", margin=0.1, b="floor: knn", dataset="limbs"):
    row = {"dataset": dataset, "method_a": method, "seed_a": "0", "method_b": b, "seed_b": ""}
    ends = {"low": difference - margin, "high": difference + margin}
    p_values = {"p_value": 0.001, "p_holm": p_holm, "n": 90, "test": "DeLong", "correlation": 0.5}
    return row | ends | {"difference": difference} | p_values


@pytest.mark.parametrize(
    ("difference", "p_holm", "side", "words"),
    [
        (0.2, 0.01, 1, "beats the best floor: knn (difference +0.200 [+0.100, +0.300], p = 0.0100"),
        (
            0.2,
            0.34,
            0,
            "is above the best floor: knn, but **not** after Holm's correction (p = 0.3",
        ),
        (0.05, 0.34, 0, "does **not** clearly beat the best floor: knn (difference +0.050 ["),
        (-0.2, 0.34, 0, "is below the best floor: knn, but **not** after Holm's correction"),
        (-0.2, 0.01, -1, "is clearly **worse** than the best floor: knn (difference -0.200"),
        (0.2, 0.05, 0, "is above the best floor: knn, but **not** after"),
        (0.2, np.nan, 0, "is above the best floor: knn, but **not** after"),
    ],
)
def test_a_detector_beats_a_floor_only_after_holms_correction(difference, p_holm, side, words):
    test = pair(difference, p_holm)
    assert claims.side(test) == side
    assert claims.against_floor(test).startswith(words)


def test_an_interval_below_chance_is_that_of_a_score_that_points_the_wrong_way():
    words = claims.auroc(0.144, 0.114, 0.175)
    assert words == "0.144&nbsp;[0.114,&nbsp;0.175], points the wrong way"
    assert claims.auroc(0.45, 0.4, 0.5) == "0.450&nbsp;[0.400,&nbsp;0.500]"
    assert claims.auroc(1.0, np.nan, np.nan) == "1.000&nbsp;[no&nbsp;interval]"
    highs = pd.Series([0.3, 0.5, np.nan, 0.4])
    assert claims.of_wrong_way(highs) == "; 2 below it, where a score points the wrong way"
    assert claims.of_wrong_way(highs[1:3]) == ""


@pytest.mark.parametrize(
    "path",
    [
        "README.md",
        "notebooks/families/reconstruction.md",
        "lib/methods/synthetic_lesions.py",
    ],
)
def test_what_learns_from_shapes_like_those_of_the_phantoms_says_so(path):
    words = " ".join((ROOT / path).read_text().split())
    assert re.search(r"family (?:of shapes|from which|of shapes from which)", words)
    assert "opacities and nodules" in words and "phantoms" in words
    assert re.search(r"findings (?:unlike drawn lesions|that look like nothing)", words)


def test_page_06_lists_who_beats_the_floor():
    tests = pd.DataFrame(
        [
            pair(0.3, 0.001, "good"),
            pair(0.2, 0.2, "hopeful"),
            pair(0.05, 0.9, "vae"),
            pair(-0.3, 0.001, "bad"),
        ]
    )
    assert overview.of_floors(tests).replace("&#58;", ":") == (
        "- limbs: 1 of 4 beat floor: knn: good; above it, but not after the correction: hopeful; "
        "not above it: vae; clearly worse: bad."
    )


def test_a_fusion_helps_only_if_it_beats_each_part_after_the_correction():
    parts = [pair(0.2, p_holm, "both: sum", b=part) for part, p_holm in (("a", 0.01), ("b", 0.2))]
    words = overview.of_fusions(pd.DataFrame(parts)).replace("&#58;", ":")
    assert words == (
        "- limbs: both: sum does not clearly beat each of its parts (least difference +0.200)."
    )
    clear = pd.DataFrame(parts).assign(p_holm=0.01)
    assert "beats each of its parts (least" in overview.of_fusions(clear)
