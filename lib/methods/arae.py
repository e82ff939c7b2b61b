"""ARAE: an autoencoder whose code is robust to small adversarial changes of a film.

Salehi et al. 2020 ([arXiv 2003.05669](https://arxiv.org/abs/2003.05669)). E encoder, D decoder;
delta is computed for each batch:

    delta ~ U[-epsilon, epsilon], then `attack_steps` times
    delta <- clip(delta + step sign d/d delta mean (E(x + delta) - E(x))^2, -epsilon, epsilon)
    loss  = mean (x - D(E(x + delta)))^2 + gamma mean (E(x + delta) - E(x))^2
    map   = (x - D(E(x)))^2 of the unchanged film,   score = mean of the map

One step of 1.25 epsilon is FGSM from a random start (Wong et al.,
[arXiv 2001.03994](https://arxiv.org/abs/2001.03994)); several, of 2.5 epsilon / attack_steps, are
PGD (Madry et al., [arXiv 1706.06083](https://arxiv.org/abs/1706.06083)). Published AUROC on MURA
(Spahr): .533 with one seed.

**Differs from the paper**

| what | authors' code | Spahr's code | here |
| --- | --- | --- | --- |
| 1. epsilon | 0.2 on MNIST, 0.05 on Fashion-MNIST and COIL-100, images being in [0, 1] | 0.05 in [0, 1] | 0.1, films being in [-1, 1] |
| 2. steps of the attack | 40, on COIL-100 20 (100 in the 2-norm) | one | one |
| 3. target of the attack | in one version also the reconstruction; another adds rotated and shifted films | the code alone | the code alone |
| 4. batch norm in the attack | | the batch's statistics | the running averages, as in scoring |
| 5. x + delta | clipped to the films' range | not clipped | not clipped |
| 6. network | dense layers, a code of 128 | ResNet-18, 512 maps, a learning rate that is reduced twice | convolutions, a code of 16, Adam at a constant rate |

**Known defects** of reference code: in Spahr's code the decoder's target is x + delta, in the paper
and its authors' code x; it thus learns to reconstruct what it should remove. `as_published=True`
restores this. The latent term also decreases when codes shrink, which is not monitored; here the
training curves show the spread of codes, and `fit` raises Collapsed where codes do not differ.
"""  # noqa: E501

from typing import ClassVar

import keras
import numpy as np
from keras import ops

from lib import losses, networks
from lib.collapse import check_scores
from lib.detector import Detector
from lib.engine import input_gradient


class ARAE(Detector):
    """An autoencoder whose code is robust to small changes of a film (equations above).

    - `latent_dim`: length of the code E(x)
    - `width`: filters of the first convolution, of E and D (`lib.networks`)
    - `epsilon`: the largest change of a pixel, films being in [-1, 1]
    - `gamma`: weight of the code's shift in the loss
    - `attack_steps`: steps of the attack on a batch
    - `as_published`: the decoder's target is x + delta (see above)
    """

    players: ClassVar = {"loss": ("encoder", "decoder")}
    terms: ClassVar = ("reconstruction_loss", "latent_loss")

    def __init__(
        self,
        *,
        latent_dim=16,
        width=16,
        epsilon=0.1,
        gamma=0.1,
        attack_steps=1,
        as_published=False,
        **common,
    ):
        super().__init__(**common)
        if epsilon < 0 or attack_steps < 1:
            raise ValueError(
                f"ARAE needs an epsilon of at least 0 and attack_steps of at least 1, not "
                f"{epsilon} and {attack_steps}."
            )
        self.latent_dim, self.width = latent_dim, width
        self.epsilon, self.gamma = epsilon, gamma
        self.attack_steps, self.as_published = attack_steps, as_published
        self.random = keras.random.SeedGenerator(self.seed)
        self.encoder = networks.encoder(self.image_size, latent_dim, width)
        self.decoder = networks.decoder(self.image_size, latent_dim, width)

    def after_epoch(self, normal, epoch):
        """Return the spread of normal films' codes. Raises Collapsed if they do not differ."""
        z = self.embed(normal)
        check_scores(np.linalg.norm(z, axis=1), "ARAE, length of the codes")
        return {"embedding_spread": float(z.std(axis=0).mean())}

    def attack(self, x):
        """Return x + delta after the start and after each step, a list of (n, h, w, 1)."""
        z = self.encoder(x, training=False)

        def distance(point):
            return ops.sum(ops.square(self.encoder(point, training=False) - z), axis=1)

        step = 2.5 * self.epsilon / max(self.attack_steps, 2)
        start = keras.random.uniform(ops.shape(x), -self.epsilon, self.epsilon, seed=self.random)
        points = [x + start]
        for _ in range(self.attack_steps):
            moved = points[-1] + step * ops.sign(input_gradient(distance, points[-1]))
            points.append(ops.clip(moved, x - self.epsilon, x + self.epsilon))
        return points

    def compute_losses(self, x, y=None, training=False):
        """Return the residual of attacked films and their codes' shift; labels are not used."""
        attacked = ops.stop_gradient(self.attack(x)[-1])
        z, moved = (self.encoder(films, training=training) for films in (x, attacked))
        wanted = attacked if self.as_published else x
        redrawn = self.decoder(moved, training=training)
        residual = ops.mean(losses.squared_residual(wanted, redrawn))
        latent = ops.mean(ops.square(moved - z))
        return {
            "loss": residual + self.gamma * latent,
            "reconstruction_loss": residual,
            "latent_loss": latent,
        }

    def reconstruction(self, x):
        """Return D(E(x)), (n, h, w, 1)."""
        return self.decoder(self.encoder(x, training=False), training=False)

    embed = Detector.encode_all

    def examine(self, x):
        """Return the squared residual of each pixel; its mean is the score."""
        return {"map": losses.squared_residual(x, self.reconstruction(x))}
