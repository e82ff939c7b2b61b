"""A trained fit that reads films, with the scores that it gave to the films of the study."""

from functools import cached_property
from typing import NamedTuple

import numpy as np

from lib.comparison.scores import Scored
from lib.fits import store
from lib.fits.films import parameters_of
from lib.grid import Fit
from lib.preprocessing import arrays, to_float


class Outputs(NamedTuple):
    """What a fit says of films."""

    scores: np.ndarray  # (n,)
    maps: np.ndarray | None  # (n, m, m)


class Part:
    """A fit alone, or one of those that a fusion joins."""

    def __init__(self, fit: Fit, score_name: str, scored: Scored):
        """Load the trained detector. `scored` are its scores of the study's films."""
        self.fit, self.score_name, self.scored = fit, score_name, scored
        self.detector = store.detector(fit)
        self.features = fit.features
        change = {"size": self.features.size} if self.features else parameters_of(fit).images
        self.settings = arrays.settings(fit.dataset, change)

    def outputs(self, images: np.ndarray) -> Outputs:
        """Return scores and maps of uint8 pictures (n, s, s), prepared by `settings`."""
        outputs = self.detector.predict(self._inputs(images), verbose=0)
        return Outputs(np.asarray(outputs[self.score_name], float), outputs.get("map"))

    def reconstruction(self, image: np.ndarray) -> np.ndarray | None:
        """Return the reconstruction of a picture (s, s) as uint8 (s, s); None without one."""
        from lib.samples import to_grey

        if self.features:  # what is reconstructed are features
            return None
        drawn = self.detector.reconstruction(self._inputs(image[None]))
        return None if drawn is None else to_grey(drawn)[0]

    @cached_property
    def scale(self) -> tuple[float, float] | None:
        """The map values drawn clear and fully red, as over the test films with maps."""
        from lib.figures.films import map_scale

        if not self.scored.maps:
            return None
        films = self.scored.films
        is_normal = np.isin(self.scored.maps["image_id"], films["image_id"][films["label"].eq(0)])
        return map_scale(self.scored.maps["map"], is_normal)

    def _inputs(self, images: np.ndarray) -> np.ndarray:
        """Return what the detector reads: films, or features as the study stores them."""
        if not self.features:
            return to_float(images)
        from lib.features import described  # imports Keras

        return to_float(described({self.features.size: images}, [self.features])[self.features])
