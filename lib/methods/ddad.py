"""DDAD: the discrepancy of two ensembles of autoencoders, one trained with unlabelled films.

Cai et al., Dual-distribution discrepancy, MICCAI 2022
([arXiv 2206.03935](https://arxiv.org/abs/2206.03935), without refinement) and Medical Image
Analysis 2023 ([arXiv 2210.04227](https://arxiv.org/abs/2210.04227)). Module A is trained on the
known normal films and a pool of unlabelled ones, which contains anomalies; module B on the known
normal films only. Each has K autoencoders that differ by their initial weights. With
reconstructions a_1 ... a_K, b_1 ... b_K:

    loss of each member = mean (x - its reconstruction)^2
    inter    = |mean a - mean b|       what A learnt from the pool: anomalies
    intra    = sqrt(mean (b_k - mean b)^2)       disagreement of B's members on a pixel
    residual = (x - mean b)^2          reconstruction error of an ensemble, for comparison

Each is a map; the score is its mean. Published AUROC on RSNA (figure in the code's repository): an
autoencoder .669, intra .694, inter .703 with a pool without anomalies and .782 / .802 / .815 / .824
/ .822 where 20 / 40 / 60 / 80 / 100 % of the pool are abnormal.

Known normals are the films with y = 0, the pool those with y unknown (in params `labels: {normal:
share}` and `contamination`); known abnormal films are left out. **Without known normal films, B
treats all films as normal: A and B are then trained on the same films, and inter is only the random
difference of two ensembles. The default score remains inter; for such a fit intra is more
informative.**

The modules are trained one after the other, B first. Joint training with masked losses would not
keep the pool out of B: batch norm would average over its films, and Adam's momentum would change
the weights after a batch without known normals.

**Differs from the paper and its code (caiyu6666/DDAD)**

| what | paper and its code | here |
| --- | --- | --- |
| 1. order of batches | shuffled for each member | shared by the members of a module |
| 2. to z and back | a layer of 2048 units on either side | linear layers; the decoder ends in tanh, the encoder has leaky ReLUs |
| 3. beta_1 of Adam | 0.5 | 0.9 |
| 4. standard deviation | in the code divided by K - 1, with the same ranking of films | by K |
| 5. networks | also AE-U and MemAE; a refinement in the second paper | autoencoders only, no refinement |
| 6. pool | 3851 known normal films and 4000 unlabelled, 60 % of them abnormal | a choice of the study |

**Known defects** of the reference code: no seed is set; a sixth network is silently not saved, and
the networks of a second experiment in the same folder are added to the ensembles of the first; the
last incomplete batch is dropped, so that B has one update per epoch on 95 films (here it is used).
"""  # noqa: E501

from typing import ClassVar

import keras
import numpy as np
from keras import ops

from lib import bodies, networks
from lib.detector import Stage
from lib.engine import not_abnormal
from lib.reconstruction import Reconstruction


class DDAD(Reconstruction):
    """Two ensembles of autoencoders (equations above).

    - `members`: K, autoencoders in each module
    - `latent_dim`: length of the code of each
    - `width`: filters of the first convolution of each (`lib.networks`)
    - `learning_rate`: Adam's, of both modules
    """

    players: ClassVar = {"module_a_loss": ("module_a",)}
    scores: ClassVar = ("inter", "intra", "residual")
    uses_labels: ClassVar = True

    def __init__(self, *, members=3, latent_dim=16, width=16, learning_rate=5e-4, **common):
        super().__init__(learning_rate=learning_rate, **common)
        if members < 2:
            raise ValueError(f"DDAD needs two members or more in a module, not {members}.")
        self.members, self.latent_dim, self.width = members, latent_dim, width
        self.module_a = _autoencoders(self.image_size, members, latent_dim, width)
        self.module_b = _autoencoders(self.image_size, members, latent_dim, width)

    def fit(self, x, y=None, validation_data=None, **options):
        """Train A and B without known abnormal films, which should not be reconstructed.

        The history contains `module_b_loss`, then `module_a_loss`. Raises ValueError if all films
        are labelled abnormal.
        """
        if not len(not_abnormal(x, y)):
            raise ValueError("DDAD is trained on normal and unlabelled films; all are abnormal.")
        if validation_data is not None:
            validation_data = (not_abnormal(*validation_data),)
        y_of_some = None if y is None else not_abnormal(np.asarray(y), y)
        return super().fit(not_abnormal(x, y), y_of_some, validation_data, **options)

    def before_training(self, x, y=None, validation_data=None, epochs=None, **options):
        """Train B on the known normal films, else on all; return its losses by epoch.

        `fit` then trains A on these and on the films of unknown label.
        """
        known = x if y is None else x[np.asarray(y) == 0]
        films = known if len(known) else x
        return _ModuleB(self, epochs).train(films, None, validation_data, **options)

    def compute_losses(self, x, y=None, training=False):
        """Return module A's loss, the mean squared residual of its members; B is not updated."""
        return {"module_a_loss": self.residual(x, self.module_a(x, training=training))}

    def residual(self, x, redrawn):
        """Return the mean squared residual of reconstructions (n, h, w, members), a scalar."""
        return bodies.mean_over(ops.square(x - redrawn), self.inside(x))

    def reconstruction(self, x):
        """Return mean b, the reconstruction by module B, trained on normal films only."""
        return ops.mean(self.module_b(x, training=False), axis=-1, keepdims=True)

    def maps(self, x):
        """Return {name of the score: (n, h, w)}."""
        a, b = self.module_a(x, training=False), self.module_b(x, training=False)
        mean_a, mean_b = ops.mean(a, axis=-1), ops.mean(b, axis=-1)
        return {
            "inter": ops.abs(mean_a - mean_b),
            "intra": ops.std(b, axis=-1),
            "residual": ops.square(x[..., 0] - mean_b),
        }

    def examine(self, x):
        """Return the mean of each map, and the map of the chosen score."""
        maps, inside = self.maps(x), self.inside(x)
        means = {name: bodies.means_over(pixels, inside) for name, pixels in maps.items()}
        return {"map": bodies.confined(maps[self.score_name], inside), **means}


class _ModuleB(Stage):
    """The training of a DDAD's module B: each autoencoder by its own residual."""

    players: ClassVar = {"loss": ("autoencoders",)}
    prefix: ClassVar = "module_b"

    def __init__(self, parent, epochs):
        super().__init__(parent, epochs=parent.epochs if epochs is None else epochs)
        self.autoencoders, self.residual = parent.module_b, parent.residual
        self.takes_xla = parent.takes_xla

    def compute_losses(self, x, y=None, training=False):
        """Return the mean squared residual of the members."""
        return {"loss": self.residual(x, self.autoencoders(x, training=training))}


def _autoencoders(image_size, members, latent_dim, width):
    """Build films -> (n, h, w, members): the reconstruction by each autoencoder."""
    film = keras.Input((image_size, image_size, 1))
    redrawn = []
    for member in range(members):
        encoder = networks.encoder(image_size, latent_dim, width)
        decoder = networks.decoder(image_size, latent_dim, width)
        autoencoder = networks.functional(
            film, decoder(encoder(film)), name=f"autoencoder_{member}"
        )
        redrawn.append(autoencoder(film))
    return networks.functional(film, keras.layers.Concatenate()(redrawn))
