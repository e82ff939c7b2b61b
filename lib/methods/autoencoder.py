"""Convolutional autoencoder: structures that it cannot reconstruct are considered abnormal.

Settings follow the benchmark MedIAnomaly ([arXiv 2404.04518](https://arxiv.org/abs/2404.04518)). E
encoder, D decoder:

    z = E(x),   r = D(z),   loss = mean residual(x, r)
    map(x) = residual(x, r),   score(x) = mean of the map, or of its `top_k` largest pixels
    residual: |x - r| (l1), (x - r)^2 (mse) or (1 - SSIM(x, r)) / 2 (Wang et al. 2004, equation 13)

The latent size is the most influential setting. Published AUROC on RSNA at 64 px: .605 at 128
dimensions, .628 at 32, .675 at 16, .694 at 8, .729 at 4, .675 at 2, .665 at 1 (AE4AD, table 1).

**Differs from the benchmark**

| what | benchmark | here |
| --- | --- | --- |
| 1. latent size | 16 | 4 |
| 2. from the last map to z | a layer of 1024 units on either side | one linear layer |
| 3. r | | ends in tanh, as films lie in [-1, 1] |
| 4. activations of E | ReLU | leaky ReLU, slope 0.1 |
| 5. augmentation | none | where the study specifies it |
| 6. residual and score | | also `l1` and `ssim`, and the mean of the `top_k` largest residuals (Davletshina et al., [arXiv 2001.10883](https://arxiv.org/abs/2001.10883): 200 of 512x512 pixels) |

**Known defects** of reference code: MedIAnomaly ignores `--train-epochs`; here `epochs` is
respected. Spahr's X-ray code divides the residual inside the body by the number of all pixels, so
that the score grows with the body's area; here it is a mean over the film or, with `inside_body`,
over the pixels of the body.
"""  # noqa: E501

from typing import ClassVar

from lib import bodies, losses, networks
from lib.reconstruction import Reconstruction

RESIDUALS = {
    "l1": losses.absolute_residual,
    "mse": losses.squared_residual,
    "ssim": losses.ssim_residual,
}


class Autoencoder(Reconstruction):
    """A convolutional autoencoder (equations above).

    - `latent_dim`: length of the code z
    - `width`: filters of the first convolution, of E and D (`lib.networks`)
    - `residual`: l1, mse or ssim
    - `top_k`: number of largest pixels of the map that the score of that name averages
    - `encoder`, `decoder`: E and D; networks of another method, to be pre-trained here
    """

    players: ClassVar = {"loss": ("encoder", "decoder")}
    scores: ClassVar = ("mean", "top_k")

    def __init__(
        self,
        *,
        latent_dim=4,
        width=16,
        residual="mse",
        top_k=200,
        encoder=None,
        decoder=None,
        **common,
    ):
        super().__init__(**common)
        if residual not in RESIDUALS:
            raise ValueError(
                f"Autoencoder has the residuals {', '.join(RESIDUALS)}, not residual={residual!r}."
            )
        self.latent_dim, self.width = latent_dim, width
        self.residual, self.top_k = residual, top_k
        size = self.image_size
        self.encoder = encoder or networks.encoder(size, latent_dim, width)
        self.decoder = decoder or networks.decoder(size, latent_dim, width)

    def reconstruction(self, x, training=False):
        """Return D(E(x)), (n, h, w, 1)."""
        return self.decoder(self.encoder(x, training=training), training=training)

    def compute_losses(self, x, y=None, training=False):
        """Return the mean residual; labels are not used."""
        residual = RESIDUALS[self.residual](x, self.reconstruction(x, training))
        return {"loss": bodies.mean_over(residual, self.inside(x))}

    def examine(self, x):
        """Return the residual of each pixel, its mean, and the mean of the largest."""
        residual, inside = RESIDUALS[self.residual](x, self.reconstruction(x)), self.inside(x)
        return {
            "map": bodies.confined(residual, inside),
            "mean": bodies.means_over(residual, inside),
            "top_k": losses.mean_of_largest(bodies.confined(residual, inside), self.top_k),
        }
