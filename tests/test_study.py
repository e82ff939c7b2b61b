"""What a cell may see of the films, what it keeps, and what stops it."""

import numpy as np
import pandas as pd
import pytest

from lib import grid, study
from lib.datasets import BadData


def index(number=600):
    """Films of three splits in turn; every second one abnormal."""
    row = np.arange(number)
    splits = np.array(["train", "validation", "test"])[row % 3]
    image_id = [f"film{n}" for n in row]
    return pd.DataFrame({"image_id": image_id, "split": splits, "label": (row // 3) % 2.0})


def test_without_labels_training_watches_normal_validation_films_only():
    films = index()
    watched = study._validation_set(films, "none")
    chosen = films.iloc[watched["row"]]
    assert set(chosen["split"]) == {"validation"} and set(chosen["label"]) == {0}
    assert watched["y"].isna().all()


def test_with_labels_training_watches_all_validation_films():
    films = index()
    watched = study._validation_set(films, "all")
    assert watched["y"].tolist() == films.loc[films["split"].eq("validation"), "label"].tolist()


def test_maps_are_kept_of_quiet_and_of_loud_films(tmp_path, monkeypatch):
    monkeypatch.setattr(study, "ROOT", tmp_path)
    monkeypatch.setattr(study, "FILMS_WITH_MAPS", 20)
    films = index()
    test = films[films["split"].eq("test")]
    scores = pd.DataFrame({"image_id": test["image_id"], "score": np.arange(len(test))[::-1]})
    (tmp_path / "build/index").mkdir(parents=True)
    annotated = test[test["label"].eq(1)]
    annotated[["image_id"]].to_csv(tmp_path / "build/index/some.annotations.csv", index=False)
    rows = study._films_with_maps("some", films, scores)
    kept = films.iloc[rows]
    assert set(kept["split"]) == {"test"} and 20 <= len(kept) <= 30
    place = test["image_id"].tolist().index
    places = [place(image_id) for image_id in kept.loc[kept["label"].eq(1), "image_id"]]
    assert min(places) < 10 and max(places) > len(test) - 10


@pytest.mark.parametrize(
    ("dataset", "method", "sentence"),
    [
        ("nowhere", "resnet", "nowhere.csv is missing"),
        ("rsna", "unheard_of", "no entry unheard_of"),
    ],
)
def test_what_is_no_fault_of_a_method_stops_the_cell_and_leaves_nothing(dataset, method, sentence):
    cell = grid.Cell("svdd", dataset, method, 0)
    with pytest.raises(BadData, match=sentence):
        study.run(cell)
    assert not cell.folder.exists()
