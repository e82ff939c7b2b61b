"""Fingerprints follow imports and code, and nothing else."""

import pytest

from lib import provenance


@pytest.fixture
def lib(tmp_path, monkeypatch):
    """A small library: method -> losses; figures stands apart."""
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    folder = tmp_path / "lib"
    (folder / "methods").mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "methods/__init__.py").write_text("from .vae import VAE\n")
    (folder / "methods/vae.py").write_text(
        "def fit():\n    from lib.losses import kl\n    return kl\n"
    )
    (folder / "losses.py").write_text('"""Losses."""\n\ndef kl():\n    """KL."""\n    return 1\n')
    (folder / "figures.py").write_text("import lib.losses\n")
    return folder


def fingerprint():
    return provenance.fingerprint("lib.methods.vae")


def test_reaches_imports_inside_functions_and_relative_ones(lib):
    assert [line.split()[0] for line in fingerprint().splitlines()] == [
        "lib.losses",
        "lib.methods.vae",
    ]
    package = provenance.fingerprint("lib.methods")
    assert "lib.methods.vae" in package


def test_changes_with_code_in_reach(lib):
    before = fingerprint()
    (lib / "losses.py").write_text((lib / "losses.py").read_text().replace("return 1", "return 2"))
    assert fingerprint() != before


@pytest.mark.parametrize(
    "text",
    [
        '"""Other."""\n\n\ndef kl():\n    return 1  # a remark\n',
        'def kl():\n    """KL."""\n    return (1)\n',
    ],
)
def test_ignores_comments_docstrings_and_layout(lib, text):
    (lib / "losses.py").write_text('"""Losses."""\n\ndef kl():\n    """KL."""\n    return 1\n')
    before = fingerprint()
    (lib / "losses.py").write_text(text)
    assert fingerprint() == before


def test_ignores_code_out_of_reach(lib):
    before = fingerprint()
    (lib / "figures.py").write_text("NEW = 1\n")
    assert fingerprint() == before


def test_the_trace_names_commit_data_and_packages():
    trace = provenance.trace()
    assert {"commit", "data", "keras", "numpy"} <= set(trace)
    assert all(isinstance(value, str) and value for value in trace.values())
