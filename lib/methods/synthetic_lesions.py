"""Synthetic lesions: a network trained to find lesions added to normal films is applied to real ones.

L adds lesions to a normal film x (`lib.lesions`), m is their label per pixel, in [0, 1], U is a
U-Net, p the sigmoid:

    loss   = mean cross-entropy(U(L(x)), m)
    map(x) = p(U(x)),   score(x) = mean of the map

Only normal films are used. Half of them remain without lesions; the loss is over all. The task, that
is L and m, is set by `kinds`; network, training and score are the same for all tasks.

| kinds | lesions | label m |
| --- | --- | --- |
| opacity, patch (default) | soft ellipses and boxes, denser or less dense than the tissue there; patches of other films with soft edges | 1 |
| cutpaste | patches of the same film, pasted elsewhere: CutPaste ([arXiv 2104.04015](https://arxiv.org/abs/2104.04015)) | 1 |
| fpi | (1 - a) film + a patch of another film at the same place: FPI ([arXiv 2011.04197](https://arxiv.org/abs/2011.04197)) | a |
| pii | the same, of gradients, by Poisson's equation: PII ([arXiv 2107.02622](https://arxiv.org/abs/2107.02622)) | a |
| nsa | patches of other films, resized and placed elsewhere, blended by Poisson's equation: NSA (Schlueter et al., ECCV 2022, [arXiv 2109.15222](https://arxiv.org/abs/2109.15222)) | logistic function of the change in grey level |

The default kinds are the study's own. They take from NSA the network that segments patches of other
films, from CutPaste that edges need not be blended by Poisson's equation, and the restriction to the
body from AnatPaste ([arXiv 2205.04282](https://arxiv.org/abs/2205.04282)). They are of the same
family of shapes as the opacities and nodules of the study's phantoms, on which their results are
therefore optimistic: rows of the group `findings unlike drawn lesions` are about the other findings.

The AUROC of a single network on real lesions varies by up to .2 between checkpoints while its loss
hardly changes. Therefore the learning rate follows a cosine to zero, weights are averaged over
steps (EMA), and the maps of `members` networks are averaged, each with its own initial weights and
its own lesions. The number of epochs is fixed in advance; `val_loss` is the loss on validation
normals with other lesions.

**Differs from the papers** (reference code: that of NSA, which has all four published tasks)

| what | papers | reference code | here |
| --- | --- | --- | --- |
| 1. network | CutPaste: a classifier of films, then a density of its features; others: encoder-decoders | a ResNet-18 encoder-decoder for all, 224 pixels | a U-Net whose finest maps are half of 64 pixels |
| 2. training | | Adam, one network, lesions in every film | AdamW with weight decay 1e-4, EMA, several members, half of the films without lesions |
| 3. size and number of patches | of each task | those of NSA for all: 1 to 3, half a side .05 + gamma(2, .03) | as the code |
| 4. where patches lie | NSA: mostly in the object | in what is brighter than a threshold | 70 % of a patch in the convex hull of the body |
| 5. Poisson's equation | | OpenCV's `seamlessClone`, mixed gradients (PII and NSA) | solved directly, as OpenCV leaves a margin of each patch as it was |
| 6. label | | only where the film changed by more than one grey level | as the code; NSA's with its values for chests |
| 7. drawings | new ones in each epoch | as the paper | `drawings` for each film, made before training, shifted, mirrored and changed in gamma; new ones in each batch for the default kinds |
| 8. films before lesions | NSA: rotated by up to 3 degrees and cropped | as the paper | shifted by up to 3 pixels, mirrored and changed in gamma (0.8 to 1.25) |
| 9. scores | NSA: mean of the map | as the paper | also the mean of the map's largest fifth, and of the logits |

Sizes, share and kinds of the default lesions were chosen on labelled films: phantoms, one folder of
children's chests and some of NIH, on which results are therefore optimistic (see CHANGELOG). The
published kinds have the values of NSA's code.

**Known defects** of reference code: that of AnatPaste imports a module that is not in its
repository.
"""  # noqa: E501

from typing import ClassVar

import keras
import numpy as np
from keras import ops

from lib import losses, networks
from lib.batches import on_disk
from lib.bodies import bodies
from lib.detector import Detector
from lib.lesions import checks, drawn, pasted
from lib.samples import to_grey


class SyntheticLesions(Detector):
    """U-Nets trained to segment synthetic lesions in normal films (equations above).

    - `width`: filters of the first convolution of a U-Net
    - `members`: number of U-Nets
    - `kinds`: kinds of lesions, all of `lib.lesions.drawn.KINDS` or all of `pasted.KINDS`
    - `lesion_size`: least and largest diameter of a lesion or side of a patch, shares of the side
    - `lesion_share`: share of the films with lesions
    - `drawings`: drawings of each film before training, for pasted kinds
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
        drawings=4,
        ema=0.98,
        learning_rate=1e-3,
        **common,
    ):
        super().__init__(learning_rate=learning_rate, **common)
        self.with_patches = checks.module_of(kinds, [drawn, pasted], self) is pasted
        self.kinds, self.lesion_size, self.lesion_share = kinds, lesion_size, lesion_share
        self.width, self.members, self.ema, self.drawings = width, members, ema, drawings
        self.random = keras.random.SeedGenerator(self.seed)
        # U: (n, h, w, members), a film for each member -> (n, h, w, members), its logits
        films = keras.Input((self.image_size, self.image_size, members))
        segmenters = [networks.unet(self.image_size, width) for _ in range(members)]
        logits = [network(films[..., i : i + 1]) for i, network in enumerate(segmenters)]
        self.segmenters = networks.functional(films, ops.concatenate(logits, axis=-1))

    def make_optimizers(self, steps):
        """Return AdamW with EMA; its learning rate follows a cosine to zero."""
        rate = keras.optimizers.schedules.CosineDecay(self.learning_rate, steps)
        average = {"use_ema": True, "ema_momentum": self.ema}
        return {"loss": keras.optimizers.AdamW(rate, weight_decay=1e-4, **average)}

    def targets(self, x, y=None):
        """Return masks of the body in films x, (n, h, w), or drawings of pasted kinds, as uint8.

        Both are on disk: masks have a quarter of the films' size, drawings twice as much each.
        """
        shape = np.shape(x)[:3]
        inside = on_disk(self.batches(bodies, x), shape, "uint8")
        if not self.with_patches:
            return inside
        grey = on_disk(self.batches(to_grey, x), shape, "uint8")
        wanted = self.kinds, self.lesion_size, self.drawings
        drawings = pasted.draw(grey, inside, np.random.default_rng(self.seed), *wanted)
        return on_disk(drawings, (shape[0], self.drawings, *shape[1:], 2), "uint8")

    def compute_losses(self, x, y=None, training=False):
        """Return the cross-entropy of each member's films with lesions; y are the `targets`."""
        lesions = self.from_drawings if self.with_patches else self.newly_drawn
        pairs = lesions(x[..., 0], y, training)
        ill, labels = (ops.stack(part, axis=-1) for part in zip(*pairs, strict=True))
        logits = self.segmenters(ill, training=training)
        return {"loss": losses.cross_entropy(logits, labels)}

    def newly_drawn(self, films, inside, training):
        """Draw lesions into the bodies of films: films and labels (n, h, w) for each member."""
        inside = ops.cast(inside, "float32")
        films, inside = self.varied(films, inside) if training else (films, inside)
        wanted = self.kinds, self.lesion_size, self.lesion_share
        return [drawn.draw(films, inside, self.random, *wanted) for _ in range(self.members)]

    def from_drawings(self, films, drawings, training):
        """Choose from drawings (n, drawings, h, w, 2): films and labels (n, h, w) per member."""
        pairs = []
        for _ in range(self.members):
            number = keras.random.randint((), 0, self.drawings, seed=self.random)
            pair = ops.cast(ops.take(drawings, number, axis=1), "float32") / 255
            ill = keras.random.uniform((ops.shape(films)[0], 1, 1), seed=self.random)
            ill = ops.cast(ill < self.lesion_share, "float32")
            pairs.append((films + ill * (2 * pair[..., 0] - 1 - films), ill * pair[..., 1]))
        return [self.varied(*pair) for pair in pairs] if training else pairs

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
        return networks.functional(film, ops.concatenate(levels, axis=1))

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
