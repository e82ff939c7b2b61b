"""Lesion network: a pretrained network, trained further, finds synthetic lesions in films.

The backbone of `lib.methods.lesion_head` is frozen; here it is trained together with the head, or
with the decoder of a U-Net (Ronneberger et al., [arXiv 1505.04597](https://arxiv.org/abs/1505.04597)).
That anomalies are drawn into normal films and segmented is DRAEM's (Zavrtanik et al., ICCV 2021,
[arXiv 2108.07610](https://arxiv.org/abs/2108.07610)). L draws lesions into a normal film x, m is their
mask averaged to cells, phi(x) are the maps of the backbone at 1/4 to 1/16 of the side, for the U-Net
also at 1/32, standardised, h is the head or the decoder, p the sigmoid:

    head     h(phi) = w . ReLU(3 x 3 convolution of ReLU(1 x 1 convolution of phi)) + b,
             phi in cells of 16 pixels
    unet     from the smallest maps: a 1 x 1 convolution, enlarged twofold, joined with the next maps,
             ReLU of a 3 x 3 convolution; h(phi) = w . maps + b in cells of 4 pixels
    loss   = mean cross-entropy(h(phi(L(x))), m)
    map(x) = p(h(phi(x))), enlarged,   score(x) = mean of its cells

Kinds and sizes of lesions, the areas allowed for them and the scores are those of `lesion_head`; only
normal films are used, half of them without lesions, and lesions are other ones in each update.

Four comparisons isolate what carries the result: `frozen=True` trains the decoder alone,
`backbone="random"` starts from random weights, `decoder` and `film_size` are the third and the fourth.
As in `lib.methods.transfer_resnet`, the learning rate rises from zero in the first tenth of the fit and
falls to zero along a cosine; batch norm remains in inference mode and is not trained, so that with
random weights it passes on its input. Weights are averaged over steps (EMA).

**Differs from the papers**

| what | U-Net | DRAEM | here |
| --- | --- | --- | --- |
| 1. anomalies | none: cells, with labels | textures of other pictures blended in within Perlin noise | soft opacities and patches of other films, within the body (`lib.lesions.drawn`) |
| 2. network | trained from random weights, decoded to full size | autoencoder and U-Net | EfficientNet-Lite0 trained on photographs, decoded to cells of 16 or 4 pixels |
| 3. loss | cross-entropy, weighted by pixel | focal loss, and L2 and SSIM of the reconstruction | cross-entropy of shares of cells |
| 4. score of a film | | maximum of the smoothed map | mean of the map; also of its largest fifth, of the logits, and its maximum |
| 5. optimizer | SGD, momentum .99 | Adam | AdamW, weight decay 1e-4, EMA |
"""  # noqa: E501

from typing import ClassVar

import keras
import numpy as np
from keras import layers, ops

from lib import backbones, finetuning, losses, networks
from lib.batches import evenly, on_disk
from lib.bodies import bodies
from lib.feature_detector import FeatureDetector
from lib.lesions import checks, drawn
from lib.methods.lesion_head import LesionHead
from lib.methods.synthetic_lesions import SyntheticLesions
from lib.standardisation import Standardisation

DECODERS = ("head", "unet")
FILMS_FOR_STATISTICS = 200


class LesionNetwork(FeatureDetector):
    """A backbone trained to segment synthetic lesions (equations above).

    - `decoder`: head or unet
    - `frozen`: the backbone stays as it is, and the decoder alone is trained
    - `filters`: those of each hidden convolution of the decoder
    - `kinds`: kinds of lesions, of `lib.lesions.drawn.KINDS`
    - `lesion_size`: least and largest diameter of a lesion, shares of the side
    - `lesion_share`: share of the films with lesions
    - `ema`: momentum of the moving averages of the weights, used for scoring
    - `learning_rate`: AdamW's after the first tenth of the fit
    """

    reads: ClassVar = "films"
    players: ClassVar = {"loss": ("network",)}
    scores: ClassVar = LesionHead.scores

    def __init__(
        self,
        *,
        decoder="head",
        frozen=False,
        filters=64,
        kinds=("opacity", "patch"),
        lesion_size=(0.06, 1.0),
        lesion_share=0.5,
        ema=0.98,
        learning_rate=3e-4,
        **common,
    ):
        super().__init__(learning_rate=learning_rate, **common)
        checks.module_of(kinds, [drawn], self)
        if decoder not in DECODERS:
            raise ValueError(f"{self.title} takes decoder of {', '.join(DECODERS)}, not {decoder}.")
        self.decoder, self.frozen, self.filters, self.ema = decoder, frozen, filters, ema
        self.kinds, self.lesion_size, self.lesion_share = kinds, lesion_size, lesion_share
        self.random = keras.random.SeedGenerator(self.seed)
        decode, levels = {"head": (_as_head, slice(1, 4)), "unet": (_as_unet, slice(1, 5))}[decoder]
        film = keras.Input((self.film_size, self.film_size, 1))
        logits = decode(self._backbone(levels)(film), filters)
        self.network = networks.functional(film, logits, name="network")

    examine = LesionHead.examine
    varied = SyntheticLesions.varied

    def _backbone(self, levels):
        """Return the backbone, films -> some of its levels; batch norm is not trained."""
        whole = backbones.backbone(
            size=self.film_size, weights=self.backbone, seed=self.backbone_seed
        )
        if not self.frozen:
            finetuning.unfreeze(whole)
        return keras.Model(whole.input, whole.outputs[levels], name=whole.name)

    def make_optimizers(self, steps):
        """Return AdamW with EMA; its rate rises in a tenth of the fit, then falls to zero."""
        rate = finetuning.rising_and_falling(self.learning_rate, steps)
        average = {"use_ema": True, "ema_momentum": self.ema}
        return {"loss": keras.optimizers.AdamW(rate, weight_decay=1e-4, **average)}

    def before_training(self, x, y=None, validation_data=None, **options):
        """Set mean and deviation of each channel of phi, from at most 200 of the films."""
        standardisations = [
            layer for layer in self.network.layers if isinstance(layer, Standardisation)
        ]
        maps = keras.Model(self.network.input, [layer.input for layer in standardisations])
        films = np.asarray(x[evenly(len(x), FILMS_FOR_STATISTICS)])
        of_layers = keras.tree.flatten(maps.predict(films, self.batch_size, verbose=0))
        for layer, values in zip(standardisations, of_layers, strict=True):
            layer.adapt(values.reshape(-1, values.shape[-1]))
        return {}

    def targets(self, x, y=None):
        """Return the masks of bodies in films x, uint8 (n, h, w), on disk."""
        return on_disk(self.batches(bodies, x), np.shape(x)[:3], "uint8")

    def compute_losses(self, x, y=None, training=False):
        """Return the cross-entropy of films with lesions drawn into them; y are the `targets`."""
        films, inside = x[..., 0], ops.cast(y, "float32")
        films, inside = self.varied(films, inside) if training else (films, inside)
        wanted = self.kinds, self.lesion_size, self.lesion_share
        ill, masks = drawn.draw(films, inside, self.random, *wanted)
        logits = self.network(ill[..., None], training=training)
        cell = self.film_size // logits.shape[1]
        m = ops.average_pool(masks[..., None], cell, cell)
        return {"loss": losses.cross_entropy(logits, m)}

    def logits(self, x):
        """Return the logit of each cell of films, (n, h', w')."""
        return self.network(x, training=False)[..., 0]


def _as_head(levels, filters):
    """Return logits in cells of 16 pixels, from the maps of 1/4, 1/8 and 1/16 of the side."""
    fourth, eighth, sixteenth = levels
    x = [layers.AveragePooling2D(4)(fourth), layers.AveragePooling2D(2)(eighth), sixteenth]
    x = Standardisation()(layers.Concatenate()(x))
    x = layers.Conv2D(filters, 1, activation="relu")(x)
    x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
    return layers.Conv2D(1, 1)(x)


def _as_unet(levels, filters):
    """Return logits in cells of 4 pixels, from the maps of 1/4 to 1/32 of the side."""
    *skips, x = (Standardisation()(level) for level in levels)
    for skip in reversed(skips):
        x = layers.UpSampling2D(interpolation="bilinear")(layers.Conv2D(filters, 1)(x))
        x = layers.Concatenate()([x, skip])
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
    return layers.Conv2D(1, 1)(x)
