"""NSA: a network trained to segment synthetic lesions in normal films is applied to real ones.

Schlueter et al., Natural synthetic anomalies, ECCV 2022
([arXiv 2109.15222](https://arxiv.org/abs/2109.15222)), after CutPaste
([arXiv 2104.04015](https://arxiv.org/abs/2104.04015)) and FPI; restricted to the body as in
AnatPaste ([arXiv 2205.04282](https://arxiv.org/abs/2205.04282)). L draws lesions into a normal film
x (`lib.lesions`), m is their mask, U is a U-Net, p the sigmoid:

    loss   = mean cross-entropy(U(L(x)), m)
    map(x) = p(U(x)),   score(x) = mean of the map

Only normal films are used. Half of them remain without lesions; the loss is over all.

The AUROC of a single network on real lesions varies by up to .2 between checkpoints while its loss
hardly changes. Therefore the learning rate follows a cosine to zero, weights are averaged over
steps (EMA), and the maps of `members` networks are averaged, each with its own initial weights and
its own lesions. The number of epochs is fixed in advance; `val_loss` is the loss on validation
normals with other lesions.

**Differs from the paper**

| what | paper | here |
| --- | --- | --- |
| 1. lesions | patches alone, blended by Poisson's equation | opacities (soft ellipses and boxes, denser or less dense than the tissue there) and patches of other films with soft edges |
| 2. m | also graded by the change in grey level | 0 or 1 (cross-entropy) |
| 3. network | a ResNet-18 encoder-decoder, 224 pixels | a U-Net whose finest maps are half of 64 pixels |
| 4. where lesions lie | in what is brighter than a threshold | in the convex hull of the body |
| 5. training | Adam, one network | AdamW with weight decay 1e-4, EMA, several members |
| 6. films before lesions | rotated by up to 3 degrees and cropped | shifted by up to 3 pixels, mirrored and changed in gamma (0.8 to 1.25) |
| 7. scores | | also the mean of the map's largest fifth, and of the logits |

The kinds, sizes and share of lesions were chosen on labelled films: phantoms, one folder of
children's chests and some of NIH, on which results are therefore optimistic (see CHANGELOG).

**Known defects** of reference code: that of AnatPaste imports a module that is not in its
repository.
"""  # noqa: E501

from typing import ClassVar

import keras
import numpy as np
from keras import ops

from lib import lesions, losses, networks
from lib.detector import Detector
from lib.preprocessing.segmentation import segment_body
from lib.samples import to_grey


class NSA(Detector):
    """U-Nets trained to segment synthetic lesions in normal films (equations above).

    - `width`: filters of the first convolution of a U-Net
    - `members`: number of U-Nets
    - `kinds`: kinds of lesions, of `lib.lesions.KINDS`
    - `lesion_size`: least and largest diameter of a lesion, shares of the side
    - `lesion_share`: share of the films with lesions
    - `ema`: momentum of the moving averages of the weights, used for scoring
    - `learning_rate`: AdamW's at the start
    """

    players: ClassVar = {"loss": ("segmenters",)}
    scores: ClassVar = ("mean", "top_fifth", "logit")

    def __init__(
        self,
        *,
        width=16,
        members=2,
        kinds=("opacity", "patch"),
        lesion_size=(0.06, 0.35),
        lesion_share=0.5,
        ema=0.98,
        learning_rate=1e-3,
        **common,
    ):
        super().__init__(learning_rate=learning_rate, **common)
        if not kinds or not set(kinds) <= set(lesions.KINDS):
            raise ValueError(f"NSA draws {', '.join(lesions.KINDS)}, not kinds={kinds!r}.")
        self.kinds, self.lesion_size, self.lesion_share = kinds, lesion_size, lesion_share
        self.width, self.members, self.ema = width, members, ema
        self.random = keras.random.SeedGenerator(self.seed)
        # U: (n, h, w, members), a film for each member -> (n, h, w, members), its logits
        films = keras.Input((self.image_size, self.image_size, members))
        segmenters = [networks.unet(self.image_size, width) for _ in range(members)]
        logits = [network(films[..., i : i + 1]) for i, network in enumerate(segmenters)]
        self.segmenters = keras.Model(films, ops.concatenate(logits, axis=-1))

    def make_optimizers(self, steps):
        """Return AdamW with EMA; its learning rate follows a cosine to zero."""
        rate = keras.optimizers.schedules.CosineDecay(self.learning_rate, steps)
        average = {"use_ema": True, "ema_momentum": self.ema}
        return {"loss": keras.optimizers.AdamW(rate, weight_decay=1e-4, **average)}

    def targets(self, x, y=None):
        """Return masks of the body in films x, (n, h, w)."""
        return bodies(x)

    def compute_losses(self, x, y=None, training=False):
        """Return the cross-entropy of lesions drawn for each member; y are masks of the body."""
        films, inside = self.varied(x[..., 0], y) if training else (x[..., 0], y)
        wanted = self.kinds, self.lesion_size, self.lesion_share
        drawn = [lesions.draw(films, inside, self.random, *wanted) for _ in range(self.members)]
        ill, masks = (ops.stack(part, axis=-1) for part in zip(*drawn, strict=True))
        logits = self.segmenters(ill, training=training)
        return {"loss": losses.cross_entropy(logits, masks)}

    def varied(self, films, inside):
        """Return films and masks, shifted together, half of them mirrored; films vary in gamma."""
        shift = keras.random.randint((2,), -3, 4, seed=self.random)
        films, inside = (ops.roll(part, shift, axis=(1, 2)) for part in (films, inside))
        each = (ops.shape(films)[0], 1, 1)
        gamma = keras.random.uniform(each, 0.8, 1.25, seed=self.random)
        films = 2 * ops.maximum((films + 1) / 2, 1e-4) ** gamma - 1
        mirrored = keras.random.uniform(each, seed=self.random) < 0.5
        return tuple(ops.where(mirrored, ops.flip(part, axis=2), part) for part in (films, inside))

    def description(self):
        """Build films -> (n, features): the pooled maps of the encoders of all members."""
        film = keras.Input((self.image_size, self.image_size, 1))
        unets = [part for part in self.segmenters.layers if isinstance(part, keras.Model)]
        levels = [networks.pooled_levels(unet)(film) for unet in unets]
        return keras.Model(film, ops.concatenate(levels, axis=1))

    def logits(self, x):
        """Return one map per member, (n, h, w, members)."""
        return self.segmenters(ops.repeat(x, self.members, axis=-1), training=False)

    def examine(self, x):
        """Return the lesion probability per pixel; means of it, of its largest fifth, of logits."""
        logits = self.logits(x)
        pixels = ops.mean(ops.sigmoid(logits), axis=-1)
        return {
            "map": pixels,
            "mean": ops.mean(pixels, axis=(1, 2)),
            "top_fifth": losses.mean_of_largest(pixels, self.image_size**2 // 5),
            "logit": ops.mean(logits, axis=(1, 2, 3)),
        }


def bodies(x):
    """Return masks (n, h, w) 0/1 of the convex hull of the body on films (n, h, w, 1)."""
    return np.array([segment_body(film, "chest") for film in to_grey(x)], "float32")
