"""`make benchmark` times every method, whatever its entry of the profile holds."""

import time
from itertools import product

import numpy as np
import pandas as pd
import pytest
from pydicom.uid import JPEGLosslessSV1
from written_films import write_dicom

from lib import grid, params
from lib.benchmark import speeds
from lib.benchmark.lossless_jpeg import lossless_jpeg
from lib.films import read_film

PROFILE = {
    "images": {"size": 32, "equalize": "clahe"},
    "autoencoder": {"contamination": 0.1, "images": {"size": 64}, "updates": 9, "batch_size": 8},
    "few_labels": {
        "method": "resnet",
        "labels": {"normal": 0.1, "abnormal": 0.1},
        "augment": True,
        "epochs": 9,
        "width": 4,
        "blocks": [1, 1, 1, 1],
    },
    "vae": {"labels": "none", "epochs": 9, "kl_weight": 1e9},  # which collapses
    "padim": {"labels": "none", "features": "coarse"},  # which reads no films
}


@pytest.mark.parametrize("bits", [12, 15])
def test_films_in_lossless_jpeg_are_written_as_they_are(tmp_path, bits):
    film = np.random.default_rng(0).integers(0, 2**bits, (37, 41)).astype(np.uint16)
    film[0, :3] = 0, 2**bits - 1, 0  # the largest difference
    stream = lossless_jpeg(film, bits)
    path = write_dicom(tmp_path / "a", film, JPEGLosslessSV1, [stream], BitsStored=bits)
    assert np.array_equal(read_film(path), film)


def test_methods_are_timed_whatever_the_study_asks_of_them(monkeypatch):
    names = [name for name in PROFILE if name != "images"]
    monkeypatch.setattr(speeds, "FILMS", 16)
    monkeypatch.setattr(params, "shared", lambda name: {"profile": "toy"} | PROFILE)
    monkeypatch.setattr(grid, "fits", lambda: [grid.Fit("rsna", name) for name in names])
    rows = speeds.training_speed()
    assert [(row["task"], row["subject"]) for row in rows] == [
        *product(["training", "scoring"], ["autoencoder", "few_labels", "vae"])
    ]
    assert all(row["films_per_s"] > 0 for row in rows)


def test_reading_is_compared_with_films_in_memory(monkeypatch):
    monkeypatch.setattr(speeds, "FILMS", 4)
    monkeypatch.setattr(params, "shared", lambda name: {"profile": "toy"} | PROFILE)
    in_memory, on_disk, by_keras = speeds.reading_speed()
    assert in_memory["ratio"] == 1.0 and on_disk["ratio"] > 0 and by_keras["ratio"] > 0
    assert on_disk["subject"] == "autoencoder, films on disk"
    assert by_keras["subject"] == "autoencoder, films in memory, by Keras alone"


def test_the_reader_is_timed_with_a_detector_that_is_trained(monkeypatch):
    index = pd.DataFrame({"path": [f"film{n}.dcm" for n in range(9)]})
    read = []

    class Reader:
        def __init__(self, name):
            assert name == "rsna/nsa/0"

        def read_all(self, paths):
            time.sleep(0.01)
            read.append(len(paths))
            return iter(paths)

    def run(command, **options):
        assert command[1:5] == ["-m", "lib.reader", "--detector", "rsna/nsa/0"]
        assert command[-1].endswith("film0.dcm") and options["check"]
        time.sleep(1.01)

    monkeypatch.setattr(grid, "datasets", lambda: ["nih", "rsna"])
    monkeypatch.setattr(speeds, "load_index", lambda _: index)
    monkeypatch.setattr("lib.reader.Reader", Reader)
    monkeypatch.setattr("lib.reader.choice.ready", lambda _: ["nsa", "vae"])
    monkeypatch.setattr(speeds.subprocess, "run", run)
    folder, command = speeds.answering_speed()
    assert read == [9, 9] and folder["films_per_s"] > 9
    assert 0.5 < command["films_per_s"] < 1
    monkeypatch.setattr("lib.reader.choice.ready", lambda _: [])
    assert speeds.answering_speed() == []


def test_all_measures_of_detectors_are_timed(monkeypatch):
    for name, value in {"TEST_FILMS": 400, "RESAMPLES": 20, "DETECTORS": 2}.items():
        monkeypatch.setattr(speeds, name, value)
    *_, all_measures = rows = speeds.measures_speed()
    assert [row["ratio_to"] for row in rows] == 3 * ["scikit-learn, AUROC and average precision"]
    assert all_measures["subject"] == "all measures, 2 detectors, 400 films, 20 resamples"
    assert all_measures["films_per_s"] > 0
