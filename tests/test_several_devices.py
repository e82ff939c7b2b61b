"""Several devices in one fit, on JAX: keras.distribution, tried on virtual devices of a CPU."""

import json
import os
import subprocess
import sys

import pytest
from test_detector import on_tensorflow

from lib import ROOT

#: At the lowest level of optimization XLA compiles sooner.
TWO_DEVICES = "--xla_force_host_platform_device_count=2 --xla_backend_optimization_level=0"
ON_JAX = """
import json
import keras
import numpy as np
from lib.methods.deep_sad import DeepSAD

random = np.random.default_rng(0)
x, y = random.uniform(-1, 1, (32, 32, 32, 1)).astype("float32"), np.full(32, np.nan)
y[:4] = 1
small = {"image_size": 32, "width": 8, "epochs": 2, "pretraining_epochs": 1, "batch_size": 16}
devices = keras.distribution.list_devices()
scores = []
for used in (devices[:1], devices):
    keras.distribution.set_distribution(keras.distribution.DataParallel(devices=used))
    detector = DeepSAD(**small)
    detector.fit(x, y, verbose=0)
    scores.append(detector.predict(x, verbose=0)["score"].tolist())
weight = detector.trainable_weights[0].value
print(json.dumps({"devices": len(weight.sharding.device_set), "scores": scores}))
"""


@on_tensorflow
def test_a_fit_on_two_devices_is_that_on_one():
    pytest.importorskip("jax")
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    environment["XLA_FLAGS"] = TWO_DEVICES
    code = [sys.executable, "-c", ON_JAX]
    run = subprocess.run(code, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    result = json.loads(run.stdout.splitlines()[-1])
    assert result["devices"] == 2
    one, two = result["scores"]
    assert two == pytest.approx(one, rel=1e-3), "sums over a batch are in another order"
