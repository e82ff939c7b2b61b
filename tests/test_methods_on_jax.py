"""Every method learns on JAX too, and its saved weights give the same scores there."""

from pathlib import Path

import pytest
from test_detector import on_tensorflow, run_on_jax

pytestmark = pytest.mark.seconds(200)


@on_tensorflow
def test_methods_learn_on_jax(tmp_path):
    pytest.importorskip("jax")
    of_methods = str(Path(__file__).with_name("test_methods.py"))
    selected = ("-k", "learns_on_toy or saved_weights")
    run_on_jax("-m", "pytest", "-p", "no:cacheprovider", of_methods, *selected, folder=tmp_path)
