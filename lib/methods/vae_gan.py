"""VAE-GAN: a variational autoencoder with a reconstruction error on a discriminator's features.

Larsen et al., [arXiv 1512.09300](https://arxiv.org/abs/1512.09300); as a detector after a public
study on RSNA (YiHsiu7893 on GitHub). q encoder, G decoder, D discriminator with features D_l, z ~
q(z|x), r = G(z), z_p ~ N(0, I):

    K = KL(q(z|x) || N(0, I))                                         (equation 4)
    F = mean (D_l(x) - D_l(r))^2 / mean D_l(x)^2                      (equations 6 and 7; see 2)
    L = -log D(x) - log(1 - D(r)) - log(1 - D(G(z_p)))                (equation 5, algorithm 1)
    encoder: K / latent_dim + beta F,  decoder: gamma F - L,  discriminator: L   (algorithm 1)
    map = |x - r|, where z is the mean of q(z|x)

L is the cross-entropy: algorithm 1 has the opposite sign, but the updates are as above. Scores: the
mean of the map (published AUROC on RSNA at 64 px: .77), F of the film, the logit of 1 - D(x).

**Differs from the paper**

| what | paper | study on RSNA | here |
| --- | --- | --- | --- |
| 1. purpose | generation of faces | a detector | a detector with scores |
| 2. F and K | sums, and no beta | means, with 128 dimensions, gamma 15 and beta 5 | F is the share of the features' energy that is not reconstructed, K a mean over dimensions; beta 40 for 16 dimensions equals that of the study on RSNA (below) |
| 3. discriminator | batch norm | F at the last convolution | F at the last convolution; no batch norm: the features of a film depend on that film only (below) |
| 4. optimizer | RMSprop at 3e-4 | a tenth of it for the discriminator | RMSprop at 3e-4, at a tenth of it for the discriminator; both fall to zero along a cosine |
| 5. sizes | | latent size 128, width 64, a dense layer of 2048 units | latent size 16, width 16 |
| 6. codes from q and from N(0, I) | | | in one batch of the decoder, with shared statistics |
| 7. players | in the published code one is paused while it is far ahead | | all updated in every step |

With beta 5, codes of phantoms had 4 nats instead of 12 and reconstructions were blurred. With batch
norm in the discriminator, samples became noise if x, r and G(z_p) shared statistics, and
reconstructions became noise if they did not.

**Known defects** of reference code: the study on RSNA scores with a sampled z, so that a film's
score changes from call to call; here with the mean. `as_published=True` samples reproducibly: a
number computed from the grey values of the film selects its noise from a bank fixed by the seed.
That study also scores with batch norm in training mode, so that a score depends on the other films
of the batch; this is not reproduced.
"""  # noqa: E501

from typing import ClassVar

import keras
from keras import ops

from lib import bodies, losses, networks
from lib.noise import number_in_bank
from lib.reconstruction import Reconstruction

RATES = {"encoder": 3e-4, "decoder": 3e-4, "discriminator": 3e-5}
BANK = 1021  # noise vectors to draw from if `as_published`


class VAEGAN(Reconstruction):
    """A VAE with a discriminator (equations above).

    - `latent_dim`: length of the code z
    - `width`: filters of the first convolution, of q, G and D (`lib.networks`)
    - `beta`, `gamma`: weights of the feature error F for the encoder and the decoder
    - `as_published`: score with a sampled code (see above)
    - `learning_rate`: per player, or one for all
    """

    players: ClassVar = {
        "encoder": ("encoder",),
        "decoder": ("decoder",),
        "discriminator": ("discriminator",),
    }
    terms: ClassVar = ("kl", "feature_error")
    scores: ClassVar = ("residual", "feature_error", "discriminator")

    def __init__(
        self,
        *,
        latent_dim=16,
        width=16,
        beta=40.0,
        gamma=15.0,
        as_published=False,
        learning_rate=RATES,
        **common,
    ):
        super().__init__(learning_rate=learning_rate, **common)
        if not (beta > 0 and gamma > 0):
            raise ValueError(f"VAEGAN needs beta and gamma above 0, not {beta} and {gamma}.")
        self.latent_dim, self.width = latent_dim, width
        self.beta, self.gamma, self.as_published = beta, gamma, as_published
        self.encoder = networks.encoder(self.image_size, 2 * latent_dim, width)
        self.decoder = networks.decoder(self.image_size, latent_dim, width)
        self.discriminator = networks.discriminator(self.image_size, width)
        self.random = keras.random.SeedGenerator(self.seed)
        self.codes = self.add_weight(shape=(BANK, latent_dim), name="codes", trainable=False)
        self.codes.assign(keras.random.normal((BANK, latent_dim), seed=self.seed))

    def make_optimizers(self, steps):
        """Return RMSprop for each player, its learning rate falling to zero along a cosine."""
        decay = keras.optimizers.schedules.CosineDecay
        return {
            player: keras.optimizers.RMSprop(decay(self.rate_of(player), steps))
            for player in self.players
        }

    def encode(self, x, training=False):
        """Return mean and log variance of q(z|x), (n, latent_dim) each."""
        return ops.split(self.encoder(x, training=training), 2, axis=1)

    def compute_losses(self, x, y=None, training=False):
        """Return each player's loss, K and F; labels are not used."""
        z_mean, z_log_var = self.encode(x, training)
        z = losses.sample_gaussian(z_mean, z_log_var, self.random)
        z_p = keras.random.normal(ops.shape(z), seed=self.random)
        drawn = self.decoder(ops.concatenate([z, z_p]), training=training)
        logit, features = self.discriminator(ops.concatenate([x, drawn]), training=training)
        of_film, of_rebuilt, _ = ops.split(features, 3)  # D_l
        kl = ops.mean(losses.kl_divergence(z_mean, z_log_var))
        feature_error = ops.mean(ops.square(of_film - of_rebuilt)) / ops.mean(ops.square(of_film))
        real, rebuilt, sampled = ops.split(logit, 3)
        gan = (
            losses.cross_entropy(real, 1)
            + losses.cross_entropy(rebuilt, 0)
            + losses.cross_entropy(sampled, 0)
        )
        return {
            "encoder": kl / self.latent_dim + self.beta * feature_error,
            "decoder": self.gamma * feature_error - gan,
            "discriminator": gan,
            "kl": kl,
            "feature_error": feature_error,
        }

    def reconstruction(self, x):
        """Return r from the mean of q(z|x), (n, h, w, 1), or from a sample if `as_published`."""
        z, z_log_var = self.encode(x)
        if self.as_published:
            drawn = ops.take(self.codes, number_in_bank(x, BANK), axis=0)
            z = z + ops.exp(z_log_var / 2) * drawn
        return self.decoder(z, training=False)

    def samples(self, x):
        """Return images decoded from six fixed codes, (6, h, w, 1)."""
        return self.decoder(self.codes[:6], training=False)

    def examine(self, x):
        """Return |x - r| as the map, its mean, F of the film, and the logit of 1 - D(x)."""
        r = self.reconstruction(x)
        residual, inside = losses.absolute_residual(x, r), self.inside(x)
        logit, of_film = self.discriminator(x, training=False)
        _, of_rebuilt = self.discriminator(r, training=False)
        return {
            "map": bodies.confined(residual, inside),
            "residual": bodies.means_over(residual, inside),
            "feature_error": _energy(of_film - of_rebuilt) / _energy(of_film),
            "discriminator": -logit[:, 0],
        }


def _energy(features):
    return ops.mean(ops.square(features), axis=(1, 2, 3))
