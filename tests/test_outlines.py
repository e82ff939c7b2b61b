"""The page of a data set says of which findings no place is known."""

import numpy as np
import pandas as pd

from lib.comparison.outlines import by_finding


def test_findings_are_counted_with_those_that_have_an_outline():
    finding = ["Mass"] * 6 + ["Edema|Mass"] * 2 + ["Edema"] * 4 + ["rare", "", ""] + [""] * 5
    index = pd.DataFrame({"finding": finding, "label": [1.0] * 15 + [0.0, np.nan] + [1.0] * 3})
    lesions = np.zeros((20, 4, 4), np.uint8)
    lesions[:8, 1, 1] = 1
    lesions[15] = 1  # of a normal film
    table = by_finding(index, lesions).set_index("finding")
    assert table.loc["Mass"].tolist() == [8, 8] and table.loc["Edema"].tolist() == [6, 2]
    assert table.loc["not named"].tolist() == [5, 0] and "rare" not in table.index
    assert by_finding(index[15:17], lesions).empty
