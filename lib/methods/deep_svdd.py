"""Deep SVDD: normal films are mapped into a small hypersphere; the distance to its centre scores.

Ruff et al., ICML 2018
([proceedings.mlr.press/v80/ruff18a](https://proceedings.mlr.press/v80/ruff18a.html)). With z =
phi(x) and d = ||z - c||^2:

    hard (equation 4): loss = mean d,                              score = d
    soft (equation 3): loss = R^2 + (1/nu) mean max(0, d - R^2),   score = d - R^2

First phi is trained as the encoder of an autoencoder on the same films. The centre c is then their
mean embedding, with |c_i| < `epsilon` set to +-epsilon, since weights of zero would match a
coordinate of zero. Then phi is trained; with a soft boundary, R^2 is the (1 - nu) quantile of d
after `warm_up_epochs`.

That mean is only as good as batch norm's moving averages. Without pre-training these are still 0
and 1: all embeddings are near 0, nearly all coordinates of c are +-epsilon, and once the averages
are those of films, c is far off all of them. Therefore at least `batches_before_center` batches of
normal films first pass through phi in training mode, without gradients, shuffled by the seed; of
the initial averages a share of 0.9^100 = 3e-5 is left. With m the mean embedding,

    d = ||z - m||^2 + 2 (z - m) . (m - c) + ||m - c||^2

With c far from m the middle term orders the films: a weighted sum of z, one-sided like the logit of
a classifier. `batches_before_center=0` places c so; the ablation `center` compares the two.

phi is a ResNet (`networks.residual_encoder`), as in Spahr's X-ray code
([arXiv 2102.09895](https://arxiv.org/abs/2102.09895)): the mean of each map responds to a lesion at
any position. It has no bias terms and no bounded activations; otherwise it could map every film to
c (propositions 2 and 3). Batch norm has neither offset, which would be a bias, nor scale, as in the
published codes.

**Differs from the paper**

| what | paper | published code | Spahr's code | here |
| --- | --- | --- | --- | --- |
| 1. R^2 | a line search every k epochs | from each mini-batch | | after each epoch, from all training films |
| 2. phi | LeNet; 32 dimensions on MNIST, 128 on CIFAR-10 | | ResNet-18, 256 dimensions | ResNet, 32 dimensions |
| 3. weight decay | 5e-7 | | | 5e-7, but decoupled (AdamW) |
| 4. learning rate | 1e-4, reduced after 50 of 150 epochs | | | 1e-4, divided by ten at two thirds of the epochs |
| 5. epochs | autoencoder 150-350 and SVDD 150, both at 1e-4 | | | autoencoder (Adam, 1e-3) and SVDD equally long, unless `pretraining_epochs` is given |
| 6. labels | | | | ignored: the training set is chosen where the data are read |
| 7. map | none | none | none | the score's gradient with respect to the film (`losses.gradient_map`) |
| 8. batch norm before c is placed | none | pre-training alone | pre-training alone | pre-training, then 100 batches of the films of which c is the mean |

**Known defects** of reference code: in Deep-SAD-PyTorch pre-training is silently a no-op (no key of
the autoencoder matches, nothing is copied); here the autoencoder trains phi itself, and
`pretraining_epochs=0` measures its effect. There an exact zero in c remains zero. Collapse is not
detected (a published log ends at a loss of 3e-6; PyOD 3.6.0-3.6.2 gave every film the same score);
here the training curves show the spread of embeddings and distances of normal films, and `fit`
raises Collapsed after the first epoch in which embeddings do not differ.

The rest of the family builds on this class: `pretrain`, `start`, `set_spheres`, `look`,
`compactness` and `squared_distance` are overridden.
"""  # noqa: E501

import math
from typing import ClassVar

import keras
import numpy as np
from keras import ops

from lib import losses, networks
from lib.collapse import Collapsed
from lib.detector import Detector, Stage
from lib.engine import not_abnormal
from lib.methods.autoencoder import Autoencoder


class DeepSVDD(Detector):
    """A hypersphere around the embeddings of normal films (equations above).

    - `latent_dim`: length of the embedding z
    - `width`, `blocks`: filters of the first stage of phi, residual blocks of each stage
    - `boundary`: hard or soft
    - `nu`: share of the training films outside a soft boundary
    - `warm_up_epochs`: epochs before R of a soft boundary is set
    - `pretraining_epochs`: epochs of the autoencoder; None: as many as `epochs`
    - `epsilon`: the least distance of each coordinate of c from zero
    - `batches_before_center`: batches of films from which batch norm's averages are updated before
      c is placed
    - `encoder`: phi; None: a ResNet of `width` and `blocks`
    - `learning_rate`: AdamW's at the start, after pre-training
    """

    players: ClassVar = {"loss": ("encoder",)}

    def __init__(
        self,
        *,
        latent_dim=32,
        width=16,
        blocks=(2, 2, 2, 2),
        boundary="hard",
        nu=0.1,
        warm_up_epochs=10,
        pretraining_epochs=None,
        epsilon=0.1,
        batches_before_center=100,
        encoder=None,
        learning_rate=1e-4,
        **common,
    ):
        super().__init__(learning_rate=learning_rate, **common)
        if boundary not in ("hard", "soft"):
            raise ValueError(f"The boundary of DeepSVDD is hard or soft, not {boundary!r}.")
        self.latent_dim, self.width, self.blocks = latent_dim, width, blocks
        self.boundary, self.nu, self.epsilon = boundary, nu, epsilon
        self.warm_up_epochs = warm_up_epochs
        self.batches_before_center = batches_before_center
        self.pretraining_epochs = self.epochs if pretraining_epochs is None else pretraining_epochs
        self.encoder = encoder or networks.residual_encoder(
            self.image_size, latent_dim, width, blocks
        )  # phi
        self.add_spheres()

    def add_spheres(self):
        """Add the weights without gradient, which `start` and `set_spheres` set."""
        fixed = {"initializer": "zeros", "trainable": False}
        self.center = self.add_weight(shape=(self.latent_dim,), name="center", **fixed)  # c
        self.squared_radius = self.add_weight(shape=(), name="squared_radius", **fixed)  # R^2

    def make_optimizers(self, steps):
        """Return AdamW, its learning rate divided by ten at two thirds of the fit."""
        rates = [self.learning_rate, self.learning_rate / 10]
        rate = keras.optimizers.schedules.PiecewiseConstantDecay([2 * steps // 3], rates)
        return {"loss": keras.optimizers.AdamW(rate, weight_decay=5e-7)}

    def before_training(self, x, y=None, validation_data=None, **options):
        """Pre-train, then place the centre; return {`pretraining_loss`: values by epoch}."""
        earlier, normal = {}, not_abnormal(x, y)
        if self.pretraining_epochs:
            earlier = self.pretrain(x, y, validation_data, **options)
        if self.batches_before_center:
            _BatchNorm(self).adapt(normal, self.batches_before_center)
        self.start(normal)
        return earlier

    def start(self, normal):
        """Place the centre from normal films (n, h, w, 1), between pre-training and training."""
        self.place_center(normal)

    def after_epoch(self, normal, epoch):
        """Set the radius after the warm-up; return the spread of normal films. Raises Collapsed."""
        z = self.embed(normal)
        if epoch >= self.warm_up_epochs:
            self.set_spheres(z)
        return self.look(z)

    def look(self, z):
        """Return {name: number} for the training curves: the spread of embeddings of normal films.

        Raises Collapsed if all coincide.
        """
        d = self.batchwise(self.squared_distance, z)
        self.check_collapse(z)
        seen = {
            "embedding_spread": float(z.std(axis=0).mean()),
            "distance_spread": float(d.std() / max(d.mean(), 1e-12)),
            "radius": self.radius(),
        }
        return {name: number for name, number in seen.items() if number is not None}

    def radius(self):
        """Return R, 0 before it is set; None for a hard boundary, which has none."""
        return float(ops.sqrt(self.squared_radius)) if self.boundary == "soft" else None

    def pretrain(self, x, y=None, validation_data=None, **options):
        """Train phi as the encoder of an autoencoder, on films not labelled abnormal.

        Returns {`pretraining_loss`: values by epoch}.
        """
        return train_on_normal(_Autoencoding(self), x, y, validation_data, **options)

    def place_center(self, x):
        """Set c to the mean embedding of the films, no coordinate closer to zero than epsilon."""
        self.center.assign(self.away_from_zero(self.embed(x).mean(axis=0)))

    def away_from_zero(self, centers):
        """Return centres (..., latent_dim) with |coordinates| < epsilon set to +-epsilon."""
        pushed = np.where(centers < 0, -self.epsilon, self.epsilon)
        return np.where(np.abs(centers) < self.epsilon, pushed, centers)

    def set_spheres(self, z):
        """Set R^2 (soft boundary) to the (1 - nu) quantile of d of embeddings (n, latent_dim)."""
        if self.boundary == "soft":
            d = self.batchwise(self.squared_distance, z)
            self.squared_radius.assign(np.quantile(d, 1 - self.nu))

    embed = Detector.encode_all  # phi

    def squared_distance(self, z):
        """Return d = ||z - c||^2, (n,)."""
        return ops.sum(ops.square(z - self.center), axis=1)

    def compactness(self, z, y=None):
        """Return equation 4 (hard) or 3 (soft) of embeddings (n, latent_dim), without labels."""
        d = self.squared_distance(z)
        if self.boundary == "hard":
            return ops.mean(d)
        return self.squared_radius + ops.mean(ops.relu(d - self.squared_radius)) / self.nu

    def compute_losses(self, x, y=None, training=False):
        """Return the compactness of the films' embedding."""
        return {"loss": self.compactness(self.encoder(x, training=training), y)}

    def beyond(self, x):
        """Return d (hard: R is 0) or d - R^2 (soft), (n,)."""
        return self.squared_distance(self.encoder(x, training=False)) - self.squared_radius

    def examine(self, x):
        """Return `beyond` as the score, its gradient as the map."""
        return {"score": self.beyond(x), "map": losses.gradient_map(self.beyond, x)}

    def check_collapse(self, z):
        """Raise Collapsed when embeddings (n, latent_dim) do not differ."""
        length = np.linalg.norm(z.mean(axis=0))
        spread = z.std(axis=0).max()
        if not spread > 1e-5 * length:
            raise Collapsed(
                f"{type(self).__name__}: all films are mapped to one point (largest standard "
                f"deviation of the embedding {spread:.2g}, length of its mean {length:.2g})."
            )


class _Autoencoding(Stage, Autoencoder):
    """The first stage: phi as an encoder, with the parent's decoder if it has one."""

    shared: ClassVar = ("image_size", "latent_dim", "width", "batch_size", "augmentation", "seed")  # type: ignore[assignment]

    def __init__(self, parent):
        both = {"encoder": parent.encoder, "decoder": getattr(parent, "decoder", None)}
        super().__init__(parent, epochs=parent.pretraining_epochs, **both)


class _BatchNorm(Stage):
    """The stage before the centre: without players, it updates moving averages of phi alone."""

    terms: ClassVar = ("loss",)
    shared: ClassVar = ("image_size", "batch_size", "seed")  # type: ignore[assignment]

    def __init__(self, parent):
        super().__init__(parent)
        self.encoder = parent.encoder

    def adapt(self, normal, batches):
        """Pass at least so many batches of films (n, h, w, 1) through phi."""
        per_epoch = math.ceil(len(normal) / self.batch_size)
        self.fit(normal, epochs=math.ceil(batches / per_epoch), verbose=0)

    def compute_losses(self, x, y=None, training=False):
        """Return the mean of the embeddings, which nothing minimises."""
        return {"loss": ops.mean(self.encoder(x, training=training))}


def train_on_normal(stage, x, y=None, validation_data=None, **options):
    """Train a Stage on films not labelled abnormal; return its losses by epoch."""
    if validation_data is not None:
        validation_data = (not_abnormal(*validation_data),)
    return stage.train(not_abnormal(x, y), None, validation_data, **options)
