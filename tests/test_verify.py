"""Verification of a tiny study: intact, with changed tables, and with broken evidence."""

import json
import platform
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from test_comparison import CHANCE, GOOD, broken, build, changed, films_of_limbs, scores_of

from lib import ROOT, ablations, files, grid, provenance
from lib.comparison.compare import compare
from lib.comparison.measures import write_measures
from lib.comparison.tables import OF_ALL, OF_ONE
from lib.errors import BadData
from lib.fits import films
from lib.fits.recipes import digest
from lib.verify import machine, page, rows
from lib.verify.__main__ import verify

assert build  # the fixture


@pytest.fixture
def study(build, monkeypatch, tmp_path_factory):
    """Return a build folder that is measured, whose results are published and committed."""
    reports = tmp_path_factory.mktemp("reports")
    monkeypatch.setattr(files, "BUILD", build)
    monkeypatch.setattr(files, "RESULTS", reports / "results.csv")
    monkeypatch.setattr(page, "PAGE", reports / "verify.html")
    monkeypatch.setattr(page, "BADGE", reports / "verify.svg")
    monkeypatch.setattr(grid, "datasets", lambda: ["limbs"])
    monkeypatch.setattr(grid, "fits", lambda dataset: [GOOD, CHANCE])
    monkeypatch.setattr(grid, "fusions", dict)
    monkeypatch.setattr(ablations, "of_grid", lambda dataset: [])
    monkeypatch.setattr(ablations, "every_fit", lambda dataset: [GOOD, CHANCE])
    write_measures("limbs", [GOOD, CHANCE], build=build)
    compare(["limbs"], build)
    text = (build / "comparison/results.csv").read_text()
    files.RESULTS.write_text(text)
    in_git = {"reports/results.csv": text, "requirements.txt": "numpy==1.2.3 \\\n"}
    monkeypatch.setattr(provenance, "committed", lambda path: in_git.get(path, ""))
    return build


def publish(results):
    """Replace reports/results.csv."""
    results.to_csv(files.RESULTS, index=False)


def published():
    return pd.read_csv(files.RESULTS, dtype=str, keep_default_na=False)


def states(verified):
    """Return the states of the rows of reports/results.csv compared with the commit."""
    return verified.published[0].rows["state"].value_counts().to_dict()


def test_an_intact_study_is_equal_to_the_last_digit_and_stays_as_it_is(study):
    def content():
        return {path: path.read_bytes() for path in study.rglob("*") if path.is_file()}

    before = content()
    verified = verify()
    assert content() == before
    total = len(published())
    assert states(verified) == {"equal": total} and not verified.failed and not verified.broken
    assert all(one.count("equal") == len(one.rows) for one in verified.recomputed)
    assert len(verified.recomputed) == 2 * len(OF_ALL) + len(OF_ONE) + 1
    page.write(verified)
    text, badge = page.PAGE.read_text(), page.BADGE.read_text()
    assert f"<h1>{total:,} of {total:,} numbers equal</h1>" in text
    assert f"{total:,} of {total:,} numbers equal" in badge and page.COLOURS["equal"] in badge
    assert "<td>1.2.3</td>" in text and "not recorded" in text


def test_nothing_of_a_verification_imports_tensorflow():
    code = "import sys, lib.verify.__main__; print({'tensorflow', 'keras'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert run.stdout.strip() == "set()", run.stderr


def test_changed_missing_and_doubled_rows_are_distinguished(study):
    results = published()
    value = pd.to_numeric(results["value"])
    changed_rows = results.assign(
        value=value.mask(results.index == 0, value + 0.0004).mask(results.index == 1, value + 0.01)
    )
    publish(pd.concat([changed_rows.drop(index=2), changed_rows.loc[[3]]]))
    verified = verify()
    assert states(verified) == {
        "equal": len(results) - 3,
        **dict.fromkeys(("within", "outside", "missing", "new"), 1),
    }
    assert verified.failed == 4, "against the scores and against the commit"
    outside = rows.by_metric(verified.published).query("outside == 1").iloc[0]
    assert (outside["dataset"], outside["metric"]) == ("limbs", results["metric"][1])
    assert outside["largest"] == pytest.approx(0.01)
    assert page.COLOURS["failed"] in page.badge(verified)
    assert f"{len(results) - 3:,} of {len(results):,}" in verified.answer


def test_the_tolerance_is_inclusive_and_an_empty_cell_is_no_number():
    before = pd.DataFrame({"metric": list("abcd"), "value": ["0.7", "0.7", "", "0.7"]})
    now = before.assign(value=["0.7005", "0.7006", "", ""])
    verified = rows.compare("x", now, before).rows.set_index("metric")["state"]
    assert verified.to_dict() == {"a": "within", "b": "outside", "c": "equal", "d": "outside"}
    counted = before.assign(n="80")
    other_films = rows.compare("x", counted.assign(n="81"), counted).rows
    assert set(other_films["state"]) == {"outside"} and not other_films["difference"].any()
    with pytest.raises(BadData, match="the columns are metric, before metric, value"):
        rows.compare("x", now[["metric"]], before)


def test_a_stored_table_that_is_not_of_the_scores_is_found(study):
    path = study / "measures/limbs/tests.csv"
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    table.assign(difference="0.25").to_csv(path, index=False)
    verified = verify()
    failed = {one.title for one in verified.recomputed if one.failed}
    assert failed == {"build/measures/limbs/tests.csv"}
    assert "1 outside" not in next(page.sentences(verified)) and verified.failed == len(table)


def test_no_table_of_the_page_is_cut_and_the_terminal_has_one_screen(study):
    results = published()
    publish(results.assign(value=pd.to_numeric(results["value"]) + 0.3))
    verified = verify()
    page.write(verified)
    text = page.PAGE.read_text()
    assert len(re.findall("<td>outside</td>", text)) == 2 * len(results)
    assert "..." not in text and "…" not in text and ">nan<" not in text.lower()
    assert len(list(page.lines(verified))) <= 24


def test_a_study_that_has_not_run_is_one_sentence(study):
    (study / "scores").rename(study / "elsewhere")
    with pytest.raises(BadData, match="build/scores is missing: run `make study` first"):
        verify()


def test_results_of_another_file_are_compared_as_well(study, tmp_path):
    other = tmp_path / "results.csv"
    published()[1:].to_csv(other, index=False)
    made_on = {"platform": "an abacus", "Python": "2.7"}
    described = {"results": machine._digest(other.read_text()), "machine": made_on}
    (tmp_path / "verify.json").write_text(json.dumps(described))
    verified = verify(str(other))
    assert verified.published[1].count("new") == 1 and not verified.failed
    page.write(verified)
    text = page.PAGE.read_text()
    assert "an abacus" in text and str(tmp_path) not in text
    with pytest.raises(BadData, match="is not a file"):
        verify(str(tmp_path / "absent.csv"))


def test_a_machine_is_known_by_its_results_and_has_no_name(study):
    machine.keep()
    described = files.RESULTS.with_name("verify.json").read_text()
    results = files.RESULTS.read_text()
    assert machine.kept_with(results, described) == machine.here()
    assert platform.node() not in machine.here().values()
    assert {"platform", "processor", "Python", "numpy"} <= set(machine.here())
    assert machine.kept_with(results + "1", described) == machine.kept_with(results, "") == {}


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("twice", "contains films more than once"),
        ("unknown", "not validation or test films of the index"),
        ("missing", "lacks films of the index"),
        ("infinite", "scores that are not finite"),
        ("constant", "has the same score for all films"),
        ("label", "has a score named 'label'"),
    ],
)
def test_broken_scores_are_named_and_their_numbers_missing(study, how, reason):
    scores = scores_of(GOOD, study)
    wrong = scores.assign(score=1.5) if how == "constant" else broken(scores, how)
    wrong.to_csv(files.scored(GOOD, study) / "scores.csv", index=False)
    verified = verify()
    (sentence,) = verified.broken
    assert (
        sentence.startswith("limbs: deep_svdd, 0, The fit limbs/deep_svdd/0") and reason in sentence
    )
    assert verified.failed
    page.write(verified)
    assert "Evidence that is not in order" in page.PAGE.read_text()


def test_a_patient_in_training_and_test_is_one_sentence(study):
    index = films_of_limbs()
    leaked = index["split"].mask(index["image_id"].eq("008"), "train")  # of a test patient
    assert index.set_index("image_id")["split"]["008"] == "test"
    changed(study, split=leaked)
    with pytest.raises(BadData, match="limbs: 1 patients are in more than one split"):
        verify()


def test_labels_that_are_not_those_of_the_training_are_named(study, monkeypatch):
    """Shuffled labels: the fits were trained with others, and lesions are on normal films."""
    np.save(study / "images/limbs.npy", np.zeros(3, np.uint8))
    for fit in (GOOD, CHANCE):
        of_films = digest("r", films.hash_of_films(fit))
        for folder in (files.trained(fit), files.scored(fit)):
            record = json.loads((folder / files.RECORD).read_text())
            record |= {"recipe": "r", "key": of_films, "trained": of_films}
            (folder / files.RECORD).write_text(json.dumps(record))
    assert not verify().broken
    labels = films_of_limbs()["label"]
    shuffled = np.random.default_rng(0).permutation(labels)
    changed(study, label=shuffled)
    verified = verify()
    assert verified.failed
    assert verified.broken[0] == (
        "2 of 2 fits on limbs were trained on other films, labels or splits than those of its "
        "index, as limbs/deep_svdd/0."
    )
    contradicted = int(((labels == 1) & (shuffled == 0)).sum())
    assert verified.broken[1].startswith(f"{contradicted} films of limbs have annotated lesions")
