"""Published numbers next to ours: each in the column of its pre-training, with its protocol."""

import pandas as pd
import pytest

from lib.comparison import choices, published

WITHOUT, WITH = published.PRETRAINED.values()


def results(*rows):
    """Return rows of results.csv: data set, method, seed, metric, value."""
    table = pd.DataFrame(rows, columns=["dataset", "method", "seed", "metric", "value"])
    ends = {"low": table["value"] - 0.1, "high": table["value"] + 0.1}
    shared = {"family": "x", "setting": "unlabelled", "n": 80.0, "base_rate": 0.25}
    return table.assign(**ends, **shared)


@pytest.fixture(autouse=True)
def one_mark(monkeypatch):
    monkeypatch.setattr(published.findings, "films_in_words", lambda: "phantoms")
    marked = {("mura", "deep_svdd"): " †"}
    monkeypatch.setattr(choices, "marked", lambda *pair: marked.get(pair, ""))


def test_ours_comes_before_others_and_each_in_the_column_of_its_pre_training():
    table = published.numbers(
        results(
            ("rsna", "padim", "0", "auroc", 0.61),
            ("rsna", "padim", "1", "auroc", 0.7),
            ("rsna", "padim", "mean", "auroc", 0.65),
            ("mura", "deep_svdd", "0", "auroc", 0.49),
            ("mura", "deep_svdd", "0", "brier", 0.2),
        )
    )
    cells = table[["dataset", "method", "of", WITHOUT, WITH]].values.tolist()
    padim, svdd = "0.610&nbsp;[0.510,&nbsp;0.710]", "0.490&nbsp;[0.390,&nbsp;0.590]"
    sources = [row[2] for row in cells]
    assert [[*row[:2], *row[3:]] for row in cells] == [
        ["rsna", "padim", "", padim],
        ["rsna", "padim", "", "0.775"],
        ["mura", "deep&#95;svdd †", svdd, ""],
        ["mura", "deep&#95;svdd", "0.499", ""],
    ]
    assert sources[::2] == ["this study"] * 2 and "BMAD" in sources[1] and "Spahr" in sources[3]
    assert table["protocol"].iloc[0] == "on phantoms, 80 test films, 20 of them abnormal"
    assert table["protocol"].iloc[3].startswith("512 px, all body parts")


def test_a_network_may_be_published_with_and_without_and_with_measures_that_ours_has_not():
    table = published.numbers(results(("mura", "resnet", "0", "auroc", 0.9)))
    kappa = table[table["measure"].eq("kappa per study")]
    assert kappa[[WITHOUT, WITH]].values.tolist() == [["0.386", ""], ["", "0.598 to 0.645"]]
    assert set(table["measure"]) == {"AUROC", "kappa per study"}


def test_nothing_is_published_on_other_data_sets():
    rows = results(("limbs", "resnet", "0", "auroc", 0.9), ("mura", "own", "0", "auroc", 0.9))
    assert published.numbers(rows).empty and published.beside(rows) == published.NONE
