"""Films that few or many detectors flag: counted by hand, and described in a table of counts."""

import numpy as np
import pandas as pd

from lib.comparison import hard_films
from lib.comparison.scores import Scored

#: Twenty validation normals with scores 0 to 19, whose 95 % quantile is 18.05.
VALIDATION = pd.DataFrame({"label": 0.0, "split": "validation", "score": np.arange(20.0)})
#: Of the test films the label, the view, and how many of ten detectors flag them.
TEST = pd.DataFrame(
    [
        *[(1, "AP", "Nodule", 0), (1, "AP", "Nodule|Mass", 0), (1, "PA", "Mass", 1)],
        *[(1, "PA", "Mass", 10), (0, "AP", "", 10), (0, "PA", "", 5), (0, "PA", "", 4)],
    ],
    columns=["label", "view", "finding", "flagged by"],
)


def detectors(number=10, validation=VALIDATION):
    """Yield detectors; those with the lowest numbers flag a film, by a score at the threshold."""
    for detector in range(number):
        flags = TEST["flagged by"] > detector
        test = TEST.assign(split="test", score=np.where(flags, 18.05, 18.04))
        films = pd.concat([validation, test], ignore_index=True).assign(body_part="chest")
        films = films.assign(image_id=films.index.map("{:03}".format)).fillna({"finding": ""})
        yield Scored("chests", f"method {detector}", "toy", "0", "", films, {})


def test_hard_are_abnormal_films_below_a_tenth_and_normal_ones_from_a_half():
    films = hard_films.flagged(detectors())
    assert list(films["flags"]) == list(TEST["flagged by"])
    assert set(films["detectors"]) == {10}
    assert list(films["hard"]) == [True, True, False, False, True, True, False]


def test_a_film_is_counted_in_each_of_its_findings_and_a_word_that_all_share_in_none():
    table = hard_films.table(hard_films.flagged(detectors())).set_index("")
    assert list(table.columns) == list(hard_films.COLUMNS.values())
    rows = {name: list(row) for name, *row in table.itertuples()}
    assert rows == {
        "films": ["2", "2", "2", "1"],
        "finding: Mass": ["1 (50%)", "2 (100%)", "", ""],
        "finding: Nodule": ["2 (100%)", "0 (0%)", "", ""],
        "view: PA": ["0 (0%)", "2 (100%)", "1 (50%)", "1 (100%)"],
        "view: AP": ["2 (100%)", "0 (0%)", "1 (50%)", "0 (0%)"],
    }


def test_the_sentence_has_the_numbers_of_the_table():
    words = hard_films.sentence(hard_films.flagged(detectors()))
    assert "Of 4 abnormal films 2 are flagged by none of the 10 detectors and 2 by fewer" in words
    assert "of 3 normal films 1 are flagged by all and 2 by at least half" in words
    assert "100% have the finding Nodule (0% of the other abnormal films)" in words
    assert "100% have the view AP" in words and "body part" not in words


def test_nothing_is_described_where_no_abnormal_film_or_each_is_hard():
    films = hard_films.flagged(detectors())
    for easy in (True, False):
        assert "that few flag" not in hard_films.sentence(films.assign(hard=not easy))


def test_one_detector_or_no_normal_validation_film_gives_nothing():
    assert hard_films.flagged(detectors(1)).empty
    assert hard_films.flagged(detectors(validation=VALIDATION.assign(label=1.0))).empty
    assert hard_films.flagged(iter([])).empty
