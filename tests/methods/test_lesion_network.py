"""The lesion network: cells, what is trained, both decoders, films in another size."""

import keras
import numpy as np
import pytest
from by_hand import array
from discs import discs
from keras import ops

from lib.methods.lesion_network import LesionNetwork
from lib.standardisation import Standardisation


def tiny(**options):
    small = {"image_size": 32, "film_size": 64, "batch_size": 8, "seed": 1}
    return LesionNetwork(**small | options)


@pytest.mark.parametrize(("decoder", "side"), [("head", 4), ("unet", 16)])
def test_the_loss_is_the_cross_entropy_of_the_share_of_each_cell(decoder, side, monkeypatch):
    """Of a lesion that covers the left half of the film, whatever is drawn."""
    detector = tiny(decoder=decoder)
    x, _, _ = discs(4, size=64)
    masks = np.zeros((4, 64, 64), "float32")
    masks[:, :, : 32 + 64 // side // 2] = 1  # the middle column of cells is half covered
    monkeypatch.setattr(
        "lib.lesions.drawn.draw", lambda films, *_: (films, ops.convert_to_tensor(masks))
    )
    loss = detector.compute_losses(ops.convert_to_tensor(x), np.ones((4, 64, 64), np.uint8))["loss"]
    logits = array(detector.logits(x))
    assert logits.shape == (4, side, side)
    m = np.zeros((side, side))
    m[:, : side // 2], m[:, side // 2] = 1, 0.5
    expected = np.mean(np.logaddexp(0, logits) - m * logits)
    np.testing.assert_allclose(array(loss), expected, rtol=1e-5)


@pytest.mark.parametrize("frozen", [False, True])
def test_the_backbone_is_trained_unless_frozen_and_batch_norm_never(frozen):
    detector = tiny(frozen=frozen, epochs=1)
    before = {weight.path: array(weight) for weight in detector.network.weights}
    detector.fit(discs(16, size=64)[0], verbose=0)
    moved = {
        weight.path
        for weight in detector.network.weights
        if not np.array_equal(array(weight), before[weight.path])
    }
    of_backbone = {path for path in moved if path.startswith("_")}  # its names are PyTorch's
    assert bool(of_backbone) != frozen and moved - of_backbone
    assert not any("_bn" in path for path in of_backbone)


def test_each_map_that_is_decoded_has_mean_0_and_deviation_1():
    detector = tiny(decoder="unet", epochs=1)
    x, _, _ = discs(16, size=64)
    detector.before_training(x)
    layers = [one for one in detector.network.layers if isinstance(one, Standardisation)]
    assert len(layers) == 4
    outputs = keras.Model(detector.network.input, [one.output for one in layers])
    for values in outputs.predict(x, verbose=0):
        np.testing.assert_allclose(values.mean(axis=(0, 1, 2)), 0, atol=1e-3)
        assert np.median(values.std(axis=(0, 1, 2))) == pytest.approx(1, abs=1e-3)


def test_unknown_decoders_and_kinds_are_refused():
    with pytest.raises(ValueError, match="takes decoder of head, unet, not net"):
        tiny(decoder="net")
    with pytest.raises(ValueError, match="takes kinds of opacity, patch, not kinds"):
        tiny(kinds=("nsa",))
