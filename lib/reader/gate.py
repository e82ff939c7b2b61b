"""Is a film like the films that a detector learned from? Only then does its score mean anything.

A detector gives every picture a score, an elbow that is shown to a detector of chests and a
photograph as well. The gate is the study's own `feature_distance`: the Mahalanobis distance of
pooled features of a network trained on photographs, here at `SIDE` pixels, from the normal training
films of the data set. Its unit is set by normal validation films: 0 is their median, 1 their 95 %
quantile, and a film beyond `LIMIT` is unlike them. Disease hardly moves it.

A picture in colours (`lib.films.colours`) is unlike any film, whatever its distance: many
photographs are no farther from limbs, which vary, than limbs from one another.

A quantile is taken rather than the largest distance, which a single badly cropped film can shift.
"""

import cv2
import numpy as np

from lib import files
from lib.datasets.table import load_index
from lib.errors import BadData
from lib.preprocessing import to_float

SIDE = 96  # pixels per side of the pictures that it sees
LIMIT = 2.0
NORMALS = 500  # most training films that it learns from, drawn at random with seed 0


class Gate:
    """Measures how unlike the normal films of a data set pictures are."""

    def __init__(self, dataset: str):
        """Learn from the films of a data set. Raises BadData if it has too few normal ones."""
        from lib.methods.feature_distance import FeatureDistance  # imports TensorFlow

        index = load_index(files.index(dataset))
        films = np.load(files.images(dataset), mmap_mode="r")
        normal = index["label"].eq(0)
        training = np.flatnonzero(normal & index["split"].eq("train"))
        validation = np.flatnonzero(normal & index["split"].eq("validation"))
        if len(training) < 2 or not len(validation):
            raise BadData(f"{dataset} has too few normal films to tell which are unlike them.")
        some = np.sort(np.random.default_rng(0).permutation(training)[:NORMALS])
        self.detector = FeatureDistance(film_size=SIDE)
        self.detector.fit(_seen(films[some]), verbose=0)
        distances = self._distances(films[validation])
        self.middle, upper = np.quantile(distances, [0.5, 0.95])
        self.spread = max(upper - self.middle, 1e-6)

    def unlikeness(self, images: np.ndarray) -> np.ndarray:
        """Return how unlike uint8 pictures (n, h, w) are, (n,); beyond LIMIT they are unlike."""
        return (self._distances(images) - self.middle) / self.spread

    def _distances(self, images: np.ndarray) -> np.ndarray:
        return self.detector.predict(_seen(images), verbose=0)["mahalanobis"]


def _seen(images: np.ndarray) -> np.ndarray:
    """Return pictures (n, h, w) as the gate sees them, in batches of one size."""
    size = (SIDE, SIDE)
    reduced = [cv2.resize(image, size, interpolation=_interpolation(image)) for image in images]
    return to_float(np.array(reduced))


def _interpolation(image: np.ndarray) -> int:
    return cv2.INTER_AREA if image.shape[0] > SIDE else cv2.INTER_LINEAR
