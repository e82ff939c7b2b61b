"""Transfer learning: a network trained on photographs, fine-tuned with labelled films.

The usual way to classify radiographs with labels, and the supervised counterpart of the methods on
a frozen backbone: the same EfficientNet-Lite0 (Tan and Le,
[arXiv 1905.11946](https://arxiv.org/abs/1905.11946)), with all convolutions trained further. Loss,
class weights, score and Grad-CAM are those of `lib.methods.resnet`, with A the last level of the
backbone, 320 maps:

    logit = sum_k w_k (1/Z) sum_ij A_k,ij + b,   score = logit
    loss  = mean over labelled films of w(y) cross-entropy(y, sigmoid(logit))

Raghu et al. ([arXiv 1902.07208](https://arxiv.org/abs/1902.07208)) study what such weights are
worth on medical films. `backbone="random"` measures it: the same network from random weights.

The head starts from w = 0: a random one would send random gradients into the backbone. The learning
rate rises from zero in the first tenth of the fit, then falls to zero along a cosine. Batch norm
remains in inference mode and is not trained, neither its averages nor its scale and offset: the
averages of small batches of few films are noise. With random weights batch norm therefore passes on
its input, and the initial weights alone scale the activations.

The map is coarse: 4 x 4 cells of a film of 128 px, each of which sees most of the film.

**Differs from the paper**

| what | paper | here |
| --- | --- | --- |
| 1. task | 1,000 classes of photographs | one logit for "abnormal", with class weights |
| 2. network | ends in 1,280 maps | ends in the level of 320 maps before these |
| 3. films | 224 px | `film_size` px, enlarged from those of the study, which adds no detail |
| 4. optimizer | RMSProp | AdamW, a tenth of the rate of the ResNet; weight decay 1e-2 (decoupled) |
| 5. batch norm | trained | frozen |
| 6. augmentation | AutoAugment | the study's (a Keras layer) |
"""

from typing import ClassVar

import keras
import numpy as np
from keras import layers

from lib import backbones, finetuning, networks
from lib.methods.resnet import ResNet


class TransferResNet(ResNet):
    """A pretrained network, fine-tuned (equations above); further keywords are ResNet's.

    - `backbone`: its weights at the start, imagenet or random; the latter are drawn with `seed`
    - `film_size`: pixels per side of the films that the backbone sees, which 32 divides
    - `learning_rate`: AdamW's after the first tenth of the fit
    - `seed`: determines weights and shuffling
    """

    players: ClassVar = {"loss": ("network", "head")}

    def __init__(
        self, *, backbone="imagenet", film_size=128, learning_rate=3e-4, seed=0, **options
    ):
        network = _fine_tuned(film_size, backbone, seed)
        super().__init__(network=network, learning_rate=learning_rate, seed=seed, **options)
        self.backbone, self.film_size = backbone, film_size
        logit = self.head.get_layer("logit")
        logit.kernel.assign(np.zeros(logit.kernel.shape))  # w

    def make_optimizers(self, steps):
        """Return AdamW; its rate rises in a tenth of the fit, then falls to zero along a cosine."""
        rate = finetuning.rising_and_falling(self.learning_rate, steps)
        return {"loss": keras.optimizers.AdamW(rate, weight_decay=self.weight_decay)}


def _fine_tuned(size, weights, seed):
    """Build films (n, h, w, 1) -> A (n, size / 32, size / 32, 320); batch norm is not trained."""
    levels = backbones.backbone(size=size, weights=weights, seed=seed)
    finetuning.unfreeze(levels)
    film = keras.Input((None, None, 1))
    return networks.functional(film, levels(layers.Resizing(size, size)(film))[-1], name="network")
