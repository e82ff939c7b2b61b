"""Films by sphere: who is counted where, and the AUROC among a sphere's own films."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from lib.comparison.spheres import by_sphere, films_in_spheres


def films():
    """60 films in sphere 3, whose score tells the label, and 8 in sphere 1, all but one normal."""
    random = np.random.default_rng(0)
    label = np.r_[np.repeat([0.0, 1.0], 30), np.zeros(7), 1.0]
    table = pd.DataFrame({"image_id": [f"film{n}" for n in range(68)], "label": label})
    table["patient_id"] = table["image_id"]
    table["body_part"] = np.r_[["hand"] * 45, ["wrist"] * 15, [""] * 8]
    return table.assign(score=label + random.normal(size=68), sphere=[3] * 60 + [1] * 8)


def test_each_sphere_has_its_films_and_its_auroc():
    table = by_sphere(films(), resamples=50)
    assert table.index.tolist() == [3, 1], "the fullest first"
    assert table[["normal", "abnormal"]].to_numpy().tolist() == [[30, 30], [7, 1]]
    assert table["commonest body part"].tolist() == ["hand", "not stated"]
    assert table["its share"].tolist() == [0.75, 1.0]
    full = films()[:60]
    assert table.loc[3, "auroc"] == pytest.approx(roc_auc_score(full["label"], full["score"]))
    assert table.loc[3, "low"] < table.loc[3, "auroc"] < table.loc[3, "high"]
    assert np.isnan(table.loc[1, "auroc"]), "one abnormal film says nothing"


def test_films_come_in_the_order_of_their_embedding():
    table, image_id = films().drop(columns="sphere"), np.array(["film7", "film2"])
    members = films_in_spheres(table, {"image_id": image_id, "sphere": np.array([4, 0])})
    assert members["image_id"].tolist() == ["film7", "film2"]
    assert members["sphere"].tolist() == [4, 0]
    assert members["score"].tolist() == table["score"][[7, 2]].tolist()
    alone = films_in_spheres(table, {"image_id": image_id})
    assert alone["sphere"].tolist() == [0, 0]
