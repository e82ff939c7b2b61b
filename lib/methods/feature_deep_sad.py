"""Feature Deep SAD: the sphere of Deep SAD on features of a pretrained network.

Deep SAD (Ruff et al., ICLR 2020, [arXiv 1906.02694](https://arxiv.org/abs/1906.02694), equation 7)
trains its network from films; here it trains a small one on features that a million photographs
have formed. With f the means of the maps of all levels of the backbone, mean and deviation over
the normal films, z = phi((f - mean) / deviation), d = ||z - c||^2, u the mean d of the normal
films before training, and t = +1 for a known normal and -1 for a known anomaly:

    phi(v) = V g(W v),   g(a) = max(a, a / 10)
    loss   = mean of d (unknown label) or eta u (d / u + 1e-6)^t (known label),   score = d

The loss is that of `lib.methods.deep_sad` in the unit u, as in `lib.methods.joint_deep_sad`: 512
standardised features make d some tens before training, and an anomaly, which is repelled by
1 / d^2, would move nothing. The centre c is the mean embedding of the normal films before training.
phi has no bias terms (Deep SVDD, [proposition 2](https://proceedings.mlr.press/v80/ruff18a.html));
mean and deviation are no weights of phi, as no gradient changes them. phi has no batch norm either:
v is standardised, so that c needs no batches before it, and no pre-training.

Its counterpart without a sphere is `lib.methods.linear_probe`, on the same features and labels; for
the other families trained with few labels, `lib.methods.lesion_deep_sad`.

**Differs from the paper**

| what | paper | here |
| --- | --- | --- |
| 1. input | films | pooled features of EfficientNet-Lite0, standardised |
| 2. phi | LeNet, or a small fully connected network on tabular data | one hidden layer of 256 units, 32 dimensions |
| 3. pre-training | an autoencoder | none |
| 4. regularisation | weight decay 5e-7 | also dropout of features, since few anomalies in 512 dimensions are soon memorised |
| 5. learning rate | 1e-4 | 1e-3, divided by ten at two thirds of the epochs |
| 6. unit of distance | 1 | u |
| 7. augmentation | | none: features are of films as they are |
"""  # noqa: E501

from typing import ClassVar

import keras
from keras import layers

from lib import backbones
from lib.feature_detector import FeatureDetector
from lib.methods.deep_sad import DeepSAD
from lib.standardisation import Standardisation


class FeatureDeepSAD(FeatureDetector, DeepSAD):
    """Deep SAD on pooled features (equations above); further keywords are DeepSAD's.

    - `latent_dim`: length of the embedding z
    - `width`: units of the hidden layer of phi
    - `dropout`: share of the features that are absent in each update of the training
    - `learning_rate`: AdamW's at the start
    - `seed`: determines weights and shuffling
    """

    reads: ClassVar = "pooled"

    def __init__(
        self, *, latent_dim=32, width=256, dropout=0.2, learning_rate=1e-3, seed=0, **options
    ):
        keras.utils.set_random_seed(seed)  # phi is built before the class that sets it
        phi = _encoder(latent_dim, width, dropout)
        super().__init__(
            encoder=phi,
            latent_dim=latent_dim,
            width=width,
            pretraining_epochs=0,
            batches_before_center=0,
            learning_rate=learning_rate,
            seed=seed,
            **options,
        )
        self.dropout = dropout
        self.first_distance = self.add_weight(
            shape=(), initializer="ones", trainable=False, name="first_distance"
        )  # u

    def before_training(self, x, y=None, validation_data=None, **options):
        """Standardise by the films not labelled abnormal, then place the centre."""
        self.encoder.get_layer("standardisation").adapt(self.normal_features(x, y))
        return super().before_training(x, y, validation_data, **options)

    def start(self, normal):
        """Place the centre, then set u, from features of normal films."""
        super().start(normal)
        self.first_distance.assign(self.batchwise(self.squared_distance, self.embed(normal)).mean())

    def unit(self):
        """Return u, the distance at which attraction of normals equals repulsion of anomalies."""
        return self.first_distance

    def embed(self, x):
        """Return the embedding of films or features, (n, latent_dim)."""
        return self.encode_all(self.features(x))

    def examine(self, x):
        """Return d as the score; pooled features have no map."""
        return {"score": self.beyond(x)}


def _encoder(latent_dim, width, dropout):
    """Build features (n, 512) -> (n, latent_dim), without bias terms."""
    features = keras.Input(backbones.shape_of("pooled"))
    x = layers.Dropout(dropout)(Standardisation(name="standardisation")(features))
    x = layers.LeakyReLU(0.1)(layers.Dense(width, use_bias=False)(x))
    return keras.Model(features, layers.Dense(latent_dim, use_bias=False)(x), name="encoder")
