"""`make benchmark CARD=yes`, on a CPU in small: operations, updates of each stage, kept rows."""

import json
import os
import subprocess
import sys

import pandas as pd
import pytest

from lib import ROOT, grid
from lib.benchmark import agreement, hours, table
from lib.benchmark.operations import Ceilings, Operation, least_seconds

pytestmark = pytest.mark.seconds(60)

ON_JAX = """
import json, time
from concurrent.futures import ThreadPoolExecutor
import jax, numpy as np
from jax import lax, numpy as jnp
from lib import params
from lib.benchmark import card
from lib.benchmark.operations import Ceilings, Operation, least_seconds, operations

NHWC = ("NHWC", "HWIO", "NHWC")

def network(x, k, grouped, dense):
    y = lax.conv_general_dilated(x, k, (2, 2), "SAME", dimension_numbers=NHWC)
    y = lax.conv_general_dilated(y, grouped, (1, 1), "VALID", dimension_numbers=NHWC,
                                 feature_group_count=8, rhs_dilation=(2, 1))
    y = lax.conv_transpose(y, k.transpose(0, 1, 3, 2), (2, 2), "SAME", dimension_numbers=NHWC)
    return jnp.sum(y.reshape(len(y), -1) @ dense)

shapes = (4, 16, 16, 3), (3, 3, 3, 8), (3, 3, 1, 8), (288, 5)
arrays = [jnp.ones(shape) for shape in shapes]
pairs = []
for function in (network, jax.grad(network, argnums=(0, 1, 2, 3)), jax.grad(jax.jit(network), 1)):
    traced = jax.jit(function).trace(*arrays)
    counted = sum(operation.flops for operation in operations(traced))
    pairs.append((counted, traced.lower().cost_analysis()["flops"]))

def loop(x):
    return lax.fori_loop(0, 7, lambda number, y: y @ y, x)

square = operations(jax.jit(loop).trace(jnp.ones((5, 5), "bfloat16")))

small = {"width": 8, "latent_dim": 4, "batch_size": 8}
full = {"images": {"size": 16}, "vae": small | {"width": 0},
        "f_anogan": small | {"epochs": 300, "gan_epochs": 200, "n_critic": 1}}
card.params.shared = lambda name: full
tasks = [card.Task(name, "float32") for name in list(full)[1:]]
limits = card.ceilings(side=64, numbers=4096)
with ThreadPoolExecutor(1) as lane:
    ends = time.monotonic() + 1000
    done = list(card.measure(tasks, [lane], limits, "a card", ends))
    late = list(card.measure(tasks, [lane], limits, "a card", time.monotonic() - 1))
results = [[str(task), result if isinstance(result, list) else repr(result)]
           for task, result in done + late]
print(json.dumps({"pairs": pairs, "loop": square, "results": results,
                  "limits": [*limits.flops_per_s.values(), limits.bytes_per_s]}))
"""


@pytest.fixture(scope="module")
def on_jax():
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    environment["XLA_FLAGS"] = "--xla_backend_optimization_level=0"  # compiles sooner
    code = [sys.executable, "-c", ON_JAX]
    run = subprocess.run(code, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


def test_operations_are_those_of_xla_without_its_sums(on_jax):
    for counted, of_xla in on_jax["pairs"]:
        assert counted == pytest.approx(of_xla, rel=0.001) and counted < of_xla


def test_a_loop_counts_as_often_as_it_runs(on_jax):
    assert on_jax["loop"] == [[7 * 2 * 5**3, 7 * 3 * 5**2 * 2, "bfloat16"]]


def test_every_stage_is_measured_and_a_failure_stops_no_other(on_jax):
    (failed, error), (_, rows), *late = on_jax["results"]
    assert failed == "vae in float32" and "filters" in error
    assert [(row["task"], row["stage"], row.get("epochs")) for row in rows] == [
        ("training", "gan", 200),
        ("training", "training", 300),
        ("scoring", "", None),
    ]
    assert all("not compiled" in reason for _, reason in late) and len(late) == 2


def test_hours_follow_from_speed_and_epochs(on_jax):
    *training, scoring = on_jax["results"][1][1]
    for row in training:
        updates = row["epochs"] * 4952  # 39,615 films in batches of 8
        assert row["hours_of_full"] == pytest.approx(
            updates * 8 / row["films_per_s"] / 3600, rel=0.01
        )
    assert "hours_of_full" not in scoring


def test_the_share_of_the_roofline_is_of_the_larger_time():
    limits = Ceilings({"float32": 100.0, "bfloat16": 1000.0}, 10.0)
    arithmetic, traffic = Operation(500.0, 20.0, "float32"), Operation(500.0, 20.0, "bfloat16")
    assert least_seconds([arithmetic], limits) == 5.0
    assert least_seconds([arithmetic, traffic], limits) == 5.0 + 2.0


@pytest.fixture
def kept(tmp_path, monkeypatch):
    monkeypatch.setattr(table, "KEPT", tmp_path / "benchmarks.csv")
    old = {"task": "training", "subject": "vae", "films_per_s": 9.0, "ratio": 0.5}
    table.keep([old | {"ratio_to": "ae_u", "machine": "2 cores"}, program("float32", 100.0)])
    return table.keep([program("float32", 200.0), program("mixed_bfloat16", 300.0)])


def program(precision, speed, stage="training", hours=2.0):
    row = {"task": "training", "subject": "vae", "stage": stage, "precision": precision}
    return row | {"films_per_s": speed, "machine": "a card", "hours_of_full": hours}


def test_rows_replace_those_of_the_same_measurement_and_machine(kept):
    assert kept["films_per_s"].tolist() == [9.0, 200.0, 300.0]
    assert kept["ratio"].tolist() == [0.5, 1.0, 1.5]
    assert kept["ratio_to"].tolist() == ["ae_u", "float32", "float32"]
    pd.testing.assert_frame_equal(table.load(), kept, check_dtype=False)


def test_the_table_of_hours_adds_stages_and_names_none_that_is_incomplete(kept):
    table.keep([program("float32", 100.0, "pretraining", hours=0.5)])
    table.keep([program("float32", 1.0, "pretraining") | {"subject": "deep_sad"}])
    lines = hours.section(table.load()).splitlines()
    assert "| vae | training, pretraining | 2.5 | 2.0 |" in lines
    assert "| deep_sad | pretraining |  |  |" in lines


def test_the_page_has_the_hours_that_were_measured():
    written = hours.PAGE.read_text().partition(hours.BEGIN)[2].partition(hours.END)[0]
    assert written == hours.section(table.load())


def test_equal_scores_differ_by_nothing_and_worse_ones_by_their_auroc(tmp_path, monkeypatch):
    films = pd.DataFrame(
        {"image_id": list("abcdef"), "label": [0, 0, 0, 1, 1, 1], "patient_id": list("abcdef")}
    )
    monkeypatch.setattr(agreement, "load_index", lambda path: films)
    good = pd.Series([1.0, 2, 3, 4, 5, 6], index=films["image_id"])
    fit = grid.Fit("rsna", "vae")
    same = agreement.compare(fit, {"float32": good, "mixed_bfloat16": good + 1}, "a card")
    assert (same["difference"], same["low"], same["high"]) == (0, 0, 0)
    worse = good.sample(frac=1, random_state=0).set_axis(good.index)
    other = agreement.compare(fit, {"float32": good, "mixed_bfloat16": worse}, "a card")
    assert other["difference"] == other["auroc_mixed_bfloat16"] - 1 < 0
    assert other["low"] < other["difference"] < other["high"]
