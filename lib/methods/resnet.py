"""Supervised residual network: learns from labelled films of both classes, from random weights.

He et al. 2015 ([arXiv 1512.03385](https://arxiv.org/abs/1512.03385)), equation 1: y = F(x) + x.
With A_k the maps of its last layer, h' x w' cells, Z = h' w':

    logit = sum_k w_k (1/Z) sum_ij A_k,ij + b,   score = logit
    loss = mean over labelled films of w(y) cross-entropy(y, sigmoid(logit))
    w(y) = n / (2 n_y), for y = 1 times `miss_factor`

A film of unknown label is ignored, or with `unknown="normal"` counted as a normal one, in n_y as
well as in the loss. The latter is what Deep SAD assumes of these films (`lib.methods.deep_sad`),
and the usual baseline for learning from positive and unlabelled films: where known anomalies are
drawn at random, a classifier of known anomalies against all other films ranks films as one of
abnormal against normal would (Elkan and Noto, KDD 2008, doi 10.1145/1401890.1401920, lemma 1).

Its map is Grad-CAM ([arXiv 1610.02391](https://arxiv.org/abs/1610.02391)), equations 1 and 2:

    alpha_k = (1/Z) sum_ij d logit / d A_k,ij,   map = ReLU(sum_k alpha_k A_k)

Here d logit / d A_k,ij = w_k / Z in every cell, so alpha_k = w_k / Z: no gradient is computed.

**Differs from the papers**

| what | papers | here |
| --- | --- | --- |
| 1. size | 64 filters in the first stage of ResNet-18 | its blocks (2, 2, 2, 2), but 16 filters; one grey channel |
| 2. stem | 7x7 and max pooling, for films of 224 px | a 3x3 convolution of stride 2 |
| 3. optimizer | SGD from 0.1, divided by ten at plateaus; weight decay 1e-4 | AdamW from 1e-3 to 0 along a cosine; weight decay 1e-2 (decoupled), batch norm momentum 0.9 |
| 4. output | a softmax over 1000 balanced classes | one logit for "abnormal", with class weights |
| 5. augmentation | random crops, flips and colours | the study's (a Keras layer) |

**Known defects** of reference code: X-ray studies choose thresholds on the test films. Here they are
chosen on validation films, outside the method: scores are raw logits.
"""  # noqa: E501

from typing import ClassVar

import keras
import numpy as np
from keras import layers, ops
from sklearn.utils.class_weight import compute_class_weight

from lib import losses, networks
from lib.detector import Detector


class ResNet(Detector):
    """A residual network with labels (equations above).

    - `width`: filters of the first stage
    - `blocks`: residual blocks of each stage
    - `miss_factor`: cost of a missed abnormal film relative to a false alarm
    - `weight_decay`: AdamW's
    - `unknown`: films of unknown label are ignored, or normal
    - `network`: films -> A; None: a ResNet of `width` and `blocks`
    """

    players: ClassVar = {"loss": ("network", "head")}
    uses_labels: ClassVar = True

    def __init__(
        self,
        *,
        width=16,
        blocks=(2, 2, 2, 2),
        miss_factor=2.0,
        weight_decay=1e-2,
        unknown="ignored",
        network=None,
        **common,
    ):
        super().__init__(**common)
        if unknown not in ("ignored", "normal"):
            raise ValueError(
                f"Films of unknown label are ignored or normal to ResNet, not unknown={unknown!r}."
            )
        self.unknown = unknown
        self.width, self.blocks = width, blocks
        self.miss_factor = miss_factor
        self.weight_decay = weight_decay
        self.network = network or networks.resnet(self.image_size, width, blocks)
        features = keras.Input(self.network.output_shape[1:])
        pooled = layers.GlobalAveragePooling2D()(features)
        self.head = networks.functional(
            features, layers.Dense(1, name="logit")(pooled), name="head"
        )
        self.class_weights = self.add_weight(
            shape=(2,), initializer="ones", trainable=False, name="class_weights"
        )

    def make_optimizers(self, steps):
        """Return AdamW, its learning rate falling to zero along a cosine over the whole fit."""
        rate = self.learning_rate
        if isinstance(rate, float):
            rate = keras.optimizers.schedules.CosineDecay(rate, decay_steps=steps)
        return {"loss": keras.optimizers.AdamW(rate, weight_decay=self.weight_decay)}

    def targets(self, x, y=None):
        """Return labels (n,); NaN for films that are ignored."""
        labels = super().targets(x, y)
        return labels if self.unknown == "ignored" else np.nan_to_num(labels, nan=0.0)

    def before_training(self, x, y=None, validation_data=None, **options):
        """Weight the classes; a film that is ignored has weight 0.

        Raises ValueError unless there are films of both classes.
        """
        labels = self.targets(x, y)
        known = labels[~np.isnan(labels)]
        abnormal, normal = int((known == 1).sum()), int((known == 0).sum())
        if not (abnormal and normal):
            raise ValueError(
                f"{type(self).__name__} learns from labelled films of both classes; "
                f"it was given {normal} normal and {abnormal} abnormal ones."
            )
        balanced = compute_class_weight("balanced", classes=np.array([0, 1]), y=known.astype(int))
        self.class_weights.assign(balanced * [1.0, self.miss_factor])
        return {}

    def compute_losses(self, x, y=None, training=False):
        """Return the weighted cross-entropy."""
        logit = self.head(self.network(x, training=training), training=training)
        return {
            "loss": losses.weighted_cross_entropy(y, ops.squeeze(logit, -1), self.class_weights)
        }

    def examine(self, x):
        """Return the logit, and Grad-CAM as the map."""
        features = self.network(x, training=False)  # A, (n, h', w', k)
        return {"score": ops.squeeze(self.head(features), axis=-1), "map": self.grad_cam(features)}

    def grad_cam(self, features):
        """Return (n, h, w) from the network's maps (n, h', w', k)."""
        weights = self.head.get_layer("logit").kernel  # w, (k, 1)
        cells = features.shape[1] * features.shape[2]  # Z
        cam = ops.relu(ops.matmul(features, weights) / cells)
        return ops.squeeze(
            ops.image.resize(cam, (self.image_size, self.image_size), interpolation="bilinear"),
            axis=-1,
        )
