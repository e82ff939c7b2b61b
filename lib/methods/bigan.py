"""BiGAN: a GAN with an encoder; its discriminator classifies pairs of film and code.

Donahue et al., [arXiv 1605.09782](https://arxiv.org/abs/1605.09782), section 3, and Dumoulin et al.
(ALI), [arXiv 1606.00704](https://arxiv.org/abs/1606.00704); as a detector Zenati et al.,
[arXiv 1802.06222](https://arxiv.org/abs/1802.06222). E encoder, G generator, D discriminator of
pairs, f its last hidden layer, z ~ N(0, I), r = G(E(x)):

    discriminator: -log D(x, E(x)) - log(1 - D(G(z), z))
    encoder: -log(1 - D(x, E(x))),   generator: -log D(G(z), z)
    residual = ||x - r||_1,   feature matching = ||f(x, E(x)) - f(r, E(x))||_1
    sum = (1 - w) residual + w feature matching,   w = 0.1
    map = |x - r|

No loss term enforces r = x: it holds at the equilibrium of the game, and reconstructions show how
far from it a short training stopped. Published AUROC of the sum on RSNA at 64 px: .66. The fourth
score is the logit of 1 - D(x, E(x)).

**Differs from the detector's published code**

| what | published code | here |
| --- | --- | --- |
| 1. codes | as they are | standardised by batch norm, as z is standard normal (below) |
| 2. Adam | 1e-5, beta_1 0.5 | 2e-4, beta_1 0.5 |
| 3. sizes | latent size 200, batches of 100 | latent size 16, batches of 32 |
| 4. batch norm of E and G in scoring | statistics of training | measured again under the averaged weights, which are used for scoring; the averages start from the weights of the first step |
| 5. players | the discriminator first, the others on another batch | updated together, on one batch |
| 6. discriminator | batch norm; dropout of 0.5 in all layers; f has 1024 units | no batch norm; dropout of 0.2 in the dense layers alone; f has 16 times `width` units, so that w, which multiplies a sum over units, has another effect |

Without batch norm, the codes of a short training had other means and, under averaged weights, a
third of the spread; all reconstructions were faint.

**Known defects** of reference code: the fourth score is based on D(r, E(x)), which classifies the
reconstruction; the paper has D(x, E(x)). `as_published=True` restores this.
"""  # noqa: E501

from typing import ClassVar

import keras
import numpy as np
from keras import layers, ops

from lib import bodies, losses, networks
from lib.reconstruction import Reconstruction
from lib.samples import fixed_codes


class BiGAN(Reconstruction):
    """A GAN with an encoder (equations above).

    - `latent_dim`: length of the code z
    - `width`: filters of the first convolution, of E, G and D (`lib.networks`)
    - `feature_weight`: w, the share of feature matching in the score `sum`
    - `ema`: momentum of the moving averages of the weights, used for scoring; 0 for none
    - `as_published`: the discriminator classifies the reconstruction, not the film (see above)
    - `learning_rate`: Adam's, for each player
    """

    players: ClassVar = {
        "encoder": ("encoder",),
        "generator": ("generator",),
        "discriminator": ("discriminator",),
    }
    terms: ClassVar = ("residual",)
    scores: ClassVar = ("sum", "residual", "feature_matching", "discriminator")

    def __init__(
        self,
        *,
        latent_dim=16,
        width=16,
        feature_weight=0.1,
        ema=0.999,
        as_published=False,
        learning_rate=2e-4,
        **common,
    ):
        super().__init__(learning_rate=learning_rate, **common)
        if not 0 <= feature_weight <= 1:
            raise ValueError(f"The feature_weight of BiGAN is in [0, 1], not {feature_weight}.")
        self.latent_dim, self.width = latent_dim, width
        self.feature_weight, self.ema, self.as_published = feature_weight, ema, as_published
        film = keras.Input((self.image_size, self.image_size, 1))
        code = networks.encoder(self.image_size, latent_dim, width)(film)
        standardised = layers.BatchNormalization(momentum=0.9, center=False, scale=False)(code)
        self.encoder = networks.functional(film, standardised, name="encoder")  # E
        self.generator = networks.decoder(self.image_size, latent_dim, width)  # G
        self.discriminator = networks.joint_discriminator(self.image_size, latent_dim, width)
        self.random = keras.random.SeedGenerator(self.seed)

    def make_optimizers(self, steps):
        """Return Adam; moving averages replace the weights at the end of the fit."""
        options = {"beta_1": 0.5, "use_ema": self.ema > 0, "ema_momentum": self.ema}
        return {
            player: keras.optimizers.Adam(self.rate_of(player), **options)
            for player in self.players
        }

    def fit(self, x, y=None, validation_data=None, **options):
        """Train, then measure batch norm again if weights were averaged; labels are not used."""
        history = super().fit(x, y, validation_data, **options)
        if self.ema > 0:
            self.measure_batch_norm(x)
        return history

    def measure_batch_norm(self, x, batches=50):
        """Update the batch norm statistics of E and G to those under the current weights."""
        random = np.random.default_rng(self.seed)
        for _ in range(batches):
            rows = random.choice(len(x), min(self.batch_size, len(x)), replace=False)
            code = self.encoder(np.asarray(x[rows]), training=True)
            z = keras.random.normal(ops.shape(code), seed=self.random)
            self.generator(z, training=True)

    def compute_losses(self, x, y=None, training=False):
        """Return each player's loss, and the mean residual, which is not minimised."""
        code = self.encoder(x, training=training)
        z = keras.random.normal(ops.shape(code), seed=self.random)
        pairs = [
            ops.concatenate([x, self.generator(z, training=training)]),
            ops.concatenate([code, z]),
        ]
        logit, _ = self.discriminator(pairs, training=training)
        encoded, generated = ops.split(logit, 2)
        r = self.generator(code, training=False)
        return {
            "encoder": losses.cross_entropy(encoded, 0),
            "generator": losses.cross_entropy(generated, 1),
            "discriminator": losses.cross_entropy(encoded, 1) + losses.cross_entropy(generated, 0),
            "residual": ops.mean(losses.absolute_residual(x, r)),
        }

    def reconstruction(self, x):
        """Return G(E(x)), (n, h, w, 1)."""
        return self.generator(self.encoder(x, training=False), training=False)

    def samples(self, x):
        """Return images generated from six fixed codes, (6, h, w, 1)."""
        return self.generator(fixed_codes(self.latent_dim, self.seed), training=False)

    def examine(self, x):
        """Return |x - r| as the map, its sum, feature matching, both, the logit of "generated"."""
        code = self.encoder(x, training=False)
        r = self.generator(code, training=False)
        logit, of_film = self.discriminator([x, code], training=False)
        logit_of_rebuilt, of_rebuilt = self.discriminator([r, code], training=False)
        pixels, inside = losses.absolute_residual(x, r), self.inside(x)
        residual = ops.sum(pixels if inside is None else inside * pixels, axis=(1, 2))
        matching = ops.sum(ops.abs(of_film - of_rebuilt), axis=1)
        return {
            "map": bodies.confined(pixels, inside),
            "sum": (1 - self.feature_weight) * residual + self.feature_weight * matching,
            "residual": residual,
            "feature_matching": matching,
            "discriminator": -(logit_of_rebuilt if self.as_published else logit)[:, 0],
        }
