"""docs/changed_numbers.md: what it says that AUROC is now is what the record says."""

import re

import pandas as pd
import pytest

from lib import ROOT

TEXT = (ROOT / "docs/changed_numbers.md").read_text()
PROTOCOLS = ["nih_peers", "kermany224_peers", "knee_oa_peers", "knee_oa_peers_labels"]
NUMBER = re.compile(r"(\d\.\d{3})(?: \((\d) seeds\))?")


def numbers(dataset: str) -> dict[str, tuple[float, int]]:
    """Return the AUROC of now and its number of seeds, per method."""
    section = TEXT.split(f"### {dataset}\n")[1].split("\n#")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("|")]
    cells = {row[0]: NUMBER.fullmatch(row[3]) for row in rows[2:]}
    return {name: (float(one[1]), int(one[2] or 1)) for name, one in cells.items() if one}


def results_of(path: str) -> pd.DataFrame:
    """Return AUROC per film of methods and fusions in a table of results."""
    results = pd.read_csv(ROOT / path, dtype={"seed": str})
    rows = results.query("level == 'image' and group == 'all' and metric == 'auroc'")
    return rows[~rows["family"].str.contains(":") & rows["family"].ne("floor")]


@pytest.mark.parametrize("dataset", PROTOCOLS)
def test_what_a_number_is_now_is_what_the_record_says(dataset):
    """Unless seeds were added to the record since then."""
    rows = results_of("reports/real/results.csv").query("dataset == @dataset")
    shown = numbers(dataset)
    assert set(shown) == set(rows["method"])
    for method, of_method in rows.groupby("method"):
        runs = of_method[of_method["seed"].ne("mean")]
        value, seeds = shown[method]
        assert seeds <= len(runs), method
        if seeds == len(runs):
            assert value == pytest.approx(runs["value"].mean(), abs=6e-4), method


@pytest.mark.parametrize("place", [1, 2, 3])
def test_what_a_number_is_now_on_phantoms_is_what_the_results_say(place):
    section = TEXT.split("## Phantoms\n")[1]
    head, _, *rows = [line.strip("| ").split(" | ") for line in section.splitlines() if "|" in line]
    shown = {row[0]: row[place].partition(", ")[2] for row in rows if row[place] != "-"}
    results = results_of("reports/results.csv")
    of_dataset = results[results["dataset"].eq(head[place].partition(":")[0])]
    numbers = of_dataset[of_dataset["seed"].ne("mean")].groupby("method")["value"].mean()
    assert {name for name, number in shown.items() if number != "-"} == set(numbers.index)
    for method, value in numbers.items():
        assert float(shown[method]) == pytest.approx(value, abs=6e-4), method
