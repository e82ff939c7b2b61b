"""What methods share that read the features of a frozen backbone in place of films.

A `FeatureDetector` is given films or their features, which the study stores once per data set
(`lib.features`); films are described by the backbone first. In all that a method writes
(`compute_losses`, `examine`, `before_training`, ...) x are features: `reads` names their kind,

    pooled   (n, 512)            means of the maps of all levels of the backbone
    grid     (n, h', w', 176)    three levels, in cells of 16 x 16 pixels: 14 x 14 of 224 px
    coarse   (n, h', w', 496)    four levels, in cells of 32 x 32 pixels: 7 x 7 of 224 px
    films    (n, 224, 224, 1)    the films that the backbone sees, for a method that changes them
"""

from typing import ClassVar

import numpy as np
from keras import ops

from lib import backbones, losses
from lib.batches import evenly
from lib.detector import Detector
from lib.engine import not_abnormal
from lib.grid import FILM_SIZE
from lib.preprocessing.network_input import DESCRIBED


class FeatureDetector(Detector):
    """A method on features of EfficientNet-Lite0 (`lib.backbones`).

    - `backbone`: its weights, imagenet or random; the latter are drawn with `seed`
    - `film_size`: pixels per side of the films that the backbone sees; films of another size are
      resized, which adds no detail: prepare them at this size. `image_size` is that of the maps
    """

    reads: ClassVar = "pooled"

    def __init__(self, *, backbone="imagenet", film_size=FILM_SIZE, **common):
        super().__init__(**common)
        if backbone not in backbones.WEIGHTS:
            names = " or ".join(backbones.WEIGHTS)
            raise ValueError(f"The backbone of {self.title} is {names}, not {backbone!r}.")
        if self.mirrored or self.augmentation is not None:
            raise ValueError(
                f"{self.title} reads stored features, which are of films as they are: leave "
                "`augment` and `mirrored` out."
            )
        self.backbone, self.film_size = backbone, film_size

    @property
    def title(self):
        """The name of the class, for errors."""
        return type(self).__name__

    @property
    def shape(self):
        """The shape of one film's features."""
        return backbones.shape_of(self.reads, self.film_size)

    @property
    def backbone_seed(self):
        """The seed of random weights; 0 for pretrained ones, of which there is one set."""
        return self.seed if self.backbone == "random" else 0

    def features(self, x):
        """Return the features of films (n, s, s, 1) as an array; features as they are."""
        is_film = np.ndim(x) == 4 and np.shape(x)[-1] == 1
        if np.shape(x)[1:] == self.shape or not is_film:
            return x
        return self.batchwise(self._describe, np.asarray(x))

    def _describe(self, films):
        size = (self.film_size, self.film_size)
        if films.shape[1:3] != size:
            films = ops.convert_to_numpy(ops.image.resize(films, size))
        if self.reads == "films":
            return films
        return self.describer(self.reads).predict_on_batch(films)[self.reads]

    def describer(self, kind):
        """Return the frozen network that films -> {kind: features}.

        No attribute holds it, so that no weights file has it.
        """
        return backbones.describer((kind,), self.film_size, self.backbone, self.backbone_seed)

    def fit(self, x, y=None, validation_data=None, **options):
        """Train on films or features x, as `Engine.fit` does."""
        if validation_data is not None:
            validation_data = (self.features(validation_data[0]), *validation_data[1:])
        return super().fit(self.features(x), y, validation_data, **options)

    def predict(self, x, batch_size=None, maps=True, **options):
        """Return {"score": (n,), ...} of films or features x, as `Engine.predict` does."""
        return super().predict(self.features(x), batch_size, maps, **options)

    def anomaly_score(self, x):
        """Return (n,), larger is more abnormal, of films or features x."""
        return super().anomaly_score(self.features(x))

    def anomaly_map(self, x):
        """Return (n, h, w), larger is more abnormal, of films or features x; None without a map."""
        return super().anomaly_map(self.features(x))

    def of_cells(self, cells):
        """Return a map, and three scores of films, from how abnormal cells (n, h', w') are."""
        return {
            "map": self.enlarged(cells),
            "mean": ops.mean(cells, axis=(1, 2)),
            "top_tenth": losses.mean_of_largest(cells, max(1, cells.shape[1] ** 2 // 10)),
            "maximum": ops.max(cells, axis=(1, 2)),
        }

    def enlarged(self, cells):
        """Return maps (n, image_size, image_size) from values of cells (n, h', w')."""
        size = (self.image_size, self.image_size)
        return ops.image.resize(cells[..., None], size, interpolation="bilinear")[..., 0]

    def normal_features(self, x, y=None):
        """Return features x that are not labelled abnormal, of at most `DESCRIBED` films.

        Statistics are computed from them, float32 (n, ...); films are taken at equal distances.
        """
        normal = not_abnormal(x, y)
        return np.asarray(normal[evenly(len(normal), DESCRIBED)], dtype="float32")

    def _check_films(self, x):
        if np.shape(x)[1:] != self.shape:
            raise ValueError(
                f"{self.title} takes films (n, h, w, 1) or {self.reads} features of shape "
                f"(n, {', '.join(map(str, self.shape))}), not {np.shape(x)}."
            )
