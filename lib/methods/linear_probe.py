"""Linear probe: a logistic regression on the pooled features of a pretrained network.

The plain way to use a few labels, and the baseline of every method that claims to use them better
(Alain and Bengio, [arXiv 1610.01644](https://arxiv.org/abs/1610.01644), for the name). With f the
means of the maps of all levels and z = (f - mean) / deviation over the training films,

    minimise   sum of w(y) cross-entropy(y, sigmoid(v . z + b)) + penalty / 2 ||v||^2
    w(y) = n / (2 n_y),   score = v . z + b

A film of unknown label is a normal one (y = 0), as for Deep SAD; see `lib.methods.resnet` for why
this ranks films as known labels would. The minimum is computed by scikit-learn (L-BFGS).

With 512 features a plane separates a few known anomalies whatever the penalty. Unless `penalty` is
given, it is the one of 1, 10, ..., 10,000 that ranks held-out training films best: AUROC of known
anomalies against all others, mean over five folds. Of more than `memory` training films so many are
taken, at equal distances in their order, of the rarer label at most half.

**Differs from the paper**

| what | paper | here |
| --- | --- | --- |
| 1. features | one layer at a time | all five levels, pooled |
| 2. purpose | to look into a network | a detector |
"""

from typing import ClassVar

import numpy as np
from keras import ops
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.preprocessing import StandardScaler

from lib.batches import evenly
from lib.feature_statistics import FeatureStatistics

PENALTIES = (1.0, 10.0, 100.0, 1_000.0, 10_000.0)
FOLDS = 5


class LinearProbe(FeatureStatistics):
    """A logistic regression on pooled features (equations above).

    - `penalty`: weight of the squared length of v, the inverse of scikit-learn's C; None: chosen
      on the training films
    - `memory`: most training films, which are in memory at once
    """

    reads: ClassVar = "pooled"
    uses_labels: ClassVar = True

    def __init__(self, *, penalty=None, memory=50_000, **common):
        super().__init__(**common)
        self.penalty, self.memory = penalty, memory
        self.coefficients = self.fixed_weight("coefficients", *self.shape)
        self.offset = self.fixed_weight("offset")

    def targets(self, x, y=None):
        """Return labels (n,), a film of unknown label being normal."""
        return np.nan_to_num(super().targets(x, y), nan=0.0)

    def before_training(self, x, y=None, validation_data=None, **options):
        """Classify. Raises ValueError unless there are films of both classes."""
        labels = self.targets(x, y)
        if len(np.unique(labels)) < 2:
            raise ValueError(
                "LinearProbe learns from films labelled abnormal and others; "
                f"{int(labels.sum())} of {len(labels)} films are labelled abnormal."
            )
        rows = sampled(labels, self.memory)
        scaler, labels = StandardScaler(), labels[rows]
        z = scaler.fit_transform(np.asarray(x[rows], dtype=float))
        plane = self.plane(int(labels.sum())).fit(z, labels)
        plane = getattr(plane, "best_estimator_", plane)
        coefficients = plane.coef_[0] / scaler.scale_
        self.coefficients.assign(coefficients)
        self.offset.assign(plane.intercept_[0] - coefficients @ scaler.mean_)
        return {}

    def plane(self, abnormal):
        """Return the classifier, to be fitted with so many abnormal films."""
        shared = {"class_weight": "balanced", "max_iter": 10_000}
        folds = min(FOLDS, abnormal)
        if self.penalty is not None or folds < 2:
            return LogisticRegression(C=1 / (self.penalty or PENALTIES[-1]), **shared)
        return GridSearchCV(
            LogisticRegression(**shared),
            {"C": [1 / penalty for penalty in PENALTIES]},
            scoring="roc_auc",
            cv=StratifiedKFold(folds, shuffle=True, random_state=self.seed),
        )

    def examine(self, x):
        """Return the logit as the score."""
        return {"score": ops.sum(x * self.coefficients, axis=1) + self.offset}

    def embed(self, x):
        """Return the pooled features of films, (n, 512)."""
        return self.features(x)


def sampled(labels, most):
    """Return the rows of at most `most` films, of the rarer label (0 or 1) at most half of these.

    Those of either label are at equal distances in the order of `labels` (n,).
    """
    rarer, other = sorted((np.flatnonzero(labels == label) for label in (0, 1)), key=len)
    rarer = rarer[evenly(len(rarer), max(most // 2, most - len(other)))]
    other = other[evenly(len(other), most - len(rarer))]
    return np.sort(np.concatenate([rarer, other]))
