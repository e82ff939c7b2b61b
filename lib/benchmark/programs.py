"""The compiled programs of a fit, on JAX: one update of each of its stages, and one batch scored.

A short fit with the method's own settings runs into each of its stages. A callback compiles the
update of a stage ahead of time and ends the stage. Updates are not run before they are timed, since
several processes that compile could not share the memory of a card otherwise.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

import jax
import keras
import numpy as np

from lib import params
from lib.benchmark.operations import Operation, operations
from lib.collapse import Collapsed
from lib.detector import Detector
from lib.fits.train import build
from lib.grid import Fit
from lib.params import Labels, Parameters

BLOCKS = 5  # of steps, of which the median is the speed
GIGABYTE = 1e9


class Program(NamedTuple):
    """A compiled program, and what it is run on."""

    task: str  # training or scoring
    stage: str  # of the training: training, pretraining, ...
    epochs: int  # of the stage
    batch_size: int
    step: Callable  # (state, data) -> (results, state after it)
    state: Any
    data: Any
    operations: list[Operation]
    compile_s: float
    memory: float  # bytes of arguments, results and intermediate arrays


def compiled(name: str, entry: dict, size: int, body: dict, films: int) -> list[Program]:
    """Compile the programs of an entry of a profile for films of `size` pixels per side.

    `body` contains the arguments of `augmentation_for`; `films` is the number of training films, by
    which lengths in updates are divided into epochs.
    """
    detector, parameters = _detector(name, entry, size, body, films)
    count = max(4 * detector.batch_size, 128)  # a quarter of them is a batch
    shape = getattr(detector, "shape", (size, size, 1))  # of features
    x = np.random.default_rng(0).uniform(-1, 1, (count, *shape)).astype("float32")
    updates = _Updates()
    with suppress(Collapsed):  # there is nothing to learn from noise
        detector.fit(x, labels(parameters.labels, count), callbacks=[updates], verbose=0)
    return [*updates.programs, _scoring(detector, x[: detector.batch_size])]


def labels(asked: Labels, films: int) -> np.ndarray | None:
    """Return labels (films,) as a method is given: none, all, or a quarter known of each class."""
    if isinstance(asked, str):
        return np.arange(films) % 2.0 if asked == "all" else None
    known = [float(value) if asked.get(key) else np.nan for value, key in enumerate(CLASSES)]
    return np.resize([*known, np.nan, np.nan], films)


CLASSES = ("normal", "abnormal")


def seconds_per_step(program: Program, seconds: float = 0.5) -> float:
    """Return the time of a step, the median of blocks of steps that take `seconds` together.

    The device is synchronised at the end of each block. The program cannot be run again.
    """
    state = program.state

    def block(steps: int) -> float:
        nonlocal state
        started = time.perf_counter()
        for _ in range(steps):
            results, after = program.step(state, program.data)
            state = after if program.task == "training" else state
        jax.block_until_ready((results, state))
        return (time.perf_counter() - started) / steps

    block(2)  # the first ones also load the program
    steps = max(1, int(seconds / BLOCKS / block(3)))
    return float(np.median([block(steps) for _ in range(BLOCKS)]))


class _Updates(keras.callbacks.Callback):
    """Compile the update of each stage of a fit, and end the stage without it."""

    def __init__(self):
        super().__init__()
        self.programs = []

    def on_train_begin(self, logs=None):
        stage = getattr(self.model, "prefix", "training")
        self.model.samples = lambda x: None  # without updates all may be the same
        step, logs = self.model.train_step, None

        def compile_only(state, iterator):
            nonlocal logs
            data = next(iterator)
            if logs is None:
                kept = jax.tree.map(jax.numpy.copy, state)  # an update overwrites its state
                program = _program("training", stage, self.params["epochs"], step, kept, data)
                self.programs.append(program)
                logs = {name: 0.0 for name in self.model.means}
                # A fit that leaves its weights as they are is an error.
                state = ([weight + 1e-4 for weight in state[0]], *state[1:])
            return logs, state

        self.model.train_function = compile_only

    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = True


def _detector(name, entry, size, body, films) -> tuple[Detector, Parameters]:
    """Build the detector of an entry, with few drawings: they are described before training."""
    parameters = params.part(name, entry)
    if "drawings" in parameters.keywords:
        parameters = parameters._replace(keywords=parameters.keywords | {"drawings": 128})
    return build(Fit("", name), parameters, body, size, films), parameters


def _scoring(detector: Detector, x: np.ndarray) -> Program:
    """Compile the scores and the map of a batch, as `predict` computes them."""
    variables = detector.trainable_variables, detector.non_trainable_variables
    state = tuple([variable.value for variable in group] for group in variables)
    return _program("scoring", "", 0, detector.predict_step, state, (x,))


def _program(task, stage, epochs, step, state, data) -> Program:
    """Compile (state, data) -> (results, state) and count its operations."""
    data = jax.device_put(data)
    started = time.perf_counter()
    traced = jax.jit(step, donate_argnums=0 if task == "training" else ()).trace(state, data)
    executable = traced.lower().compile()
    seconds = time.perf_counter() - started
    batch = len(jax.tree.leaves(data)[0])
    memory = executable.memory_analysis()
    used = memory.argument_size_in_bytes + memory.output_size_in_bytes
    used += memory.temp_size_in_bytes - memory.alias_size_in_bytes
    return Program(
        *(task, stage, epochs, batch, executable, state, data),
        *(operations(traced), seconds, used),
    )
