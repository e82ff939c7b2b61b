"""A trained fit that scores films which it has never seen."""

from typing import NamedTuple

import numpy as np

from lib.fits import store
from lib.fits.films import parameters_of
from lib.grid import Fit
from lib.preprocessing import arrays, to_float


class Outputs(NamedTuple):
    """What a fit says of films."""

    scores: np.ndarray  # (n,)
    maps: np.ndarray | None  # (n, m, m)


class Scorer:
    """The detector of a fit, with the settings by which its films are prepared."""

    def __init__(self, fit: Fit, score_name: str = "score"):
        """Load the trained detector. Raises FitFailed if there is none."""
        self.fit, self.score_name = fit, score_name
        self.detector = store.detector(fit)
        self.features = fit.features
        change = {"size": self.features.size} if self.features else parameters_of(fit).images
        self.settings = arrays.settings(fit.dataset, change)

    def outputs(self, images: np.ndarray) -> Outputs:
        """Return scores and maps of uint8 pictures (n, s, s), prepared by `settings`."""
        outputs = self.detector.predict(self.inputs(images), verbose=0)
        return Outputs(np.asarray(outputs[self.score_name], float), outputs.get("map"))

    def inputs(self, images: np.ndarray) -> np.ndarray:
        """Return what the detector reads: films, or features as the study stores them."""
        if not self.features:
            return to_float(images)
        from lib.features import described  # imports Keras

        return to_float(described({self.features.size: images}, [self.features])[self.features])
