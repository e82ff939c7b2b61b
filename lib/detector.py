"""The interface of a method: a `Detector`, whose losses are a game between players.

A method defines

- `players = {player: (names of its networks)}`: a loss named after a player is minimised over the
  weights of that player's networks only, so that `stop_gradient` or `trainable = False` are not
  needed; `terms` names losses that are only logged; `turns` gives the order of updates, as in
  `turns = (("critic",),) * 5 + (("generator",),)`; without it all players are updated together,
- `compute_losses(x, y, training) -> {name: scalar}`; unless `uses_labels = True`, y is unknown
  (NaN) for every film, whatever labels `fit` is given,
- `examine(x) -> {"score": (n,), "map": (n, h, w)}`, one of them or both: larger is more abnormal,
  raw; without a score the mean of the map is the score. A method with several scores names them in
  `scores` and returns each by its name; the keyword `score_name` selects *the* score.

A method that computes statistics and has no gradient needs no losses: its default is `epochs=0`,
and `before_training` sets its weights (`lib.feature_statistics`).

It uses `keras.ops` only, and inherits `fit`, `predict`, `anomaly_score`, `anomaly_map`,
`save_weights` and `load_weights` from `lib.engine`.

Films `x` are float32 (n, h, w, 1) in [-1, 1]; labels `y` (n,) 1 abnormal, 0 normal, NaN unknown.
"""

from typing import ClassVar

import keras
import numpy as np

from lib.engine import Engine


class Detector(Engine):
    """A method of the study (see the module's docstring for what a method defines).

    - `image_size`: pixels per side of the films, which are square
    - `epochs`: number of passes over the training films, unless `fit` is given another
    - `batch_size`: number of films per update, unless `fit` is given another
    - `learning_rate`: a number, a Keras schedule, or a dictionary of these per player
    - `augmentation`: a Keras layer applied to the films in training only
    - `score_name`: one of `scores`, by default the first
    - `mirrored`: scores and map are means over a film and its mirror image, for methods trained
      with mirrored films
    - `seed`: determines weights and shuffling
    """

    players: ClassVar[dict] = {}
    turns: ClassVar[tuple | None] = None
    terms: ClassVar[tuple] = ()
    scores: ClassVar[tuple] = ()
    uses_labels: ClassVar[bool] = False

    def __init__(
        self,
        *,
        image_size=64,
        epochs=30,
        batch_size=32,
        learning_rate=1e-3,
        augmentation=None,
        score_name=None,
        mirrored=False,
        seed=0,
    ):
        super().__init__(seed)
        if score_name is not None and score_name not in self.scores:
            names = ", ".join(self.scores)
            remedy = f"use one of {names}" if names else "leave `score_name` out"
            raise ValueError(f"{type(self).__name__} has no score {score_name!r}: {remedy}.")
        self.score_name = score_name or next(iter(self.scores), None)
        self.image_size = image_size
        self.epochs = epochs
        self.batch_size = batch_size
        # YAML reads 1e-3 as text and 1.0e-3 as a number; a number is meant in both cases.
        self.learning_rate = (
            float(learning_rate) if isinstance(learning_rate, str) else learning_rate
        )
        self.augmentation = augmentation
        self.mirrored = mirrored

    # Losses and scores

    def compute_losses(self, x, y=None, training=False):
        """Return {name: scalar} for each player and each term, from one forward pass."""
        raise NotImplementedError(f"{type(self).__name__} has no compute_losses.")

    def examine(self, x):
        """Return {"score" or each of `scores`: (n,), "map": (n, h, w)} of films x."""
        raise NotImplementedError(f"{type(self).__name__} has no examine.")

    def reconstruction(self, x):
        """Return (n, h, w, 1) in [-1, 1]; None for a method without reconstruction."""
        return None

    def targets(self, x, y=None):
        """Return the argument y of `compute_losses` for each film: labels, NaN if unknown."""
        return np.full(len(x), np.nan, "float32") if y is None else np.asarray(y, dtype="float32")

    def before_training(self, x, y=None, validation_data=None, **options):
        """Prepare training, for example by an earlier stage; the arguments are those of `fit`.

        Returns {name: values by epoch} of that stage, which precede those of `fit` in the history.
        """
        return {}

    def after_epoch(self, normal, epoch):
        """Set weights without gradient, from the films not labelled abnormal (n, h, w, 1).

        Called after each epoch, numbered from 1. Returns {name: number} for the training curves:
        quantities measured on these films. May raise Collapsed.
        """
        return {}

    def embed(self, x):
        """Return the embedding of films x, (n, d) as an array; None for a method without one."""
        return None

    def sphere(self, x):
        """Return the number of the nearest sphere of films x, (n,) as an array, or None."""
        return None

    def samples(self, x):
        """Return images of a generator, (n, h, w, 1) in [-1, 1], from fixed codes or films x."""
        return None

    def chain(self, x):
        """Return the steps from films x to reconstructions, (steps, n, h, w, 1), or None."""
        return None

    def sweep(self, x):
        """Return [({setting: value}, (n,))]: scores of films x with other scoring settings."""
        return []

    def make_optimizers(self, steps):
        """Return {player: optimizer} for a fit of `steps` updates; Adam by default."""
        return {player: keras.optimizers.Adam(self.rate_of(player)) for player in self.players}

    def rate_of(self, player):
        """Return the learning rate of a player: its own or that of all."""
        rates = self.learning_rate
        return rates[player] if isinstance(rates, dict) else rates


class Stage(Detector):
    """An earlier stage of the training of `parent`: a detector that trains its networks.

    It takes the parent's values of the keywords `shared`; `options` are its further keywords,
    including `epochs`. `prefix` precedes the names of its losses in the parent's history.
    """

    prefix: ClassVar = "pretraining"
    shared: ClassVar = ("image_size", "batch_size", "learning_rate", "augmentation", "seed")

    def __init__(self, parent, **options):
        super().__init__(**{name: getattr(parent, name) for name in self.shared}, **options)
        self.xla, self.full_batches = parent.xla, parent.full_batches

    def train(self, x, y=None, validation_data=None, **options):
        """Fit for the stage's own `epochs`; return {`<prefix>_<name>`: values by epoch}.

        Arguments and result are those of the parent's `before_training`.
        """
        history = self.fit(x, y, validation_data, **options | {"epochs": self.epochs}).history
        return {f"{self.prefix}_{name}": values for name, values in history.items()}
