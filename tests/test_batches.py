"""Films read batch by batch: the same training as from an array, in memory that does not grow."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import keras
import numpy as np
import pytest
from test_detector import Regression, on_tensorflow, run_on_jax
from test_detector import films as random_films

from lib.batches import Batches, on_disk
from lib.engine import BACKEND, _fed, _hooks, _orders
from lib.methods.autoencoder import Autoencoder
from lib.methods.synthetic_lesions import SyntheticLesions
from lib.preprocessing.network_input import Films, to_float

SMALL = {"image_size": 32, "width": 4, "batch_size": 8, "seed": 1}
RANDOM = np.random.default_rng(0)


@pytest.fixture
def pictures(tmp_path):
    """Return a function that gives so many films of a size, uint8, as an array on disk."""

    def write(count, size=32):
        path = tmp_path / f"{count}.npy"
        np.save(path, RANDOM.integers(0, 256, (count, size, size), np.uint8))
        return np.load(path, mmap_mode="r")

    return write


def test_films_are_those_of_the_array(pictures):
    array = pictures(10)
    films, x = Films(array), to_float(array)
    assert films.shape == x.shape and films.ndim == 4 and films.dtype == x.dtype
    rows, mask = np.array([3, 1, 1]), np.arange(10) > 6
    for some in (rows, mask, np.s_[2:5]):
        np.testing.assert_array_equal(films[some], x[some])
    np.testing.assert_array_equal(films[mask][np.array([2, 0])], x[[9, 7]], "a part of a part")
    features = RANDOM.normal(size=(5, 2, 2, 3)).astype("float16")
    assert Films(features).shape == features.shape
    assert np.asarray(Films(features)).dtype == np.float32


def test_the_order_of_films_is_that_in_which_keras_shuffles_an_array():
    """A linear model by stochastic gradient descent, whose weights any other order would change."""
    x = RANDOM.normal(size=(50, 3)).astype("float32")
    y = x @ [1.0, 2, 3] + RANDOM.normal(size=50)

    def weights(shuffle, **data):
        keras.utils.set_random_seed(4)
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
        model.compile(optimizer=keras.optimizers.SGD(0.1), loss="mse")
        model.fit(**data, epochs=3, shuffle=shuffle, verbose=0)
        return model.get_weights()[0]

    by_keras = weights(True, x=x, y=y, batch_size=8)
    for form in (lambda batches: batches, _fed):
        fed = form(batches := Batches(x, y, 8, _orders(50)))
        ours = weights(False, x=fed, callbacks=_hooks(batches, fed))
        np.testing.assert_array_equal(ours, by_keras)
    assert not np.array_equal(weights(False, x=x, y=y, batch_size=8), by_keras)


@on_tensorflow
def test_tensorflow_tunes_no_threads_for_which_an_epoch_would_wait():
    """The benchmark has the rate at which films are read, compared with Keras's own `fit`."""
    dataset = _fed(Batches(random_films(10), None, 4))
    assert dataset.options().autotune.enabled is False
    assert [len(films) for (films,) in dataset] == [4, 4, 2]


def test_a_full_last_batch_continues_with_the_first_films_of_the_epoch():
    x, orders = np.arange(10.0), [np.arange(10)[::-1], np.roll(np.arange(10), 3)]
    as_they_are, full = (Batches(x, x, 4, iter(orders), full) for full in (False, True))
    for order in orders:
        for batches, rows in ((as_they_are, order), (full, np.append(order, order[:2]))):
            batches.on_epoch_begin()
            parts = [batches[number] for number in range(len(batches))]
            np.testing.assert_array_equal(np.concatenate(parts, axis=1), [rows, rows])
    assert len(Batches(x[:3], x[:3], 4, full=True)[0][0]) == 3, "fewer films than a batch"


def test_batches_are_filled_by_the_setting_alone():
    """The weights with it are those of training on the same films again, without it not."""
    x, fitted = random_films(13), []
    for films, full in ((x, True), (np.concatenate([x, x[:3]]), False), (x, False)):
        detector = Regression(batch_size=8)
        detector.full_batches = full
        detector.fit(films, shuffle=False, verbose=0)
        fitted.append(detector.get_weights()[0])
    np.testing.assert_array_equal(fitted[0], fitted[1])
    assert not np.array_equal(fitted[0], fitted[2])


COUNT_UPDATES = """
import json
from pathlib import Path
from test_detector import Regression, films

compiled = [0]
for full in (False, True):
    detector = Regression(batch_size=8)
    detector.full_batches, detector.xla = full, True
    detector.fit(films(21), verbose=0)
    programs = Path().glob("*.before_optimizations.txt")
    names = [path.name for path in programs if "train_step" in path.name or "_update_" in path.name]
    compiled.append(len(names) - sum(compiled))
print(json.dumps(compiled[1:]))
"""


@on_tensorflow
@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_xla_compiles_the_update_of_full_batches_once(backend, tmp_path):
    """XLA writes down each program that it compiles: two without full batches, one with them."""
    pytest.importorskip(backend)
    environment = os.environ | {"KERAS_BACKEND": backend, "XLA_FLAGS": f"--xla_dump_to={tmp_path}"}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    code = [sys.executable, "-c", COUNT_UPDATES]
    run = subprocess.run(code, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-3000:]
    assert json.loads(run.stdout.splitlines()[-1]) == [2, 1]


def test_scoring_is_compiled_once_and_films_have_their_scores():
    traced, x = [], random_films(21)

    class Traced(Regression):
        def examine(self, x):
            traced.append(x.shape)
            return super().examine(x) | {"map": x[..., 0]}

    detector = Traced(batch_size=8)
    expected = detector.predict(x, batch_size=21, verbose=0)
    for by_xla, size in ((BACKEND == "jax", 8), (True, 4)):
        detector.compile(detector.make_optimizers(1), jit_compile=by_xla)
        traced.clear()
        outputs = detector.predict(x, batch_size=size, verbose=0)
        assert len(traced) == 1
        for name, values in outputs.items():
            np.testing.assert_allclose(values, expected[name], rtol=1e-5, atol=1e-6)


def test_a_function_sees_full_batches_on_jax_alone():
    detector, sizes, x = Regression(batch_size=8), [], random_films(21)

    def double(films):
        sizes.append(len(films))
        return 2 * films

    np.testing.assert_array_equal(detector.batchwise(double, x), 2 * x)
    np.testing.assert_array_equal(detector.batchwise(double, x[:3]), 2 * x[:3])
    assert sizes == [8, 8, 8 if BACKEND == "jax" else 5, 3]


@pytest.mark.parametrize("method", [Autoencoder, SyntheticLesions])
def test_training_from_disk_gives_the_weights_of_training_from_memory(method, pictures):
    array = pictures(20)
    fitted = []
    for x in (Films(array), to_float(array)):
        detector = method(**SMALL, epochs=2)
        detector.fit(x, validation_data=(x[:5],), verbose=0)
        fitted.append(detector.get_weights())
    for from_disk, from_memory in zip(*fitted, strict=True):
        np.testing.assert_array_equal(from_disk, from_memory)


def test_rows_on_disk_are_those_of_the_batches():
    x = RANDOM.integers(0, 256, (10, 4, 4), np.uint8)
    rows = on_disk((x[start : start + 3] for start in range(0, 10, 3)), x.shape, x.dtype)
    assert isinstance(rows, np.memmap)
    np.testing.assert_array_equal(rows, x)


@on_tensorflow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_memory_does_not_grow_with_the_films(pictures):
    """As floats, 16,000 films of 64 px are 250 MB more than 1,000; the heap varies by some 50."""
    few, many = (peak_of_a_fit(pictures(count, 64)) for count in (1000, 16_000))
    assert many - few < 120


def peak_of_a_fit(array) -> float:
    """Train for an epoch; return the largest anonymous memory above that before, in MB."""
    detector, x = Autoencoder(image_size=64, width=2, batch_size=64, epochs=1), Films(array)
    detector.predict(np.asarray(x[:64]), verbose=0)  # what TensorFlow needs in any case
    before, peak, done = anonymous_memory(), [0.0], threading.Event()

    def watch():
        while not done.is_set():
            peak[0] = max(peak[0], anonymous_memory())
            time.sleep(0.02)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        detector.fit(x, validation_data=(x[: len(x) // 5],), verbose=0)
    finally:
        done.set()
        watcher.join()
    return peak[0] - before


def anonymous_memory() -> float:
    """Return the memory of this process that is not of files, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon"))


@on_tensorflow
def test_batches_on_jax(tmp_path):
    pytest.importorskip("jax")
    selected = "order or full or filled or scoring or (weights_of and Autoencoder)"
    run_on_jax("-m", "pytest", "-p", "no:cacheprovider", __file__, "-k", selected, folder=tmp_path)
