"""Lesion Deep SAD: features of a network for synthetic lesions, with the labels of a few real ones.

Two stages, as in CutPaste ([arXiv 2104.04015](https://arxiv.org/abs/2104.04015)), with labels in
the second. First U-Nets learn to segment synthetic lesions in normal films
(`lib.methods.synthetic_lesions`, default kinds). Then films x are described by the maps of their
encoders, and Deep SAD (`lib.methods.deep_sad`,
[arXiv 1906.02694](https://arxiv.org/abs/1906.02694), equation 7) places the films in a sphere:

    h(x) = mean and maximum of each map of each level, from all members
    z    = W (h - mean) / deviation, of the batch,   d = ||z - c||^2,   loss and score Deep SAD's

Only W is trained in the second stage: eleven known anomalies, too few to train the features, can
select among the lesions that h distinguishes. The means of maps describe diffuse changes, their
maxima focal ones.

There is no paper of this combination. It was designed in this study, after the fusion of synthetic
lesions and DMSAD had the best test scores on real films, so that its results there are optimistic. With all
weights trained it was better on validation films of NIH (.81, W alone .73) and worse on those of
knees (.77, W alone .83). By default c is placed before batch norm has processed a batch, and is
therefore off the mean of z: the score is the one-sided readout of `lib.methods.deep_svdd`, and W
moves known anomalies to one side of the normal films. With a sphere around the mean itself
(`batches_before_center: 100`), the AUROC on knees was near chance level (.54 to .57). How far a
classifier of the same features comes is measured by `lib.methods.lesion_logistic`.

**Differs from Deep SAD**

| what | Deep SAD | here |
| --- | --- | --- |
| 1. phi | a network for films, whose first stage is an autoencoder | W h, whose first stage is that of synthetic lesions |
| 2. learning rates | | `learning_rate` is that of W; `pretraining_learning_rate` that of the U-Nets |
| 3. | | differences 2 and 3 of `lib.methods.deep_sad` |
"""  # noqa: E501

from typing import ClassVar

from lib import networks
from lib.detector import Stage
from lib.methods.deep_sad import DeepSAD
from lib.methods.deep_svdd import train_on_normal
from lib.methods.synthetic_lesions import SyntheticLesions


class LesionDeepSAD(DeepSAD):
    """Deep SAD on features of U-Nets for synthetic lesions (equations above).

    Further keywords are DeepSAD's.

    - `image_size`: pixels a side of the films, which are square
    - `latent_dim`: length of the embedding z
    - `width`, `members`: filters of the first convolution of the U-Nets, and their number
    - `pretraining_learning_rate`: that of the U-Nets
    - `learning_rate`: that of W, at the start
    - `batches_before_center`: as in DeepSVDD; by default c is off the mean (see above)
    """

    players: ClassVar = {"loss": ("head",)}

    def __init__(
        self,
        *,
        image_size=64,
        latent_dim=32,
        width=16,
        members=2,
        pretraining_learning_rate=1e-3,
        learning_rate=3e-3,
        batches_before_center=0,
        **options,
    ):
        unets = {"image_size": image_size, "width": width, "members": members}
        description = SyntheticLesions(**unets).description()
        head = networks.linear_head(description.output.shape[-1], latent_dim)
        phi = networks.functional(description.input, head(description.output), name="encoder")
        size = {"image_size": image_size, "latent_dim": latent_dim, "width": width}
        options |= {"learning_rate": learning_rate, "batches_before_center": batches_before_center}
        super().__init__(encoder=phi, **size, **options)
        self.description, self.head = description, head  # h, W
        self.members, self.pretraining_learning_rate = members, pretraining_learning_rate

    def pretrain(self, x, y=None, validation_data=None, **options):
        """Train U-Nets on films not labelled abnormal; return {`pretraining_loss`: by epoch}."""
        unets = _LesionFinding(self)
        earlier = train_on_normal(unets, x, y, validation_data, **options)
        self.description.set_weights(unets.description().get_weights())
        return earlier

    def compute_losses(self, x, y=None, training=False):
        """Return the compactness of W h(x); the U-Nets' weights are fixed."""
        z = self.head(self.description(x, training=False), training=training)
        return {"loss": self.compactness(z, y)}


class _LesionFinding(Stage, SyntheticLesions):
    """The first stage: synthetic lesions, with U-Nets as wide and as many as the parent's."""

    shared: ClassVar = ("image_size", "width", "members", "batch_size", "seed")

    def __init__(self, parent):
        rate = parent.pretraining_learning_rate
        super().__init__(parent, epochs=parent.pretraining_epochs, learning_rate=rate)
