"""Training and application of a detector: `Engine`, a Keras model with one optimizer per player.

`lib.detector` defines what a method implements, this module what it inherits. Callbacks, progress
bar, validation, batches and weights files are Keras's own. Differences between TensorFlow and JAX
are confined to this file.
"""

import math
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType

import h5py
import keras
import numpy as np
from keras import ops

from lib.batches import Batches
from lib.collapse import Collapsed, StopWhenNotFinite, check_samples

BACKEND = keras.backend.backend()
if BACKEND == "tensorflow":
    import tensorflow as tf

    ON_GPU = bool(tf.config.list_physical_devices("GPU"))
elif BACKEND == "jax":
    import jax

    ON_GPU = jax.default_backend() == "gpu"
else:
    raise ImportError(f"The study runs on TensorFlow or JAX, not on KERAS_BACKEND={BACKEND}.")
#: Whether XLA compiles updates, unless `Engine.xla` is set: it halves TensorFlow's speed on a
#: CPU, and on JAX an update that is not compiled runs operation by operation.
XLA = ON_GPU or BACKEND == "jax"


class Engine(keras.Model):
    """The base of `lib.detector.Detector`; `seed` determines weights and shuffling."""

    takes_xla = True  # unless its losses call `by_numpy`

    def __init__(self, seed):
        super().__init__(dtype="float32")  # losses and scores; networks have Keras's policy
        self.seed = seed
        self.xla = None  # whether XLA compiles updates; None: where this is faster
        self.full_batches = False  # whether an epoch's first films fill its last batch
        self.with_maps = True  # the last argument `maps` of `predict`
        self.means = {name: keras.metrics.Mean(name) for name in (*self.players, *self.terms)}
        self.built = True  # the networks are functional models, built on creation
        _set_seed(seed)

    # Training

    def compile(self, optimizers, **options):
        """Assign an optimizer to each player: `{player: optimizer}`; other options are Keras's own.

        Callbacks that change `optimizer.learning_rate` have no effect on the players' optimizers:
        give these a schedule. Weight decay also belongs to the optimizer; regularisers are ignored.
        """
        weights = {player: self.weights_of(player) for player in self.players}
        options = {"jit_compile": self.by_keras, **options}
        super().compile(optimizer=_Optimizers(optimizers, weights), **options)

    def fit(
        self,
        x,
        y=None,
        validation_data=None,
        *,
        epochs=None,
        batch_size=None,
        callbacks=None,
        shuffle=True,
        **options,
    ):
        """Train on films x and labels y (None: all unknown) and return Keras's History.

        Films are an array, or `lib.preprocessing.network_input.Films`, read batch by batch.
        `validation_data` is (x,) or (x, y); `callbacks`, `verbose` and the rest are Keras's own.
        With `full_batches` all updates see equally many films, so that XLA compiles them once; the
        last batch of validation films remains smaller, as each counts once in their losses.
        Raises Collapsed if a loss is no longer finite, a player's weights did not change, or all
        images generated at the end are the same.
        """
        for films in (x, *(validation_data or ())[:1]):
            self._check_films(films)
        if not self.uses_labels:
            y, validation_data = None, validation_data and validation_data[:1]
        shared = {"batch_size": batch_size, "callbacks": callbacks, "shuffle": shuffle, **options}
        stage_history = self.before_training(x, y, validation_data, epochs=epochs, **shared)
        epochs = self.epochs if epochs is None else epochs
        batch_size = self.batch_size if batch_size is None else batch_size
        if not self.compiled:
            self.compile(self.make_optimizers(steps=epochs * math.ceil(len(x) / batch_size)))
        if validation_data is not None:
            targets = self.targets(*validation_data)
            validation_data = _fed(Batches(validation_data[0], targets, batch_size))
        after_epoch = self._after_epoch_callback(not_abnormal(x, y))
        initial = {player: self._snapshot(player) for player in self.players}
        _set_seed(self.seed)
        orders = _orders(len(x)) if shuffle else None
        batches = Batches(x, self.targets(x, y), batch_size, orders, self.full_batches)
        fed = _fed(batches)
        history = super().fit(
            fed,
            shuffle=False,  # of batches, whose films are shuffled
            epochs=epochs,
            validation_data=validation_data,
            # A non-finite loss is the reason to report, not its effect on the embedding.
            callbacks=[*_hooks(batches, fed), StopWhenNotFinite(), after_epoch, *(callbacks or [])],
            **options,
        )
        if epochs:
            self._check_changed(initial)
        samples = self.samples(np.asarray(x[:batch_size]))
        if samples is not None:
            check_samples(samples, type(self).__name__)
        _prepend(stage_history, history)
        return history

    def update(self, x, y):
        """Update on one batch: per turn a forward pass, then a step of each of its players."""
        for turn in self.turns or (tuple(self.players),):
            losses, gradients = self._losses_and_gradients(turn, x, y)
            for player in turn:
                self.optimizer.step(player, gradients[player], self.weights_of(player))
        return self._log(losses, x)

    @property
    def by_xla(self):
        """Whether XLA compiles updates."""
        return XLA if self.xla is None else self.xla

    @property
    def by_keras(self):
        """Whether Keras compiles by XLA: on TensorFlow `train_step` compiles the update itself."""
        return BACKEND == "jax" and self.by_xla

    def weights_of(self, player):
        """Return the trainable weights of a player's networks."""
        return [
            weight
            for name in self.players[player]
            for weight in getattr(self, name).trainable_weights
        ]

    @property
    def metrics(self):
        """One running mean per loss; Keras resets them and names the logs after them."""
        return list(self.means.values())

    def _after_epoch_callback(self, normal):
        """Return the callback that runs the method's `after_epoch`."""

        def on_epoch_end(epoch, logs):
            logs.update(self.after_epoch(normal, epoch + 1))

        return keras.callbacks.LambdaCallback(on_epoch_end=on_epoch_end)

    def _log(self, losses, x):
        if set(losses) != set(self.means):
            raise ValueError(
                f"{type(self).__name__}.compute_losses returned {sorted(losses)}; "
                f"its players and terms are {sorted(self.means)}."
            )
        for name, mean in self.means.items():
            mean.update_state(losses[name], sample_weight=ops.shape(x)[0])
        return {name: mean.result() for name, mean in self.means.items()}

    def _augment(self, x):
        return x if self.augmentation is None else self.augmentation(x, training=True)

    def _snapshot(self, player):
        return [ops.convert_to_numpy(weight).copy() for weight in self.weights_of(player)]

    def _check_changed(self, initial):
        for player, weights in initial.items():
            pairs = zip(weights, self._snapshot(player), strict=True)
            if all(np.array_equal(first, last) for first, last in pairs):
                raise Collapsed(
                    f"{type(self).__name__}: training left the weights of '{player}' unchanged."
                )

    # Scoring

    def predict(self, x, batch_size=None, maps=True, **options):
        """Return {"score": (n,), "map": (n, h, w), further scores} as arrays; "map" if available.

        With `maps=False` there is none, and none is computed unless the scores need it. The first
        films fill the last batch, for whose size the graph would be made once more.
        """
        self._check_films(x)
        if maps != self.with_maps:  # Keras has compiled the other variant
            self.with_maps, self.predict_function = maps, None
        films, batch_size = len(x), batch_size or self.batch_size
        batches = Batches(x, None, batch_size, full=True)
        outputs = super().predict(_fed(batches), **options)
        return {name: values[:films] for name, values in outputs.items()}

    def call(self, x):
        """Return the result of `predict` for one batch."""
        outputs = self._outputs(x)
        if self.scores:
            outputs = {"score": outputs[self.score_name], **outputs}
        elif "score" not in outputs:
            outputs = {"score": ops.mean(outputs["map"], axis=(1, 2)), **outputs}
        return {name: outputs[name] for name in outputs if name != "map" or self.with_maps}

    def anomaly_score(self, x):
        """Return (n,), larger is more abnormal."""
        return self.call(x)["score"]

    def anomaly_map(self, x):
        """Return (n, h, w), larger is more abnormal; None for a method without a map."""
        return self._outputs(x).get("map")

    def batches(self, function, x):
        """Yield function(films) per batch of x, as arrays.

        On JAX, which compiles every function for each size, the first films fill the last batch.
        """
        batches = Batches(x, None, self.batch_size, full=BACKEND == "jax")
        for number in range(len(batches)):
            (films,) = batches[number]
            left = len(x) - number * self.batch_size
            yield ops.convert_to_numpy(function(films))[:left]

    def as_graph(self, function):
        """Return function(films) as one graph, where its operations would run one by one."""
        if BACKEND == "jax":
            return function
        return tf.function(function, autograph=False, reduce_retracing=True)

    def batchwise(self, function, x):
        """Return function(films), (n, ...), as one array, computed per batch."""
        return np.concatenate(list(self.batches(function, x)))

    def encode_all(self, x):
        """Return encoder(x) as an array (n, d): `embed` of a method with an encoder."""
        self.encoder.jit_compile = self.by_keras
        return self.batchwise(self.encoder.predict_on_batch, x)

    def load_weights(self, filepath, **options):
        """Read weights written by `save_weights`; never a pickle, which could run code.

        Raises FileNotFoundError, or ValueError for another kind of file or incompatible weights.
        """
        path = Path(filepath)
        if not path.is_file():
            raise FileNotFoundError(f"There is no weights file {path}.")
        if not path.name.endswith(".weights.h5") or not h5py.is_hdf5(path):
            raise ValueError(
                f"{path} is not a Keras weights file (HDF5, named *.weights.h5); it was not loaded."
            )
        try:
            super().load_weights(path, **options)
        except (ValueError, KeyError, OSError) as error:
            raise ValueError(
                f"The weights in {path} do not fit this {type(self).__name__}: they were written "
                "by another method, with other parameters or by another version."
            ) from error

    def _outputs(self, x):
        outputs = self.examine(x)
        if not self.mirrored:
            return outputs
        mirror = self.examine(ops.flip(x, axis=2))
        if "map" in mirror:
            mirror["map"] = ops.flip(mirror["map"], axis=2)
        return {name: (outputs[name] + mirror[name]) / 2 for name in outputs}

    def _check_films(self, x):
        expected = (self.image_size, self.image_size, 1)
        if np.shape(x)[1:] != expected or not np.issubdtype(x.dtype, np.floating):
            raise ValueError(
                f"{type(self).__name__} takes films as floats in [-1, 1] of shape "
                f"(n, {', '.join(map(str, expected))}), not {x.dtype} of shape {np.shape(x)}."
            )

    # The two backends

    if BACKEND == "tensorflow":

        def train_step(self, data):
            """Train on one batch of `fit` (Keras's hook)."""
            x, y, _ = keras.utils.unpack_x_y_sample_weight(data)
            x = self._augment(x)  # outside XLA, which cannot rotate an image
            compiled = self.by_xla and self.takes_xla
            return tf.function(self.update, jit_compile=compiled, autograph=False)(x, y)

        def test_step(self, data):
            """Evaluate one batch (Keras's hook)."""
            x, y, _ = keras.utils.unpack_x_y_sample_weight(data)
            return self._log(self.compute_losses(x, y, training=False), x)

        def _losses_and_gradients(self, turn, x, y):
            with tf.GradientTape(persistent=True) as tape:
                losses = self.compute_losses(x, y, training=True)
            zero = tf.UnconnectedGradients.ZERO
            return losses, {
                player: tape.gradient(
                    losses[player], self.weights_of(player), unconnected_gradients=zero
                )
                for player in turn
            }

    else:

        def train_step(self, state, data):  # type: ignore[misc]
            """Train on one batch of `fit`, from state to state (Keras's hook)."""
            x, y, _ = keras.utils.unpack_x_y_sample_weight(data)
            groups = (
                self.trainable_variables,
                self.non_trainable_variables,
                self.optimizer.variables,
                self.metrics_variables,
            )
            return _stateless(lambda: self.update(self._augment(x), y), groups, state)

        def test_step(self, state, data):  # type: ignore[misc]
            """Evaluate one batch, from state to state (Keras's hook)."""
            x, y, _ = keras.utils.unpack_x_y_sample_weight(data)
            groups = (
                self.trainable_variables,
                self.non_trainable_variables,
                self.metrics_variables,
            )
            return _stateless(
                lambda: self._log(self.compute_losses(x, y, training=False), x), groups, state
            )

        def _losses_and_gradients(self, turn, x, y):
            weights = list({id(w): w for player in turn for w in self.weights_of(player)}.values())

            def forward(values):
                state = [(variable, variable.value) for variable in self.variables]
                with keras.StatelessScope(
                    state_mapping=[*state, *zip(weights, values, strict=True)]
                ):
                    losses = self.compute_losses(x, y, training=True)
                    updated = [variable.value for variable in self.non_trainable_variables]
                return {player: losses[player] for player in turn}, (losses, updated)

            player_losses, pullback, (losses, updated) = jax.vjp(
                forward, [w.value for w in weights], has_aux=True
            )
            for variable, value in zip(self.non_trainable_variables, updated, strict=True):
                variable.assign(value)
            gradients = {}
            for player in turn:
                (gradient,) = pullback(
                    {n: ops.cast(n == player, loss.dtype) for n, loss in player_losses.items()}
                )
                by_weight = dict(zip(map(id, weights), gradient, strict=True))
                gradients[player] = [by_weight[id(weight)] for weight in self.weights_of(player)]
            return losses, gradients


def _fed(batches):
    """Return batches in the form in which Keras reads them without waiting.

    Keras has TensorFlow read ahead from a generator, with a number of threads that it tunes. On a
    CPU, with nothing to read ahead for, an epoch ends up to a second late, when the tuning next
    wakes (TensorFlow 2.21), and each update takes its memory from the system again.
    """
    if BACKEND == "jax" or ON_GPU:
        return batches
    first = [np.asarray(part) for part in batches[0]]

    def read(number):
        parts = tf.numpy_function(
            lambda at: batches[int(at)], [number], [part.dtype for part in first]
        )
        for part, of_first in zip(parts, first, strict=True):
            part.set_shape((None, *of_first.shape[1:]))
        return tuple(parts)

    options = tf.data.Options()
    options.autotune.enabled = False
    return tf.data.Dataset.range(len(batches)).map(read).with_options(options)


def _hooks(batches, fed):
    """Return callbacks for what Keras calls itself of batches that it is given as they are."""
    if fed is batches:
        return []
    return [keras.callbacks.LambdaCallback(lambda epoch, logs: batches.on_epoch_begin())]


def _orders(films):
    """Yield the order of so many films in each epoch, drawn as Keras draws it for an array."""
    if BACKEND == "jax":
        while True:
            yield np.random.permutation(films)
    order = tf.data.Dataset.range(1).map(
        lambda _: tf.random.shuffle(tf.range(films, dtype="int64"))
    )
    while True:
        yield next(iter(order)).numpy()


def input_gradient(function, x):
    """Return d sum(function(x)) / dx, of x's shape and itself differentiable.

    For gradient penalties, adversarial steps and saliency. `function` must not change any state:
    pass `training=False` to the networks inside.
    """
    if BACKEND == "jax":
        return jax.grad(lambda x: ops.sum(function(x)))(ops.convert_to_tensor(x))
    x = ops.convert_to_tensor(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = ops.sum(function(x))
    return tape.gradient(value, x)


def by_numpy(function, x):
    """Return function(x), (n, h, w) float32, of films (n, h, w, 1), by numpy inside a graph.

    Without gradient. TensorFlow's XLA cannot compile a graph with it.
    """
    if BACKEND == "jax":
        shape = jax.ShapeDtypeStruct(x.shape[:-1], "float32")
        return jax.pure_callback(lambda films: function(np.asarray(films)), shape, x)
    pixels = tf.numpy_function(function, [x], tf.float32, stateful=False)
    pixels.set_shape(x.shape[:-1])
    return pixels


def not_abnormal(x, y=None):
    """Return the films of unknown label and the known normals; all films if y is None."""
    return x if y is None else x[np.asarray(y) != 1]


class _Optimizers(keras.optimizers.Optimizer):
    """One optimizer per player, a single one to Keras; their state is not in weights files.

    The weights of a player are one vector to its optimizer, whose operations are elementwise: of a
    network with a hundred weights they would otherwise be most operations of an update.
    """

    def __init__(self, optimizers, weights):
        super().__init__(learning_rate=0.0, name="players")
        # Not dictionaries: Keras would save the content of a dictionary with the weights.
        self.by_player = MappingProxyType(dict(optimizers))
        self.weights_of = MappingProxyType(weights)
        vectors = {player: keras.Variable(_vector(some)) for player, some in weights.items()}
        self.vectors = MappingProxyType(vectors)
        for player, optimizer in self.by_player.items():
            optimizer.build([vectors[player]])
        self.built = True

    @property
    def variables(self):
        """The union of the players' optimizer variables."""
        return [
            variable for optimizer in self.by_player.values() for variable in optimizer.variables
        ]

    def step(self, player, gradients, weights):
        """Change the weights of a player by a step of its optimizer."""
        vector = self.vectors[player]
        vector.assign(_vector(weights))  # another player or the method may have changed them
        self.by_player[player].apply([_vector(gradients)], [vector])
        _assign(weights, vector)

    def finalize_variable_values(self, trainable_weights):
        """Replace weights by their averages at the end of a fit, for optimizers with `use_ema`."""
        for player, optimizer in self.by_player.items():
            if optimizer.use_ema:
                optimizer.finalize_variable_values([self.vectors[player]])
                # On JAX a weight might share a buffer with its average, which a step donates.
                _assign(self.weights_of[player], ops.copy(self.vectors[player].value))

    def save_own_variables(self, store):
        """Save nothing: a weights file is for scoring."""

    def load_own_variables(self, store):
        """Load nothing, as nothing was saved."""


def _vector(arrays):
    """Return arrays as one vector."""
    return ops.concatenate([ops.reshape(array, (-1,)) for array in arrays])


def _assign(weights, vector):
    """Give weights the values of a vector, the inverse of `_vector`."""
    vector = ops.convert_to_tensor(vector)
    ends = np.cumsum([math.prod(weight.shape) for weight in weights]).tolist()
    for weight, (start, end) in zip(weights, pairwise((0, *ends)), strict=True):
        weight.assign(ops.reshape(vector[start:end], weight.shape))


def _stateless(step, groups, state):
    """Run a step that changes variables as a function from state to state, for `jax.jit`."""
    pairs = [
        pair
        for group, values in zip(groups, state, strict=True)
        for pair in zip(group, values, strict=True)
    ]
    with keras.StatelessScope(state_mapping=pairs) as scope:
        logs = step()
    return logs, tuple(
        [scope.get_current_value(variable) for variable in group] for group in groups
    )


def _set_seed(seed):
    keras.utils.set_random_seed(seed)
    if BACKEND == "tensorflow" and ON_GPU:
        tf.config.experimental.enable_op_determinism()


def _prepend(stage_history, history):
    """Put an earlier stage's {name: values by epoch} before a History.

    Every series has one value per epoch of both stages, NaN for the other stage.
    """
    before, after = len(next(iter(stage_history.values()), [])), len(history.epoch)
    history.history = {
        **{name: values + [np.nan] * after for name, values in stage_history.items()},
        **{name: [np.nan] * before + values for name, values in history.history.items()},
    }
    history.epoch = list(range(before + after))
