"""Transfer learning: the network at the start, what is trained, the learning rate, the map."""

import numpy as np
import pytest
from by_hand import array
from discs import discs
from keras import layers, ops

from lib import backbones
from lib.engine import input_gradient
from lib.methods.transfer_resnet import TransferResNet


def tiny(**options):
    return TransferResNet(**{"image_size": 32, "film_size": 64, "batch_size": 8, **options})


def test_it_starts_from_the_last_level_of_the_backbone_on_enlarged_films():
    x, _, _ = discs(3)
    for weights in backbones.WEIGHTS:
        detector = tiny(backbone=weights, seed=3)
        films = ops.image.resize(x, (64, 64), interpolation="bilinear")
        expected = backbones.backbone(size=64, weights=weights, seed=3)(films, training=False)[-1]
        maps = array(detector.network(x, training=False))
        assert maps.shape == (3, 2, 2, 320)
        np.testing.assert_allclose(maps, array(expected), rtol=1e-3, atol=1e-3)
        np.testing.assert_array_equal(detector.predict(x, verbose=0)["score"], 0)  # w = 0


def test_an_update_changes_every_convolution_and_no_batch_norm():
    x, y, _ = discs(16, abnormal=0.5)
    detector = tiny(epochs=2)
    levels = next(part for part in detector.network.layers if len(part.weights) > 9)
    before = {layer.name: layer.get_weights() for layer in levels.layers if layer.weights}
    detector.fit(x, y, verbose=0)
    for layer in levels.layers:
        if not layer.weights:
            continue
        same = all(map(np.array_equal, before[layer.name], layer.get_weights()))
        assert same == isinstance(layer, layers.BatchNormalization), layer.name


def test_batch_norm_is_in_inference_mode_in_training():
    x, _, _ = discs(4)
    detector = tiny()
    inference, training = (array(detector.network(x, training=mode)) for mode in (False, True))
    np.testing.assert_array_equal(inference, training)


def test_a_fit_of_one_update_has_a_schedule():
    optimizer = tiny(learning_rate=2e-4).make_optimizers(steps=1)["loss"]
    rates = [float(optimizer._learning_rate(step)) for step in (0, 1)]
    np.testing.assert_allclose(rates, [0, 2e-4], atol=1e-8)


def test_the_learning_rate_rises_in_a_tenth_and_falls_to_zero():
    optimizer = tiny(learning_rate=2e-4).make_optimizers(steps=100)["loss"]
    rates = [float(optimizer._learning_rate(step)) for step in (0, 5, 10, 55, 100)]
    np.testing.assert_allclose(rates, [0, 1e-4, 2e-4, 1e-4, 0], atol=1e-8)


def test_grad_cam_is_its_definition_by_gradients():
    x, _, _ = discs(3, abnormal=0.5)
    detector = tiny()
    features = detector.network(x, training=False)
    mean = array(features).mean(axis=(0, 1, 2))
    detector.head.get_layer("logit").kernel.assign(mean[:, None])  # which makes logits positive
    gradient = input_gradient(lambda maps: detector.head(maps), features)
    alpha = ops.mean(gradient, axis=(1, 2), keepdims=True)
    cam = ops.relu(ops.sum(alpha * features, axis=-1, keepdims=True))
    expected = ops.image.resize(cam, (32, 32), interpolation="bilinear")[..., 0]
    assert float(ops.max(expected)) > 0
    np.testing.assert_allclose(detector.anomaly_map(x), expected, rtol=1e-3, atol=1e-5)


def test_it_needs_films_of_both_classes_and_known_weights():
    with pytest.raises(ValueError, match=r"TransferResNet learns .* 0 normal and 0 abnormal"):
        tiny().fit(discs(4)[0], verbose=0)
    with pytest.raises(ValueError, match=r"no backbone .* with weights 'none'"):
        tiny(backbone="none")
