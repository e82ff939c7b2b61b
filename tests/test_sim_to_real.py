"""What training on phantoms is worth on real films, as recorded and as page 10 says it."""

import pandas as pd
import pytest

from lib.comparison import recorded, sim_to_real, tables
from lib.comparison.ablations import P_HOLM
from lib.errors import BadData

REAL, ALONE, FIRST = "real films", "phantoms alone", "phantoms first"
NUMBERS = {  # metric -> training films -> value, low, high
    "auroc_over_seeds": {REAL: (0.8, 0.7, 0.9), ALONE: (0.6, 0.5, 0.7), FIRST: (0.82, 0.7, 0.9)},
    "auroc_difference": {ALONE: (-0.2, -0.3, -0.1), FIRST: (0.02, -0.1, 0.1)},
    f"auroc_difference{P_HOLM}": {ALONE: (0.01,) * 3, FIRST: (0.5,) * 3},
}


def setting(films: str, metric: str) -> str:
    """Return the setting as results.csv has it."""
    words = "supervised" if films == REAL else f"supervised, {films}"
    return words if metric == "auroc_over_seeds" else f"{words}, against {REAL}"


@pytest.fixture
def root(tmp_path, monkeypatch):
    """Return a repository in which the experiment is not recorded."""
    monkeypatch.setattr(recorded, "ROOT", tmp_path)
    return tmp_path


def test_an_experiment_that_is_not_recorded_has_no_sentence(root):
    assert sim_to_real.sentences(sim_to_real.read()) == ""


def test_what_phantoms_are_worth_is_what_is_clear_after_correction(root):
    rows = [
        dict(zip(("value", "low", "high"), numbers, strict=True))
        | {"dataset": "nih_peers", "method": "resnet", "metric": metric}
        | {"commit": "0123456789", "profile": "quick"}
        | {"family": "ablation: sim_to_real", "setting": setting(films, metric)}
        for metric, of_films in NUMBERS.items()
        for films, numbers in of_films.items()
    ]
    folder = root / sim_to_real.FOLDER
    folder.mkdir(parents=True)
    table = pd.DataFrame(rows, columns=[*tables.COLUMNS, "commit", "profile"])
    table.to_csv(folder / "results.csv", index=False)
    runs = table[["dataset", "commit", "profile"]].drop_duplicates().assign(films="f")
    runs.to_csv(folder / "runs.csv", index=False)
    shown = sim_to_real.read()
    alone, first, _, origin = sim_to_real.sentences(shown).splitlines()
    assert origin == "Recorded at commit `0123456789`, with the profile `quick`."
    assert alone.endswith("phantoms alone**, clearly worse: resnet (-0.200).")
    assert first.endswith("phantoms first**, no clear difference: resnet (+0.020).")
    of_real, of_alone, _ = sim_to_real.table(shown).to_dict("records")
    assert of_real["difference [95 % interval]"] == "" == of_real["p (Holm)"]
    assert "0.800" in of_real["AUROC [95 % interval]"]
    runs.assign(commit="other").to_csv(folder / "runs.csv", index=False)
    with pytest.raises(
        BadData, match=r"sim_to_real/results\.csv has rows of nih_peers at a commit"
    ):
        sim_to_real.read()
    assert "-0.200" in of_alone["difference [95 % interval]"] and of_alone["p (Holm)"] == "0.0100"
