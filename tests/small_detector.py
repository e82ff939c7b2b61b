"""A small exported detector, written by hand: its score is the mean contrast of details."""

import json

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from lib.reader import gate

SIDE = 7  # pixels of the mean that is subtracted
NO_LIMIT = 1e9  # no film is beyond it but a picture in colours


def write_detector(folder, preprocessing, normals, abnormals, limit=NO_LIMIT, reconstructs=False):
    """Write both graphs and detector.json, as `make export` does, into a new folder.

    `limit`: of the gate, whose distance is the contrast of details as well. The reconstruction is
    the film's negative.
    """
    size = preprocessing["size"]
    folder.mkdir(parents=True)
    onnx.save(_network(size, reconstructs), folder / "detector.onnx")
    onnx.save(_network(gate.SIDE), folder / "gate.onnx")
    facts = {
        "dataset": "rsna",
        "method": folder.name,
        "seed": 0,
        "size": size,
        "preprocessing": preprocessing,
        "thresholds": {"5 % false alarms": float(np.quantile(normals, 0.95))},
        "normals": sorted(normals),
        "abnormals": sorted(abnormals),
        "calibration": {"slope": 60.0, "intercept": -7.0, "base_rate": 0.5},
        "map_scale": [0.0, 0.5],
        "gate": {
            **{"file": "gate.onnx", "preprocessing": preprocessing, "size": gate.SIDE},
            **{"middle": 0.02, "spread": 0.015, "limit": limit},
        },
    }
    (folder / "detector.json").write_text(json.dumps(facts))
    return folder


def _network(size, reconstructs=False):
    """Map films (n, s, s, 1) to squared differences from a local mean (n, s, s), and scores."""
    constants = {
        "kernel": np.full((1, 1, SIDE, SIDE), 1 / SIDE**2, np.float32),
        "channel": np.array([1]),
        "pixels": np.array([1, 2]),
    }
    nodes = [
        helper.make_node("Transpose", ["films"], ["grey"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["grey", "kernel"], ["smooth"], pads=[SIDE // 2] * 4),
        helper.make_node("Sub", ["grey", "smooth"], ["detail"]),
        helper.make_node("Mul", ["detail", "detail"], ["contrast"]),
        helper.make_node("Squeeze", ["contrast", "channel"], ["map"]),
        helper.make_node("ReduceMean", ["map", "pixels"], ["score"], keepdims=0),
    ]
    shapes = {"films": ["n", size, size, 1], "score": ["n"], "map": ["n", size, size]}
    if reconstructs:
        nodes.append(helper.make_node("Neg", ["films"], ["reconstruction"]))
        shapes["reconstruction"] = ["n", size, size, 1]
    films, *outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in shapes.items()
    ]
    weights = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, "contrast", [films], outputs, weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
