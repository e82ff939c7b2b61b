"""What the reader answers for one film."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lib.reader.places import carried_back

DISCLAIMER = "Not a medical device; for research."
PHANTOMS = (
    "The detector learned from phantoms, which are synthetic radiographs: what it answers for "
    "films of patients means nothing."
)


class Threshold(NamedTuple):
    """A score from which films are flagged."""

    name: str
    labels: str  # that were used to set it
    score: float


class Context(NamedTuple):
    """What all answers of a detector share."""

    detector: str  # data set/method/seed
    dataset: str
    setting: str  # the labels that the detector learned from
    normals: np.ndarray  # scores of the normal validation films
    thresholds: list[Threshold]
    probability: Callable | None  # from scores to probabilities of being abnormal
    base_rate: float  # abnormal share of the validation films, which the probability assumes
    phantoms: bool  # whether the detector learned from phantoms

    @property
    def cautions(self) -> list[str]:
        """What is said with every answer, table, summary and page."""
        return [*([PHANTOMS] if self.phantoms else []), DISCLAIMER]


class Map(NamedTuple):
    """A map as the detector gives it, and how it leads back to the film."""

    values: np.ndarray  # (m, m)
    matrix: np.ndarray  # (3, 3), from pixels of the film to those of the prepared picture
    size: int  # pixels per side of that picture
    method: str  # of which it is; of a fusion, the part that is most certain
    scale: tuple[float, float] | None  # values drawn clear and fully red; None: by this map alone


class Answer(NamedTuple):
    """Score, percentile, flags, map and gate of one film."""

    path: Path
    shape: tuple[int, int]  # of the film, height and width in pixels
    score: float  # raw; larger is more abnormal
    percentile: float | None  # among normal validation films, ties count half; None where unlike
    probability: float | None  # of being abnormal, at `context.base_rate`; None where unlike
    unlikeness: float  # in the unit of the gate (lib.reader.gate); infinite of a coloured picture
    unlike: bool  # whether the film is unlike those that the detector learned from
    context: Context
    small_map: Map | None
    prepared: np.ndarray | None = None  # uint8 (s, s), the picture that is reconstructed
    reconstruction: np.ndarray | None = None  # uint8 (s, s)

    @property
    def flags(self) -> dict[str, bool]:
        """Whether the film is flagged, by the name of each threshold; one that is unlike is not."""
        return {
            one.name: self.score >= one.score and not self.unlike for one in self.context.thresholds
        }

    @property
    def place(self) -> str:
        """The percentile in words."""
        if self.percentile is None:
            return "no percentile"
        normals = len(self.context.normals)
        return f"percentile {self.percentile:.0f} among {normals} normal validation films"

    @property
    def map(self) -> np.ndarray | None:
        """The map at the film's own resolution, float32 (h, w); NaN where nothing was seen.

        None for a method without map.
        """
        return self.map_over(self.shape)

    def map_over(self, shape: tuple[int, int]) -> np.ndarray | None:
        """Return the map over the film resized to `shape`, (h, w)."""
        if self.small_map is None:
            return None
        values, matrix, size, *_ = self.small_map
        return carried_back(values, matrix, size, self.shape, shape)

    @property
    def sentences(self) -> list[str]:
        """The answer in words."""
        context = self.context
        score = f"Score {self.score:.4g} of {context.detector} ({context.setting})"
        if self.unlike:
            unlike = "UNLIKE the films that the detector learned from: its score means nothing."
            return [unlike, f"{score}.", *context.cautions]
        words = [f"{score}: {self.place}."]
        words += [
            f"{'Flagged' if self.flags[one.name] else 'Not flagged'} at the threshold "
            f"“{one.name}” ({one.score:.4g}), set with labels of {one.labels}."
            for one in context.thresholds
        ]
        if self.probability is not None:
            words.append(
                f"Probability of being abnormal {self.probability:.0%}, where "
                f"{context.base_rate:.0%} of the films are abnormal; with fewer it is lower."
            )
        words.append("The film is like those that the detector learned from.")
        return [*words, *context.cautions]

    def __repr__(self) -> str:
        return "\n".join(self.sentences)

    def show(self) -> None:
        """Display the film, the map in red over it, the reconstruction, and the answer in words.

        Where no pictures are displayed, outside a notebook, the words alone.
        """
        from IPython import get_ipython
        from IPython.display import Markdown, display

        if not hasattr(get_ipython(), "kernel"):
            print(self, "The pictures are shown in a notebook.", sep="\n")
            return

        from lib.figures import show
        from lib.reader.drawing import figure

        show(figure(self))
        display(Markdown("\n".join(f"- {sentence}" for sentence in self.sentences)))
