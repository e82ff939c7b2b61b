"""NSA: a network learns to find synthetic lesions in normal films, and then looks for real ones.

Schlueter et al., Natural synthetic anomalies, ECCV 2022
([arXiv 2109.15222](https://arxiv.org/abs/2109.15222)), after CutPaste
([arXiv 2104.04015](https://arxiv.org/abs/2104.04015)) and FPI; kept inside the body as AnatPaste
does ([arXiv 2205.04282](https://arxiv.org/abs/2205.04282)). L draws lesions into a normal film x
(`lib.lesions`), m is where they are, U is a U-Net, p the sigmoid:

    loss   = mean cross-entropy(U(L(x)), m)
    map(x) = p(U(x)),   score(x) = mean of the map

Nothing but normal films is ever seen. Half of them stay as they are; x and m are of all.

A single network's AUROC on real lesions swings by up to .2 between checkpoints while its loss
hardly moves. So the learning rate falls to zero by a cosine, weights are averaged over steps (EMA),
and so are the maps of `members` networks, each trained from its own start on its own lesions. When
to stop is fixed beforehand; `val_loss` is the loss on validation normals with other lesions.

**Differs from the paper**

| what | paper | here |
| --- | --- | --- |
| 1. lesions | patches alone, blended by Poisson's equation | opacities (soft ellipses and boxes, denser or thinner than their place) and patches of other films with soft edges |
| 2. m | also graded by the change in grey level | 0 or 1 (cross-entropy) |
| 3. network | a ResNet-18 encoder-decoder, 224 pixels | a U-Net whose finest maps are half of 64 pixels |
| 4. where lesions lie | in what is brighter than a threshold | in the convex hull of the body |
| 5. training | Adam, one network | AdamW with weight decay 1e-4, EMA, several members |
| 6. films before lesions | turned by up to 3 degrees and cropped | shifted by up to 3 pixels, mirrored and changed in gamma (0.8 to 1.25) |
| 7. scores | | also the mean of the map's largest fifth, and of the logits |

The kinds, sizes and share of lesions were chosen with a look at labelled films: phantoms, one
folder of children's chests and some of NIH, on which results flatter the method (see CHANGELOG).

**Known defects** of reference code: AnatPaste's imports a module that is not in its repository.
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
    """U-Nets that find lesions drawn into normal films (equations above).

    - `width`: filters of the first convolution of a U-Net
    - `members`: how many U-Nets
    - `kinds`: what is drawn, of `lib.lesions.KINDS`
    - `lesion_size`: least and largest diameter of a lesion, shares of the side
    - `lesion_share`: share of the films with lesions
    - `ema`: momentum of the weights' moving averages, which score
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
        """AdamW with EMA; its learning rate falls to zero by a cosine."""
        rate = keras.optimizers.schedules.CosineDecay(self.learning_rate, steps)
        average = {"use_ema": True, "ema_momentum": self.ema}
        return {"loss": keras.optimizers.AdamW(rate, weight_decay=1e-4, **average)}

    def targets(self, x, y=None):
        """Masks of the body in films x, (n, h, w)."""
        return bodies(x)

    def compute_losses(self, x, y=None, training=False):
        """Cross-entropy of lesions drawn anew for each member; y are masks of the body."""
        films, inside = self.varied(x[..., 0], y) if training else (x[..., 0], y)
        wanted = self.kinds, self.lesion_size, self.lesion_share
        drawn = [lesions.draw(films, inside, self.random, *wanted) for _ in range(self.members)]
        ill, masks = (ops.stack(part, axis=-1) for part in zip(*drawn, strict=True))
        logits = self.segmenters(ill, training=training)
        return {"loss": losses.cross_entropy(logits, masks)}

    def varied(self, films, inside):
        """Films and masks shifted together; half of them mirrored; films of another gamma."""
        shift = keras.random.randint((2,), -3, 4, seed=self.random)
        films, inside = (ops.roll(part, shift, axis=(1, 2)) for part in (films, inside))
        each = (ops.shape(films)[0], 1, 1)
        gamma = keras.random.uniform(each, 0.8, 1.25, seed=self.random)
        films = 2 * ops.maximum((films + 1) / 2, 1e-4) ** gamma - 1
        mirrored = keras.random.uniform(each, seed=self.random) < 0.5
        return tuple(ops.where(mirrored, ops.flip(part, axis=2), part) for part in (films, inside))

    def description(self):
        """A model of films -> (n, features): what all members find on their way down."""
        film = keras.Input((self.image_size, self.image_size, 1))
        unets = [part for part in self.segmenters.layers if isinstance(part, keras.Model)]
        levels = [networks.pooled_levels(unet)(film) for unet in unets]
        return keras.Model(film, ops.concatenate(levels, axis=1))

    def logits(self, x):
        """One map of each member, (n, h, w, members)."""
        return self.segmenters(ops.repeat(x, self.members, axis=-1), training=False)

    def examine(self, x):
        """How likely each pixel is part of a lesion; means of that, its largest fifth, logits."""
        logits = self.logits(x)
        pixels = ops.mean(ops.sigmoid(logits), axis=-1)
        return {
            "map": pixels,
            "mean": ops.mean(pixels, axis=(1, 2)),
            "top_fifth": losses.mean_of_largest(pixels, self.image_size**2 // 5),
            "logit": ops.mean(logits, axis=(1, 2, 3)),
        }


def bodies(x):
    """Masks (n, h, w) 0/1 of the convex hull of the body on films (n, h, w, 1)."""
    return np.array([segment_body(film, "chest") for film in to_grey(x)], "float32")
