"""Measure the speed of preprocessing, training, scoring and measures on this machine."""

import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pydicom
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    SecondaryCaptureImageStorage,
)

from lib import ROOT, files, grid, metrics, params
from lib.benchmark import table, timing
from lib.benchmark.lossless_jpeg import lossless_jpeg
from lib.comparison.measures import rows_of_all
from lib.comparison.rows import ranking
from lib.comparison.scores import Scored
from lib.datasets.table import load_index
from lib.films import read_film
from lib.grid import Features
from lib.phantoms.owners import write_png
from lib.preprocessing.arrays import settings, write_films

FILMS = 256
TEST_FILMS, RESAMPLES = 25_000, 1000
DETECTORS = 4  # as many as one process measures (lib.comparison.measures.LARGE)


def preprocessing_speed() -> list[dict]:
    """Measure films/s from DICOM file to picture, by this process and by one on each core."""
    dataset = grid.datasets()[-1]
    index = load_index(files.index(dataset)).head(FILMS)
    paths = [*index["path"]]
    speed = {
        workers: _prepared_per_s(paths, ROOT / "data", workers) for workers in (1, os.cpu_count())
    }
    return [
        _row("preparing", f"{dataset}, {workers} processes", value, value / speed[1], "1 process")
        for workers, value in speed.items()
    ]


def _prepared_per_s(paths: list[str], folder: Path, workers: int | None) -> float:
    """Measure films/s without the start of the processes: twice the films, less the films once."""
    with tempfile.TemporaryDirectory() as pictures:
        place = (folder, Path(pictures) / "films.npy", settings(grid.datasets()[-1]), workers)
        once, twice = (
            timing.seconds(partial(write_films, pd.DataFrame({"path": some}), *place))
            for some in (paths, 2 * paths)
        )
    return len(paths) / (twice - once)


def large_films_speed() -> list[dict]:
    """Measure films/s from file to picture, over all cores, of films as large as hospitals have."""
    dataset = grid.datasets()[-1]
    small = read_film(ROOT / "data" / load_index(files.index(dataset))["path"].iloc[0])
    film = cv2.resize(small, (2300, 2800), interpolation=cv2.INTER_CUBIC).astype(float)
    film = 4095 * (film - film.min()) / np.ptp(film)
    film += np.random.default_rng(0).normal(0, 10, film.shape)  # which compresses as grain does
    film = film.clip(0, 4095).astype(np.uint16)
    plate = cv2.resize(film // 16, (1024, 1024), interpolation=cv2.INTER_AREA).astype(np.uint8)
    speed = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_png(folder / "film.png", plate)
        _write_dicom(folder / "raw.dcm", film)
        _write_dicom(folder / "jpeg.dcm", film, JPEGLosslessSV1)
        _write_dicom(folder / "wavelets.dcm", film, JPEG2000Lossless)
        kinds = {  # films enough for some seconds
            "PNG of 1,024 x 1,024 pixels": ["film.png"] * 512,
            "DICOM of 2,800 x 2,300 pixels": ["raw.dcm"] * 512,
            "the same in lossless JPEG": ["jpeg.dcm"] * 128,
            "the same in JPEG 2000": ["wavelets.dcm"] * 48,
        }
        for kind, paths in kinds.items():
            speed[kind] = _prepared_per_s(paths, folder, None)
    first = next(iter(speed))
    return [
        _row("preparing", kind, each, each / speed[first], first) for kind, each in speed.items()
    ]


def _write_dicom(path: Path, film: np.ndarray, syntax: UID = ExplicitVRLittleEndian) -> None:
    """Write a film of 12 bits with a window, in a transfer syntax."""
    dataset = pydicom.Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = SecondaryCaptureImageStorage
    dataset.set_pixel_data(film, "MONOCHROME2", 12)
    dataset.WindowCenter, dataset.WindowWidth = 2000, 3500
    if syntax == JPEG2000Lossless:
        dataset.compress(syntax)
    elif syntax == JPEGLosslessSV1:
        dataset.file_meta.TransferSyntaxUID = syntax
        dataset.PixelData = encapsulate([lossless_jpeg(film, 12)])
        dataset["PixelData"].VR = "OB"
    dataset.save_as(path, enforce_file_format=True)


def features_speed() -> list[dict]:
    """Measure films/s of the features of all films at 224 px: from files, and of the network alone.

    From files over all cores, with the start of each process; the network in this process, on films
    that are prepared.
    """
    from lib.backbones import KINDS, describer
    from lib.features import write_features

    dataset, size = grid.datasets()[-1], 224
    index = load_index(files.index(dataset))
    features = [Features(kind, size, "imagenet") for kind in KINDS]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for place in ("data", "params", "build/index"):
            (root / place).parent.mkdir(exist_ok=True)
            (root / place).symlink_to(ROOT / place)
        from_files = timing.seconds(
            partial(write_features, dataset, root, [Features("films", size), *features])
        )
    films = np.random.default_rng(0).uniform(-1, 1, (32, size, size, 1)).astype("float32")
    network = describer(tuple(KINDS), size)
    network.predict_on_batch(films)  # compiles
    alone = len(films) / _median_seconds(partial(network.predict_on_batch, films))
    speed = {"from files": len(index) / from_files, "network alone": alone}
    return [
        _row("features", f"{dataset}, {subject}", value, value / alone, "network alone")
        for subject, value in speed.items()
    ]


def training_speed() -> list[dict]:
    """Measure films/s in training (after any pre-training) and scoring, per method of the grid.

    Of those that read the study's films: the others read features, which a network has computed.
    """
    from lib import methods

    size = params.profile()["images"]["size"]
    films = np.random.default_rng(0).uniform(-1, 1, (FILMS, size, size, 1)).astype("float32")
    labels = np.arange(FILMS) % 2  # a few labels take as long as all
    speeds = {"training": {}, "scoring": {}}
    for name in sorted({fit.method for fit in grid.fits()}):
        parameters = params.part(name, params.entry_of(name))
        if parameters.features:
            continue
        detector = methods.find(parameters.method)(image_size=size, **parameters.keywords)
        speeds["training"][name] = FILMS / _seconds_per_epoch(partial(detector.fit, films, labels))
        detector.predict(films, verbose=0)  # compiles
        speeds["scoring"][name] = FILMS / timing.seconds(
            partial(detector.predict, films, verbose=0)
        )
    return [
        _row(task, name, value, value / next(iter(by_method.values())), next(iter(by_method)))
        for task, by_method in speeds.items()
        for name, value in by_method.items()
    ]


def reading_speed() -> list[dict]:
    """Measure films/s of an autoencoder's training from films on disk, and in memory as floats.

    Also of its networks, in memory, by Keras's own `fit`.
    """
    from lib.methods.autoencoder import Autoencoder
    from lib.preprocessing.network_input import Films, to_float

    size = params.profile()["images"]["size"]
    films = np.random.default_rng(0).integers(0, 256, (16 * FILMS, size, size), np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "films.npy"
        np.save(path, films)
        in_memory, on_disk = to_float(films), Films(np.load(path, mmap_mode="r"))
        untrained = partial(Autoencoder, image_size=size)
        fits = {
            "in memory": partial(untrained().fit, in_memory),
            "on disk": partial(untrained().fit, on_disk),
            "in memory, by Keras alone": _by_keras(untrained(), in_memory),
        }
        speed = {place: len(films) / _seconds_per_epoch(fit) for place, fit in fits.items()}
    return [
        _row(
            "reading", f"autoencoder, films {place}", value, value / speed["in memory"], "in memory"
        )
        for place, value in speed.items()
    ]


def _by_keras(autoencoder, films) -> partial:
    """Return Keras's own `fit` of an autoencoder's networks on films."""
    import keras

    film, code = autoencoder.encoder.input, autoencoder.encoder.output
    model = keras.Model(film, autoencoder.decoder(code))
    model.compile("adam", "mse", jit_compile=False)
    return partial(model.fit, films, films, batch_size=autoencoder.batch_size)


def answering_speed() -> list[dict]:
    """Measure films/s of `make read`: of a folder after loading, and of the command with one film.

    With the first detector that is trained on the last data set; without one nothing is measured.
    """
    from lib.reader import Reader, choice

    dataset = grid.datasets()[-1]
    detector = next((f"{dataset}/{name}/0" for name in choice.ready(dataset)), None)
    if not detector:
        return []
    index = load_index(files.index(dataset)).head(4 * FILMS)
    paths = [ROOT / "data" / path for path in index["path"]]
    with tempfile.TemporaryDirectory() as folder:
        options = ["--detector", detector, "--output", folder, "--", str(paths[0])]
        command = [sys.executable, "-m", "lib.reader", *options]
        from_the_command = 1 / timing.seconds(
            partial(subprocess.run, command, check=True, cwd=ROOT)
        )
    reader = Reader(detector)
    list(reader.read_all(paths[:32]))  # compiles
    of_many = len(paths) / timing.seconds(lambda: list(reader.read_all(paths)))
    speed = {"a folder": of_many, "one film, with loading": from_the_command}
    return [
        _row("answering", f"{detector}, {subject}", value, value / of_many, "a folder")
        for subject, value in speed.items()
    ]


def diffusion_speed() -> list[dict]:
    """Measure films/s of AnoDDPM, scored in few network calls or as published, and of its noise."""
    from lib import methods, noise

    size = params.profile()["images"]["size"]
    films = np.random.default_rng(0).uniform(-1, 1, (FILMS, size, size, 1)).astype("float32")
    keywords = params.part("anoddpm", params.entry_of("anoddpm")).keywords
    few_calls = methods.find("anoddpm")(image_size=size, **keywords)
    calls = few_calls.noise_level
    as_published = methods.find("anoddpm")(
        image_size=size, **{**keywords, "steps": calls, "eta": 1.0}
    )
    speed = {}
    for detector, count, batch in ((as_published, 4, 1), (few_calls, FILMS, 32)):
        predict = partial(detector.predict, batch_size=batch, verbose=0)
        predict(films[:batch])  # compiles
        speed[detector.steps] = count / timing.seconds(partial(predict, films[:count]))
    network = partial(
        few_calls.denoiser.predict_on_batch, [films[:32], np.full(32, calls, "float32")]
    )
    parts = {
        "network call": 32 / _median_seconds(network),
        "simplex noise": 32 / _median_seconds(partial(noise.simplex, 32, size, few_calls.random)),
    }
    return [
        *(_row("diffusion scoring", f"anoddpm, {steps} calls", value, value / speed[calls],
               f"{calls} calls, film by film") for steps, value in speed.items()),
        *(_row("diffusion noise", f"anoddpm, {name}", value, value / parts["network call"],
               "network call") for name, value in parts.items()),
    ]  # fmt: skip


def measures_speed() -> list[dict]:
    """Measure test films/s of the measures of a detector, with 1,000 resamples.

    AUROC and average precision by scikit-learn, which weights the films of each resample (ten are
    timed), and in blocks; then all measures of DETECTORS detectors, with groups, strata and tests.
    """
    from sklearn.metrics import average_precision_score, roc_auc_score

    random = np.random.default_rng(0)
    label = random.permutation(TEST_FILMS) % 5 < 3
    score = random.normal(size=TEST_FILMS) + label
    weights = metrics.patient_weights(np.arange(TEST_FILMS) // 9, RESAMPLES)
    index, detectors = _drawn_detectors(label, random)

    def one_by_one():
        for weight in weights[:10]:
            roc_auc_score(label, score, sample_weight=weight)
            average_precision_score(label, score, sample_weight=weight)

    measure = ranking(pd.Series(label.astype(float)), pd.Series(score))
    reference = "scikit-learn, AUROC and average precision"
    seconds = {
        reference: timing.seconds(one_by_one) * RESAMPLES / 10,
        "in blocks": timing.seconds(partial(metrics.bootstrap, measure, weights)),
        f"all measures, {DETECTORS} detectors": timing.seconds(
            partial(rows_of_all, detectors, [], [], {}, weights, index, None)
        )
        / DETECTORS,
    }
    size = f"{TEST_FILMS:,} films, {RESAMPLES:,} resamples"
    return [
        _row("measures", f"{name}, {size}", TEST_FILMS / each, seconds[reference] / each, reference)
        for name, each in seconds.items()
    ]


def _drawn_detectors(label: np.ndarray, random) -> tuple[pd.DataFrame, list[Scored]]:
    """Draw an index of validation and test films, in 16 groups and 8 strata, and detectors."""
    label = np.concatenate([label[: len(label) // 5], label])
    number = np.arange(len(label))
    index = pd.DataFrame({"dataset": "drawn", "label": label.astype(float), "body_part": "chest"})
    index["image_id"] = index["study_id"] = number.astype(str)
    index["patient_id"] = (number // 9).astype(str)
    index["split"] = np.where(number < len(label) - TEST_FILMS, "validation", "test")
    index["finding"] = np.where(label, random.integers(13, size=len(label)).astype(str), "")
    for column, values in {"view": ["AP", "PA"], "sex": ["F", "M"]}.items():
        index[column] = random.choice(values, len(label))
    index["age"] = random.integers(1, 90, len(label))
    index["width"], index["height"] = random.integers(1000, 3000, (2, len(label)))
    runs = {f"detector {n}": random.normal(size=len(label)) + label for n in range(DETECTORS)}
    return index, [
        Scored("drawn", name, "drawn", "0", "", index.assign(score=score), {})
        for name, score in runs.items()
    ]


def _median_seconds(work, times=15) -> float:
    work()  # compiles
    return float(np.median([timing.seconds(work) for _ in range(times)]))


def _seconds_per_epoch(fit) -> float:
    from keras.callbacks import LambdaCallback

    from lib.collapse import Collapsed

    epoch_ends = []
    timer = LambdaCallback(on_epoch_end=lambda epoch, logs: epoch_ends.append(time.perf_counter()))
    with suppress(Collapsed):  # there is nothing to learn from noise
        fit(epochs=4, callbacks=[timer], verbose=0)
    return (epoch_ends[-1] - epoch_ends[-4]) / 3  # of the last stage; its first epoch compiles


def _row(task: str, subject: str, speed: float, ratio: float, reference: str) -> dict:
    return {
        "task": task,
        "subject": subject,
        "films_per_s": round(speed, 1 if speed >= 1 else 3),
        "ratio": round(ratio, 2),
        "ratio_to": reference,
        "machine": table.machine(),
    }
