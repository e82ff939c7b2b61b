"""Lesion head: a small network finds synthetic lesions in the features of a frozen backbone.

The idea of a discriminator of features, with few weights, is SimpleNet's (Liu et al., CVPR 2023,
[arXiv 2303.15140](https://arxiv.org/abs/2303.15140)); that anomalies are drawn into normal films
and segmented is DRAEM's (Zavrtanik et al., ICCV 2021, [arXiv 2108.07610](https://arxiv.org/abs/2108.07610)).
Lesions, areas allowed for them and scores are those of `lib.methods.synthetic_lesions`. L draws
lesions into a normal film x of 224 px, m is their mask averaged to 14 x 14 cells, f(x) are the maps
of the backbone of 56, 28 and 14 px in these cells, standardised, h is the head, p the sigmoid:

    h(f)   = w . ReLU(3 x 3 convolution of ReLU(1 x 1 convolution of f)) + b
    loss   = mean cross-entropy(h(f(L(x))), m)
    map(x) = p(h(f(x))), enlarged,   score(x) = mean of its cells

Lesions are up to as wide as the film: much disease of the chest is wide and soft.

Only normal films are used. Half of them remain without lesions; the loss is over all.

A U-Net trained from pixels learns whatever betrays a drawing, such as missing noise. A head on maps
of photographs' textures and shapes, with about 50,000 weights, has less opportunity, and `dropout` of
whole channels keeps it from relying on a few of them. Maps of 112 px, the nearest to single pixels,
are left out for the same reason; those of 7 px describe nearly the whole film.

The backbone being frozen, features of `drawings` films with lesions are computed once, before the
training, and kept in memory as float16: 70 KB per drawing of 224 px, 70 MB for 1,000, and
temporarily twice that. Each training film is drawn about equally often, with other lesions, and is
shifted by up to 3 pixels, mirrored and changed in gamma each time. The number of updates per epoch
follows from `drawings`, not from the number of films. `val_loss` is the loss on a quarter as many
drawings of validation normals.

**Differs from the papers**

| what | SimpleNet | DRAEM | here |
| --- | --- | --- | --- |
| 1. anomalies | Gaussian noise added to features of normal films | textures of other pictures blended in within Perlin noise | soft opacities and patches of other films, within the body (`lib.lesions.drawn`) |
| 2. features | WideResNet-50, levels 2 and 3, averaged over 3 x 3 cells, and a trained linear adaptor | none: a reconstruction joined with the film | EfficientNet-Lite0, levels of 56, 28 and 14 px in cells of 16 x 16 px, standardised; no adaptor |
| 3. network | two linear layers on each cell | autoencoder and U-Net | a 1 x 1 and a 3 x 3 convolution of 64 filters, one logit |
| 4. loss | truncated L1 | focal loss, and L2 and SSIM of the reconstruction | cross-entropy |
| 5. drawings | in each update | in each update | `drawings`, before training |
| 6. score of a film | maximum of the map | maximum of the smoothed map | mean of the map; also of its largest fifth, of the logits, and its maximum |
| 7. optimizer | Adam | Adam | AdamW along a cosine to zero, weights averaged over steps (EMA), as in `synthetic_lesions` |
"""  # noqa: E501

import math
from typing import ClassVar

import keras
import numpy as np
from keras import layers, ops

from lib import backbones, losses
from lib.bodies import bodies
from lib.feature_detector import FeatureDetector
from lib.lesions import checks, drawn
from lib.methods.synthetic_lesions import SyntheticLesions
from lib.standardisation import Standardisation

CELLS_FOR_STATISTICS = 50_000


class LesionHead(FeatureDetector):
    """A head that segments synthetic lesions in features of films (equations above).

    - `filters`: those of each hidden convolution
    - `dropout`: share of the channels that are absent in each update of the training
    - `drawings`: number of films with or without lesions of which features are computed
    - `kinds`: kinds of lesions, of `lib.lesions.drawn.KINDS`
    - `lesion_size`: least and largest diameter of a lesion, shares of the side
    - `lesion_share`: share of the drawings with lesions
    - `ema`: momentum of the moving averages of the weights, used for scoring
    - `learning_rate`: AdamW's at the start
    """

    reads: ClassVar = "films"
    players: ClassVar = {"loss": ("head",)}
    scores: ClassVar = ("mean", "top_fifth", "logit", "maximum")

    def __init__(
        self,
        *,
        filters=64,
        dropout=0.2,
        drawings=1000,
        kinds=("opacity", "patch"),
        lesion_size=(0.06, 1.0),
        lesion_share=0.5,
        ema=0.98,
        learning_rate=1e-3,
        **common,
    ):
        super().__init__(learning_rate=learning_rate, **common)
        checks.module_of(kinds, [drawn], self)
        self.kinds, self.lesion_size, self.lesion_share = kinds, lesion_size, lesion_share
        self.filters, self.dropout = filters, dropout
        self.drawings, self.ema = drawings, ema
        self.random = keras.random.SeedGenerator(self.seed)
        self.head = _head(self.shape_of_grid, filters, dropout)  # h
        self.describer("grid")  # from here on it exists: a compiled function cannot create weights

    make_optimizers = SyntheticLesions.make_optimizers
    varied = SyntheticLesions.varied

    @property
    def shape_of_grid(self):
        """The shape of f of one film."""
        return backbones.shape_of("grid", self.film_size)

    def fit(self, x, y=None, validation_data=None, **options):
        """Train on lesions drawn into films x, as `Engine.fit` does on films; y is not used."""
        pairs = self.drawn_pairs(self.features(x), self.drawings)
        self.standardise(pairs)
        if validation_data is not None:
            normal = self.features(validation_data[0])
            validation_data = (as_integers(self.drawn_pairs(normal, self.drawings // 4)),)
        train = super(FeatureDetector, self).fit  # the films are described already
        return train(as_integers(pairs), None, validation_data, **options)

    def drawn_pairs(self, films, count):
        """Return f and m of so many drawings, float16 (count, h', w', channels + 1).

        Films (n, s, s, 1) are drawn equally often. m is the last channel.
        """
        self._check_films(films)
        random = np.random.default_rng(self.seed)
        orders = [random.permutation(len(films)) for _ in range(math.ceil(count / len(films)))]
        rows = np.concatenate(orders)[:count]  # neighbours differ: one has patches of the other
        return self.batchwise(lambda some: self.one_batch(np.asarray(films[some])), rows)

    def one_batch(self, films):
        """Draw lesions into films (n, s, s, 1); return f and m, float16 (n, h', w', ...)."""
        wanted = self.kinds, self.lesion_size, self.lesion_share
        varied = self.varied(ops.convert_to_tensor(films[..., 0]), bodies(films))
        ill, masks = drawn.draw(*varied, self.random, *wanted)
        films = ops.convert_to_numpy(ill)[..., None]
        maps = self.describer("grid").predict_on_batch(films)["grid"]  # f
        return np.concatenate([maps, ops.convert_to_numpy(target(masks))], -1).astype(np.float16)

    def standardise(self, pairs):
        """Set mean and deviation of each channel, from cells of drawings without lesions."""
        cells = pairs.reshape(-1, pairs.shape[-1])
        random = np.random.default_rng(self.seed)
        some = random.choice(np.flatnonzero(cells[:, -1] == 0), CELLS_FOR_STATISTICS)
        self.head.get_layer("standardisation").adapt(cells[some, :-1])

    def compute_losses(self, x, y=None, training=False):
        """Return the cross-entropy of drawings x, as integers."""
        pairs = ops.cast(ops.view(x, "float16"), "float32")
        logits = self.head(pairs[..., :-1], training=training)
        return {"loss": losses.cross_entropy(logits, pairs[..., -1:])}

    def logits(self, x):
        """Return the logit of each cell of films, (n, h', w')."""
        maps = self.describer("grid")(x, training=False)["grid"]
        return self.head(maps, training=False)[..., 0]

    def examine(self, x):
        """Return the lesion probability; means of cells, their largest fifth, logits; maximum."""
        logits = self.logits(x)
        cells = ops.sigmoid(logits)
        return {
            "map": self.enlarged(cells),
            "mean": ops.mean(cells, axis=(1, 2)),
            "top_fifth": losses.mean_of_largest(cells, max(1, cells.shape[1] ** 2 // 5)),
            "logit": ops.mean(logits, axis=(1, 2)),
            "maximum": ops.max(cells, axis=(1, 2)),
        }

    def _check_films(self, x):
        side, _, channels = self.shape_of_grid
        if np.shape(x)[1:] != (side, side, channels + 1):  # of drawings
            super()._check_films(x)


def target(masks):
    """Return m, the share of each cell that is lesion, (n, h', w', 1), of masks (n, s, s)."""
    return ops.average_pool(masks[..., None], backbones.CELL, backbones.CELL)


def as_integers(pairs):
    """Return the bits of float16 as uint16: Keras would make float32 of all drawings at once."""
    return pairs.view(np.uint16)


def _head(shape, filters, dropout):
    """Build f (n, h', w', channels) -> logits (n, h', w', 1)."""
    maps = keras.Input(shape)
    x = Standardisation(name="standardisation")(maps)
    x = layers.SpatialDropout2D(dropout)(x)
    x = layers.Conv2D(filters, 1, activation="relu")(x)
    x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
    return keras.Model(maps, layers.Conv2D(1, 1)(x), name="head")
