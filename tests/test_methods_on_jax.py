"""Every method learns on JAX too, and its saved weights give the same scores there."""

from pathlib import Path

import pytest
import represented
from test_detector import on_tensorflow, run_on_jax

from lib import methods

pytestmark = [pytest.mark.seconds(200), on_tensorflow]
LEARNS = ("test_learns_on_toy_films", "test_saved_weights_give_the_same_scores")


def learn_on_jax(names, folder):
    """Train methods on the toy films of tests/test_methods.py, save them and load them."""
    pytest.importorskip("jax")
    of_methods = Path(__file__).with_name("test_methods.py")
    tests = [f"{of_methods}::{test}[{name}]" for name in names for test in LEARNS]
    run_on_jax("-m", "pytest", "-p", "no:cacheprovider", *tests, folder=folder)


def test_a_method_is_represented_by_one_that_is_tested_itself():
    assert set(represented.BY) <= set(methods.names())
    assert set(represented.BY.values()) <= set(methods.names()) - set(represented.BY)


def test_methods_learn_on_jax(tmp_path):
    learn_on_jax([name for name in methods.names() if name not in represented.BY], tmp_path)


@pytest.mark.extended
def test_methods_that_another_represents_learn_on_jax(tmp_path):
    learn_on_jax(represented.BY, tmp_path)
