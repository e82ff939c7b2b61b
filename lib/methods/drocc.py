"""DROCC: a classifier separates normal films from nearby points that it considers normal.

Goyal et al., ICML 2020 ([arXiv 2002.12718](https://arxiv.org/abs/2002.12718)), algorithm 1. There
is assumed to be no anomaly within the radius r of a normal film, but some at r; f is the
classifier's logit, sigma the sigmoid, p = sigma(f) the probability of "abnormal":

    start    h ~ N(0, I)
    ascent   h <- h + step g / ||g||,  g = -df(x + h)/dx       where f is least abnormal
    project  h <- h clip(||h||, r, gamma r) / ||h||            after each of `ascent_steps` steps
    loss = mean -log(1 - p(x)) + mu mean -log p(x + h),   score = f(x)

g has the direction in which the second term increases. In `warm_up_epochs` there is no second term.
r is 0.144 sqrt(d) for films of d pixels unless `radius` is given, 9.2 for 64 x 64: the authors' 8
on CIFAR-10 is as much per value of an image (root mean square). The paper's rule of thumb, sqrt(d)
/ 2, makes a point white noise of a film's own contrast, so that the classifier need only recognise
noise. The smaller radius does not mend what this was made responsible for: children's chests with
pneumonia score as the more normal ones at both. Published AUROC on MURA (Spahr): .498 with two
seeds.

**Differs from the paper**

| what | authors' code | Spahr's code | here |
| --- | --- | --- | --- |
| 1. network | LeNet (paper) | ResNet-18 | strided convolutions with batch norm |
| 2. radius on images | 8 for 3,072 values scaled to unit variance, gamma = 1 | 256 for 512 px, films being in [0, 1] | 0.144 per pixel, films being in [-1, 1] with a standard deviation of about 0.5; gamma = 2 |
| 3. step | 50 of 0.001, 0.05 in total | 0.1 in each pixel | a hundredth of r long |
| 4. projection | after every tenth step | after each | after each, as in the paper |
| 5. batch norm | films and points in separate batches; the ascent uses the batch's mean and variance, and updates the running averages | the same | films and points in one batch; the ascent uses the running averages and leaves them |
| 6. optimizer | Adam, 1e-3 on CIFAR-10, divided by ten after 2/5 and 4/5 of the epochs | Adam, 1e-3, with an L2 penalty of weight 1e-6, divided by ten after 25 and 50 of 65 epochs | AdamW, whose weight decay of 1e-6 is decoupled; divided as by the authors |
| 7. mu | 1 | 0.25 | 1 |
| 8. labels | | | ignored: the training set is chosen where the data are read |
| 9. map | none | none | the score's gradient with respect to the film (`losses.gradient_map`) |

**Known defects** of reference code: Spahr's code projects by the squared norm, so that h is far
from the shell: for 512 pixels, r = 256 and gamma = 2, from noise of length 512, its lengths are
0.5, 256, 1, 128, 2 and 64 after six projections. There r is the outer radius and r / gamma the
inner. The first projection also creates a new tensor that is unknown to the optimizer, so that only
the first step has an effect. `as_published=True` restores all three, and r = sqrt(d) / 2. The
authors' code selects the best epoch on the test films, and in one version also loses that network;
here the last epoch is used. Neither detects collapse; here the training curves show the spread of
logits and embeddings of normal films, and `fit` raises Collapsed where logits do not differ.
"""  # noqa: E501

import math
from typing import ClassVar

import keras
import numpy as np
from keras import layers, ops

from lib import losses, networks
from lib.collapse import check_scores
from lib.detector import Detector, Stage
from lib.engine import input_gradient, not_abnormal

RADIUS_PER_PIXEL = 8 / math.sqrt(3 * 32**2)  # of the authors on images (CIFAR-10), root mean square
PUBLISHED_STEP = 0.1  # the learning rate of Adam, equal to its first step in each pixel


class DROCC(Detector):
    """A classifier of normal films and of points near them (equations above).

    - `latent_dim`: length of the embedding before the logit
    - `width`: filters of the first convolution (`lib.networks`)
    - `radius`: r; None: 0.144 times the films' side in pixels, as published half the side
    - `gamma`: the outer radius is gamma r
    - `mu`: weight of the points in the loss
    - `ascent_steps`: steps from the start to a point
    - `ascent_step`: length of each, a share of r
    - `warm_up_epochs`: epochs without points, which come before `epochs`
    - `as_published`: project as in Spahr's code (see above)
    """

    players: ClassVar = {"loss": ("encoder", "head")}
    terms: ClassVar = ("films", "points")

    def __init__(
        self,
        *,
        latent_dim=32,
        width=16,
        radius=None,
        gamma=2.0,
        mu=1.0,
        ascent_steps=6,
        ascent_step=0.01,
        warm_up_epochs=5,
        as_published=False,
        **common,
    ):
        super().__init__(**common)
        per_pixel = 0.5 if as_published else RADIUS_PER_PIXEL
        self.radius = per_pixel * self.image_size if radius is None else radius  # r
        if self.radius <= 0 or gamma < 1 or ascent_steps < 1:
            raise ValueError(
                f"{type(self).__name__} needs a positive radius, gamma and ascent_steps of at "
                f"least 1, not {self.radius}, {gamma} and {ascent_steps}."
            )
        self.latent_dim, self.width = latent_dim, width
        self.gamma, self.mu = gamma, mu
        self.ascent_steps, self.ascent_step = ascent_steps, ascent_step
        self.warm_up_epochs, self.as_published = warm_up_epochs, as_published
        self.random = keras.random.SeedGenerator(self.seed)
        self.encoder = networks.encoder(self.image_size, latent_dim, width)
        z = keras.Input((latent_dim,))
        self.head = networks.functional(z, layers.Dense(1)(layers.LeakyReLU(0.1)(z)), name="head")

    def make_optimizers(self, steps):
        """Return AdamW, its learning rate divided by ten after 2/5 and 4/5 of the fit."""
        rates = [self.learning_rate / 10**falls for falls in range(3)]
        boundaries = [2 * steps // 5, 4 * steps // 5]
        rate = keras.optimizers.schedules.PiecewiseConstantDecay(boundaries, rates)
        return {"loss": keras.optimizers.AdamW(rate, weight_decay=1e-6)}

    def before_training(self, x, y=None, validation_data=None, **options):
        """Warm up; return {`warm_up_loss`: values by epoch}.

        Raises ValueError if all films are labelled abnormal.
        """
        if not len(not_abnormal(x, y)):
            raise ValueError(
                f"{type(self).__name__} seeks points around normal films, but no film is normal."
            )
        if not self.warm_up_epochs:
            return {}
        return _WarmUp(self).train(x, y, validation_data, **options)

    def after_epoch(self, normal, epoch):
        """Return the spread of normal films. Raises Collapsed if their logits do not differ."""
        z = self.embed(normal)
        logit = ops.convert_to_numpy(self.head(z, training=False))[:, 0]
        check_scores(logit, f"{type(self).__name__}, logit of normal films")
        return {"embedding_spread": float(z.std(axis=0).mean()), "logit_spread": float(logit.std())}

    def compute_losses(self, x, y=None, training=False):
        """Return the cross-entropy of the films and of the points around the normal ones."""
        label = known_labels(x, y)
        near = ops.stop_gradient(self.ascend(x)[-1])
        logit = self.logit(ops.concatenate([x, near]), training)
        count = ops.shape(x)[0]
        # No point is sought around a known abnormal film.
        wanted = ops.where(label == 1, np.nan, ops.ones_like(label))
        films = losses.weighted_cross_entropy(label, logit[:count], ops.ones(2))
        points = losses.weighted_cross_entropy(wanted, logit[count:], ops.ones(2))
        return {"loss": films + self.mu * points, "films": films, "points": points}

    def ascend(self, x):
        """Return the points of films x, (n, h, w, 1), after each step, a list."""
        project = self.projection(x)
        h = keras.random.normal(ops.shape(x), seed=self.random)
        points = []
        for step in range(self.ascent_steps):
            if not self.as_published:
                h = h + self.ascent_step * self.radius * _unit(self.towards_normal(x + h))
            elif step == 0:
                h = h + PUBLISHED_STEP * ops.sign(self.towards_normal(x + h))
            h = project(h)
            points.append(x + h)
        return points

    def towards_normal(self, points):
        """Return g, (n, h, w, 1). The gradient of the loss itself vanishes where f is large."""
        return input_gradient(lambda point: -self.logit(point), points)

    def projection(self, x):
        """Return the function that projects perturbations h of films x, (n, h, w, 1)."""

        def project(h):
            squared = ops.sum(ops.square(h), axis=(1, 2, 3), keepdims=True)
            if self.as_published:
                return h * ops.clip(squared, self.radius / self.gamma, self.radius) / squared
            norm = ops.sqrt(squared + 1e-12)
            return h * ops.clip(norm, self.radius, self.gamma * self.radius) / norm

        return project

    def logit(self, x, training=False):
        """Return f(x), (n,)."""
        z = self.encoder(x, training=training)
        return ops.squeeze(self.head(z, training=training), axis=-1)

    embed = Detector.encode_all  # the layer before the logit

    def examine(self, x):
        """Return f as the score, its gradient as the map."""
        return {"score": self.logit(x), "map": losses.gradient_map(self.logit, x)}


class _WarmUp(Stage):
    """The first epochs: training of a DROCC's classifier on films alone."""

    prefix: ClassVar = "warm_up"
    players: ClassVar = {"loss": ("encoder", "head")}
    uses_labels: ClassVar = True

    def __init__(self, parent):
        super().__init__(parent, epochs=parent.warm_up_epochs)
        self.encoder, self.head, self.logit = parent.encoder, parent.head, parent.logit

    def compute_losses(self, x, y=None, training=False):
        """Return the cross-entropy of the films."""
        logit, label = self.logit(x, training), known_labels(x, y)
        return {"loss": losses.weighted_cross_entropy(label, logit, ops.ones(2))}


def known_labels(x, y=None):
    """Return (n,): 1 for known abnormal films, 0 for all others."""
    if y is None:
        return ops.zeros(ops.shape(x)[0])
    return ops.where(ops.isnan(y), ops.zeros_like(y), y)


def _unit(g):
    return g / (ops.sqrt(ops.sum(ops.square(g), axis=(1, 2, 3), keepdims=True)) + 1e-12)
