"""A detector as an ONNX graph: films in; scores, maps and reconstructions out.

Keras's own export converts the graph of the detector (tf2onnx). That of a method on features
contains the backbone, so that it takes films as well.
"""

import logging
import warnings
from pathlib import Path
from typing import NamedTuple

import keras
import onnx
import tensorflow as tf

from lib.detector import Detector
from lib.engine import BACKEND
from lib.errors import BadData
from lib.export import operations  # noqa: F401, it extends tf2onnx

FILMS = "films"  # the name of the input
OPSET = 18  # of the operations of ONNX, the last that tf2onnx writes
#: Why a detector cannot be exported, by an operation of its graph.
REASONS = {
    "PyFunc": "its scores are confined to the body on the film, which OpenCV finds",
    "While": "its scores are those of a chain of many steps, each of which calls the network",
    "Random": "its scores draw at random",
}
GRADIENT = "gradient_tape"  # the name of operations of a gradient
NO_GRADIENT = "The map is the gradient of the score, which an ONNX graph does not compute."


class Written(NamedTuple):
    """What the graph in a file gives."""

    outputs: list[str]  # score, and of map and reconstruction those that it has
    without_map: str  # why a map of the detector is missing, otherwise ""


class Graph(keras.Model):
    """Films (n, s, s, 1) in [-1, 1] -> {"score": (n,), "map": (n, m, m), "reconstruction": ...}.

    - `score_name`: the score of the detector
    - `maps`: whether there is a map, if the detector has one
    """

    def __init__(self, detector: Detector, score_name="score", maps=True):
        super().__init__()
        self.detector, self.score_name, self.maps = detector, score_name, maps
        self.reads = getattr(detector, "reads", FILMS)
        self.describer = detector.describer(self.reads) if self.reads != FILMS else None

    def call(self, films):
        """Return the outputs of a batch of films."""
        outputs = self.detector.call(self.read(films))
        given = {"score": outputs[self.score_name]}
        if self.maps and "map" in outputs:
            given["map"] = outputs["map"]
        if self.drawn:
            given["reconstruction"] = self.detector.reconstruction(films)
        return given

    def read(self, films):
        """Return what the detector reads: the films, or their features."""
        if self.describer is None:
            return films
        return self.describer(films, training=False)[self.reads]

    @property
    def drawn(self) -> bool:
        """Whether films are reconstructed; what methods on features reconstruct are these."""
        has_one = type(self.detector).reconstruction is not Detector.reconstruction
        return has_one and not hasattr(self.detector, "reads")


def write(detector: Detector, size: int, path: Path, score_name="score", maps=True) -> Written:
    """Write the graph of a detector of films (n, size, size, 1).

    Raises BadData with the reason if ONNX does not have what the detector computes.
    """
    if BACKEND != "tensorflow":
        raise BadData(f"Detectors are exported from TensorFlow: KERAS_BACKEND is {BACKEND}.")
    graph = Graph(detector, score_name, maps)
    films = keras.InputSpec(shape=(None, size, size, 1), dtype="float32", name=FILMS)
    nodes = _nodes(graph, size)
    _check(type(detector).__name__, nodes)
    without_map = ""
    if maps and any(GRADIENT in node.name for node in nodes):
        without_map, graph.maps = NO_GRADIENT, False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Keras about an older NumPy
        logging.getLogger("tf2onnx").setLevel(logging.CRITICAL)
        options = {"verbose": False, "opset_version": OPSET}
        graph.export(path, format="onnx", input_signature=[films], **options)
    return Written(_tidied(path, type(detector).__name__), without_map)


def _nodes(graph: Graph, size: int) -> list:
    """Return the operations of the graph before its conversion, also those within loops."""
    films = tf.TensorSpec((None, size, size, 1), tf.float32, name=FILMS)
    traced = tf.function(graph, autograph=False).get_concrete_function(films)
    whole = traced.graph.as_graph_def()
    inside = [node for function in whole.library.function for node in function.node_def]
    return [*whole.node, *inside]


def _check(title: str, nodes: list) -> None:
    """Raise BadData if one of the operations cannot be exported."""
    for part, reason in REASONS.items():
        if any(part in node.op for node in nodes):
            raise BadData(f"{title} cannot be exported: {reason}.")


def _tidied(path: Path, title: str) -> list[str]:
    """Name the number of films `n` in a file, check it; return the names of its outputs."""
    model = onnx.load(path)
    unknown = {node.op_type for node in model.graph.node if not onnx.defs.has(node.op_type)}
    if unknown:
        raise BadData(
            f"{title} cannot be exported: ONNX has no {' and no '.join(sorted(unknown))}."
        )
    for value in [*model.graph.input, *model.graph.output]:
        value.type.tensor_type.shape.dim[0].dim_param = "n"
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return [value.name for value in model.graph.output]
