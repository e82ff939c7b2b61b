"""What a method writes: a `Detector`, whose losses are a game between players.

A method writes

- `players = {player: (names of its networks)}`: a loss named after a player is minimised over the
  weights of that player's networks only, so nothing needs `stop_gradient` or `trainable = False`;
  `terms` names losses that are only logged; `turns` gives alternation, as in
  `turns = (("critic",),) * 5 + (("generator",),)`; without it all players move at once,
- `compute_losses(x, y, training) -> {name: scalar}`; unless `uses_labels = True`, y is unknown
  (NaN) for every film, whatever `fit` is given,
- `examine(x) -> {"score": (n,), "map": (n, h, w)}`, one of them or both: larger is more abnormal,
  raw; without a score the mean of the map is the score. A method that publishes several scores
  names them in `scores` and gives each by its name; the keyword `score_name` chooses the one that
  is *the* score.

It uses `keras.ops` only, and gets `fit`, `predict`, `anomaly_score`, `anomaly_map`, `save_weights`
and `load_weights` from `lib.engine`.

Films `x` are float32 (n, h, w, 1) in [-1, 1]; labels `y` (n,) 1 abnormal, 0 normal, NaN unknown.
"""

from typing import ClassVar

import keras
import numpy as np

from lib.engine import Engine


class Detector(Engine):
    """A method of the study (see the module's text for what a method writes).

    - `image_size`: pixels a side of the films, which are square
    - `epochs`, `batch_size`: the defaults of `fit`; `batch_size` in films
    - `learning_rate`: a number, a Keras schedule, or a dictionary of these by player
    - `augmentation`: a Keras layer applied to the films in training only
    - `score_name`: one of `scores`, by default the first
    - `mirrored`: scores and map of a film are means over it and its mirror image, for methods that
      saw films mirrored in training
    - `seed`: weights and shuffling follow from it
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
            there_are = ", ".join(self.scores) or "only one"
            raise ValueError(
                f"{type(self).__name__} has no score {score_name!r}; there are: {there_are}."
            )
        self.score_name = score_name or next(iter(self.scores), None)
        self.image_size = image_size
        self.epochs = epochs
        self.batch_size = batch_size
        # YAML reads 1e-3 as text, 1.0e-3 as a number; both are meant as a number.
        self.learning_rate = (
            float(learning_rate) if isinstance(learning_rate, str) else learning_rate
        )
        self.augmentation = augmentation
        self.mirrored = mirrored

    # Losses and scores

    def compute_losses(self, x, y=None, training=False):
        """{name: scalar} for each player and each term, from one forward pass."""
        raise NotImplementedError(f"{type(self).__name__} has no compute_losses.")

    def examine(self, x):
        """{"score" or each of `scores`: (n,), "map": (n, h, w)} of films x, from one pass."""
        raise NotImplementedError(f"{type(self).__name__} has no examine.")

    def reconstruction(self, x):
        """(n, h, w, 1) in [-1, 1]; None for a method that reconstructs nothing."""
        return None

    def targets(self, x, y=None):
        """What `compute_losses` gets as y, film by film: labels, NaN where unknown."""
        return np.full(len(x), np.nan, "float32") if y is None else np.asarray(y, dtype="float32")

    def before_training(self, x, y=None, validation_data=None, **options):
        """Do what comes first, such as an earlier stage of training; takes what `fit` takes.

        Returns {name: values by epoch} of that stage, which come first in the history.
        """
        return {}

    def after_epoch(self, normal, epoch):
        """Set what no gradient trains, from the films not known to be abnormal (n, h, w, 1).

        It comes after each of the epochs, which count from 1. Returns {name: number} for the
        training curves: what is to be seen of these films by then. May raise Collapsed.
        """
        return {}

    def embed(self, x):
        """(n, d) as an array: where a method that judges by an embedding puts films x, or None."""
        return None

    def sphere(self, x):
        """(n,) as an array: the number of the sphere that films x are nearest to, or None."""
        return None

    def samples(self, x):
        """(n, h, w, 1) in [-1, 1], what a generator draws by now, from fixed codes or films x."""
        return None

    def chain(self, x):
        """(steps, n, h, w, 1): how films x change on the way to their reconstruction, or None."""
        return None

    def sweep(self, x):
        """[({setting: value}, (n,))]: scores of films x under other settings of the scoring."""
        return []

    def make_optimizers(self, steps):
        """{player: optimizer} for a fit of so many updates; Adam unless a method says otherwise."""
        return {player: keras.optimizers.Adam(self.rate_of(player)) for player in self.players}

    def rate_of(self, player):
        """The learning rate of a player, where each has its own or all have one."""
        rates = self.learning_rate
        return rates[player] if isinstance(rates, dict) else rates


class Stage(Detector):
    """An earlier stage of the training of `parent`: a detector that trains networks of it.

    It has the values of the parent's keywords `shared`; `options` are its further keywords, one of
    which is `epochs`. `prefix` comes before the names of its losses in the parent's history.
    """

    prefix: ClassVar = "pretraining"
    shared: ClassVar = ("image_size", "batch_size", "learning_rate", "augmentation", "seed")

    def __init__(self, parent, **options):
        super().__init__(**{name: getattr(parent, name) for name in self.shared}, **options)

    def train(self, x, y=None, validation_data=None, **options):
        """Fit for the stage's own `epochs`; return {`<prefix>_<name>`: values by epoch}.

        It takes what `before_training` of the parent takes, and is what that returns.
        """
        history = self.fit(x, y, validation_data, **options | {"epochs": self.epochs}).history
        return {f"{self.prefix}_{name}": values for name, values in history.items()}
