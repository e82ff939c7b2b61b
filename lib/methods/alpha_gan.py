"""alpha-GAN: an autoencoder with one discriminator of its images and another of its codes.

Rosca et al., [arXiv 1706.04987](https://arxiv.org/abs/1706.04987), algorithm 1, with the losses as
written in the code of Davletshina et al., [arXiv 2001.10883](https://arxiv.org/abs/2001.10883), on
the hands of MURA. E encoder, G generator, D discriminator of films, C discriminator of codes, z ~
N(0, I), z_hat ~ N(z_mean, exp z_log_var) from E(x), r = G(z_hat), R(p) = -log p + log(1 - p) =
-logit p:

    encoder: lambda |x - r| + R(C(z_hat))
    generator: lambda |x - r| + R(D(r)) + R(D(G(z)))
    discriminator: -log D(x) - log(1 - D(r)) - log(1 - D(G(z)))
    code discriminator: -log C(z) - log(1 - C(z_hat))
    map = (x - r)^2, with z_hat = z_mean from here on

Scores: mse, the mean of the map; top_k, the mean of its largest pixels; discriminator, 1 - D(x);
code_discriminator, 1 - C(z_mean); mean_of_discriminators. Published AUROC of `discriminator`: .607
on the hands of MURA, hands cut out. The AUROC of .752 on RSNA (Nakao et al. 2021, doi
10.1007/s10278-020-00413-2) is not known to be that of the discriminator.

**Differs from the paper**

| what | paper | code for hands | here |
| --- | --- | --- | --- |
| 1. purpose | generation of images | a detector | a detector with scores |
| 2. absolute error | lambda between 1 and 40 | lambda .01 | a mean over pixels, lambda 10 |
| 3. players | updated one after the other | | updated together, from one forward pass |
| 4. sizes | | latent size 100, width 64, C of 50, 25 and 12 units | latent size 16, width 16, C of 64, 32 and 16 units |
| 5. networks | | spectral norm, self-attention; minibatch discrimination in D, so that the score of a film depends on the other films of its batch | none of these: the score of a film depends on that film only |
| 6. codes of both kinds | in separate batches of the generator's batch norm | | in one batch |
| 7. discriminators' scores | | 1 - D, 1 - C and their mean | the logits of both, and the mean of these |

The output of a confident D rounds to 1 for every film, so that different films would tie; the logit
gives the same ranking as 1 - D without ties. The mean of logits is the logarithm of the geometric
mean of the odds; its ranking differs from that of the mean probability.

**Known defects** of reference code: in the code for hands z_hat = z_mean + z_log_var epsilon, both
after a tanh, so that the standard deviation of a code is at most 1, and 0 where the encoder
predicts a deviation of 1; and lambda is .01, which gives the reconstruction little weight.
`as_published=True` restores both. The published AUROC of C is .500 with a spread of .000 over
seeds: its score was the same for every film. C's learning rate differs between commits (D's own, a
tenth, a hundredth); whether a low rate is the cause was not tested; here C has D's rate and its
logit is the score. In version 1 of the paper, algorithm 1 interchanges z and z_hat in C's loss
(equations 16 and 17), as noted in the readme of victor-shepardson/alpha-GAN.
"""  # noqa: E501

from typing import ClassVar

import keras
from keras import ops

from lib import bodies, losses, networks
from lib.reconstruction import Reconstruction
from lib.samples import fixed_codes

RATES = {"encoder": 1e-3, "generator": 1e-3, "discriminator": 1e-4, "code_discriminator": 1e-4}


class AlphaGAN(Reconstruction):
    """An autoencoder with a discriminator of films and one of codes (equations above).

    - `latent_dim`: length of the code z
    - `width`: filters of the first convolution, of E, G and D (`lib.networks`)
    - `code_width`: units of the first of C's three layers
    - `reconstruction_weight`: lambda; None is 10, `as_published` .01
    - `top_k`: number of largest pixels of the map that the score of that name averages
    - `as_published`: codes and lambda as in the code for hands (see above)
    - `learning_rate`: per player, or one for all
    """

    players: ClassVar = {name: (name,) for name in RATES}
    terms: ClassVar = ("reconstruction_error", "rebuilt_loss", "drawn_loss", "code_loss")
    scores: ClassVar = (
        "discriminator",
        "code_discriminator",
        "mean_of_discriminators",
        "mse",
        "top_k",
    )

    def __init__(
        self,
        *,
        latent_dim=16,
        width=16,
        code_width=64,
        reconstruction_weight=None,
        top_k=200,
        as_published=False,
        learning_rate=RATES,
        **common,
    ):
        super().__init__(learning_rate=learning_rate, **common)
        if reconstruction_weight is None:
            reconstruction_weight = 0.01 if as_published else 10.0
        if reconstruction_weight < 0:
            raise ValueError(
                f"AlphaGAN needs reconstruction_weight of at least 0, not {reconstruction_weight}."
            )
        self.latent_dim, self.width, self.code_width = latent_dim, width, code_width
        self.top_k, self.as_published = top_k, as_published
        self.reconstruction_weight = reconstruction_weight
        self.encoder = networks.encoder(self.image_size, 2 * latent_dim, width)
        self.generator = networks.decoder(self.image_size, latent_dim, width)
        self.discriminator = networks.discriminator(self.image_size, width)
        self.code_discriminator = networks.code_discriminator(latent_dim, code_width)
        self.random = keras.random.SeedGenerator(self.seed)

    def make_optimizers(self, steps):
        """Return Adam with beta 0.5 and 0.999 for each player."""
        return {
            player: keras.optimizers.Adam(self.rate_of(player), beta_1=0.5)
            for player in self.players
        }

    def encode(self, x, training=False):
        """Return z_mean and z_log_var, (n, latent_dim) each; `as_published` in (-1, 1)."""
        z = self.encoder(x, training=training)
        return ops.split(ops.tanh(z) if self.as_published else z, 2, axis=1)

    def draw_code(self, z_mean, z_log_var):
        """Return z_hat, (n, latent_dim)."""
        if self.as_published:
            return z_mean + z_log_var * keras.random.normal(ops.shape(z_mean), seed=self.random)
        return losses.sample_gaussian(z_mean, z_log_var, self.random)

    def compute_losses(self, x, y=None, training=False):
        """Return each player's loss of algorithm 1 and its terms; labels are not used."""
        z_hat = self.draw_code(*self.encode(x, training))
        z = keras.random.normal(ops.shape(z_hat), seed=self.random)
        drawn = self.generator(ops.concatenate([z_hat, z]), training=training)
        r, _ = ops.split(drawn, 2)
        logit, _ = self.discriminator(ops.concatenate([x, drawn]), training=training)
        of_film, of_rebuilt, of_drawn = ops.split(logit, 3)
        of_posterior = self.code_discriminator(z_hat, training=training)
        of_prior = self.code_discriminator(z, training=training)
        error = bodies.mean_over(losses.absolute_residual(x, r), self.inside(x))
        terms = {
            "reconstruction_error": error,
            "rebuilt_loss": -ops.mean(of_rebuilt),
            "drawn_loss": -ops.mean(of_drawn),
            "code_loss": -ops.mean(of_posterior),
        }
        pull = self.reconstruction_weight * error
        return {
            "encoder": pull + terms["code_loss"],
            "generator": pull + terms["rebuilt_loss"] + terms["drawn_loss"],
            "discriminator": losses.cross_entropy(of_film, 1)
            + losses.cross_entropy(of_rebuilt, 0)
            + losses.cross_entropy(of_drawn, 0),
            "code_discriminator": losses.cross_entropy(of_prior, 1)
            + losses.cross_entropy(of_posterior, 0),
            **terms,
        }

    def reconstruction(self, x):
        """Return G(z_mean), (n, h, w, 1)."""
        return self.generator(self.encode(x)[0], training=False)

    def samples(self, x):
        """Return images generated from six fixed codes, (6, h, w, 1)."""
        return self.generator(fixed_codes(self.latent_dim, self.seed), training=False)

    def examine(self, x):
        """Return (x - r)^2 as the map, two means of it, and the logits of "generated"."""
        z, _ = self.encode(x)
        inside = self.inside(x)
        residual = losses.squared_residual(x, self.generator(z, training=False))
        within = bodies.confined(residual, inside)
        film = -self.discriminator(x, training=False)[0][:, 0]
        code = -self.code_discriminator(z, training=False)[:, 0]
        return {
            "map": within,
            "discriminator": film,
            "code_discriminator": code,
            "mean_of_discriminators": (film + code) / 2,
            "mse": bodies.means_over(residual, inside),
            "top_k": losses.mean_of_largest(within, self.top_k),
        }
