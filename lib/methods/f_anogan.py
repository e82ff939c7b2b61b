"""f-AnoGAN: a Wasserstein GAN of normal films, then an encoder from films to its codes.

Schlegl et al. 2019, Medical Image Analysis 54
([doi 10.1016/j.media.2019.01.010](https://doi.org/10.1016/j.media.2019.01.010)); the GAN is that of
Gulrajani et al., [arXiv 1704.00028](https://arxiv.org/abs/1704.00028). G generator, D critic with
features f, E encoder, z ~ N(0, I):

    stage 1   critic: mean D(G(z)) - mean D(x) + lambda penalty   (1704.00028, equation 3)
              generator: -mean D(G(z)),   one step per n_critic steps of the critic
    stage 2   r = G(E(x)),  image = mean (x - r)^2,  feature = mean (f(x) - f(r))^2
              encoder: image + kappa feature, G and D fixed     (the paper's izi_f)
    score = image + kappa feature,   map = |x - r|

**Differs from the paper**

| what | paper | published code | here |
| --- | --- | --- | --- |
| 1. networks | residual blocks, width 64, latent size 128 | | strided convolutions, width 16, latent size 16 |
| 2. norm of the critic | | layer norm | none |
| 3. n_critic = 5 steps | a new batch in each | | one batch of films for all, with new codes |
| 4. batches | 64 | | 32 |
| 5. stages | | 7 epochs of a much larger data set, then 50,000 batches | equally long, unless `gan_epochs` is given |
| 6. batch norm of G | | fixed in stage 2 and in scoring | the same; its averages adapt faster, for short trainings |
| 7. last layer of E | tanh | tanh by default | linear: codes for the generator are drawn from N(0, I), and 32 of 100 such numbers are outside the range of tanh |

**Known defects** of reference code: in A03ki/f-AnoGAN the critic has batch norm and dropout, so
that its gradient with respect to one film depends on the other films of the batch, which
invalidates the penalty (1704.00028, section 4); here it has neither. `as_published=True` restores
both, and the tanh of row 7.
"""  # noqa: E501

from typing import ClassVar

import keras
from keras import ops

from lib import bodies, losses, networks
from lib.detector import Stage
from lib.reconstruction import Reconstruction
from lib.samples import fixed_codes

RATES = {"critic": 1e-4, "generator": 1e-4, "encoder": 5e-5}


class FAnoGAN(Reconstruction):
    """A Wasserstein GAN, then an encoder into its codes (equations above).

    - `latent_dim`: length of the code z
    - `width`: filters of the first convolution, of G, D and E (`lib.networks`)
    - `kappa`: weight of the feature residual
    - `n_critic`: steps of the critic per step of G
    - `penalty_weight`: lambda, of the gradient penalty
    - `gan_epochs`: epochs of stage 1; None: as many as `epochs`
    - `as_published`: the critic of A03ki's code and the encoder's tanh (see above)
    - `learning_rate`: of critic, generator and encoder, or one for all
    """

    players: ClassVar = {"loss": ("encoder",)}
    terms: ClassVar = ("image", "feature")
    scores: ClassVar = ("sum", "image", "feature")

    def __init__(
        self,
        *,
        latent_dim=16,
        width=16,
        kappa=1.0,
        n_critic=5,
        penalty_weight=10.0,
        gan_epochs=None,
        as_published=False,
        learning_rate=RATES,
        **common,
    ):
        super().__init__(learning_rate=learning_rate, **common)
        self.gan_epochs = self.epochs if gan_epochs is None else gan_epochs
        if n_critic < 1 or self.gan_epochs < 1:
            raise ValueError(
                f"FAnoGAN needs n_critic and gan_epochs of at least 1, not {n_critic} and "
                f"{self.gan_epochs}."
            )
        self.latent_dim, self.width = latent_dim, width
        self.kappa, self.n_critic = kappa, n_critic
        self.penalty_weight, self.as_published = penalty_weight, as_published
        self.generator = networks.decoder(self.image_size, latent_dim, width)
        spoilt = {"batch_norm": True, "dropout": 0.25} if as_published else {}
        self.critic = networks.discriminator(self.image_size, width, **spoilt)
        self.encoder = networks.encoder(self.image_size, latent_dim, width)

    def make_optimizers(self, steps):
        """Return RMSprop for the encoder."""
        return {"loss": keras.optimizers.RMSprop(self.rate_of("encoder"))}

    def before_training(self, x, y=None, validation_data=None, **options):
        """Run stage 1; return {`gan_critic`, `gan_generator`, ...: values by epoch}."""
        return _WassersteinGAN(self).train(x, y, validation_data, **options)

    def encode(self, x, training=False):
        """Return E(x), (n, latent_dim); `as_published` in (-1, 1)."""
        z = self.encoder(x, training=training)
        return ops.tanh(z) if self.as_published else z

    def reconstruction(self, x, training=False):
        """Return G(E(x)), (n, h, w, 1)."""
        return self.generator(self.encode(x, training), training=False)

    def residuals(self, x, r):
        """Return the mean squared residuals of image and critic's features, (n,) each."""
        (_, of_film), (_, of_rebuilt) = (self.critic(film, training=False) for film in (x, r))
        image = bodies.means_over(losses.squared_residual(x, r), self.inside(x))
        return image, ops.mean(ops.square(of_film - of_rebuilt), axis=(1, 2, 3))

    def compute_losses(self, x, y=None, training=False):
        """Return the loss izi_f and its two terms; labels are not used."""
        r = self.reconstruction(x, training)
        image, feature = (ops.mean(part) for part in self.residuals(x, r))
        return {"loss": image + self.kappa * feature, "image": image, "feature": feature}

    def samples(self, x):
        """Return reconstructions of the first six films; in stage 1, generated images."""
        return self.reconstruction(x[:6])

    def examine(self, x):
        """Return |x - r| as the map, both residuals and their weighted sum."""
        r = self.reconstruction(x)
        image, feature = self.residuals(x, r)
        return {
            "map": bodies.confined(losses.absolute_residual(x, r), self.inside(x)),
            "sum": image + self.kappa * feature,
            "image": image,
            "feature": feature,
        }


class _WassersteinGAN(Stage):
    """Stage 1: the training of a FAnoGAN's generator and critic."""

    prefix: ClassVar = "gan"
    players: ClassVar = {"critic": ("critic",), "generator": ("generator",)}
    terms: ClassVar = ("wasserstein_distance", "gradient_penalty")

    def __init__(self, parent):
        super().__init__(parent, epochs=parent.gan_epochs)
        self.turns = (("critic",),) * parent.n_critic + (("generator",),)
        self.generator, self.critic = parent.generator, parent.critic
        self.latent_dim, self.penalty_weight = parent.latent_dim, parent.penalty_weight
        self.as_published = parent.as_published
        self.random = keras.random.SeedGenerator(self.seed)

    def make_optimizers(self, steps):
        """Return Adam with beta 0 and 0.9 (1704.00028, algorithm 1)."""
        return {
            player: keras.optimizers.Adam(self.rate_of(player), beta_1=0.0, beta_2=0.9)
            for player in self.players
        }

    def compute_losses(self, x, y=None, training=False):
        """Return equation 3 for the critic, its first term with opposite sign for the generator."""
        z = keras.random.normal((ops.shape(x)[0], self.latent_dim), seed=self.random)
        drawn = self.generator(z, training=training)
        real, generated = (ops.mean(self.critic(f, training=training)[0]) for f in (x, drawn))
        penalty = losses.gradient_penalty(
            lambda film: self.judge(film, training), x, drawn, self.random
        )
        return {
            "critic": generated - real + self.penalty_weight * penalty,
            "generator": -generated,
            "wasserstein_distance": real - generated,
            "gradient_penalty": penalty,
        }

    def judge(self, films, training):
        """Return D of films (n, h, w, 1) with unchanged state, for the gradient penalty."""
        if not (self.as_published and training):
            return self.critic(films, training=False)[0]
        weights = [weight.value for weight in self.critic.trainable_variables]
        state = [variable.value for variable in self.critic.non_trainable_variables]
        (logit, _), _ = self.critic.stateless_call(weights, state, films, training=True)
        return logit

    def samples(self, x):
        """Return images generated from six fixed codes, (6, h, w, 1)."""
        return self.generator(fixed_codes(self.latent_dim, self.seed), training=False)
