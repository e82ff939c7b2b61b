"""The backbone is the published network: it names a photograph, and its levels are right."""

import hashlib

import cv2
import keras
import numpy as np
import pytest
from by_hand import array
from sklearn.datasets import load_sample_image
from test_detector import on_tensorflow, run_on_jax

from lib import backbones
from lib.errors import BadData

DAISY = 985  # of ImageNet's 1,000 classes


def photograph(side=224):
    """Return a flower, square, (1, side, side, 3), grey levels 0 to 255."""
    picture = load_sample_image("flower.jpg")
    height, width = picture.shape[:2]
    left = (width - height) // 2
    square = picture[:, left : left + height]
    return cv2.resize(square, (side, side), interpolation=cv2.INTER_AREA)[None].astype("float32")


def grey_film(side=64):
    return photograph(side).mean(axis=-1, keepdims=True) / 127.5 - 1


def test_a_daisy_is_a_daisy():
    """A transposed kernel, another padding or another order of channels cannot pass."""
    logits = array(backbones.classifier()(photograph()))[0]
    assert DAISY in np.argsort(logits)[-5:]
    assert backbones.classifier().count_params() == 4_694_024


def test_the_levels_of_a_film():
    network = backbones.backbone(size=64)
    levels = [array(level) for level in network(grey_film())]
    sides = [32, 16, 8, 4, 2]
    assert [level.shape for level in levels] == [
        (1, side, side, channels) for side, channels in zip(sides, backbones.LEVELS, strict=True)
    ]
    assert not network.trainable_weights


def test_a_film_is_a_grey_photograph():
    """The levels of a film are those of a photograph with three equal channels."""
    film = grey_film()
    grey = np.repeat((film + 1) * 127.5, 3, axis=-1)
    classifier = backbones.classifier(size=64)
    name = "_blocks.15._bn2"
    inner = keras.Model(classifier.input, classifier.get_layer(name).output)
    last = array(backbones.backbone(size=64)(film)[-1])
    np.testing.assert_allclose(last, array(inner(grey)), rtol=1e-3, atol=1e-3)


def test_features_are_means_of_the_levels():
    film = grey_film()
    levels = [array(level) for level in backbones.backbone(size=64)(film)]
    features = {
        name: array(value)
        for name, value in backbones.describer(tuple(backbones.KINDS), 64)(film).items()
    }
    pooled = np.concatenate([level.mean(axis=(1, 2)) for level in levels], axis=1)
    np.testing.assert_allclose(features["pooled"], pooled, rtol=1e-4, atol=1e-5)
    cell = [levels[1][0, 4:8, 8:12], levels[2][0, 2:4, 4:6], levels[3][0, 1:2, 2:3]]
    expected = np.concatenate([part.mean(axis=(0, 1)) for part in cell])
    np.testing.assert_allclose(features["grid"][0, 1, 2], expected, rtol=1e-4, atol=1e-5)
    cell = [
        levels[1][0, 8:16, :8],
        levels[2][0, 4:8, :4],
        levels[3][0, 2:4, :2],
        levels[4][0, 1:, :1],
    ]
    expected = np.concatenate([part.mean(axis=(0, 1)) for part in cell])
    np.testing.assert_allclose(features["coarse"][0, 1, 0], expected, rtol=1e-4, atol=1e-5)
    for kind in ("pooled", "grid", "coarse"):
        assert features[kind].shape[1:] == backbones.shape_of(kind, size=64)


def test_random_weights_follow_their_seed_and_keep_activations_in_range():
    film = grey_film()
    first, same, other = (
        array(backbones.backbone(size=64, weights="random", seed=seed)(film)[-1])
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, same)
    assert not np.allclose(first, other) and 0.1 < first.std() < 100


@on_tensorflow
def test_tensorflow_and_jax_agree(tmp_path):
    """On both kinds of weights, level by level; the largest activations are near 70."""
    pytest.importorskip("jax")
    run_on_jax("-c", "import test_backbones; test_backbones.keep_levels()", folder=tmp_path)
    for weights in ("imagenet", "random"):
        levels = backbones.backbone(size=64, weights=weights)(grey_film())
        for number, level in enumerate(levels):
            other = np.load(tmp_path / f"{weights}-{number}.npy")
            np.testing.assert_allclose(array(level), other, rtol=1e-4, atol=5e-4)


def keep_levels():
    """Write the levels of a film into this folder, for the test above."""
    for weights in ("imagenet", "random"):
        for number, level in enumerate(backbones.backbone(size=64, weights=weights)(grey_film())):
            np.save(f"{weights}-{number}.npy", array(level))


def test_what_is_refused(monkeypatch, tmp_path):
    with pytest.raises(ValueError, match="no backbone 'vgg16' with weights 'imagenet'"):
        backbones.backbone("vgg16")
    with pytest.raises(ValueError, match="whose side 32 divides, not 65 pixels"):
        backbones.backbone(size=65)
    backbones._imagenet.cache_clear()
    monkeypatch.setattr(backbones, "PACKAGE", "no_such_package")
    with pytest.raises(BadData, match="no-such-package, which holds the weights"):
        backbones.backbone(size=64)
    monkeypatch.undo()
    monkeypatch.setattr(backbones, "SHA256", hashlib.sha256(b"other").hexdigest())
    with pytest.raises(BadData, match="its SHA-256 differs"):
        backbones.backbone(size=64)
    backbones._imagenet.cache_clear()
