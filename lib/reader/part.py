"""A trained fit that reads films, with the scores that it gave to the films of the study."""

from functools import cached_property

import numpy as np

from lib.comparison.scores import Scored
from lib.fits.scorer import Scorer
from lib.grid import Fit
from lib.preprocessing import to_float


class Part(Scorer):
    """A fit alone, or one of those that a fusion joins."""

    def __init__(self, fit: Fit, score_name: str, scored: Scored):
        """Load the trained detector. `scored` are its scores of the study's films."""
        super().__init__(fit, score_name)
        self.scored = scored

    def inputs(self, images: np.ndarray) -> np.ndarray:
        """Return pictures as films. Their features are not rounded, as only stored ones are.

        One halfway between two numbers of float16 would be rounded one way by Keras and the other
        way by an exported graph, which a Mahalanobis distance enlarges.
        """
        return to_float(images)

    @property
    def reconstructs(self) -> bool:
        """Whether films are reconstructed; what methods on features reconstruct are these."""
        from lib.detector import Detector

        has_one = type(self.detector).reconstruction is not Detector.reconstruction
        return has_one and not self.features

    def reconstructions(self, images: np.ndarray) -> np.ndarray:
        """Return the reconstructions of pictures (n, s, s) as uint8 (n, s, s)."""
        from lib.samples import to_grey

        return to_grey(self.detector.reconstruction(self.inputs(images)))

    @cached_property
    def scale(self) -> tuple[float, float] | None:
        """The map values drawn clear and fully red, as over the test films with maps."""
        from lib.figures.films import map_scale

        if not self.scored.maps:
            return None
        films = self.scored.films
        is_normal = np.isin(self.scored.maps["image_id"], films["image_id"][films["label"].eq(0)])
        return map_scale(self.scored.maps["map"], is_normal)
