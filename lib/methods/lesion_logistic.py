"""Lesion logistic regression: features of a network for synthetic lesions, linearly classified.

The baseline of Lesion Deep SAD (`lib.methods.lesion_deep_sad`): with the same seed its first stage
and its features are the same, and a linear classifier takes the place of the sphere. h(x) are the
means and maxima of the maps of the U-Nets' encoders; with z = (h - mean) / deviation over the training films,

    minimise   sum of w(y) cross-entropy(y, sigmoid(v . z + b)) + penalty / 2 ||v||^2
    w(y) = n / (2 n_y),   score = v . z + b

A film of unknown label is a normal one (y = 0), as for Deep SAD. The minimum is computed by
scikit-learn (LogisticRegression, L-BFGS), on `views` random variants of each film where the study
augments films. In CutPaste ([arXiv 2104.04015](https://arxiv.org/abs/2104.04015)), too, features
are learned from synthetic lesions first; there a density of normal features scores, without labels.

There is no paper of this combination. `penalty` is scikit-learn's default, 1; it was not tuned. A
pass over the films after the minimum (`epochs`) logs the cross-entropy and changes nothing.

**Differs from Lesion Deep SAD**

| what | Lesion Deep SAD | here |
| --- | --- | --- |
| 1. second stage | a sphere in 32 dimensions, a known anomaly repelled by the inverse of its distance | a plane |
| 2. optimizer | AdamW, `updates` of 32 films | L-BFGS, until convergence |
| 3. known anomalies | weigh `eta` | all of them together weigh as much as all other films |
| 4. augmentation | a new variant of a film each time | `views` of each film |
"""  # noqa: E501

from typing import ClassVar

import numpy as np
from keras import ops
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from lib import losses
from lib.detector import Detector
from lib.methods.lesion_deep_sad import LesionDeepSAD
from lib.methods.synthetic_lesions import SyntheticLesions


class LesionLogistic(Detector):
    """A logistic regression on features of U-Nets that segment synthetic lesions (equations above).

    - `width`, `members`: filters of the first convolution of the U-Nets, and their number
    - `pretraining_epochs`, `pretraining_learning_rate`: those of the U-Nets
    - `views`: random variants of each film, if films are augmented
    - `penalty`: weight of the squared length of v, the inverse of scikit-learn's C
    - `epochs`: passes that log the cross-entropy
    """

    terms: ClassVar = ("loss",)
    uses_labels: ClassVar = True

    def __init__(
        self,
        *,
        width=16,
        members=2,
        pretraining_epochs=30,
        pretraining_learning_rate=1e-3,
        views=8,
        penalty=1.0,
        epochs=1,
        **common,
    ):
        super().__init__(epochs=epochs, **common)
        self.width, self.members = width, members
        self.pretraining_epochs = pretraining_epochs
        self.pretraining_learning_rate = pretraining_learning_rate
        self.views, self.penalty = views, penalty
        unets = {"image_size": self.image_size, "width": width, "members": members}
        self.encoder = self.description = SyntheticLesions(**unets).description()  # h
        fixed = {"initializer": "zeros", "trainable": False}
        features = self.description.output.shape[-1]
        self.coefficients = self.add_weight(shape=(features,), name="coefficients", **fixed)
        self.offset = self.add_weight(shape=(), name="offset", **fixed)

    pretrain = LesionDeepSAD.pretrain  # the same first stage

    embed = Detector.encode_all  # h

    def targets(self, x, y=None):
        """Return labels (n,), a film of unknown label being normal."""
        return np.nan_to_num(super().targets(x, y), nan=0.0)

    def before_training(self, x, y=None, validation_data=None, **options):
        """Train the U-Nets, then classify; return {`pretraining_loss`: values by epoch}.

        Raises ValueError unless there are films of both classes.
        """
        labels = self.targets(x, y)
        if len(np.unique(labels)) < 2:
            raise ValueError(
                "LesionLogistic learns from films labelled abnormal and others; "
                f"{int(labels.sum())} of {len(labels)} films are labelled abnormal."
            )
        earlier = {}
        if self.pretraining_epochs:
            earlier = self.pretrain(x, y, validation_data, **options)
        self.classify(x, labels)
        return earlier

    def classify(self, x, labels):
        """Set coefficients and offset of h from films (n, h, w, 1) and labels (n,), 1 or 0."""
        views = 1 if self.augmentation is None else self.views
        described = [self.embed_varied(x) for _ in range(views)]
        scaler = StandardScaler()
        z = scaler.fit_transform(np.concatenate(described).astype(float))
        plane = LogisticRegression(C=1 / self.penalty, class_weight="balanced", max_iter=10_000)
        plane.fit(z, np.tile(labels, views))
        coefficients = plane.coef_[0] / scaler.scale_
        self.coefficients.assign(coefficients)
        self.offset.assign(plane.intercept_[0] - coefficients @ scaler.mean_)

    def embed_varied(self, x):
        """Return h of films (n, h, w, 1) after the augmentation, (n, features), as an array."""
        return self.batchwise(
            lambda films: self.embed(ops.convert_to_numpy(self._augment(films))), x
        )

    def logit(self, x):
        """Return v . z + b, (n,)."""
        h = self.description(x, training=False)
        return ops.sum(h * self.coefficients, axis=1) + self.offset

    def compute_losses(self, x, y=None, training=False):
        """Return the cross-entropy, without class weights or penalty; nothing minimises it."""
        return {"loss": losses.weighted_cross_entropy(y, self.logit(x), ops.ones(2))}

    def examine(self, x):
        """Return the logit as the score, its gradient as the map."""
        return {"score": self.logit(x), "map": losses.gradient_map(self.logit, x)}
