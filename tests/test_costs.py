"""What detectors cost, from records of fits: closed forms, and names of the cheapest."""

import json

import pandas as pd
import pytest

from lib import files
from lib.comparison import costs

ROWS = pd.DataFrame(
    [
        ("fast", 0.01, 4.0, 0.60),
        ("as fast", 0.01, 3.0, 0.70),
        ("worse", 0.02, 9.0, 0.65),
        ("equal", 0.5, 8.0, 0.70),
        ("best", 9.0, 700.0, 0.9),
        ("slow", 30.0, 5.0, 0.8),
    ],
    columns=["method", "minutes", "milliseconds", "value"],
)


def test_no_cheaper_detector_exceeds_those_that_are_named():
    assert costs.named(ROWS) == {
        "minutes": ["as fast", "best"],
        "milliseconds": ["as fast", "slow", "best"],
    }
    words = costs.sentence(ROWS)
    assert "The minutes of training are 0.01 (fast) to 30 (slow)" in words
    assert "The ms per film are 3 (as fast) to 700 (best)" in words
    assert "higher AUROC than as fast (0.70), slow (0.80), best (0.90)." in words


@pytest.fixture
def build(tmp_path, monkeypatch):
    """Return a build with the records of a fit on 4 films that are scored and 6 training films."""
    monkeypatch.setattr(files, "BUILD", tmp_path)
    split = ["train"] * 6 + ["validation"] * 2 + ["test", "unlabelled"]
    index = pd.DataFrame({"image_id": [f"{n}" for n in range(10)], "split": split})
    monkeypatch.setattr(costs, "load_index", lambda path: index)
    return tmp_path


def record(folder, seconds, **about):
    folder.mkdir(parents=True)
    content = {"status": "finished", "reason": "", "duration_s": seconds, "attempt": 7, **about}
    (folder / files.RECORD).write_text(json.dumps(content))


def test_costs_are_seconds_of_the_records_and_of_scored_films_alone(build):
    rows = [
        ("vae", "reconstruction", "0"),
        ("vae", "reconstruction", "1"),
        ("vae", "reconstruction", "mean"),
        ("padim", "features", "0"),
        ("bigan", "reconstruction", "0"),
        ("floor: knn", "floor", ""),
        ("best two", "fusion", "0"),
    ]
    auroc = pd.DataFrame(rows, columns=["method", "family", "seed"]).assign(dataset="rsna", value=0)
    for method, training, scoring in (("vae", 90, 2), ("padim", 0.0, 0.2)):
        record(build / f"fits/rsna/{method}/default/0", training)
        record(build / f"scores/rsna/{method}/default/0", scoring, trained="7")
    record(build / "fits/rsna/bigan/default/0", 5)  # it has not scored any film
    table = costs.of_fits(auroc).set_index("method")
    assert list(table.index) == ["vae", "padim"]
    assert list(table["minutes"]) == [1.5, pytest.approx(0.1 / 60)], "records have one decimal"
    assert list(table["milliseconds"]) == [500, 50]
