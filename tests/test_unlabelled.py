"""Films without a label are ranked by finished fits, and no page learns their names."""

import numpy as np
import pandas as pd
import pytest

from lib import unlabelled
from lib.datasets.table import COLUMNS
from lib.errors import BadData
from lib.fits import store
from lib.grid import Fit

NEW = ["a", "b", "c", "d"]


def index():
    rows = {
        "image_id": [*NEW, *(f"v{n}" for n in range(10)), "t"],
        "split": ["unlabelled"] * 4 + ["validation"] * 10 + ["test"],
        "label": [np.nan] * 4 + [0.0] * 8 + [1.0] * 3,
        "path": [f"ours/new/MUSTER ERIKA/{n}.dcm" for n in range(15)],
        "body_part": "chest",
        "width": 100,
        "height": 100,
        "age": np.nan,
    }
    table = pd.DataFrame(rows).reindex(columns=COLUMNS)
    words = dict.fromkeys(("view", "sex", "finding"), "")
    return table.assign(dataset="ours", **words).assign(
        patient_id=table["image_id"], study_id=table["image_id"]
    )


def finished(score):
    """Return a fit whose validation normals score 0 to 7, the abnormal ones 100."""
    of_others = [*range(8), 100, 100, 50]
    scores = index().assign(score=[*score, *of_others])
    return store.Finished(Fit("ours", "vae"), {}, scores, None, {}, {}, {}, {}, None)


@pytest.fixture
def build(tmp_path, monkeypatch):
    (tmp_path / "index").mkdir()
    index().to_csv(tmp_path / "index/ours.csv", index=False)
    by_method = {"vae": finished([9, 3.5, 3, -1]), "nsa": finished([9, 3.5, 9, 0.5])}
    monkeypatch.setattr(store, "finished", lambda dataset: by_method)
    return tmp_path


def test_a_percentile_counts_validation_normals_alone():
    values = unlabelled.percentile(finished([9, 3.5, 3, -1]).scores)
    assert values.to_dict() == {"a": 100, "b": 50, "c": 43.75, "d": 0}


def test_the_most_suspicious_come_first_and_the_table_says_which_film_is_which(build):
    table = unlabelled.write_ranks("ours", build)
    assert table["number"].tolist() == [1, 3, 2, 4]
    assert table["median"].tolist() == [100, 71.88, 50, 6.25]
    written = pd.read_csv(build / "unlabelled/ours.csv")
    assert written["path"].tolist() == [f"ours/new/MUSTER ERIKA/{n}.dcm" for n in (0, 2, 1, 3)]
    ranks = unlabelled.load_ranks("ours", build)
    assert "path" not in ranks and unlabelled.methods_of(ranks) == ["vae", "nsa"]


def test_ranks_are_those_of_scores_and_part_films_with_the_same_percentile(build, monkeypatch):
    fits = {"vae": finished([9, 12, 8, 10]), "nsa": finished([9, 12, 8, 10])}
    monkeypatch.setattr(store, "finished", lambda dataset: fits)
    table = unlabelled.write_ranks("ours", build)
    assert (table["median"] == 100).all(), "all above every normal"
    assert table["image_id"].tolist() == ["b", "d", "a", "c"]
    assert table["rank, vae"].tolist() == [1, 2, 3, 4]


def test_without_films_or_scores_one_sentence_says_so(build, monkeypatch):
    monkeypatch.setattr(store, "finished", lambda dataset: {})
    with pytest.raises(BadData, match="No method has scored the films of ours"):
        unlabelled.write_ranks("ours", build)
    index()[4:].to_csv(build / "index/ours.csv", index=False)
    with pytest.raises(BadData, match="no film without a label"):
        unlabelled.write_ranks("ours", build)
