"""What the generator drew is what it drew at that epoch, on either backend; training goes on."""

import keras
import numpy as np
import pytest
from keras import ops
from test_detector import SIZE, Regression, ToyGAN, films, fit, on_tensorflow, run_on_jax

from lib.samples import Samples, to_grey


class DrawingGAN(ToyGAN):
    """The toy game, whose generator shows what it makes of three fixed codes."""

    def samples(self, x):
        return self.generator(ops.reshape(ops.linspace(-1.0, 1.0, 9), (3, 3)), training=False)


class Redrawing(Regression):
    """A stage that draws from films: each in the grey of its score."""

    def samples(self, x):
        return ops.reshape(ops.tanh(self.anomaly_score(x)), (-1, 1, 1, 1)) * ops.ones_like(x)


def test_pictures_are_those_of_their_epoch():
    samples = Samples(films(3))
    fit(DrawingGAN(), epochs=9, callbacks=[samples], validation_data=(films(8, 1),))
    assert samples.titles == [f"stage 1, epoch {epoch}" for epoch in (1, 3, 5, 7, 9)]
    assert samples.pictures.shape == (5, 3, SIZE, SIZE) and samples.pictures.dtype == np.uint8
    stopped = DrawingGAN()
    fit(stopped, epochs=3)
    np.testing.assert_allclose(samples.pictures[1], to_grey(stopped.samples(None)), atol=1)
    spread = np.ptp(samples.pictures.astype(float), axis=0)
    assert spread.max() > 10, "other epochs have other pictures"


def test_looking_leaves_training_as_it_is():
    watched, alone = DrawingGAN(), DrawingGAN()
    fit(watched, epochs=2, callbacks=[Samples(films(3))])
    fit(alone, epochs=2)
    for a, b in zip(watched.get_weights(), alone.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_stages_are_counted_and_a_silent_one_keeps_nothing():
    samples = Samples(films(2))
    for stage, epochs in ((DrawingGAN(), 2), (Regression(), 2), (Redrawing(), 3)):
        fit(stage, epochs=epochs, callbacks=[samples])
    drawn = [(1, 1), (1, 2), (3, 1), (3, 2), (3, 3)]
    assert samples.titles == [f"stage {stage}, epoch {epoch}" for stage, epoch in drawn]
    assert samples.pictures.shape[1] == 2, "as many pictures as films, whoever draws"


def test_nothing_is_kept_where_nothing_is_drawn():
    samples = Samples(films(2))
    fit(Regression(), callbacks=[samples])
    assert samples.titles == [] and samples.pictures.size == 0


@on_tensorflow
def test_on_jax_too(tmp_path):
    pytest.importorskip("jax")
    run_on_jax(
        "-m", "pytest", "-p", "no:cacheprovider", __file__, "-k", "their_epoch", folder=tmp_path
    )


def test_grey_levels_are_rounded_and_kept_in_range():
    values = np.array([-2, -1, -0.5, 0, 1, 1.4], "float32").reshape(1, 2, 3, 1)
    expected = [[[0, 0, 64], [128, 255, 255]]]
    assert to_grey(values).tolist() == expected
    assert to_grey(keras.ops.convert_to_tensor(values)).tolist() == expected
