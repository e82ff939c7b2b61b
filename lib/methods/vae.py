"""VAE: an autoencoder whose codes are distributions close to N(0, I).

Kingma and Welling, [arXiv 1312.6114](https://arxiv.org/abs/1312.6114). Encoder q(z|x) = N(z_mean,
exp z_log_var), decoder G:

    z = z_mean + exp(z_log_var / 2) epsilon, epsilon ~ N(0, I)       (section 2.4, equation 9)
    loss = mean (x - G(z))^2 + kl_weight KL(q(z|x) || N(0, I)) / latent_dim    (cf. equation 10)

The mean runs over films and pixels. This is the negative evidence lower bound of a decoder with
normal noise of variance s^2, times 2 s^2 / pixels, if kl_weight = 2 s^2 latent_dim / pixels; 0.005
corresponds to s = 0.8 at 64 px. A film is scored with z_mean, without sampling: `residual`, the
mean of (x - G(z_mean))^2; `kl`, in nats; `elbo`, the film's loss.

Loss and settings are those of the benchmark MedIAnomaly
([arXiv 2404.04518](https://arxiv.org/abs/2404.04518): 64 px, latent size 16, weight 0.005, Adam
1e-3, batch 64, 250 epochs). Published AUROC on RSNA: .679 by the residual, compared with .675 for
the plain autoencoder (AE4AD, table 2). On hands of MURA (512 px, latent size 1024), by Davletshina
et al. ([arXiv 2001.10883](https://arxiv.org/abs/2001.10883)): .533 by the KL, .483 by the residual.

**Differs from the paper and the benchmark**

| what | paper | benchmark | here |
| --- | --- | --- | --- |
| 1. purpose | a generative model and a representation | a detector | a detector with scores |
| 2. decoder's noise | Bernoulli probabilities, or normal with the variance too (see ae_u.py) | | normal noise of one fixed variance, hidden in the weight |
| 3. networks | one hidden layer; Adagrad | | convolutions; Adam |
| 4. from the last map to z | | a layer of 1024 units on either side | one linear layer; the decoder ends in tanh |
| 5. activations of the encoder | | ReLU | leaky ReLU, slope 0.1 |

**Known defects** of reference code: MedIAnomaly's and Davletshina's sample z in scoring,
so that a film's score changes from call to call; here z_mean is used. Davletshina's code adds the
*sum* of the KL over batch and codes to the *mean* error of a pixel, which gives the KL more weight
than the bound does, by the number of films times that of pixels; on toy films the posterior then
collapses to the prior and all films have the same reconstruction. `as_published=True` uses this weight (with squared error; there cross-entropy).
Otherwise `fit` raises Collapsed where no code is active: by the criterion of Burda et al.
([arXiv 1509.00519](https://arxiv.org/abs/1509.00519)), where no z_mean has a variance above 0.01
over the films.
"""  # noqa: E501

from typing import ClassVar

import keras
from keras import ops

from lib import bodies, losses, networks
from lib.collapse import Collapsed
from lib.reconstruction import Reconstruction
from lib.samples import fixed_codes

ACTIVE = 0.01  # variance over films; that of the prior is 1


class VAE(Reconstruction):
    """A variational autoencoder (equations above).

    - `latent_dim`: length of the code z
    - `width`: filters of the first convolution, of q and G (`lib.networks`)
    - `kl_weight`: weight of the KL of a code relative to the squared residual of a pixel
    - `as_published`: the weight of the KL in Davletshina's code replaces `kl_weight` (see above)
    """

    players: ClassVar = {"loss": ("encoder", "decoder")}
    terms: ClassVar = ("reconstruction", "kl")
    scores: ClassVar = ("residual", "kl", "elbo")

    def __init__(self, *, latent_dim=16, width=16, kl_weight=0.005, as_published=False, **common):
        super().__init__(**common)
        if not kl_weight > 0:
            raise ValueError(f"VAE needs a kl_weight above 0, not {kl_weight}.")
        self.latent_dim, self.width, self.as_published = latent_dim, width, as_published
        self.kl_weight = self.batch_size * latent_dim if as_published else kl_weight
        self.encoder = networks.encoder(self.image_size, 2 * latent_dim, width)
        self.decoder = networks.decoder(self.image_size, latent_dim, width)
        self.random = keras.random.SeedGenerator(self.seed)

    def fit(self, x, y=None, validation_data=None, **options):
        """Train. Raises Collapsed if no code is active (see above)."""
        history = super().fit(x, y, validation_data, **options)
        if not self.as_published:
            self.check_collapse(x)
        return history

    def check_collapse(self, x):
        """Raise Collapsed if no code is active over films (n, h, w, 1)."""
        z_mean = self.batchwise(lambda films: self.encode(films)[0], x)
        largest = z_mean.var(axis=0).max()
        if not largest > ACTIVE:
            raise Collapsed(
                "VAE: the posterior collapsed onto the prior, films differ in no code (largest "
                f"variance of z_mean {largest:.2g}, below {ACTIVE}); lower kl_weight."
            )

    def encode(self, x, training=False):
        """Return mean and log variance of q(z|x), (n, latent_dim) each."""
        return ops.split(self.encoder(x, training=training), 2, axis=1)

    def bound(self, error, kl):
        """Return the loss from the mean squared residual and the KL, numbers or (n,)."""
        return error + self.kl_weight * kl / self.latent_dim

    def compute_losses(self, x, y=None, training=False):
        """Return the loss, its squared residual and its KL in nats; labels are not used."""
        z_mean, z_log_var = self.encode(x, training)
        z = losses.sample_gaussian(z_mean, z_log_var, self.random)
        pixels = losses.squared_residual(x, self.decoder(z, training=training))
        error = bodies.mean_over(pixels, self.inside(x))
        kl = ops.mean(losses.kl_divergence(z_mean, z_log_var))
        return {"loss": self.bound(error, kl), "reconstruction": error, "kl": kl}

    def reconstruction(self, x):
        """Return G(z_mean), (n, h, w, 1)."""
        return self.decoder(self.encode(x)[0], training=False)

    def samples(self, x):
        """Return images decoded from six fixed codes of the prior, (6, h, w, 1)."""
        return self.decoder(fixed_codes(self.latent_dim, self.seed), training=False)

    def examine(self, x):
        """Return (x - G(z_mean))^2 as the map, its mean, the KL in nats, and the film's loss."""
        z_mean, z_log_var = self.encode(x)
        pixels = losses.squared_residual(x, self.decoder(z_mean, training=False))
        inside, kl = self.inside(x), losses.kl_divergence(z_mean, z_log_var)
        residual = bodies.means_over(pixels, inside)
        return {
            "map": bodies.confined(pixels, inside),
            "residual": residual,
            "kl": kl,
            "elbo": self.bound(residual, kl),
        }
