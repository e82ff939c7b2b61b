"""AE-U: an autoencoder that also predicts its own squared error in each pixel.

Mao et al., Abnormality Detection in Chest X-ray Images Using Uncertainty Prediction Autoencoders,
MICCAI 2020 ([doi 10.1007/978-3-030-59725-2_51](https://doi.org/10.1007/978-3-030-59725-2_51)). E
encoder, D decoder with two outputs, v variance:

    r, log v = D(E(x))
    loss = mean [(x - r)^2 / v + log v]
    map = (x - r)^2 / v,   score = mean of the map

The loss is twice the negative log-likelihood of N(r, v), up to a constant. Where normal films are
hard to reconstruct, as at the edges of ribs and heart, v is large and an error has little weight;
the error of an unseen structure is not predicted and has full weight. A comparison of three scores
tests this: `normalised` (the above), the plain `residual` (x - r)^2 and `log_variance`, log v. If
the last also ranks films, the network predicts its errors on anomalies, and division by v hides
them.

Loss and settings are those of the benchmark MedIAnomaly
([arXiv 2404.04518](https://arxiv.org/abs/2404.04518)): 64 px, latent size 16, Adam 1e-3, batch 64,
250 epochs.

**Differs from the benchmark**

| what | benchmark | here |
| --- | --- | --- |
| 1. v | exp(second output), as with `variance_floor=0` | that + `variance_floor`, by default 0.01: a standard deviation of 0.1, a twentieth of the grey range |
| 2. from the last map to z | a layer of 1024 units on either side | one linear layer |
| 3. r | | ends in tanh, as films lie in [-1, 1] |
| 4. activations of E | ReLU | leaky ReLU, slope 0.1 |

**Known defect** of the published form: nothing bounds v from below. Where training films hardly
differ, as in the dark area next to the body, v falls towards 0 and a few pixels there dominate the
film. On phantom chests v fell to 5e-6 within 40 epochs, single pixels of the map rose to 250,000
(median 0.6), and the final validation loss was 10.9, compared with -2.0 with the floor.
"""  # noqa: E501

from typing import ClassVar

from keras import ops

from lib import bodies, losses, networks
from lib.reconstruction import Reconstruction


class AEU(Reconstruction):
    """An autoencoder that predicts its squared error (equations above).

    - `latent_dim`: length of the code E(x)
    - `width`: filters of the first convolution, of E and D (`lib.networks`)
    - `variance_floor`: the least variance of a pixel, in squared units of films in [-1, 1]
    """

    players: ClassVar = {"loss": ("encoder", "decoder")}
    terms: ClassVar = ("normalised", "residual", "log_variance")
    scores: ClassVar = ("normalised", "residual", "log_variance")

    def __init__(self, *, latent_dim=16, width=16, variance_floor=0.01, **common):
        super().__init__(**common)
        if variance_floor < 0:
            raise ValueError(f"AEU needs a variance_floor of 0 or more, not {variance_floor}.")
        self.latent_dim, self.width = latent_dim, width
        self.variance_floor = variance_floor
        self.encoder = networks.encoder(self.image_size, latent_dim, width)
        self.decoder = networks.decoder(self.image_size, latent_dim, width, log_variance=True)

    def maps(self, x, training=False):
        """Return {name of the score: (n, h, w)}."""
        r, log_variance = self.decoder(self.encoder(x, training=training), training=training)
        residual = losses.squared_residual(x, r)
        variance = ops.exp(log_variance[..., 0]) + self.variance_floor  # v
        return {
            "normalised": residual / variance,
            "residual": residual,
            "log_variance": ops.log(variance),
        }

    def compute_losses(self, x, y=None, training=False):
        """Return the loss and the mean of each map; labels are not used."""
        maps, inside = self.maps(x, training), self.inside(x)
        means = {name: bodies.mean_over(pixels, inside) for name, pixels in maps.items()}
        return {"loss": means["normalised"] + means["log_variance"], **means}

    def reconstruction(self, x):
        """Return r, (n, h, w, 1)."""
        return self.decoder(self.encoder(x, training=False), training=False)[0]

    def examine(self, x):
        """Return the mean of each map, and the map of the chosen score."""
        maps, inside = self.maps(x), self.inside(x)
        means = {name: bodies.means_over(pixels, inside) for name, pixels in maps.items()}
        return {"map": bodies.confined(maps[self.score_name], inside), **means}
