"""The shared training step, against a hand-written tape, between players, and between backends."""

import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import keras
import numpy as np
import pytest
from discs import discs
from keras import layers, ops

from lib.collapse import Collapsed, check_scores
from lib.detector import Detector, Stage
from lib.engine import input_gradient

SIZE, LATENT = 8, 3


class ToyGAN(Detector):
    """Two players with opposite losses; fixed noise, so that a step has one right answer."""

    players: ClassVar = {"discriminator": ("discriminator",), "generator": ("generator",)}
    terms: ClassVar = ("distance",)

    def __init__(self, **common):
        super().__init__(**{"image_size": SIZE, "epochs": 1, "batch_size": 16, **common})
        latent = keras.Input((LATENT,))
        x = layers.BatchNormalization()(layers.Dense(SIZE * SIZE, use_bias=False)(latent))
        x = layers.Reshape((SIZE, SIZE, 1))(layers.Activation("tanh")(x))
        self.generator = keras.Model(latent, x, name="generator")
        film = keras.Input((SIZE, SIZE, 1))
        x = layers.LeakyReLU(0.2)(layers.Conv2D(4, 3, strides=2)(film))
        logit = layers.Dense(1)(layers.Flatten()(x))
        self.discriminator = keras.Model(film, logit, name="discriminator")

    def make_optimizers(self, steps):
        return {player: keras.optimizers.SGD(0.1) for player in self.players}

    def compute_losses(self, x, y=None, training=False):
        z = ops.reshape(x, (-1, SIZE * SIZE))[:, :LATENT]
        generated = self.generator(z, training=training)
        real, fake = self.discriminator(x), self.discriminator(generated)
        return {
            "discriminator": ops.mean(ops.softplus(-real)) + ops.mean(ops.softplus(fake)),
            "generator": ops.mean(ops.softplus(-fake)),
            "distance": ops.mean(ops.abs(generated - x)),
        }

    def examine(self, x):
        return {"score": -ops.squeeze(self.discriminator(x), -1)}


class TurnsGAN(ToyGAN):
    """The same game with three moves of the discriminator, then one of the generator."""

    turns = (("discriminator",),) * 3 + (("generator",),)


class OneSided(ToyGAN):
    """Only the discriminator ever moves."""

    turns = (("discriminator",),)


class Regression(Detector):
    """One player whose score is one linear layer."""

    players: ClassVar = {"loss": ("network",)}

    def __init__(self, optimizer=None, **common):
        super().__init__(**{"image_size": SIZE, "epochs": 2, "batch_size": 16, **common})
        self.given = optimizer
        self.network = keras.Sequential(
            [keras.Input((SIZE, SIZE, 1)), layers.Flatten(), layers.Dense(1)]
        )

    def make_optimizers(self, steps):
        return {"loss": self.given()} if self.given else super().make_optimizers(steps)

    def compute_losses(self, x, y=None, training=False):
        return {"loss": ops.mean(ops.square(self.anomaly_score(x) - 1.0))}

    def examine(self, x):
        return {"score": ops.squeeze(self.network(x), -1)}


def films(n=16, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (n, SIZE, SIZE, 1)).astype("float32")


def fit(detector, x=None, **options):
    return detector.fit(films() if x is None else x, shuffle=False, verbose=0, **options)


on_tensorflow = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="a tape is TensorFlow's"
)


@on_tensorflow
def test_one_sgd_step_equals_a_hand_written_tape():
    import tensorflow as tf

    detector, by_hand = ToyGAN(), ToyGAN()
    with tf.GradientTape(persistent=True) as tape:
        losses = by_hand.compute_losses(tf.constant(films()), training=True)
    for network in (by_hand.discriminator, by_hand.generator):
        weights = network.trainable_weights
        gradients = tape.gradient(losses[network.name], weights)
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.assign_sub(0.1 * gradient)
    before = [weight.copy() for weight in detector.get_weights()]
    history = fit(detector).history
    for weight, expected in zip(detector.get_weights(), by_hand.get_weights(), strict=True):
        np.testing.assert_allclose(weight, expected, atol=1e-6)
    moved = [not np.array_equal(a, b) for a, b in zip(before, detector.get_weights(), strict=True)]
    assert all(moved), "batch norm's averages and every weight take part in a step"
    for name, loss in losses.items():
        assert history[name][0] == pytest.approx(float(loss), abs=1e-5)


def test_a_turn_leaves_the_other_player_alone():
    detector = OneSided()
    before = [ops.convert_to_numpy(w).copy() for w in detector.generator.trainable_weights]
    with pytest.raises(Collapsed, match="weights of 'generator' unchanged"):
        fit(detector)
    for old, weight in zip(before, detector.generator.trainable_weights, strict=True):
        np.testing.assert_array_equal(old, weight)


def test_turns_are_taken_one_after_another():
    """Three moves and one, compared with the same moves made in fits of one player each."""
    detector, stepwise = TurnsGAN(), ToyGAN()
    stepwise.compile(stepwise.make_optimizers(1))
    fit(detector)
    for turn in TurnsGAN.turns:
        frozen = {
            player: [ops.convert_to_numpy(w).copy() for w in stepwise.weights_of(player)]
            for player in stepwise.players
            if player not in turn
        }
        fit(stepwise)
        for player, values in frozen.items():
            for weight, value in zip(stepwise.weights_of(player), values, strict=True):
                weight.assign(value)
    for player in detector.players:
        for a, b in zip(detector.weights_of(player), stepwise.weights_of(player), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-6)


@on_tensorflow
def test_tensorflow_and_jax_agree(tmp_path):
    pytest.importorskip("jax")
    games = (ToyGAN, TurnsGAN)
    for game in games:
        game(seed=7).save_weights(tmp_path / f"{game.__name__}.weights.h5")
    run_on_jax("-c", "import test_detector; test_detector.train_games()", folder=tmp_path)
    for game in games:
        detector, other = game(seed=7), game()
        fit(detector, films(32), epochs=3)
        other.load_weights(tmp_path / f"{game.__name__}.trained.weights.h5")
        for a, b in zip(detector.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-5)


def train_games():
    """Train on JAX, for the test above: the same three epochs from the weights in this folder."""
    for game in (ToyGAN, TurnsGAN):
        detector = game()
        detector.load_weights(f"{game.__name__}.weights.h5")
        fit(detector, films(32), epochs=3)
        detector.save_weights(f"{game.__name__}.trained.weights.h5")


@on_tensorflow
def test_what_jax_does_differently_passes_there_too(tmp_path):
    pytest.importorskip("jax")
    selected = (
        "gradient or average or validation or undeclared or augmentation or mirrored or number"
    )
    run_on_jax("-m", "pytest", "-p", "no:cacheprovider", __file__, "-k", selected, folder=tmp_path)


def run_on_jax(*arguments, folder):
    """Run Python with the JAX backend in a folder; its output is the message if it fails."""
    here = Path(__file__).parent
    environment = {
        **os.environ,
        "KERAS_BACKEND": "jax",
        "XLA_FLAGS": "--xla_backend_optimization_level=1",  # compiles in two thirds of the time
        "PYTHONPATH": os.pathsep.join([str(here), str(here.parent)]),
    }
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def test_input_gradient_of_a_square_and_its_own_gradient():
    x = ops.convert_to_tensor(films(4))
    gradient = input_gradient(lambda x: ops.sum(x**3, axis=(1, 2, 3)), x)
    np.testing.assert_allclose(gradient, 3 * films(4) ** 2, rtol=1e-4, atol=1e-6)
    second = input_gradient(lambda x: input_gradient(lambda x: x**3, x), x)
    np.testing.assert_allclose(second, 6 * films(4), rtol=1e-4, atol=1e-6)


def test_validation_callbacks_and_an_incomplete_last_batch():
    rates = []
    seen = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: rates.append(set(logs)))
    history = fit(
        Regression(), films(21), epochs=3, validation_data=(films(5, 1),), callbacks=[seen]
    )
    assert rates == [{"loss", "val_loss"}] * 3 and history.epoch == [0, 1, 2]
    assert Regression().predict(films(21), verbose=0)["score"].shape == (21,)


def test_logged_losses_are_means_over_films_not_batches():
    detector = Regression(lambda: keras.optimizers.SGD(1e-12))
    expected = float(detector.compute_losses(films(21))["loss"])
    assert fit(detector, films(21)).history["loss"][0] == pytest.approx(expected, rel=1e-5)


class LeftHalf(Regression):
    """A score and a map that tell left from right."""

    def examine(self, x):
        left = x[..., 0] * ops.cast(ops.arange(SIZE) < SIZE // 2, "float32")
        return {"score": ops.squeeze(self.network(x), -1), "map": left}


def test_mirrored_films_have_the_scores_and_the_turned_map_of_their_mirror_images():
    x, plain, mirrored = films(), LeftHalf(), LeftHalf(mirrored=True)
    outputs = mirrored.predict(x, verbose=0)
    other = mirrored.predict(x[:, :, ::-1], verbose=0)
    np.testing.assert_allclose(outputs["score"], other["score"], rtol=1e-5)
    np.testing.assert_allclose(outputs["map"], other["map"][:, :, ::-1], rtol=1e-5)
    assert np.std(outputs["score"]) > 0.01
    both = [plain.predict(some, verbose=0)["score"] for some in (x, x[:, :, ::-1])]
    np.testing.assert_allclose(outputs["score"], np.mean(both, axis=0), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(outputs["map"], x[..., 0] / 2, rtol=1e-5)  # each half from one image
    np.testing.assert_allclose(mirrored.anomaly_map(x), outputs["map"], rtol=1e-5)


class Head(Stage):
    """An earlier stage of a regression: trains its network towards another number."""

    players: ClassVar = {"loss": ("network",)}
    prefix: ClassVar = "head"

    def __init__(self, parent):
        super().__init__(parent, epochs=3)
        self.network = parent.network

    def compute_losses(self, x, y=None, training=False):
        return {"loss": ops.mean(ops.square(self.network(x) + 5.0))}


class InTwoStages(Regression):
    """A regression whose network is trained by `Head` first."""

    def before_training(self, x, y=None, validation_data=None, **options):
        return Head(self).train(x, y, validation_data, **options)


def test_a_stage_trains_the_parents_networks_for_epochs_of_its_own():
    detector = InTwoStages(batch_size=7, learning_rate=0.01, seed=4)
    stage = Head(detector)
    given = (stage.image_size, stage.batch_size, stage.learning_rate, stage.seed, stage.epochs)
    assert given == (SIZE, 7, 0.01, 4, 3)
    epochs = []
    count = keras.callbacks.LambdaCallback(on_train_begin=lambda logs: epochs.append(0))
    history = fit(detector, epochs=2, validation_data=(films(),), callbacks=[count])
    assert len(epochs) == 2, "callbacks see both stages"
    assert list(history.history) == ["head_loss", "head_val_loss", "loss", "val_loss"]
    finite = {name: np.isfinite(values).tolist() for name, values in history.history.items()}
    assert finite["head_loss"] == [True] * 3 + [False] * 2
    assert finite["loss"] == [False] * 3 + [True] * 2
    alone, both = Regression(seed=4, learning_rate=0.01), history.history
    assert both["loss"][3] > 1.2 * float(alone.compute_losses(films())["loss"]), "it began there"


def test_augmentation_acts_in_training_only():
    class Blacken(layers.Layer):
        def call(self, x, training=False):
            return x * 0 if training else x

    detector = Regression(augmentation=Blacken())
    history = fit(detector, validation_data=(films(),), epochs=1)
    assert history.history["loss"][0] == pytest.approx(1.0)  # bias starts at zero
    assert history.history["val_loss"][0] != pytest.approx(1.0, abs=1e-4)


def test_same_seed_same_weights_and_another_seed_another():
    runs = [Regression(seed=seed) for seed in (1, 1, 2)]
    for detector in runs:
        detector.fit(films(40), verbose=0)
    same, again, other = (detector.predict(films(), verbose=0)["score"] for detector in runs)
    np.testing.assert_array_equal(same, again)
    assert not np.allclose(same, other)


def test_average_of_weights_survives_fit_predict_save_and_fit(tmp_path):
    """Keras on JAX raises "Array has been deleted" here without a copy."""
    detector = Regression(lambda: keras.optimizers.Adam(0.01, use_ema=True, ema_momentum=0.5))
    for _ in range(2):
        fit(detector)
        detector.predict(films(), verbose=0)
        detector.save_weights(tmp_path / "average.weights.h5")


def test_weights_files_hold_no_optimizer_and_load_before_and_after_a_fit(tmp_path):
    import h5py

    detector, path = Regression(), tmp_path / "a.weights.h5"
    fit(detector)
    detector.save_weights(path)
    with h5py.File(path) as file:
        names = []
        file.visit(names.append)
    assert not any("optimizer" in name and "vars/" in name for name in names)
    fresh, trained = Regression(seed=5), Regression(seed=6)
    fit(trained)
    for other in (fresh, trained):
        other.load_weights(path)
        np.testing.assert_array_equal(other.get_weights()[0], detector.get_weights()[0])


def test_only_keras_weights_are_loaded(tmp_path):
    marker = tmp_path / "was_run"

    class Attack:
        def __reduce__(self):
            return (Path.touch, (marker,))

    for name in ("evil.weights.h5", "evil.keras", "evil.pkl"):
        (tmp_path / name).write_bytes(pickle.dumps(Attack()))
        with pytest.raises(ValueError, match=f"{name} is not a Keras weights file"):
            Regression().load_weights(tmp_path / name)
    assert not marker.exists()
    with pytest.raises(FileNotFoundError, match="no weights file"):
        Regression().load_weights(tmp_path / "missing.weights.h5")
    ToyGAN().save_weights(tmp_path / "gan.weights.h5")
    with pytest.raises(ValueError, match="do not fit this Regression"):
        Regression().load_weights(tmp_path / "gan.weights.h5")


def test_films_of_another_shape_or_kind_are_refused_in_one_sentence():
    x, _, _ = discs(4)
    for wrong in (x, films()[..., 0], (films() * 100).astype("uint8")):
        with pytest.raises(ValueError, match=r"takes films as floats in \[-1, 1\] of shape"):
            Regression().fit(wrong, verbose=0)


def test_a_loss_that_is_not_a_number_stops_the_fit():
    x = films()
    x[0, 0, 0] = np.nan
    with pytest.raises(Collapsed, match="Regression: loss became nan in epoch 1"):
        fit(Regression(), x)


def test_weights_that_never_move_are_noticed():
    with pytest.raises(Collapsed, match="weights of 'loss' unchanged"):
        fit(Regression(learning_rate=0.0))


def test_an_undeclared_loss_is_an_error():
    class Undeclared(Regression):
        def compute_losses(self, x, y=None, training=False):
            return {**super().compute_losses(x), "extra": ops.mean(x)}

    with pytest.raises(ValueError, match=r"returned \['extra', 'loss'\]"):
        fit(Undeclared())


def test_a_learning_rate_that_yaml_read_as_text_is_a_number():
    assert Regression(learning_rate="1e-3").learning_rate == 0.001


@pytest.mark.parametrize(
    ("scores", "reason"),
    [
        ([1.0, np.nan, np.inf], "2 of 3 values are not finite"),
        (np.full(50, 0.3), "constant"),
        (1e8 + np.arange(50), "constant"),
        (np.arange(100) % 3, "only 3 distinct values for 100 films"),
    ],
)
def test_scores_that_cannot_rank_are_noticed(scores, reason):
    with pytest.raises(Collapsed, match=reason):
        check_scores(scores)


def test_scores_that_can_rank_pass():
    check_scores(np.random.default_rng(0).normal(size=50))
    check_scores([0.5])


def test_a_step_on_one_vector_is_the_step_on_each_weight():
    detector = Regression(lambda: keras.optimizers.AdamW(0.01, use_ema=True, ema_momentum=0.5))
    detector.compile(detector.make_optimizers(1))
    ours = detector.weights_of("loss")
    theirs = [keras.Variable(weight) for weight in ours]
    optimizer = detector.optimizer.by_player["loss"].from_config(
        detector.optimizer.by_player["loss"].get_config()
    )
    for step in range(3):
        gradients = [ops.cos(weight * 10 + step) for weight in ours]
        optimizer.apply(gradients, theirs)
        detector.optimizer.step("loss", gradients, ours)
    for _ in range(2):  # the weights, then their averages
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-6)
        optimizer.finalize_variable_values(theirs)
        detector.optimizer.finalize_variable_values(ours)
