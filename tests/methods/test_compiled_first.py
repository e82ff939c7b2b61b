"""A GPU compiles the updates of every method, each of its stages: a third of the methods."""

import pytest
from compiled import train_compiled
from represented import every_method
from test_detector import on_tensorflow

pytestmark = pytest.mark.seconds(80)


@on_tensorflow
@pytest.mark.parametrize("name", every_method()[0::3])
def test_updates_compile(name, monkeypatch):
    train_compiled(name, monkeypatch)
